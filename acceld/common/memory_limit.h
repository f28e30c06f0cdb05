/* A bound on the memory of this process, so that one client's model cannot exhaust the machine. */
#ifndef MAYFLY_ACCELD_MEMORY_LIMIT_H
#define MAYFLY_ACCELD_MEMORY_LIMIT_H

#include <stdint.h>

#include "util/error.h"

/* Three quarters of the machine's memory, in bytes. */
uint64_t memory_limit_default(void);

/* From now on this process gets at most `bytes` of private memory beyond what it has already;
 * windows, which are shared, do not count. Further allocations fail, and so do the ops that make
 * them. */
int memory_limit_set(uint64_t bytes, struct error *error);

#endif

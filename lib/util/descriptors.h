/* How many descriptors this process may have. */
#ifndef MAYFLY_UTIL_DESCRIPTORS_H
#define MAYFLY_UTIL_DESCRIPTORS_H

#include <stdint.h>

/* Raises the limit of open descriptors as far as this process may: the usual 1024 is for programs
 * that use select(2). Returns the limit in force, UINT64_MAX where there is none. */
uint64_t descriptors_raise_limit(void);

#endif

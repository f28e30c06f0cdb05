/* Address spaces of a guest process (HYPERCALL_SPACE): the isolation's functions for them. */
#ifndef MAYFLY_MONITOR_PROCESS_SPACES_H
#define MAYFLY_MONITOR_PROCESS_SPACES_H

#include <stddef.h>
#include <stdint.h>

#include "machine.h"

int process_space_make(struct machine *machine, uint64_t number, const struct page_run *runs,
		       size_t own, size_t count);
int process_space_switch(struct machine *machine, uint64_t number);
int process_space_drop(struct machine *machine, uint64_t number);

#endif

/* Touching pages of a deprivileged kernel before a request needs them. KVM has its own tables for those
 * of the guest, empty at first, and no call to fill them under PVM: only a guest that uses a page does.
 * Each costs 20 µs. So in a new machine code of ours runs first, in ring 3 as all of the guest, which
 * reads from all that the first request used.
 *
 * It needs a place where the guest has none. A root table of ours has all entries of the guest's root
 * and one more, so that KVM's tables for the levels below are the ones that the guest will have.
 */
#ifndef MAYFLY_MONITOR_KVM_KERNEL_TOUCH_H
#define MAYFLY_MONITOR_KVM_KERNEL_TOUCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/kernel.h"

/* For each page of guest-physical memory whether a machine has it: a bit. */
struct touch_present {
	const uint8_t *bits;
	uint64_t pages;
};

/* Calls `found` for each address at which a clone maps a page that is present, and that the processor
 * has noted as used. For kernels that have a state to resume from. */
void touch_find(const struct kernel *kernel, const struct touch_present *present,
		void (*found)(void *context, uint64_t address), void *context);

/* Reads from pages of a machine that has not run yet, up to WORKING_SET_TOUCHED_MAX; those that a clone
 * does not map are left out. What is not done at `until_ns` is left. The next entry must be
 * MACHINE_RESUME. *good: the virtual CPU can be used for it. */
int touch_pages(struct kernel *kernel, const uint64_t *addresses, size_t count, uint64_t until_ns,
		bool *good, struct error *error);

#endif

/* The address space of a deprivileged kernel: the guest's own page tables, which the real processor
 * walks in ring 3. So that ring 3 may touch what ring 0 may, entries get the bit U that the guest did
 * not set, and W while CR0.WP is clear. The guest can see that; docs/unikernels.md says so.
 *
 * Tables are the guest's: whatever stands there, walks end after four levels and stay in its memory.
 */
#ifndef MAYFLY_MONITOR_DEPRIVILEGED_ADDRESS_SPACE_H
#define MAYFLY_MONITOR_DEPRIVILEGED_ADDRESS_SPACE_H

#include "virtual_cpu.h"

/* The last pages of an image, behind the guest's memory, that no table is made of: they are for kernel_touch.h. */
#define SPACE_TOUCH_SIZE (16UL << 12)

/* Copies [address, address + size) of the guest's address space; false, with the exception that ring
 * 0 would have had, where it may not be touched. What comes before that is copied. */
bool space_read(struct kernel *kernel, uint64_t address, void *bytes, uint64_t size,
		struct exception *exception);
bool space_write(struct kernel *kernel, uint64_t address, const void *bytes, uint64_t size,
		 struct exception *exception);

/* The same for code, which must be executable. */
bool space_read_code(struct kernel *kernel, uint64_t address, void *bytes, uint64_t size);

/* Writes code, whatever the guest's own rights there: all of [address, address + size), a page at most, is
 * executable and in the guest's memory, or nothing is written. */
bool space_write_code(struct kernel *kernel, uint64_t address, const void *bytes, uint64_t size);

/* The page at `address` is mapped as it is: to be executed, or else to be written. */
bool space_maps_as_it_is(const struct kernel *kernel, uint64_t address, bool execute);

/* How much of that may be touched, from its start; the exception is that of what may not. */
uint64_t space_reach(struct kernel *kernel, uint64_t address, uint64_t size, bool write,
		     struct exception *exception);

/* Guest-physical [physical, physical + length), to be read and written by somebody else than the guest;
 * NULL beyond its memory. Notes where page tables are among it. For kernels in ring 0, too. */
uint8_t *space_memory(struct kernel *kernel, uint64_t physical, uint64_t length);

/* Where a device's memory that may be written to lies at that address, and nothing of the guest's: its
 * guest-physical address; false otherwise. */
bool space_find_device(struct kernel *kernel, uint64_t address, uint64_t size, uint64_t *physical);

enum space_mending {
	SPACE_GUEST,  /* the fault is the guest's */
	SPACE_MENDED, /* it was ours, and comes no more */
	SPACE_FULL,   /* it would take a page of ours, and there are no more */
};

/* A page fault that the real processor had. */
enum space_mending space_mend(struct kernel *kernel, uint64_t address, uint32_t code);

/* CR3 points to memory that there is. */
bool space_has_root(const struct kernel *kernel);

/* The table that CR3 points to, where there is one. */
const uint64_t *space_root(const struct kernel *kernel);

/* Ring 3 can read from the page at `address`, which is the guest's own memory. */
bool space_may_read(const struct kernel *kernel, uint64_t address);

/* CR3 was loaded: opens the tree to ring 3, as far as that is worth it and was not done before. */
void space_load(struct kernel *kernel);

/* What INVLPG and a load of CR3 do: the real processor looks again at what the guest has changed. */
void space_flush(struct kernel *kernel);

/* CR0.WP gets set: rights that were lent are taken back. */
void space_take_back(struct kernel *kernel);

/* Frees nothing, forgets the notes about rights that were lent: the tables are others now. */
void space_forget_lent(struct kernel *kernel);

/* Makes the kernel forget what it derived from the page tables for this much guest-physical memory,
 * for changes that the guest did not make (docs/guest-abi.md). */
int space_nudge(uint8_t *memory, uint64_t physical, uint64_t length);

#endif

/* Guests that were built for the processor's privileged ring: kernels, among them the unikernels of
 * others.
 *
 * A kernel has guest-physical memory from 0, brings its page tables and descriptor tables, and talks
 * to devices by ports and memory. How it runs is the isolation's affair: in ring 0 where the
 * processor virtualises that, or deprivileged in ring 3, with its privileged instructions done by the
 * monitor (kvm/kernel/, kvm/deprivileged/). Both look the same from here.
 */
#ifndef MAYFLY_MONITOR_KERNEL_H
#define MAYFLY_MONITOR_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pages behind a kernel's memory that its image has for the monitor: page tables that the guest does
 * not know of. The guest's memory map does not name them. */
#define KERNEL_OWN_SIZE (128UL << 12)

enum kernel_mode {
	KERNEL_LONG,	  /* 64 bits, with page tables at cr3 */
	KERNEL_PROTECTED, /* 32 bits, flat segments, no paging: multiboot, PVH */
};

#define KERNEL_FLAGS_SIZE (16UL << 12)
#define KERNEL_CALLS_SIZE (2UL << 12)

/* Code that was loaded, in guest-physical memory that the guest maps at the same addresses: no more
 * than has instructions, as data that look like one could be taken for it. */
struct kernel_code {
	uint64_t address, length;
};
#define KERNEL_CODES_MAX 8

/* What the processor begins with. Registers that are not here are zero; segments are flat. */
struct kernel_start {
	enum kernel_mode mode;
	uint64_t rip, rsp, rbp, rsi, rdi, rax, rbx;
	uint64_t cr0, cr3, cr4, efer;
	uint64_t gdt; /* where the descriptor table is that the selectors are of; 0: none */
	uint16_t gdt_limit, code_selector, data_selector;
	/* It has programs in a user mode of its own, and cannot be deprivileged. */
	bool has_user_mode;
	uint64_t memory; /* bytes from guest-physical 0; the image has KERNEL_OWN_SIZE more */
	/* Whole pages at the start of those that whoever loaded the guest took for page tables. */
	uint64_t own_used;
	/* It takes interrupts, and asks and sets the flag for them: code[] is searched for the
	 * instructions that a deprivileged processor does otherwise, and at `flags_page` it has
	 * KERNEL_FLAGS_SIZE bytes of memory, below 1 MiB and not in its memory map, where they are
	 * done. 0: it takes none. */
	uint64_t flags_page;
	/* What it asks for it asks for by OUT of EAX to the ports [calls_first, calls_end). Deprivileged,
	 * instructions that it uses often put that into a box first (call_box.h): at `calls_page`, below
	 * 1 MiB and not in its memory map, KERNEL_CALLS_SIZE bytes are mapped there, the box to be
	 * written and then a page to be executed. 0: it has none. */
	uint64_t calls_page;
	uint16_t calls_first, calls_end;
	struct kernel_code code[KERNEL_CODES_MAX];
	size_t code_count;
};

/* The processor's side of an interrupt controller. The processor asks each time before it goes on. */
struct kernel_interrupts {
	bool (*pending)(void *context); /* one waits to be taken; NULL: there is no controller */
	uint8_t (*acknowledge)(void *context); /* it is taken now: its vector */
	void *context;
	/* CLOCK_MONOTONIC: when the devices want the machine to stop with MACHINE_TICK, so that they
	 * can be served although the guest asks for nothing; 0: never. */
	uint64_t wake_ns;
};

#endif

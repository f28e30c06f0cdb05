/* The instructions of a deprivileged kernel that do not trap in ring 3 and should: those on the
 * interrupt flag, and CPUID.
 *
 * In ring 3 CLI and STI trap, which costs 20 µs, and PUSHF and POPF do not: they show and set the real
 * flags, of which the guest believes to have others. So a kernel that takes interrupts has its code
 * rewritten before it runs. Where five bytes of instructions can be moved, they become a jump to a
 * stub, which does the same with a virtual flag in memory and jumps back. Elsewhere PUSHF and POPF
 * become INT3, and CLI and STI are left to trap.
 *
 * CPUID shows the host's processor where that cannot make it trap. It becomes INT3 on all hosts, so that
 * a kernel, and a snapshot of it, sees the same everywhere.
 *
 * Accesses to ports of VGA, behind which there is no device, become jumps as well where they can: a
 * console that writes each character there, too, would trap for it.
 *
 * Stubs, the virtual flag and the table of INT3 sites are in the guest's memory, KERNEL_FLAGS_SIZE bytes
 * at kernel_start.flags_page, so clones and snapshots have them without more. The guest can write
 * there. It can thereby do to itself what its code could do anyhow, and nothing to the monitor: all
 * that is read there is bounded and copied.
 *
 * All functions do nothing, and find nothing, where flags_page is 0. `memory` is what a machine's
 * guest-physical memory is mapped at, of kernel->memory bytes.
 */
#ifndef MAYFLY_MONITOR_KERNEL_FLAGS_H
#define MAYFLY_MONITOR_KERNEL_FLAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "monitor/isolation/kernel.h"
#include "util/error.h"

/* What of RFLAGS is virtual: the interrupt flag, the I/O privilege level, and the alignment check,
 * which means nothing to ring 0. The virtual processor keeps these bits; the real ones stay clear. */
#define KERNEL_FLAGS_INTERRUPT 0x200UL
#define KERNEL_FLAGS_VIRTUAL   0x43200UL

/* Rewrites the code of an image that was just loaded and has not run. What decoding it finds is
 * remembered by the digest of the code in the user's cache, as that takes 5 ms. E2BIG for code
 * that has more places than there is room for; another negative errno. */
int kernel_flags_patch(uint8_t *memory, const struct kernel_start *kernel, struct error *error);

/* Before the machine runs: the virtual flags, and whether an interrupt waits that they keep out. The
 * guest then comes out, by an INT3 that is KERNEL_FLAGS_LOOK, as soon as it lets interrupts in. */
void kernel_flags_share(uint8_t *memory, const struct kernel_start *kernel, uint64_t flags,
			bool pending);

/* After it ran: the virtual flags as they are now. `flags` are those of before. */
uint64_t kernel_flags_fetch(const uint8_t *memory, const struct kernel_start *kernel,
			    uint64_t flags);

/* What an INT3 stands for. */
enum kernel_flags_instruction {
	KERNEL_FLAGS_NONE, /* the guest's own breakpoint */
	KERNEL_FLAGS_LOOK, /* nothing: the guest goes on, with an interrupt if one may come in */
	KERNEL_FLAGS_PUSH, /* PUSHF */
	KERNEL_FLAGS_POP,  /* POPF */
	KERNEL_FLAGS_CPUID,
};

struct kernel_flags_site {
	enum kernel_flags_instruction instruction;
	uint64_t next; /* the address of the instruction behind it */
	unsigned size; /* bytes that it pushes or pops: 2 or 8; of CPUID: 0 */
};

/* Asks that about a breakpoint exception, which reports `rip` behind the INT3. The caller does the
 * instruction; for a fault of its own it reports the address of the INT3, rip - 1. */
struct kernel_flags_site kernel_flags_site(const uint8_t *memory, const struct kernel_start *kernel,
					   uint64_t rip);

#endif

/* The x86-64 machine that a native guest sees under KVM: page tables, descriptor tables, exception
 * stubs and the registers' first values. Data only; isolation_kvm.c hands it to the kernel.
 * References: Intel SDM volume 3, chapters 3 to 6; docs/guest-abi.md for what PVM does otherwise.
 */
#ifndef MAYFLY_MONITOR_VIRTUAL_CPU_H
#define MAYFLY_MONITOR_VIRTUAL_CPU_H

#include <linux/kvm.h>
#include <stdint.h>

#include "image.h"

/* Guest-physical address of the window, in a memory slot of its own. Above any image. */
#define VIRTUAL_CPU_WINDOW_PHYSICAL (1UL << 37)

/* And of the root image. */
#define VIRTUAL_CPU_ROOT_PHYSICAL (1UL << 38)

/* Ports: the hypercall page writes to one, exception stub n to another + n. */
#define VIRTUAL_CPU_PORT_HYPERCALL 0x10
#define VIRTUAL_CPU_PORT_EXCEPTION 0x20
#define VIRTUAL_CPU_EXCEPTIONS	   32

/* RFLAGS of a guest: IOPL 3 (SVM under emulation wants it for port I/O; PVM goes by the TSS's
 * bitmap alone), IF, and the bit that is always one. */
#define VIRTUAL_CPU_RFLAGS 0x3202UL

/* Fills the image's system pages and page tables from its regions. */
int virtual_cpu_prepare(struct image *image, struct error *error);

/* Pages whose rights became fewer: the processor may remember the old ones (facts in
 * docs/guest-abi.md). `forget` is called for each run of neighbours, and for more than those where
 * there are many; the caller sets it and `context`, and the rest to zero. */
struct virtual_cpu_shrunk {
	void (*forget)(void *context, uint64_t physical, uint64_t length);
	void *context;
	/* Noted and not forgotten yet: of the machine's memory, and of the root image. */
	struct virtual_cpu_hull {
		uint64_t start, end;
	} hulls[2];
	uint64_t runs; /* forgotten */
};

/* Notes a page. */
void virtual_cpu_note_shrunk(struct virtual_cpu_shrunk *shrunk, uint64_t physical);

/* Forgets what is noted. */
void virtual_cpu_flush_shrunk(struct virtual_cpu_shrunk *shrunk);

/* Checks the system pages and page tables of an image that came from outside (a snapshot file): the
 * first must be those that virtual_cpu_prepare() makes, the second must keep the guest in its own
 * memory, out of ring 0's, and nothing both writable and executable. */
int virtual_cpu_check(const struct image *image, struct error *error);

/* Changes the permissions of mapped pages in a running machine's memory (`memory`: the machine's
 * own mapping of the image), and flushes *shrunk (may be NULL). -ENOMEM where a page is not mapped,
 * -EACCES where a page of the root image is to be written; those before it are changed. */
int virtual_cpu_protect(uint8_t *memory, uint64_t address, uint64_t length, uint32_t protection,
			struct virtual_cpu_shrunk *shrunk);

/* Takes one page of page tables back to what `original` has, but for tables that were added to it;
 * what shrinks by that is noted. */
void virtual_cpu_restore_table(void *table, const void *original,
			       struct virtual_cpu_shrunk *shrunk);

/* The end of the run of pages from `address` to at most `end` that have the same permissions, and
 * these; 0 where nothing is mapped or may be accessed. Reads the page tables, so that it knows what
 * virtual_cpu_protect() changed. */
uint64_t virtual_cpu_protection_run(const uint8_t *memory, uint64_t address, uint64_t end,
				    uint32_t *protection);

/* Reads a byte at each of rcx (not 0) addresses, a list at rsi, then stops as a hypercall does. */
#define VIRTUAL_CPU_TOUCH (GUEST_HYPERCALL + 0x40)

/* Segment, control and table registers of a guest in ring 3; the rest of *sregs is kept. */
void virtual_cpu_system_registers(struct kvm_sregs *sregs);

/* The exception frame that the processor pushed in ring 0, found at `rsp`. Fills error code, rip,
 * rsp and rflags of *fault; its vector must be set. */
void virtual_cpu_exception_frame(const uint8_t *memory, uint64_t size, uint64_t rsp,
				 struct guest_fault *fault);

#endif

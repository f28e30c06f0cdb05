/* One virtual machine: how it is made (machine.c), and its memory (memory.c). A clone maps
 * the image privately. isolation.c runs it. Belongs to one thread at a time. */
#ifndef MAYFLY_MONITOR_KVM_MACHINE_H
#define MAYFLY_MONITOR_KVM_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "host.h"
#include "kernel_machine.h"
#include "monitor/isolation/deadline.h"
#include "monitor/isolation/isolation.h"
#include "monitor/memory/page_area.h"
#include "util/clock.h"
#include "x86_64/vcpu.h"

/* For 8 GiB. */
#define KVM_SPLIT_WORDS 64
/* Of those that all machines of a monitor share (host.h). */
#define KVM_SPLITS_MAX 256

struct machine_kvm {
	struct machine machine;
	const struct kvm_host *host;
	const struct image *image;
	const struct window *window;
	struct machine_entries entries;
	const struct machine_state *state; /* from where it resumes; NULL: from entries.resume */
	int vm;
	struct vcpu vcpu;
	void *root;	 /* the root image, read-only; NULL where there is none */
	uint8_t *memory; /* guest-physical 0 … image->size, as this machine sees it */
	struct page_area area;
	/* For each large page of memory and of the root image, as far as there are bits: it is never
	 * forgotten as a whole where a part of it is meant (memory.c). */
	uint64_t split[KVM_SPLIT_WORDS], root_split[KVM_SPLIT_WORDS];
	int splits; /* of both */
	bool private;
	struct deadline deadline;
	struct kernel *kernel; /* NULL: a guest of ring 3 */
	/* The virtual CPU stopped within something that only it knows of: an exception on its way,
	 * a port read or a string instruction half done. KVM would finish that in the next request.
	 */
	bool unfinished;
	bool accessing; /* that is an access which MACHINE_CONTINUE finishes */
	int stale;	/* errno: it may have translations that allow too much, and must not run */
	bool recording; /* which pages this request touches */
};

/* Touching pages in advance takes no longer than this. */
#define TOUCH_LIMIT_NS NANOSECONDS_PER_SECOND

static inline struct machine_kvm *machine_kvm(struct machine *machine)
{
	return (struct machine_kvm *)machine;
}

/* Makes the machine that `host`, `image`, `window` and `private` tell of, about to run for the
 * first time. After an error it is to be dismantled. */
int kvm_machine_build(struct machine_kvm *self, struct error *error);

/* Has the machine's memory be a clone of `image`, which may lie in the same file, in the place of what it was.
 * After an error it is to be dismantled. */
int kvm_machine_clone(struct machine_kvm *self, const struct image *image, struct error *error);

/* Releases all that the machine has; it may be built again. */
void kvm_machine_dismantle(struct machine_kvm *self);

/* Makes KVM forget all that it derived from the guest's page tables. An errno; 0: it has. */
int kvm_machine_forget_tables(const struct machine_kvm *self);

/* These are isolation_kvm's functions of their names. */
int kvm_memory_protect(struct machine *machine, uint64_t address, uint64_t length,
		       uint32_t protection);
int kvm_memory_map(struct machine *machine, const struct page_run *run);
int kvm_memory_unmap(struct machine *machine, uint64_t address, uint64_t length);
int kvm_memory_make_space(struct machine *machine, uint64_t number, const struct page_run *runs,
			  size_t own, size_t count);
int kvm_memory_switch_space(struct machine *machine, uint64_t number);
int kvm_memory_drop_space(struct machine *machine, uint64_t number);
uint64_t kvm_memory_private_bytes(struct machine *machine);

/* Takes the memory back to what the image holds. *pages: how many had been written. */
int kvm_memory_restore(struct machine_kvm *self, uint64_t *pages, struct error *error);

/* Drops all translations: each page is translated anew when the guest uses it next. */
void kvm_memory_forget_translations(struct machine_kvm *self);

/* Drops the machine's own copies of page tables that are the same as in the image. */
void kvm_memory_drop_tables(struct machine_kvm *self);

/* Takes the pages away that requests do not use, once that is known and while the memory is as in
 * the image. Around each page that is read for the first time the kernel maps 16, and every reset
 * looks at all that are there. */
void kvm_memory_trim(struct machine_kvm *self);

#endif

/* Machines whose guest was built for the privileged ring (isolation/kernel.h), behind isolation_kvm.
 *
 * There are two ways. Where the processor virtualises ring 0, the guest has it (ring0.c). PVM, a KVM
 * without such a processor, emulates ring 0 instruction by instruction and runs only ring 3 as it
 * is: there the guest is deprivileged. It runs in ring 3, each privileged instruction faults, and the
 * monitor does to a virtual processor what the instruction does to a real one (deprivileged.c).
 *
 * Here is what both ways share. Belongs to one thread at a time.
 */
#ifndef MAYFLY_MONITOR_KERNEL_KERNEL_H
#define MAYFLY_MONITOR_KERNEL_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "monitor/isolation/deadline.h"
#include "monitor/isolation/isolation.h"
#include "monitor/kvm/x86_64/processor.h"
#include "monitor/kvm/x86_64/vcpu.h"
#include "probe.h"

struct deprivileged;
struct frozen_tables;

struct kernel {
	/* What it is made of; all of it outlives the kernel. */
	enum kernel_way way;
	struct machine *machine; /* for its interrupts, and whether it is wanted */
	const struct processor *processor;
	const struct kernel_start *start;
	const struct machine_state *state; /* from where it resumes; NULL: from nowhere */
	const struct image *image;
	struct vcpu *vcpu;
	struct deadline *deadline;
	uint8_t *memory;	 /* guest-physical 0 … image->size */
	struct processor *shown; /* what CPUID tells; the kernel's own */

	uint64_t ticked_ns; /* when it last stopped for the devices, CLOCK_MONOTONIC */
	bool halted;	    /* HLT: it waits for an interrupt */
	bool accessing;	    /* it stopped for an access that MACHINE_CONTINUE finishes */
	bool reading;	    /* and that is a read of a device's memory */
	bool unfinished;    /* KVM has something half done, which a reset must not keep */
	/* The guest has had ring 0, real or emulated by KVM, and with it model-specific registers of
	 * which KVM has no list for us to reset: the machine serves one request. */
	bool had_ring0;

	/* Deprivileged only. */
	struct deprivileged *deprivileged;
	struct port_loop *loop;
	struct frozen_tables *frozen; /* the page tables that clones begin with; NULL: not known */
	bool forget;		      /* a reset must drop all translations */
	int stale; /* errno: it may have translations that allow too much, and must not run */
};

/* As isolation.h says of inspect. */
void kernel_inspect(const struct kernel *kernel, struct guest_fault *fault);

/* Devices that want to be served again and again leave a guest at least this much of the time. */
#define KERNEL_SLICE_MIN_NS 100000UL

/* Has KVM finish an access that it knows of, so that its registers are those behind it. *stopped: the
 * instruction makes another one, or cannot be done; *exit tells. */
int kernel_finish_access(struct kernel *kernel, struct machine_exit *exit, bool *stopped,
			 struct error *error);

/* Why a machine stops where KVM cannot do an access. */
extern const char kernel_unknown_access[];

/* Arms the timer for the deadline, or for the time at which the devices want to be served. */
int kernel_arm(struct kernel *kernel, uint64_t deadline_ns, struct error *error);

/* KVM_RUN was interrupted. *stopped: for a reason that *exit tells; else the guest may go on. */
int kernel_interrupted(struct kernel *kernel, uint64_t deadline_ns, struct machine_exit *exit,
		       bool *stopped, struct error *error);

/* An access that KVM stopped for, as the kind of guest sees it. */
void kernel_describe_port(struct kernel *kernel, struct machine_exit *exit);
void kernel_describe_memory(struct kernel *kernel, struct machine_exit *exit);

/* The machine stops because the guest cannot go on. `reason`: why, where that is not its own fault
 * alone; NULL: an exception says it all. */
void kernel_describe_fault(struct kernel *kernel, uint64_t vector, uint64_t error_code,
			   const char *reason, struct machine_exit *exit);

static inline bool kernel_interrupt_pending(const struct kernel *kernel)
{
	const struct kernel_interrupts *interrupts = &kernel->machine->interrupts;
	return interrupts->pending && interrupts->pending(interrupts->context);
}

static inline uint8_t kernel_acknowledge(const struct kernel *kernel)
{
	const struct kernel_interrupts *interrupts = &kernel->machine->interrupts;
	return interrupts->acknowledge(interrupts->context);
}

#endif

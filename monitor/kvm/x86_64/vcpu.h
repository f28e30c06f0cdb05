/* The registers of a virtual CPU: what it begins with, where it enters a guest, what its exits say.
 * Here is all that knows the processor's registers; isolation.c runs it.
 * References: Documentation/virt/kvm/api.rst. */
#ifndef MAYFLY_MONITOR_KVM_VCPU_H
#define MAYFLY_MONITOR_KVM_VCPU_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#include "mayfly/guest_abi.h"
#include "processor.h"
#include "util/error.h"

struct vcpu {
	int fd;
	struct kvm_run *run; /* the page that it shares with the kernel */
	/* Segment, control and table registers that each entry begins with. */
	struct kvm_sregs system_registers;
};

/* Makes a new virtual CPU one of ring 3 on that processor, whose SYSCALL enters the guest at
 * `system_call`. *same_counter: its time stamp counter is the host's. */
int vcpu_prepare(struct vcpu *vcpu, const struct processor *processor, uint64_t system_call,
		 bool *same_counter, struct error *error);

/* The time stamp counter becomes the host's; false where the kernel cannot do that. */
bool vcpu_share_counter(const struct vcpu *vcpu);

/* Segment, control and table registers of a guest in ring 3; the rest of *sregs is kept. */
void vcpu_system_registers(struct kvm_sregs *sregs);

/* The next run begins at `address`, with zeros in all other general registers. */
void vcpu_enter(struct vcpu *vcpu, uint64_t address);

/* The same, but the program's segment bases stay. */
int vcpu_enter_upcall(struct vcpu *vcpu, uint64_t address, struct error *error);

/* It goes on with the tables at that root, and so does each later entry. 0, or -1 and errno. */
int vcpu_switch_root(struct vcpu *vcpu, uint64_t root);

/* The next run touches the pages in a list of `count` guest addresses at `list`, then stops as for a
 * hypercall. */
void vcpu_enter_touch(struct vcpu *vcpu, uint64_t list, uint64_t count);

/* It stopped for a port: the hypercall page wrote to it, or a stub that tells of an exception. */
bool vcpu_is_hypercall(const struct vcpu *vcpu);
bool vcpu_is_stub(const struct vcpu *vcpu);

/* General registers as they are reported; all else of *fault is zero. */
void vcpu_describe_registers(const struct kvm_regs *regs, struct guest_fault *fault);

/* The registers of a stopped virtual CPU, whose memory is at `memory`; for a tick. */
int vcpu_describe_tick(const struct vcpu *vcpu, struct guest_fault *fault, struct error *error);

/* The same, and the exception that it stopped by: told by a stub, by KVM where there was none, or by
 * an access that nobody serves. */
int vcpu_describe_fault(const struct vcpu *vcpu, const uint8_t *memory, uint64_t size,
			struct guest_fault *fault, struct error *error);

/* The guest stopped between two instructions, and may be sent elsewhere. It may not where an
 * exception is on its way: KVM would deliver that there. */
bool vcpu_is_interruptible(const struct vcpu *vcpu);

#endif

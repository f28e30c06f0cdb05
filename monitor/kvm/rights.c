/* The system calls of a monitor of virtual machines; see rights.h. */
#include "rights.h"

#include <linux/kvm.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "confine/filter.h"
#include "monitor/memory/written_pages.h"
#include "sizes/sizes.h"

/* No memory is executable that was not when the monitor began. */
static const struct confine_call kvm_calls[] = {
    CONFINE_IOCTL(KVM_RUN, ""),
    CONFINE_IOCTL(WRITTEN_PAGES_SCAN, ": which pages a request wrote"),
    CONFINE_IOCTL(KVM_GET_SREGS, ""),
    CONFINE_IOCTL(KVM_GET_REGS, ""),
    CONFINE_IOCTL(KVM_GET_VCPU_EVENTS, ""),
    CONFINE_IOCTL(KVM_CREATE_VM, ""),
    CONFINE_IOCTL(KVM_SET_USER_MEMORY_REGION, ""),
    CONFINE_IOCTL(KVM_CREATE_VCPU, ""),
    CONFINE_IOCTL(KVM_SET_CPUID2, ""),
    CONFINE_IOCTL(KVM_SET_XCRS, ""),
    CONFINE_IOCTL(KVM_SET_MSRS, ""),
    CONFINE_IOCTL(KVM_SET_DEVICE_ATTR, ": the time stamp counter's offset"),
    CONFINE_CALL_WHERE(mmap, 3, PROT_EXEC, 0, "slots; nothing that may be executed"),
    CONFINE_CALL_WHERE(mprotect, 3, PROT_EXEC, 0, "permissions; nothing that may be executed"),
    CONFINE_CALL_SELDOM(mremap, "large allocations that grow"),
    CONFINE_CALL_SELDOM(
	pread64, "which pages a request wrote, before Linux 6.7; blocks of unikernels' disks"),
    CONFINE_CALL(gettid, "deadlines"),
    CONFINE_CALL(rt_sigaction, "deadlines"),
    CONFINE_CALL(rt_sigreturn, "deadlines"),
    CONFINE_CALL(timer_create, "deadlines"),
    CONFINE_CALL(timer_settime, "deadlines"),
    CONFINE_CALL(timer_delete, "deadlines"),
};

const struct machine_rights kvm_rights = {
    .role = "monitor of virtual machines",
    .calls = kvm_calls,
    .call_count = ARRAY_SIZE(kvm_calls),
};

static const struct confine_call state_calls[] = {
    CONFINE_IOCTL(KVM_GET_XSAVE, ": vector registers of a snapshot"),
    CONFINE_IOCTL(KVM_SET_XSAVE, ": and of its clones"),
};

const struct machine_rights kvm_state_rights = {
    .role = "monitor of virtual machines that are saved whole",
    .calls = state_calls,
    .call_count = ARRAY_SIZE(state_calls),
};

static const struct confine_call kernel_calls[] = {
    CONFINE_IOCTL(KVM_GET_TSC_KHZ, ": how fast the time stamp counter is"),
    CONFINE_IOCTL(KVM_INTERRUPT, ": in ring 0"),
    CONFINE_IOCTL(KVM_GET_MSRS, ": a snapshot of ring 0"),
    CONFINE_IOCTL(KVM_GET_XCRS, ": the same"),
    CONFINE_IOCTL(KVM_GET_DEBUGREGS, ": the same"),
    CONFINE_IOCTL(KVM_SET_DEBUGREGS, ": its clones"),
    CONFINE_IOCTL(KVM_SET_VCPU_EVENTS, ": the same"),
};

const struct machine_rights kvm_kernel_rights = {
    .role = "monitor of virtual machines with kernels",
    .calls = kernel_calls,
    .call_count = ARRAY_SIZE(kernel_calls),
};

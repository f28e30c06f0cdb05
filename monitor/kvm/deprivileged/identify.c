/* CPUID of a deprivileged kernel; see identify.h. Reference: SDM 2A, CPUID. */
#include "identify.h"

#include <cpuid.h>

#include "monitor/kvm/kernel/cpuid.h"
#include "virtual_cpu.h"

#define LEAF_FEATURES 1U
#define LEAF_EXTENDED 0xdU /* the state that XSAVE saves */
#define BIT_OSXSAVE   (1U << 27)

/* The size of what is enabled in XCR0. That is virtual, and the guest's XSAVE follows the real one,
 * which is the host's: it must find room for that. */
static void tell_size(struct cpuid_leaf *leaf, uint32_t index)
{
	uint32_t eax, ebx, ecx, edx;
	__cpuid_count(LEAF_EXTENDED, index, eax, ebx, ecx, edx);
	if (ebx > leaf->ebx)
		leaf->ebx = ebx;
	if (index == 0 && leaf->ebx > leaf->ecx)
		leaf->ecx = leaf->ebx;
}

void identify_processor(struct kernel *kernel)
{
	struct kvm_regs *regs = kernel_regs(kernel);
	const uint32_t function = (uint32_t)regs->rax, index = (uint32_t)regs->rcx;
	struct cpuid_leaf leaf = cpuid_find(kernel->shown, function, index);
	if (function == LEAF_FEATURES) {
		leaf.ecx &= ~BIT_OSXSAVE;
		if (kernel_cpu(kernel)->cr4 & CR4_OSXSAVE)
			leaf.ecx |= BIT_OSXSAVE;
	}
	if (function == LEAF_EXTENDED && index <= 1 && kernel->processor->xcr0)
		tell_size(&leaf, index);
	regs->rax = leaf.eax;
	regs->rbx = leaf.ebx;
	regs->rcx = leaf.ecx;
	regs->rdx = leaf.edx;
	kernel_regs_changed(kernel);
}

/* What an emulated processor does otherwise.
 *
 * No interrupt comes between STI and the instruction behind it, which is in its shadow. QEMU's
 * emulation of SVM keeps the shadow where it leaves a guest (do_vmexit() writes int_state), but forgets
 * it where it enters the guest again: helper_vmrun() does not read int_state (7.2.22). So an interrupt
 * that waits comes in the shadow where a timer of the emulated host has made the guest leave there,
 * about once in 10000 times; HLT behind STI then waits for what has come already.
 */
#ifndef MAYFLY_TESTS_KERNELS_EMULATION_H
#define MAYFLY_TESTS_KERNELS_EMULATION_H

#include <cpuid.h>
#include <stdbool.h>
#include <string.h>

#define LEAF_HYPERVISOR 0x40000000U
#define HAS_HYPERVISOR	(1U << 31) /* ECX of leaf 1 */

/* Whether QEMU emulates the processor that this test runs on. */
static inline bool emulation_loses_shadows(void)
{
	unsigned eax, ebx, ecx, edx;
	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & HAS_HYPERVISOR))
		return false;
	__cpuid(LEAF_HYPERVISOR, eax, ebx, ecx, edx);
	const unsigned name[] = {ebx, ecx, edx};
	return !memcmp(name, "TCGTCGTCGTCG", sizeof(name));
}

#endif

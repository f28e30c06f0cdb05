/* What guests see of the processor; see processor.h. */
#include "processor.h"

#include <cpuid.h>
#include <errno.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include "sizes/sizes.h"

/* x87, SSE, AVX, AVX-512: what guests may have of the extended state. No AMX: PVM loses tile data
 * at exits. Hardware keeps guests to that; under PVM, XCR0 is the host's, and each request begins
 * with all that there is at its first values (guest/x86_64/entry.S). */
#define XCR0_ALLOWED 0xe7UL

/* Features that need the rest of the state, and cannot be used without it (SDM 2A, CPUID; AMD 3,
 * E.4). */
static const struct {
	uint32_t function, index;
	uint32_t eax, ebx, ecx, edx;
} processor_hides[] = {
    {.function = 7,
     .ebx = 1U << 14,			     /* MPX */
     .ecx = 1U << 3 | 1U << 7,		     /* PKU, shadow stacks */
     .edx = 1U << 5 | 1U << 20 |	     /* UINTR, indirect branch tracking */
	    1U << 22 | 1U << 24 | 1U << 25}, /* AMX */
    {.function = 7,
     .index = 1,
     .eax = 1U << 21,		 /* AMX */
     .edx = 1U << 8 | 1U << 21}, /* AMX, APX */
    {.function = 0xd, .index = 0, .eax = ~(uint32_t)XCR0_ALLOWED, .edx = ~0U},
    {.function = 0xd,
     .index = 1,
     .eax = 1U << 3 | 1U << 4,
     .ecx = ~0U,
     .edx = ~0U},							/* XSAVES, XFD */
    {.function = 0x19, .eax = ~0U, .ebx = ~0U, .ecx = ~0U, .edx = ~0U}, /* Key Locker */
    {.function = 0x1d, .index = 0, .eax = ~0U, .ebx = ~0U, .ecx = ~0U, .edx = ~0U}, /* AMX */
    {.function = 0x1d, .index = 1, .eax = ~0U, .ebx = ~0U, .ecx = ~0U, .edx = ~0U},
    {.function = 0x1e, .eax = ~0U, .ebx = ~0U, .ecx = ~0U, .edx = ~0U},
    {.function = 0x80000001, .ecx = 1U << 15}, /* LWP */
};

int processor_probe(int kvm, struct error *error)
{
	const int wanted = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	if ((ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS) & wanted) != wanted ||
	    ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_IMMEDIATE_EXIT) <= 0)
		return error_set(error, ENOTSUP,
				 "/dev/kvm lacks KVM_CAP_SYNC_REGS or KVM_CAP_IMMEDIATE_EXIT; "
				 "Linux 5.10 or newer has them");
	unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
	if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || !(ebx & 1))
		return error_set(error, ENOTSUP, "the processor has no FSGSBASE instructions");
	return 0;
}

static void hide(struct kvm_cpuid_entry2 *entry)
{
	for (size_t i = 0; i < ARRAY_SIZE(processor_hides); i++) {
		if (entry->function != processor_hides[i].function ||
		    entry->index != processor_hides[i].index)
			continue;
		entry->eax &= ~processor_hides[i].eax;
		entry->ebx &= ~processor_hides[i].ebx;
		entry->ecx &= ~processor_hides[i].ecx;
		entry->edx &= ~processor_hides[i].edx;
	}
	/* The places of components that are not allowed. */
	if (entry->function == 0xd && entry->index > 1 &&
	    (entry->index > 63 || !(XCR0_ALLOWED >> entry->index & 1)))
		entry->eax = entry->ebx = entry->ecx = entry->edx = 0;
}

int processor_describe(struct processor *processor, int kvm, struct error *error)
{
	processor->cpuid.header.nent = PROCESSOR_CPUID_MAX;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &processor->cpuid))
		return error_set_errno(error, errno, "KVM_GET_SUPPORTED_CPUID failed");
	for (uint32_t i = 0; i < processor->cpuid.header.nent; i++) {
		struct kvm_cpuid_entry2 *entry = &processor->cpuid.entries[i];
		hide(entry);
		if (entry->function == 0xd && entry->index == 0) {
			processor->xcr0 = entry->eax;
		} else if (entry->function == 0x80000001) {
			/* PVM hides LZCNT though it works; without it numpy and others take no AVX2
			 * or AVX-512 paths. */
			unsigned eax, ebx, ecx = 0, edx;
			if (__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx))
				entry->ecx |= ecx & 1U << 5;
		}
	}
	return 0;
}

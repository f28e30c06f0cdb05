/* What kernels see of the processor; see cpuid.h. References: SDM 2A, CPUID; AMD 3, E. */
#include "cpuid.h"

#include <cpuid.h>
#include <stdbool.h>
#include <stddef.h>

#include "sizes/sizes.h"

#define LEAF_HYPERVISOR		 0x40000000U
#define LEAF_HYPERVISOR_SERVICES 0x40000001U
#define LEAF_HYPERVISOR_CLOCK	 0x40000010U /* EAX: kHz of the counter; as VMware defined it */

/* Bits of a leaf. Where a function has several leaves, and only then, the index counts. */
struct bits {
	uint32_t function, index, eax, ebx, ecx, edx;
};

/* Bits that are taken away, in both ways: what there is none of. */
static const struct bits absent[] = {
    /* The number of the host's processor that KVM was asked on, and more threads; MONITOR, VMX,
     * PCID, X2APIC, TSC-DEADLINE; MCE, APIC, MTRR, MCA, more threads */
    {.function = 1,
     .ebx = 0xffff0000,
     .ecx = 1U << 3 | 1U << 5 | 1U << 17 | 1U << 21 | 1U << 24,
     .edx = 1U << 7 | 1U << 9 | 1U << 12 | 1U << 14 | 1U << 28},
    {.function = 4, .eax = 0xffffc000},				       /* more cores */
    {.function = 7, .ebx = 1U << 10, .ecx = 1U << 16 | 1U << 22},      /* INVPCID; LA57, RDPID */
    {.function = 0xa, .eax = ~0U, .ebx = ~0U, .ecx = ~0U, .edx = ~0U}, /* counters */
    {.function = 0xb, .eax = ~0U, .ebx = ~0U, .ecx = ~0U, .edx = ~0U}, /* topology */
    {.function = 0x1f, .eax = ~0U, .ebx = ~0U, .ecx = ~0U, .edx = ~0U},
    {.function = 0x80000001, .ecx = 1U << 1 | 1U << 2, .edx = 1U << 9}, /* cores, SVM; APIC */
    {.function = 0x80000008, .ecx = 0xffff},
};

/* And deprivileged, what could not be kept: SMEP, SMAP; UMIP; KVM's own clocks. */
static const struct bits not_kept[] = {
    {.function = 7, .ebx = 1U << 7 | 1U << 20, .ecx = 1U << 2},
    {.function = LEAF_HYPERVISOR_SERVICES, .eax = ~0U, .edx = ~0U},
};

/* What is shown where the host's processor has it, though KVM may hide it. In both ways RDRAND and
 * RDSEED, which work in guests. */
static const struct bits working[] = {
    {.function = 1, .ecx = 1U << 30},
    {.function = 7, .ebx = 1U << 18},
};

/* And deprivileged what ring 3 has anyhow. PVM hides much of it; on AMD's processors even SSE3. */
static const struct bits unprivileged[] = {
    /* SSE3, PCLMULQDQ, SSSE3, FMA, CMPXCHG16B, SSE4.1, SSE4.2, MOVBE, POPCNT, AES, XSAVE, AVX, F16C */
    {.function = 1, .ecx = 0x36d83203},
    /* FSGSBASE, BMI1, AVX2, BMI2, ERMS, ADX, CLFLUSHOPT, CLWB, SHA; of AVX-512 F, DQ, IFMA, CD, BW,
     * VL, VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ, VP2INTERSECT, FP16; GFNI, VAES, VPCLMULQDQ; FSRM */
    {.function = 7, .ebx = 0xf1ab0329, .ecx = 0x5f42, .edx = 0x800110},
    {.function = 7, .index = 1, .eax = 1U << 4 | 1U << 5}, /* VNNI, BF16 */
    {.function = 0xd, .index = 1, .eax = 7},		   /* XSAVEOPT, XSAVEC, XINUSE */
    {.function = 0x80000001,
     .ecx = 0x161,
     .edx = 1U << 27}, /* LAHF, LZCNT, SSE4A, PREFETCHW; RDTSCP */
};

/* Of KVM's services in ring 0, its clocks and that I/O needs no pauses: the others take an APIC. */
#define KVM_SERVICES_KEPT (1U << 0 | 1U << 1 | 1U << 3 | 1U << 24)

static bool are_of(const struct bits *bits, const struct kvm_cpuid_entry2 *entry)
{
	const bool index_counts = entry->function == 7 || entry->function == 0xd;
	return entry->function == bits->function && (!index_counts || entry->index == bits->index);
}

static void hide(struct kvm_cpuid_entry2 *entry, const struct bits *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!are_of(&list[i], entry))
			continue;
		entry->eax &= ~list[i].eax;
		entry->ebx &= ~list[i].ebx;
		entry->ecx &= ~list[i].ecx;
		entry->edx &= ~list[i].edx;
	}
}

static void show(struct kvm_cpuid_entry2 *entry, const struct bits *list, size_t count)
{
	uint32_t eax, ebx, ecx, edx;
	for (size_t i = 0; i < count; i++) {
		if (!are_of(&list[i], entry))
			continue;
		/* KVM tells of it, so the processor has it; to ask for the last one takes as long again. */
		__cpuid_count(entry->function, entry->index, eax, ebx, ecx, edx);
		entry->eax |= eax & list[i].eax;
		entry->ebx |= ebx & list[i].ebx;
		entry->ecx |= ecx & list[i].ecx;
		entry->edx |= edx & list[i].edx;
	}
}

static void change(struct kvm_cpuid_entry2 *entry, enum kernel_way way)
{
	hide(entry, absent, ARRAY_SIZE(absent));
	show(entry, working, ARRAY_SIZE(working));
	if (way == KERNEL_WAY_DEPRIVILEGED) {
		hide(entry, not_kept, ARRAY_SIZE(not_kept));
		show(entry, unprivileged, ARRAY_SIZE(unprivileged));
	}
	/* Pages of 1 GiB, which the monitor splits where the processor has none. */
	if (entry->function == 0x80000001)
		entry->edx |= 1U << 26;
	if (entry->function == LEAF_HYPERVISOR_SERVICES)
		entry->eax &= KVM_SERVICES_KEPT;
	if (entry->function == LEAF_HYPERVISOR)
		entry->eax = LEAF_HYPERVISOR_CLOCK;
}

void cpuid_for_kernels(struct processor *processor, enum kernel_way way, uint32_t counter_khz)
{
	uint32_t *count = &processor->cpuid.header.nent;
	for (uint32_t i = 0; i < *count; i++)
		change(&processor->cpuid.entries[i], way);
	if (*count < PROCESSOR_CPUID_MAX && counter_khz)
		processor->cpuid.entries[(*count)++] = (struct kvm_cpuid_entry2){
		    .function = LEAF_HYPERVISOR_CLOCK,
		    .eax = counter_khz,
		};
}

struct cpuid_leaf cpuid_find(const struct processor *processor, uint32_t function, uint32_t index)
{
	const uint32_t count = processor->cpuid.header.nent;
	for (uint32_t i = 0; i < count && i < PROCESSOR_CPUID_MAX; i++) {
		const struct kvm_cpuid_entry2 *entry = &processor->cpuid.entries[i];
		if (entry->function == function &&
		    (entry->index == index || !(entry->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)))
			return (struct cpuid_leaf){entry->eax, entry->ebx, entry->ecx, entry->edx};
	}
	return (struct cpuid_leaf){0};
}

/* The processor's features; see cpu_features.h. Bits and names: Intel SDM volume 2, CPUID, and
 * AMD's manual, volume 3, appendix E. Only what code of ring 3 can use, and what it cannot do
 * without: hints about speed (ERMS, FSRM) are left out. */
#include "cpu_features.h"
#include "sizes/sizes.h"

#include <cpuid.h>

#define CPUID_VMX (1U << 5) /* leaf 1, ECX */
#define CPUID_SVM (1U << 2) /* leaf 0x80000001, ECX */

/* Of the extended state, what guests may have: x87 to AVX-512, and protection keys. */
#define XCR0_MASK 0x2ffUL

enum word {
	WORD_1_ECX,
	WORD_7_EBX,
	WORD_7_ECX,
	WORD_7_EDX,
	WORD_7_1_EAX,
	WORD_D_1_EAX,
	WORD_AMD_ECX, /* leaf 0x80000001 */
	WORD_AMD_EDX,
};
_Static_assert(WORD_AMD_EDX + 1 == CPU_FEATURE_WORDS, "all words have a name");

static const struct feature {
	uint8_t word, bit;
	const char *name;
} features_known[] = {
    {WORD_1_ECX, 0, "sse3"},
    {WORD_1_ECX, 1, "pclmulqdq"},
    {WORD_1_ECX, 9, "ssse3"},
    {WORD_1_ECX, 12, "fma"},
    {WORD_1_ECX, 13, "cx16"},
    {WORD_1_ECX, 19, "sse4_1"},
    {WORD_1_ECX, 20, "sse4_2"},
    {WORD_1_ECX, 22, "movbe"},
    {WORD_1_ECX, 23, "popcnt"},
    {WORD_1_ECX, 25, "aes"},
    {WORD_1_ECX, 28, "avx"},
    {WORD_1_ECX, 29, "f16c"},
    {WORD_1_ECX, 30, "rdrand"},
    {WORD_7_EBX, 0, "fsgsbase"},
    {WORD_7_EBX, 3, "bmi1"},
    {WORD_7_EBX, 5, "avx2"},
    {WORD_7_EBX, 8, "bmi2"},
    {WORD_7_EBX, 11, "rtm"},
    {WORD_7_EBX, 16, "avx512f"},
    {WORD_7_EBX, 17, "avx512dq"},
    {WORD_7_EBX, 18, "rdseed"},
    {WORD_7_EBX, 19, "adx"},
    {WORD_7_EBX, 21, "avx512ifma"},
    {WORD_7_EBX, 23, "clflushopt"},
    {WORD_7_EBX, 24, "clwb"},
    {WORD_7_EBX, 28, "avx512cd"},
    {WORD_7_EBX, 29, "sha_ni"},
    {WORD_7_EBX, 30, "avx512bw"},
    {WORD_7_EBX, 31, "avx512vl"},
    {WORD_7_ECX, 1, "avx512vbmi"},
    {WORD_7_ECX, 6, "avx512_vbmi2"},
    {WORD_7_ECX, 8, "gfni"},
    {WORD_7_ECX, 9, "vaes"},
    {WORD_7_ECX, 10, "vpclmulqdq"},
    {WORD_7_ECX, 11, "avx512_vnni"},
    {WORD_7_ECX, 12, "avx512_bitalg"},
    {WORD_7_ECX, 14, "avx512_vpopcntdq"},
    {WORD_7_ECX, 22, "rdpid"},
    {WORD_7_ECX, 27, "movdiri"},
    {WORD_7_ECX, 28, "movdir64b"},
    {WORD_7_EDX, 8, "avx512_vp2intersect"},
    {WORD_7_EDX, 14, "serialize"},
    {WORD_7_EDX, 23, "avx512_fp16"},
    {WORD_7_1_EAX, 4, "avx_vnni"},
    {WORD_7_1_EAX, 5, "avx512_bf16"},
    {WORD_7_1_EAX, 23, "avx_ifma"},
    {WORD_D_1_EAX, 0, "xsaveopt"},
    {WORD_D_1_EAX, 1, "xsavec"},
    {WORD_AMD_ECX, 0, "lahf_lm"},
    {WORD_AMD_ECX, 5, "lzcnt"},
    {WORD_AMD_ECX, 6, "sse4a"},
    {WORD_AMD_ECX, 11, "xop"},
    {WORD_AMD_ECX, 16, "fma4"},
    {WORD_AMD_ECX, 21, "tbm"},
    {WORD_AMD_EDX, 27, "rdtscp"},
};

#define FEATURE_COUNT ARRAY_SIZE(features_known)

#define LEAF_1_OSXSAVE (1U << 27)

static uint64_t read_xcr0(void)
{
	uint32_t low, high;
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

void cpu_features_read(struct cpu_features *features)
{
	uint32_t *words = features->words;
	uint32_t unused, feature_mask[CPU_FEATURE_WORDS] = {0};
	*features = (struct cpu_features){0};
	__get_cpuid(1, &unused, &unused, &words[WORD_1_ECX], &unused);
	__get_cpuid_count(7, 0, &unused, &words[WORD_7_EBX], &words[WORD_7_ECX],
			  &words[WORD_7_EDX]);
	__get_cpuid_count(7, 1, &words[WORD_7_1_EAX], &unused, &unused, &unused);
	__get_cpuid_count(0xd, 1, &words[WORD_D_1_EAX], &unused, &unused, &unused);
	__get_cpuid(0x80000001, &unused, &unused, &words[WORD_AMD_ECX], &words[WORD_AMD_EDX]);
	if (words[WORD_1_ECX] & LEAF_1_OSXSAVE)
		features->xcr0 = read_xcr0() & XCR0_MASK;
	for (size_t i = 0; i < FEATURE_COUNT; i++)
		feature_mask[features_known[i].word] |= 1U << features_known[i].bit;
	for (size_t i = 0; i < CPU_FEATURE_WORDS; i++)
		words[i] &= feature_mask[i];
}

size_t cpu_features_state_size(void)
{
	uint32_t size = 0, unused;
	__get_cpuid_count(0xd, 0, &unused, &size, &unused, &unused);
	return size;
}

const char *cpu_features_missing(const struct cpu_features *needed,
				 const struct cpu_features *there)
{
	for (size_t i = 0; i < FEATURE_COUNT; i++) {
		const struct feature *feature = &features_known[i];
		uint32_t missing = needed->words[feature->word] & ~there->words[feature->word];
		if (missing & 1U << feature->bit)
			return feature->name;
	}
	return needed->xcr0 & ~there->xcr0 ? "part of the extended processor state" : NULL;
}

bool cpu_virtualises(void)
{
	unsigned eax, ebx, ecx = 0, edx;
	if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) && ecx & CPUID_VMX)
		return true;
	return __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) && ecx & CPUID_SVM;
}

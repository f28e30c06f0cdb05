/* /proc/cpuinfo: the processor as it tells of itself. */
#include <cpuid.h>

#include "arch/cpuinfo.h"
#include "guest/fs/pseudo.h"
#include "guest/lib/text.h"
#include "sizes/sizes.h"

#define WORD_BITS 32

/* Linux' names for the feature bits of one register; NULL where a bit has none. */
struct feature_word {
	unsigned leaf, output; /* output: 0 eax to 3 edx */
	const char *names[WORD_BITS];
};

static const struct feature_word feature_words[] = {
    {1, 3, {"fpu",  "vme",  "de",   "pse", "tsc",  "msr", "pae",   "mce", "cx8",     "apic", NULL,
	    "sep",  "mtrr", "pge",  "mca", "cmov", "pat", "pse36", "pn",  "clflush", NULL,   "dts",
	    "acpi", "mmx",  "fxsr", "sse", "sse2", "ss",  "ht",	   "tm",  "ia64",    "pbe"}},
    {0x80000001,
     3,
     {[11] = "syscall",
      [20] = "nx",
      [22] = "mmxext",
      [25] = "fxsr_opt",
      [26] = "pdpe1gb",
      [27] = "rdtscp",
      [29] = "lm"}},
    {1, 2, {"pni",    "pclmulqdq", "dtes64", "monitor", "ds_cpl",
	    "vmx",    "smx",	   "est",    "tm2",	"ssse3",
	    "cid",    "sdbg",	   "fma",    "cx16",	"xtpr",
	    "pdcm",   NULL,	   "pcid",   "dca",	"sse4_1",
	    "sse4_2", "x2apic",	   "movbe",  "popcnt",	"tsc_deadline_timer",
	    "aes",    "xsave",	   NULL,     "avx",	"f16c",
	    "rdrand", "hypervisor"}},
    {0x80000001,
     2,
     {"lahf_lm", "cmp_legacy", "svm", "extapic", "cr8_legacy", "abm", "sse4a", "misalignsse",
      "3dnowprefetch", "osvw", "ibs", "xop", "skinit", "wdt", [16] = "fma4", [21] = "tbm"}},
    {7, 1, {"fsgsbase", "tsc_adjust", "sgx",	  "bmi1",	"hle",	    "avx2",
	    NULL,	"smep",	      "bmi2",	  "erms",	"invpcid",  "rtm",
	    "cqm",	NULL,	      "mpx",	  "rdt_a",	"avx512f",  "avx512dq",
	    "rdseed",	"adx",	      "smap",	  "avx512ifma", NULL,	    "clflushopt",
	    "clwb",	"intel_pt",   "avx512pf", "avx512er",	"avx512cd", "sha_ni",
	    "avx512bw", "avx512vl"}},
    {7,
     2,
     {NULL,
      "avx512vbmi",
      "umip",
      "pku",
      "ospke",
      "waitpkg",
      "avx512_vbmi2",
      NULL,
      "gfni",
      "vaes",
      "vpclmulqdq",
      "avx512_vnni",
      "avx512_bitalg",
      "tme",
      "avx512_vpopcntdq",
      [16] = "la57",
      [22] = "rdpid",
      [25] = "cldemote",
      [27] = "movdiri",
      [28] = "movdir64b"}},
    {7,
     3,
     {[4] = "fsrm",
      [8] = "avx512_vp2intersect",
      [10] = "md_clear",
      [14] = "serialize",
      [22] = "amx_bf16",
      [23] = "avx512_fp16",
      [24] = "amx_tile",
      [25] = "amx_int8"}},
};

struct cpuid_words {
	unsigned words[4];
};

static struct cpuid_words read_leaf(unsigned leaf)
{
	struct cpuid_words out = {{0}};
	__get_cpuid_count(leaf, 0, &out.words[0], &out.words[1], &out.words[2], &out.words[3]);
	return out;
}

static void print_flags(struct pseudo_text *out)
{
	pseudo_print(out, "flags\t\t:");
	for (size_t i = 0; i < ARRAY_SIZE(feature_words); i++) {
		const struct feature_word *word = &feature_words[i];
		unsigned bits = read_leaf(word->leaf).words[word->output];
		for (unsigned bit = 0; bit < WORD_BITS; bit++)
			if (bits >> bit & 1 && word->names[bit])
				pseudo_print(out, " %s", word->names[bit]);
	}
	pseudo_print(out, "\n");
}

static void print_model_name(struct pseudo_text *out)
{
	char text[3 * sizeof(struct cpuid_words) + 1] = {0};
	for (unsigned i = 0; i < 3; i++) {
		struct cpuid_words part = read_leaf(0x80000002 + i);
		memcpy(text + i * sizeof(part), &part, sizeof(part));
	}
	const char *start = text;
	while (*start == ' ')
		start++;
	pseudo_print(out, "model name\t: %s\n", *start ? start : "unknown");
}

void cpuinfo_print(struct pseudo_text *out)
{
	char vendor[13] = {0};
	struct cpuid_words first = read_leaf(0), signature = read_leaf(1),
			   sizes = read_leaf(0x80000008);
	memcpy(vendor, &first.words[1], 4);
	memcpy(vendor + 4, &first.words[3], 4);
	memcpy(vendor + 8, &first.words[2], 4);
	unsigned bits = signature.words[0];
	unsigned family = bits >> 8 & 15, model = bits >> 4 & 15;
	if (family == 6 || family == 15)
		model += (bits >> 16 & 15) << 4;
	if (family == 15)
		family += bits >> 20 & 255;
	pseudo_print(out, "processor\t: 0\nvendor_id\t: %s\n", vendor);
	pseudo_print(out, "cpu family\t: %u\nmodel\t\t: %u\n", family, model);
	print_model_name(out);
	pseudo_print(out, "stepping\t: %u\n", bits & 15);
	pseudo_print(out, "physical id\t: 0\nsiblings\t: 1\ncore id\t\t: 0\ncpu cores\t: 1\n");
	pseudo_print(out, "fpu\t\t: yes\ncpuid level\t: %u\n", first.words[0]);
	print_flags(out);
	pseudo_print(out, "clflush size\t: %u\n", (signature.words[1] >> 8 & 255) * 8);
	pseudo_print(out, "address sizes\t: %u bits physical, %u bits virtual\n\n",
		     sizes.words[0] & 255, sizes.words[0] >> 8 & 255);
}

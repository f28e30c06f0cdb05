/* The processor's features that a program may have chosen its code by: a snapshot that was taken
 * where they are needs them where it runs. */
#ifndef MAYFLY_MONITOR_CPU_FEATURES_H
#define MAYFLY_MONITOR_CPU_FEATURES_H

#include <stddef.h>
#include <stdint.h>

#define CPU_FEATURE_WORDS 8

struct cpu_features {
	uint32_t words[CPU_FEATURE_WORDS]; /* registers of CPUID; bits without a name are 0 */
	uint64_t xcr0;			   /* components of the extended state */
};

/* This machine's. */
void cpu_features_read(struct cpu_features *features);

/* The name of a feature that `needed` has and `there` has not; NULL where there is none. */
const char *cpu_features_missing(const struct cpu_features *needed,
				 const struct cpu_features *there);

#endif

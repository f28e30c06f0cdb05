/* The processor's features by which a program may have chosen its code. A snapshot needs, where it
 * runs, those that the processor had where it was taken. */
#ifndef MAYFLY_MONITOR_CPU_FEATURES_H
#define MAYFLY_MONITOR_CPU_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPU_FEATURE_WORDS 8

struct cpu_features {
	uint32_t words[CPU_FEATURE_WORDS]; /* registers of CPUID; bits without a name are 0 */
	uint64_t xcr0;			   /* components of the extended state */
};

/* This machine's. */
void cpu_features_read(struct cpu_features *features);

/* How many bytes XRSTOR may read, with the components that this machine's XCR0 has; 0 without XSAVE. */
size_t cpu_features_state_size(void);

/* The name of a feature that `needed` has and `there` has not; NULL where there is none. */
const char *cpu_features_missing(const struct cpu_features *needed,
				 const struct cpu_features *there);

/* Whether the processor shows that it can run virtual machines by itself (VMX or SVM). */
bool cpu_virtualises(void);

#endif

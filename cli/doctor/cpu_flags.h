/* The processor's features as the kernel reports them. */
#ifndef MAYFLY_CLI_CPU_FLAGS_H
#define MAYFLY_CLI_CPU_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

#define CPU_FLAGS_MAX 4096

struct cpu_flags {
	char model[128];	   /* "" where it is not told */
	char words[CPU_FLAGS_MAX]; /* parted and surrounded by single spaces */
};

/* Reads /proc/cpuinfo; without it everything stays empty. What the kernel has switched off is not
 * among the words, although cpuid may show it. */
void cpu_flags_read(struct cpu_flags *flags);

bool cpu_flags_have(const struct cpu_flags *flags, const char *word);

#endif

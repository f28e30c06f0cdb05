/* What a Linux program of x86-64 is told of its processor when it starts: entries of the auxiliary
 * vector (getauxval(3)). */
#ifndef MAYFLY_MONITOR_PROGRAM_START_H
#define MAYFLY_MONITOR_PROGRAM_START_H

#include <stdint.h>

#define PROGRAM_START_PLATFORM "x86_64"
#define PROGRAM_START_HWCAP2   2 /* FSGSBASE may be used in ring 3 */

/* AT_HWCAP: what CPUID says of the most common features. */
uint64_t program_start_hwcap(void);

/* AT_MINSIGSTKSZ: what the largest frame of a signal needs, as the kernel tells programs here. */
uint64_t program_start_signal_frame(void);

#endif

/* What programs are told of their processor; see program_start.h. */
#include "program_start.h"

#include <cpuid.h>
#include <sys/auxv.h>

#include "cpu_features.h"
#include "sizes/sizes.h"

uint64_t program_start_hwcap(void)
{
	unsigned eax, ebx, ecx, edx;
	__cpuid(1, eax, ebx, ecx, edx);
	return edx;
}

/* What the largest frame of a signal needs, as the kernel tells programs here: glibc sizes stacks
 * by it, and to programs it is to be the same number inside. Kernels before 5.14 do not tell; then
 * it is what later ones say, all that XSAVE may write and what they add to that. */
uint64_t program_start_signal_frame(void)
{
	enum { BESIDE_VECTORS = 936, ALIGNMENT = 16 };
	uint64_t size = getauxval(AT_MINSIGSTKSZ);
	return size ? size : round_up(cpu_features_state_size() + BESIDE_VECTORS, ALIGNMENT);
}

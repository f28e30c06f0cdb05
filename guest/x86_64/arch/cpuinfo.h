/* /proc/cpuinfo. */
#ifndef MAYFLY_GUEST_ARCH_CPUINFO_H
#define MAYFLY_GUEST_ARCH_CPUINFO_H

struct pseudo_text;

/* The processor as it tells of itself. */
void cpuinfo_print(struct pseudo_text *out);

#endif

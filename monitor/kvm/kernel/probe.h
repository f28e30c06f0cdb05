/* Which way a host offers for guests of the privileged ring. */
#ifndef MAYFLY_MONITOR_KERNEL_PROBE_H
#define MAYFLY_MONITOR_KERNEL_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

enum kernel_way {
	KERNEL_WAY_UNKNOWN,
	KERNEL_WAY_RING_0,	 /* the processor virtualises it */
	KERNEL_WAY_DEPRIVILEGED, /* ring 0 is emulated; guests run in ring 3 */
};

/* Told by behaviour: a guest of a few instructions that needs SSE in ring 0, which an emulator does
 * not know. `kvm` is /dev/kvm. KERNEL_WAY_UNKNOWN, with the reason, where there is neither. */
enum kernel_way kernel_probe(int kvm, size_t run_size, struct error *error);

/* Whether CPUID shows in ring 3 what KVM was told, in the same way; false: the host's processor. */
bool kernel_probe_identity(int kvm, size_t run_size);

/* For people: "in ring 0", "deprivileged, in ring 3". */
const char *kernel_way_name(enum kernel_way way);

#endif

/* The processor of a deprivileged kernel in snapshots. */
#ifndef MAYFLY_MONITOR_DEPRIVILEGED_STATE_H
#define MAYFLY_MONITOR_DEPRIVILEGED_STATE_H

#include "monitor/kvm/kernel/kernel.h"

/* Saves the processor of a machine that stopped. */
int deprivileged_save(struct kernel *kernel, struct machine_state *state, struct error *error);

/* The state may be anybody's: false where no machine could have it. */
bool deprivileged_state_is_sound(const struct machine_state *state, uint64_t xcr0);

/* The next run goes on from a sound state. */
int deprivileged_restore(struct kernel *kernel, const struct machine_state *state,
			 struct error *error);

/* CR3 of a sound state. */
uint64_t deprivileged_state_tables(const struct machine_state *state);

#endif

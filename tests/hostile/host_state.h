/* What attacks must leave as it was at the host: memory, processor time, descriptors, processes,
 * files; of this process, its children, and the accelerator host. */
#ifndef MAYFLY_TESTS_HOSTILE_HOST_STATE_H
#define MAYFLY_TESTS_HOSTILE_HOST_STATE_H

#include <stdint.h>
#include <sys/types.h>

struct host_state {
	uint64_t memory; /* resident bytes of this process */
	uint64_t acceld_memory;
	uint64_t cpu_ns; /* used by this process, its children and the accelerator host */
	int descriptors, acceld_descriptors, children, threads;
	int files; /* in the working directory, the run-time directory and the home */
};

void host_state_take(struct host_state *state, pid_t acceld);

/* Processor time as above, now. */
uint64_t host_state_cpu_ns(pid_t acceld);

/* What stays more than before, or goes on working though nothing is asked of it, for ten seconds: a
 * host of accelerated work closes connections when it comes to that. NULL: nothing. */
const char *host_state_await(const struct host_state *before, pid_t acceld);

#endif

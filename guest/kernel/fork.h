/* Making processes. */
#ifndef MAYFLY_GUEST_FORK_H
#define MAYFLY_GUEST_FORK_H

#include <stdbool.h>
#include <stdint.h>

#define THREADS_MAX 1024 /* of all processes together */

/* As clone(2) has it; `pidfd` is the place where CLONE_PIDFD puts one. */
struct fork_request {
	uint64_t flags, stack, parent_id, child_id, thread_pointer, pidfd;
	bool clears_handlers; /* CLONE_CLEAR_SIGHAND */
};

/* Its id, or a negative errno. */
int64_t fork_process(const struct fork_request *request);

#endif

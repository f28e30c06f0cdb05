/* What one process may use (getrlimit(2)). */
#ifndef MAYFLY_GUEST_LIMITS_H
#define MAYFLY_GUEST_LIMITS_H

#include <stdint.h>

struct process;
struct process_limit;
struct rusage;

/* Kept by the table of descriptors, and by the queues of signals. */
#define LIMIT_OPEN_FILES      1024
#define LIMIT_PENDING_SIGNALS 4096

/* Of one resource (RLIMIT_…); RLIM_INFINITY where nothing bounds it in here. */
struct process_limit limit_of(const struct process *process, uint32_t resource);

/* What getrusage(2) tells of somebody who used that much processor time. */
void limits_describe_usage(struct rusage *usage, uint64_t used_ns);

#endif

/* The access log: a line of JSON for each request that is over. */
#ifndef MAYFLY_GATEWAY_ACCESS_LOG_H
#define MAYFLY_GATEWAY_ACCESS_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct access_log {
	int fd;
	bool wanted;	/* it is not /dev/null */
	bool may_block; /* it is no regular file */
	atomic_ullong dropped;
};

struct access_entry {
	uint64_t time_ns; /* CLOCK_REALTIME, when the request came */
	const char *client, *method, *path, *query, *call_id;
	unsigned status;
	uint64_t received, sent; /* bytes of bodies */
	uint64_t total_ns;
};

void access_log_open(struct access_log *log, int fd);

/* One write(2), which does not wait: a line that is not taken at once is dropped, and counted.
 * Thread-safe. */
void access_log_write(struct access_log *log, const struct access_entry *entry);

#endif

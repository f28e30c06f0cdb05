/* What the supervisor starts the worker with. */
#ifndef MAYFLY_GATEWAY_SETTINGS_H
#define MAYFLY_GATEWAY_SETTINGS_H

#include <stdint.h>

#include "record/record.h"
#include "util/error.h"

struct settings {
	struct record record; /* texts below lie in it */
	uint64_t body_limit, header_limit, piece;
	unsigned connections, connections_each;
	uint64_t head_timeout_ns, idle_timeout_ns, body_rate;
	const char *certificate, *key; /* NULL: no TLS */
	const char *server_name;
};

/* Reads a file with a record; the descriptor stays the caller's. */
int settings_read(struct settings *settings, int fd, struct error *error);
void settings_release(struct settings *settings);

#endif

/* Programs whose requests come over connections to them: HTTP servers as they are. */
#ifndef MAYFLY_MONITOR_NATIVE_CONNECTIONS_H
#define MAYFLY_MONITOR_NATIVE_CONNECTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

struct native_connections {
	bool wanted;
	uint16_t port; /* where the program's server listens; 0: anywhere */
};

/* Finds out from the devices (net:NAME=http,port=NUMBER); a program has no other network. EINVAL. */
int native_connections_parse(struct native_connections *connections, const char *const *devices,
			     struct error *error);

/* The environment, and PORT if it lacks that; to be freed, its words stay where they are. `text` is
 * room for the variable. NULL without memory. */
const char **native_connections_environment(const struct native_connections *connections,
					    const char *const *environment, char text[16]);

#endif

/* Requests over connections; see connections.h. */
#include "connections.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/network/network.h"
#include "util/cleanup.h"

#define USUAL_PORT 8080
#define VARIABLE   "PORT="

int native_connections_parse(struct native_connections *connections, const char *const *devices,
			     struct error *error)
{
	cleanup_free struct networks *networks = calloc(1, sizeof(*networks));
	if (!networks)
		return error_set(error, ENOMEM, "no memory for networks");
	int result = networks_parse(networks, devices, error);
	for (size_t i = 0; !result && i < networks->count; i++) {
		const struct network *network = &networks->networks[i];
		if (network->what != NETWORK_USER || !network->user.has_server)
			return error_set(error, EINVAL,
					 "the network %s: a program has none but http, where its "
					 "requests come over connections",
					 network->name);
		connections->wanted = true;
		connections->port = network->user.port;
	}
	return result;
}

const char **native_connections_environment(const struct native_connections *connections,
					    const char *const *environment, char text[16])
{
	size_t count = 0;
	bool has = !connections->wanted;
	for (; environment && environment[count]; count++)
		has |= !strncmp(environment[count], VARIABLE, strlen(VARIABLE));
	const char **words = calloc(count + 2, sizeof(*words));
	if (!words)
		return NULL;
	for (size_t i = 0; i < count; i++)
		words[i] = environment[i];
	snprintf(text, 16, VARIABLE "%u", connections->port ? connections->port : USUAL_PORT);
	if (!has)
		words[count] = text;
	return words;
}

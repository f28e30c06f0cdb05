/* Beacons: how a user's commands find the gateways that run on this machine, and how to log in to them.
 *
 * A gateway that serves has a file in its user's run-time directory, named by its address, which it holds
 * a lock on for as long as its process lives. What has no lock is left of one that was killed. The file
 * has no secrets, it says where they are.
 */
#ifndef MAYFLY_GATEWAY_BEACON_H
#define MAYFLY_GATEWAY_BEACON_H

#include <stdbool.h>
#include <sys/types.h>

#include "util/error.h"

#define BEACON_PREFIX "gateway-" /* of the files' names */

struct beacon_text {
	const char *address;	   /* it listens on: "127.0.0.1", "::1", "0.0.0.0" */
	unsigned port;		   /* as it is, where 0 was asked for */
	bool secure;		   /* TLS */
	const char *state;	   /* its state directory, absolute */
	const char *user;	   /* NULL: none is asked for */
	const char *password_file; /* absolute; NULL: none */
};

/* One that was lit; {.fd = -1} is none. */
struct beacon {
	int fd;
	char *path;
};

#define BEACON_NONE ((struct beacon){.fd = -1})

/* For the gateway, once it listens: 0 or a negative errno, and then the gateway can serve all the same.
 * The lock is this process', not one of a child that it forks; keep `fd` open. */
int beacon_light(struct beacon *beacon, const struct beacon_text *text, struct error *error);

/* Takes the file away, where this process still may. */
void beacon_put_out(struct beacon *beacon);

/* Calls `found` for each gateway that runs, with the process that holds it; not 0 from it ends the walk,
 * which then returns that. */
int beacon_each(int (*found)(void *context, const struct beacon_text *text, pid_t process),
		void *context, struct error *error);

#endif

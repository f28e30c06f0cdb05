/* Starting servers of a root directory. Nothing here waits for a server. */
#ifndef MAYFLY_ROOT_SERVER_LAUNCHER_H
#define MAYFLY_ROOT_SERVER_LAUNCHER_H

#include "root_server/shares.h"
#include "util/error.h"
#include "util/spawn.h"

/* What servers of one directory are started with. At most one of them runs at a time. */
struct root_launcher {
	int directory; /* O_PATH */
	int memory;    /* a memory file for what comes besides answers */
	struct root_shares shares;
	struct root_user user;
	struct spawn_process process;
};

#define ROOT_LAUNCHER_NONE                                                                         \
	{                                                                                          \
		.directory = -1, .memory = -1, .process = {.pidfd = -1 }                           \
	}

/* What a client needs of a server. The server ends when the last `life` is closed. */
struct root_connection {
	int socket, life;
	int memory; /* the launcher's own: to be mapped, or passed on, but not closed */
};

/* Opens the directory and its parts, of which there are none where `parts` is NULL. Release by root_launcher_close(), whatever comes back. */
int root_launcher_open(struct root_launcher *launcher, const char *directory,
		       const struct root_parts *parts, struct error *error);

/* Ends the server, if one runs, and starts another one, with `log` as its standard error. It says
 * by the socket when it is ready (struct root_ready). Socket and life are the caller's. */
int root_launcher_start(struct root_launcher *launcher, int log, struct root_connection *connection,
			struct error *error);

/* Ends the server, too. */
void root_launcher_close(struct root_launcher *launcher);

#endif

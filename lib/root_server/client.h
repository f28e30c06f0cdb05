/* The way to the server of a root directory: a process of its own (rootd/) that sees this directory
 * only, and reads for us what guests ask for.
 *
 * Thread-safe, but for opening and closing: one request is at the server at a time. A server that
 * does not answer, or answers what cannot be, is killed; root_client_revive() makes a new one. It
 * ends with the client, however that ends.
 */
#ifndef MAYFLY_ROOT_SERVER_CLIENT_H
#define MAYFLY_ROOT_SERVER_CLIENT_H

#include <stdint.h>
#include <sys/types.h>

#include "mayfly/root_wire.h"
#include "root/tree.h"
#include "util/error.h"

struct root_client;

/* Starts a server for a directory. Release by root_client_close(), which takes NULL as well. */
int root_client_open(struct root_client **client, const char *directory, struct error *error);
void root_client_close(struct root_client *client);

/* Asks for `path` (as requests have it; request->path_length is filled in). 0: *answer tells, and
 * what came besides is at `extra`, which has room for root_extra_max() bytes and may be shared with
 * somebody hostile. -EINVAL or -ENAMETOOLONG: not a request. -ETIMEDOUT: no answer by `deadline_ns`
 * (CLOCK_MONOTONIC). -EIO: the server was lost, the error says why; -ENOTCONN: it was lost before.
 */
int root_client_ask(struct root_client *client, struct root_request *request, const char *path,
		    uint64_t deadline_ns, struct root_answer *answer, void *extra,
		    struct error *error);

/* Starts a new server where there is none any more. */
int root_client_revive(struct root_client *client, struct error *error);

/* What a client needs of a server. The server's end is the end of the last `life`. */
struct root_connection {
	int socket, life;
};

/* How a client that can start nothing gets a new server: somebody else does root_client_restart().
 */
struct root_reviver {
	int (*revive)(void *context, struct root_connection *connection, struct error *error);
	void *context;
};

/* After a fork, in a child that is about to give up its rights: the server stays the parent's, and
 * so does the directory. The reviver must live as long as the client. */
void root_client_adopt(struct root_client *client, const struct root_reviver *reviver);

/* Ends the server and starts another one. The connection stays the client's; it is lent to whoever
 * adopted it. */
int root_client_restart(struct root_client *client, struct root_connection *connection,
			struct error *error);

/* The directory as a tree to find programs in; it lives as long as the client. */
const struct root_tree *root_client_tree(const struct root_client *client);

/* The server's process; 0: there is none. */
pid_t root_client_process(const struct root_client *client);

#endif

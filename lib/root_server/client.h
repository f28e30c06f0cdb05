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
#include "root_server/launcher.h"
#include "util/descriptors.h"
#include "util/error.h"

struct root_client;

/* Starts a server for a directory. Release by root_client_close(), which takes NULL as well. */
int root_client_open(struct root_client **client, const char *directory, struct error *error);

/* The same, with parts that can be written, or not at all. */
int root_client_open_parts(struct root_client **client, const char *directory,
			   const struct root_parts *parts, struct error *error);
void root_client_close(struct root_client *client);

/* Asks for `path`, in the form that requests have (request->path_length is filled in). 0: *answer
 * is the answer, and what came besides is at `extra`, which has room for root_extra_max() bytes and
 * may be shared with somebody hostile. -EINVAL or -ENAMETOOLONG: not a request. -ETIMEDOUT: no
 * answer by `deadline_ns` (CLOCK_MONOTONIC). -EIO: the server was lost, the error says why;
 * -ENOTCONN: it was lost before.
 */
int root_client_ask(struct root_client *client, struct root_request *request, const char *path,
		    uint64_t deadline_ns, struct root_answer *answer, void *extra,
		    struct error *error);

/* The same for any request, with the second path (NULL: none). For ROOT_WRITE `extra` has the
 * request->length bytes to write. */
int root_client_ask_two(struct root_client *client, struct root_request *request, const char *path,
			const char *second, uint64_t deadline_ns, struct root_answer *answer,
			void *extra, struct error *error);

/* Starts a new server if the last one has ended. -ETIMEDOUT: until then it served others. */
int root_client_revive(struct root_client *client, uint64_t deadline_ns, struct error *error);

/* How a client that can start nothing gets a server: somebody else does root_launcher_start(). All
 * of the connection becomes the client's, its memory, too. */
struct root_reviver {
	int (*revive)(void *context, struct root_connection *connection, struct error *error);
	void *context;
};

/* As root_client_open(), with servers that somebody else starts. The reviver must live as long as
 * the client. */
int root_client_open_by(struct root_client **client, const char *directory,
			const struct root_reviver *reviver, struct error *error);

/* Notes the descriptors that one with a reviver has open. */
int root_client_keep(const struct root_client *client, struct descriptors_kept *kept);

/* The directory as a tree to find programs in; it lives as long as the client. */
const struct root_tree *root_client_tree(const struct root_client *client);

/* The server's process; 0: there is none, or it is somebody else's child. */
pid_t root_client_process(const struct root_client *client);

#endif

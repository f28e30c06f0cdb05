/* A request that was decoded, and looking at what its path names. */
#ifndef MAYFLY_ROOTD_QUERY_H
#define MAYFLY_ROOTD_QUERY_H

#include <stdbool.h>
#include <sys/stat.h>

#include "root_server/wire.h"
#include "served.h"

struct query {
	const struct root_served *served;
	struct root_request request;
	char path[ROOT_WIRE_PATHS_MAX]; /* and the second one behind its NUL */
};

/* Opens a path below the directory and nowhere else, and follows no link at its end. A descriptor or
 * a negative errno. */
int query_open_below(int directory, const char *path, int flags);

/* Files of the kernel's own file systems are made when they are read, tell of the host, and some
 * wait until something happens. */
bool query_is_kernels_own(int fd);

void query_describe(const struct stat *status, struct root_status *out);

/* Opens what the path names with O_PATH, and describes it. Returns the descriptor, or -ENOENT also
 * for what is not served. */
int query_look(const struct query *query, struct root_status *status);

#endif

/* The root image of a snapshot: the file is named, and known by its contents.
 *
 * A snapshot file does not hold its root image, which may be large and serve many. It says where
 * the image was and what its SHA-256 is. So the guest finds the tables that it found in the set-up,
 * and a snapshot file from elsewhere cannot name a file whose contents its writer does not know.
 */
#ifndef MAYFLY_MONITOR_SNAPSHOT_ROOT_H
#define MAYFLY_MONITOR_SNAPSHOT_ROOT_H

#include <limits.h>
#include <stdint.h>

#include "util/error.h"
#include "util/hash.h"

struct snapshot_root {
	char path[PATH_MAX]; /* absolute; "": the snapshot has no root */
	uint64_t size;	     /* bytes; a multiple of the page size */
	char digest[HASH_HEX_SIZE];
};

/* Fills in the rest for the image at root->path, which is open as `fd`. */
int snapshot_root_describe(struct snapshot_root *root, int fd, struct error *error);

/* Opens the image where it was, or beside the file `snapshot`; the caller closes *fd. ENOENT where
 * it is at neither place, EBADMSG where it is another one. */
int snapshot_root_open(const struct snapshot_root *root, const char *snapshot, int *fd,
		       struct error *error);

#endif

/* The parts of a root directory that are not as the rest of it: those in which changes reach the
 * host's files, and those in which nothing may be changed at all. */
#ifndef MAYFLY_ROOT_SERVER_SHARES_H
#define MAYFLY_ROOT_SERVER_SHARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define ROOT_SHARES_MAX	      64
#define ROOT_SHARES_BYTES_MAX 32768 /* of their paths in a setup's message */
#define ROOT_GROUPS_MAX	      64

struct root_share {
	char *path; /* as requests have it, of what it leads to; "" is the root */
	size_t length;
	bool read_only;
	/* Not of read-only ones, where it is -1: a directory as O_PATH, or a file opened to be
	 * read and written. */
	int fd;
	bool is_directory;
};

struct root_shares {
	struct root_share entries[ROOT_SHARES_MAX];
	size_t count;
};

/* As whom a server that root starts looks and writes. User 0: as it was started. */
struct root_user {
	uint32_t user, group;
	uint32_t group_count;
	uint32_t groups[ROOT_GROUPS_MAX];
};

/* What a caller names: absolute paths, NULL-terminated lists; NULL: none. */
struct root_parts {
	const char *const *writable, *const *read_only;
	struct root_user user;
};

/* Finds the parts of a directory (O_PATH). Links in their paths are followed, below the directory.
 * Release by root_shares_close(), whatever comes back. */
int root_shares_open(struct root_shares *shares, int directory, const struct root_parts *parts,
		     struct error *error);
void root_shares_close(struct root_shares *shares);

/* The part in which a path lies: of several the innermost; NULL: in none. *rest, where rest is not
 * NULL: the path below it. */
const struct root_share *root_shares_find(const struct root_shares *shares, const char *path,
					  const char **rest);

/* Another part lies below this path: what is called so must not move. */
bool root_shares_below(const struct root_shares *shares, const char *path);

/* ROOT_STATUS_… of what lies there. */
uint32_t root_shares_flags(const struct root_shares *shares, const char *path);

/* Is any writable? */
bool root_shares_writable(const struct root_shares *shares);

/* As the setup's message has them: how many bytes; 0: there is no room. Their descriptors, in their
 * order, without those of read-only parts, to `descriptors`. */
size_t root_shares_encode(const struct root_shares *shares, uint8_t *out, size_t room,
			  int descriptors[ROOT_SHARES_MAX], size_t *descriptor_count);

/* Takes them out of it; the descriptors become theirs. 0, -EPROTO or -ENOMEM. */
int root_shares_decode(struct root_shares *shares, const uint8_t *message, size_t length,
		       size_t count, const int *descriptors, size_t descriptor_count);

#endif

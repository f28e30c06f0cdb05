/* The host's root directory, where the root is no image: names and contents come in on demand from
 * the host's server, by hypercalls, and stay in the clone's memory as far as that is worth it.
 *
 * Inodes are made when a path first comes by, a directory's names when it is first listed; both are
 * kept as they were then, and are in the snapshot. A name that was missing is asked for again in a
 * clone.
 */
#ifndef MAYFLY_GUEST_HOSTFS_H
#define MAYFLY_GUEST_HOSTFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inode.h"
#include "mayfly/root_wire.h"

/* Inodes of the host have its numbers; those that are made here lie above. */
#define HOSTFS_NUMBERS (1UL << 62)

/* There is a root directory. */
bool hostfs_is_there(void);

/* Its inode, which the caller holds; NULL where it cannot be had. */
struct inode *hostfs_root(void);

/* A clone begins: its window is another one. */
void hostfs_resume(void);

/* ── for the two kinds of inodes: kept in memory (hostfs.c), living on the host (hostfs_live.c) ─── */

struct dirent_info;
struct hostfs_chunk;
struct inode_status;

/* What is known of one of the host's files or directories: inode->lower. */
struct hostfs_inode {
	uint64_t device, blocks, size; /* as the host's stat(2) has them */
	uint32_t links;
	bool unreadable; /* the host refuses to read it */
	/* The names in a directory, once they were asked for: `listed` of them, in chunks as they
	 * came, and where each of them is. */
	bool is_listed;
	struct hostfs_chunk *chunks;
	const struct root_listed **names;
	uint64_t listed, room;
	/* The same by name, while what was listed is no older than this clone: one more than the
	 * index, or 0. NULL: not to be used. */
	uint32_t *places;
	uint64_t place_count; /* a power of two */
	uint32_t placed_in;   /* the epoch of that */
	/* Where the server has it, whatever it is called here now: below this directory, which is held;
	 * NULL: below the root. Without a NUL. */
	struct inode *parent;
	uint32_t path_length;
	char path[];
};

static inline struct hostfs_inode *hostfs_of(const struct inode *inode)
{
	return (struct hostfs_inode *)(uintptr_t)inode->lower;
}

/* What is called so in a directory, to be asked for. NULL: no memory, or the path would be too long
 * (*error). */
struct hostfs_inode *hostfs_allocate(struct inode *parent, const char *name, size_t length,
				     int *error);
void hostfs_free(struct hostfs_inode *host);

/* `name` becomes what `host` is but for its name; `host` is freed. */
void hostfs_rename(struct hostfs_inode *host, struct hostfs_inode *name);

/* Asks for what `host` is; the other members of the request are the caller's. 0 or a negative errno. */
int hostfs_ask(struct root_request request, const struct hostfs_inode *host,
	       struct root_answer *answer);

/* The same with a second path: `second`, or the text of that length where it is NULL. */
int hostfs_ask_two(struct root_request request, const struct hostfs_inode *host,
		   const struct hostfs_inode *second, const char *text, size_t text_length,
		   struct root_answer *answer);

/* What came besides the last answer, but for contents. */
const char *hostfs_extra(void);

/* Asks for what `host` is, and makes an inode of the answer; it takes `host` over, also where it
 * fails. */
int hostfs_look(struct hostfs_inode *host, struct inode **found);

/* What the host says of it now. */
void hostfs_describe(struct inode *inode, const struct root_status *status);

/* Fetches the names in a directory, if they were not fetched yet, or forgotten. */
int hostfs_load(struct inode *directory);
void hostfs_forget_names(struct hostfs_inode *host);
uint64_t hostfs_count(const struct inode *directory);
void hostfs_describe_name(const struct inode *directory, uint64_t index, struct dirent_info *info);

/* Memory of the program that is to be read or written is there until the next touch. */
void hostfs_touch(const volatile char *bytes, uint64_t length);

int hostfs_permission(const struct inode *inode);
void hostfs_status(const struct inode *inode, struct inode_status *status);
void hostfs_free_inode(struct inode *inode);

/* ── hostfs_live.c ───────────────────────────────────────────────────────────────────────────── */

/* An inode of what lives on the host. The caller holds it; NULL: no memory. `target`: of a link. */
struct inode *hostfs_create_live(struct hostfs_inode *host, const struct root_status *status,
				 const char *target);

#endif

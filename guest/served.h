/* The root directory, where the root is no image: names and contents come in on demand from the
 * host's server, by hypercalls, and stay in the clone's memory as far as that is worth it.
 *
 * It is a lower layer of the file tree as the root image is (root.h). Nodes are made when a path
 * first comes by, a directory's names when it is first listed; both are kept as they were then, and
 * are in the snapshot. A name that was missing is asked for again in a clone.
 */
#ifndef MAYFLY_GUEST_SERVED_H
#define MAYFLY_GUEST_SERVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mayfly/root_wire.h"

struct node;

/* What a node that is served has besides; node->served. */
struct served {
	uint64_t device, blocks, size; /* as the host's stat(2) has them */
	uint32_t links;
	bool unreadable; /* the host refuses to read it */
	/* The names in a directory, once they were asked for: `listed` of them, in chunks as they
	 * came, and where each of them is. */
	bool is_listed;
	struct served_chunk *chunks;
	const struct root_listed **names;
	uint64_t listed, room;
	/* The same by name, while what was listed is no older than this clone: one more than the
	 * index, or 0. NULL: not to be used. */
	uint32_t *places;
	uint64_t place_count; /* a power of two */
	uint32_t placed_in;   /* the epoch of that */
	uint32_t path_length;
	char path[]; /* where the server has it, without a NUL; whatever it is called here now */
};

/* There is a root directory. */
bool served_is_there(void);

/* Its node, which the caller holds; NULL where it cannot be had. */
struct node *served_root(void);

/* Asks for a name in a served directory. 0: *found, which the caller holds; -ENOENT: there is
 * nothing; or another negative errno. */
int served_find(const struct node *directory, const char *name, size_t length, struct node **found);

/* Asks for all names in a served directory, if that was not done before. 0 or a negative errno. */
int served_list(struct node *directory);

/* Copies [offset, offset + length) of a served file, with zeros behind its end. Where the file has
 * become shorter, the node has afterwards, too. 0 or a negative errno. */
int served_read(struct node *file, char *out, uint64_t length, uint64_t offset);

/* Pages that are read by reads of `length` bytes may be kept: memory is not short, the file is not
 * large, and the page is not a part of much. A page that is kept is touched for the first time,
 * which is dearer under PVM than to fetch it again with many others. */
bool served_may_keep(const struct node *file, uint64_t length);

/* What lies at `offset` of the file comes, or came, as the continuation of what was fetched before.
 */
bool served_is_streamed(const struct node *file, uint64_t offset);

/* A number that changes when a clone begins. */
uint32_t served_epoch(void);

/* A clone begins. */
void served_resume(void);

/* Takes NULL as well. */
void served_free(struct served *served);

#endif

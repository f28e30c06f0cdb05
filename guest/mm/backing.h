/* What the pages of a mapping come from, where they do not begin as zeros: a file, mostly.
 *
 * Which mappings have which backing is asked when a page is touched, for /proc/self/maps, and
 * because what is of a file is not wiped in clones. A file that is mapped stays, as on Linux,
 * when its descriptor is closed.
 *
 * Where nothing else is said, all is of the address space that is current. */
#ifndef MAYFLY_GUEST_BACKING_H
#define MAYFLY_GUEST_BACKING_H

#include <stdbool.h>
#include <stdint.h>

struct address_space;
struct backing;

struct backing_operations {
	/* Copies what there is at [offset, offset + length): less at its end. A count or a negative
	 * errno. */
	int64_t (*read)(struct backing *backing, void *out, uint64_t length, uint64_t offset);
	/* The pages from `offset` on as they lie in the root image, which a private mapping can
	 * show: their address there, and how many bytes, up to the end of the last page. 0:
	 * none. */
	uint64_t (*image_pages)(const struct backing *backing, uint64_t offset, uint64_t *length);
	/* For shared mappings; NULL: it has none, and then the next two are. The pages of memory that
	 * hold what is at `offset`, made where there are none: *frame, where up to *length of them
	 * lie in a row. 0; -ENXIO behind the end; -ENOMEM; or why they cannot be read. */
	int (*frames)(const struct backing *backing, uint64_t offset, uint64_t *length,
		      uint64_t *frame);
	/* Where it ends, in whole pages. */
	uint64_t (*end)(const struct backing *backing);
	/* What it is of: the same for all backings of one file. */
	const void *(*object)(const struct backing *backing);
	/* A mapping comes, and goes. */
	void (*hold)(struct backing *backing);
	void (*drop)(struct backing *backing);
};

/* Whoever has mappings embeds it. */
struct backing {
	const struct backing_operations *operations;
};

/* [start, end) is mapped anew: from `offset` of a backing, or of none (NULL). 0; -ENOMEM: it is of
 * none. */
int backing_set(uint64_t start, uint64_t end, struct backing *backing, uint64_t offset);

/* What is mapped in [start, end), from whatever, goes to `target`. */
void backing_move(uint64_t start, uint64_t end, uint64_t target);

/* The mapping [start, old_end) goes on to `end`, as its backing does. */
void backing_grow(uint64_t start, uint64_t old_end, uint64_t end);

/* What `address` is mapped from, with the address' offset in it; NULL: nothing. *limit is moved
 * down to where that ends to be so. */
struct backing *backing_at(uint64_t address, uint64_t *offset, uint64_t *limit);

/* Calls `visit` for what the space has mapped of the object's [start, end), as addresses; it must not
 * change what has which backing. False: it said so, and that ended it. */
typedef bool backing_visit(const struct address_space *space, uint64_t address, uint64_t end);
bool backing_each(const struct address_space *space, const void *object, uint64_t start,
		  uint64_t end, backing_visit *visit);

/* Another space has mappings of what the current one has in [start, end), too. 0 or -ENOMEM. */
int backings_copy(struct address_space *space, uint64_t start, uint64_t end);

/* A space goes. */
void backings_release(struct address_space *space);

/* Where in [address, end), all of it mapped of backings that can be shared, the first of these ends. */
uint64_t backing_end(uint64_t address, uint64_t end);

#endif

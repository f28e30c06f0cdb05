/* What a client sends, in blocks of the worker's arena: one that is being filled, and those that the
 * supervisor has. Not thread-safe: under the lock of its call. */
#ifndef MAYFLY_GATEWAY_BODY_H
#define MAYFLY_GATEWAY_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "link/link.h"

struct body {
	struct arena *arena;
	uint8_t *data; /* NULL: none is being filled */
	uint64_t offset;
	size_t length, room;
	struct body_block {
		uint64_t offset;
		size_t length;
	} away[LINK_PIECES_LIMIT]; /* with the supervisor */
	unsigned away_count;
	bool wipe; /* what it holds is nobody else's business */
};

/* Takes a block for at least `size` bytes. 0 or -ENOMEM. */
int body_open(struct body *body, struct arena *arena, size_t size);

/* Appends, in a block twice as large where that is necessary. 0 or -ENOMEM. */
int body_add(struct body *body, const void *data, size_t length);

/* The block becomes the supervisor's, named in the message. */
void body_hand_over(struct body *body, struct link_message *message);

/* It is done with that one; false where it has none such. */
bool body_take_back(struct body *body, uint64_t offset);

/* What has been added is for nobody. */
void body_drop(struct body *body);

/* Gives back all. */
void body_take_all_back(struct body *body);
void body_close(struct body *body);

#endif

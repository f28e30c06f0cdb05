#include "worker/body.h"

#include <errno.h>
#include <string.h>

#include "sizes/sizes.h"

/* Bodies that need more have it only while memory is not scarce. */
#define SMALL (1UL << 20)

static void give(struct body *body, uint64_t offset, size_t length)
{
	if (body->wipe)
		explicit_bzero(arena_at(body->arena, offset), length);
	arena_give(body->arena, offset);
}

int body_open(struct body *body, struct arena *arena, size_t size)
{
	body->arena = arena;
	body->length = 0;
	body->data = arena_take(arena, size, &body->offset, &body->room);
	return body->data ? 0 : -ENOMEM;
}

static int grow(struct body *body, size_t needed)
{
	uint64_t offset;
	size_t room = body->room;
	while (room < needed)
		if (mul_overflows(room, 2, &room))
			return -ENOMEM;
	if (room > SMALL && arena_is_scarce(body->arena, room))
		return -ENOMEM;
	uint8_t *data = arena_take(body->arena, room, &offset, &room);
	if (!data)
		return -ENOMEM;
	memcpy(data, body->data, body->length);
	give(body, body->offset, body->length);
	body->data = data;
	body->offset = offset;
	body->room = room;
	return 0;
}

int body_add(struct body *body, const void *data, size_t length)
{
	size_t needed;
	if (!body->data || add_overflows(body->length, length, &needed))
		return -ENOMEM;
	const int result = needed > body->room ? grow(body, needed) : 0;
	if (result)
		return result;
	memcpy(body->data + body->length, data, length);
	body->length = needed;
	return 0;
}

void body_hand_over(struct body *body, struct link_message *message)
{
	message->flags |= LINK_BLOCK;
	message->offset = body->offset;
	message->length = body->length;
	body->away[body->away_count++] = (struct body_block){body->offset, body->length};
	body->data = NULL;
}

bool body_take_back(struct body *body, uint64_t offset)
{
	for (unsigned i = 0; i < body->away_count; i++) {
		if (body->away[i].offset != offset)
			continue;
		give(body, offset, body->away[i].length);
		body->away[i] = body->away[--body->away_count];
		return true;
	}
	return false;
}

void body_take_all_back(struct body *body)
{
	while (body->away_count) {
		const struct body_block *block = &body->away[--body->away_count];
		give(body, block->offset, block->length);
	}
}

void body_drop(struct body *body)
{
	if (body->data)
		give(body, body->offset, body->length);
	body->data = NULL;
}

void body_close(struct body *body)
{
	if (!body->arena)
		return;
	body_take_all_back(body);
	body_drop(body);
}

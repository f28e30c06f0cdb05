/* In the place of `mayfly-courier`: one that was taken over. What it answers is the host in the URL that it
 * is to call: http://offset/ … */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "courier/courier_wire.h"
#include "record/record.h"
#include "sizes/sizes.h"

static struct arena *arena;
static struct arena_view view;

/* A block with these bytes in it. */
static void put_block(struct link_message *message, const void *data, size_t length)
{
	size_t room;
	void *block = arena_take(arena, length, &message->offset, &room);
	if (!block)
		_exit(3);
	memcpy(block, data, length);
	message->flags = LINK_BLOCK;
	message->length = length;
}

static void answer_offset(struct link_message *message)
{
	message->flags = LINK_BLOCK;
	message->offset = UINT64_MAX - 10;
	message->length = 20;
}

static void answer_length(struct link_message *message)
{
	put_block(message, "abc", 3);
	message->length = UINT64_MAX;
}

static void answer_head_length(struct link_message *message)
{
	put_block(message, "abc", 3);
	message->head_length = 4;
}

static void answer_record(struct link_message *message)
{
	put_block(message, "this is no record", 17);
	message->head_length = 17;
}

static void answer_code(struct link_message *message)
{
	message->code = 70000;
}

static void answer_status(struct link_message *message)
{
	message->status = 5;
}

static void answer_errno(struct link_message *message)
{
	message->status = INT32_MIN;
}

static void answer_number(struct link_message *message)
{
	message->id += 1000;
}

static void answer_kind(struct link_message *message)
{
	message->kind = 77;
}

static void answer_sentence(struct link_message *message)
{
	static char text[COURIER_SENTENCE_MAX + 1];
	memset(text, 'x', sizeof(text));
	put_block(message, text, sizeof(text));
	message->status = -EIO;
}

static void answer_twice(struct link_message *message)
{
	struct link_message first = *message;
	link_send(COURIER_SOCKET, &first);
}

static void answer_escape(struct link_message *message)
{
	put_block(message, "\033[31m\nred", 9);
	message->status = -EIO;
}

static void answer_short(struct link_message *message)
{
	if (write(COURIER_SOCKET, "short", 5) != 5)
		_exit(3);
}

static void answer_well(struct link_message *message)
{
	message->code = 200;
}

static const struct {
	const char *host;
	void (*answer)(struct link_message *message);
} answers[] = {
    {"offset", answer_offset},	   {"length", answer_length}, {"head-length", answer_head_length},
    {"record", answer_record},	   {"code", answer_code},     {"status", answer_status},
    {"errno", answer_errno},	   {"number", answer_number}, {"kind", answer_kind},
    {"sentence", answer_sentence}, {"twice", answer_twice},   {"escape", answer_escape},
    {"short", answer_short},	   {"well", answer_well},
};

static void take_order(const struct link_message *order)
{
	const struct record_view head = {link_block(&view, order), order->head_length};
	const char *url = record_find_text(head, FIELD_CALLBACK, "http://none/");
	struct link_message message = {.kind = COURIER_DONE, .id = order->id};
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
		if (!strncmp(url + strlen("http://"), answers[i].host, strcspn(url + 7, "/")))
			answers[i].answer(&message);
	link_send(COURIER_SOCKET, &message);
}

int main(void)
{
	struct error error;
	struct link_message order;
	if (arena_open(&arena, COURIER_OWN_ARENA, &error) ||
	    arena_view_open(&view, COURIER_OTHER_ARENA, &error))
		return 3;
	for (;;) {
		struct pollfd wait = {.fd = COURIER_SOCKET, .events = POLLIN};
		poll(&wait, 1, -1);
		const int result = link_receive(COURIER_SOCKET, &order);
		if (result && result != -EAGAIN)
			return 0;
		if (!result && order.kind == COURIER_CALL)
			take_order(&order);
	}
}

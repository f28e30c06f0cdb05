/* A link within this process: what one end sends the other receives; see link.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"

struct waiting_frame {
	uint8_t *data;
	size_t length;
};

/* Both ends, and what waits at each. */
struct loop {
	struct loop_end {
		struct network_link link;
		struct loop *loop;
		struct waiting_frame frames[NETWORK_LOOP_FRAMES];
		size_t first, count;
		bool is_open;
	} ends[2];
};

static struct loop_end *other_end(struct loop_end *end)
{
	return &end->loop->ends[end == &end->loop->ends[0]];
}

static void loop_send(struct network_link *link, const uint8_t *frame, size_t length)
{
	struct loop_end *other = other_end((struct loop_end *)link);
	if (!other->is_open || other->count == NETWORK_LOOP_FRAMES)
		return;
	uint8_t *copy = malloc(length);
	if (!copy)
		return;
	memcpy(copy, frame, length);
	other->frames[(other->first + other->count++) % NETWORK_LOOP_FRAMES] =
	    (struct waiting_frame){.data = copy, .length = length};
}

/* Takes the first frame off. The caller frees its data. */
static struct waiting_frame take_frame(struct loop_end *end)
{
	const struct waiting_frame frame = end->frames[end->first];
	end->first = (end->first + 1) % NETWORK_LOOP_FRAMES;
	end->count--;
	return frame;
}

static void forget_frames(struct loop_end *end)
{
	while (end->count)
		free(take_frame(end).data);
}

static size_t loop_receive(struct network_link *link, uint8_t *out, size_t room)
{
	struct loop_end *end = (struct loop_end *)link;
	size_t length = 0;
	while (end->count && !length) {
		const struct waiting_frame frame = take_frame(end);
		if (frame.length <= room) {
			memcpy(out, frame.data, frame.length);
			length = frame.length;
		}
		free(frame.data);
	}
	return length;
}

static uint64_t loop_due(const struct network_link *link)
{
	return ((const struct loop_end *)link)->count ? 1 : 0;
}

static bool loop_load(struct network_link *link, const uint8_t *data, size_t length)
{
	(void)data;
	forget_frames((struct loop_end *)link);
	return !length;
}

static void loop_release(struct network_link *link)
{
	struct loop_end *end = (struct loop_end *)link;
	forget_frames(end);
	end->is_open = false;
	if (!other_end(end)->is_open)
		free(end->loop);
}

static const struct network_link_kind loop_kind = {
    .name = "loop",
    .send = loop_send,
    .receive = loop_receive,
    .due = loop_due,
    .load = loop_load,
    .release = loop_release,
};

int network_loop_open(struct network_link *ends[2], struct error *error)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	if (!loop)
		return error_set(error, ENOMEM, "no memory for a network link");
	for (size_t i = 0; i < 2; i++) {
		struct loop_end *end = &loop->ends[i];
		end->link = (struct network_link){
		    .kind = &loop_kind, .mtu = NETWORK_MTU_USUAL, .descriptor = -1};
		end->loop = loop;
		end->is_open = true;
		ends[i] = &end->link;
	}
	return 0;
}

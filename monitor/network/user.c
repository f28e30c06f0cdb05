/* The link to a network of the monitor's own: frames, and what a snapshot keeps; see user.h. */
#include "user.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "stack/bytes.h"
#include "util/clock.h"

static struct user_link *user_of(struct network_link *link)
{
	return (struct user_link *)link;
}

static void user_send(struct network_link *link, const uint8_t *frame, size_t length)
{
	struct user_link *self = user_of(link);
	struct tcp *tcp = &self->stack.tcp;
	stack_input(&self->stack, frame, length, clock_now_ns());
	/* Before it is acknowledged: the guest's server is not to hear of it. */
	if (self->phase == USER_LOOKING && tcp->state == TCP_ESTABLISHED) {
		tcp_abort(tcp);
		self->phase = USER_HEARD;
	}
}

static size_t user_receive(struct network_link *link, uint8_t *out, size_t room)
{
	uint8_t frame[STACK_FRAME_MAX];
	const size_t length = stack_output(&user_of(link)->stack, frame, clock_now_ns());
	if (length > room)
		return 0;
	memcpy(out, frame, length);
	return length;
}

/* ── state ───────────────────────────────────────────────────────────────────────────────────── */

static size_t user_save(const struct network_link *link, uint8_t *out)
{
	const struct user_link *self = (const struct user_link *)link;
	const struct stack_peer *peer = &self->stack.peer;
	memset(out, 0, USER_STATE_SIZE);
	bytes_put32(out, peer->own_address);
	bytes_put32(out + 4, peer->address);
	memcpy(out + 8, peer->mac, STACK_MAC_SIZE);
	out[14] = peer->is_known;
	bytes_put16(out + 16, self->phase == USER_LISTENED ? self->port : 0);
	return USER_STATE_SIZE;
}

static bool read_state(const uint8_t *data, size_t length, struct stack_peer *peer)
{
	if (length != USER_STATE_SIZE || data[14] > 1 || data[15] || data[8] & 1)
		return false;
	peer->own_address = bytes_get32(data);
	peer->address = bytes_get32(data + 4);
	memcpy(peer->mac, data + 8, STACK_MAC_SIZE);
	peer->is_known = data[14];
	return true;
}

static bool user_load(struct network_link *link, const uint8_t *data, size_t length)
{
	struct user_link *self = user_of(link);
	struct stack_peer peer = {.own_address = self->options->gateway,
				  .address = self->options->guest,
				  .learns = !self->options->is_given};
	uint16_t seed = 0;
	if (length && !read_state(data, length, &peer))
		return false;
	/* Without a seed ports begin where they always do, which harms nobody: see user_serve(). */
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = 0;
	stack_begin(&self->stack, &peer, seed);
	user_begin_requests(self, length ? bytes_get16(data + 16) : 0);
	return true;
}

static bool user_brings_requests(const struct network_link *link)
{
	return ((const struct user_link *)link)->options->has_server;
}

static void user_release(struct network_link *link)
{
	free(link);
}

static const struct network_link_kind user_kind = {
    .name = "user",
    .send = user_send,
    .receive = user_receive,
    .due = user_due,
    .serve = user_serve,
    .is_settled = user_is_settled,
    .brings_requests = user_brings_requests,
    .save = user_save,
    .load = user_load,
    .release = user_release,
};

int network_user_link(struct network *network, struct network_link **link, struct error *error)
{
	struct user_link *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a network");
	self->options = &network->user;
	self->link =
	    (struct network_link){.kind = &user_kind, .mtu = NETWORK_MTU_USUAL, .descriptor = -1};
	*link = &self->link;
	return 0;
}

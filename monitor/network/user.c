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

/* A guest may have given up the connection that was held for it: it waits for it in its own time, which
 * goes on while the snapshot lies in a file. Its server has not heard of it, so that the request may
 * come by another one. `waiting`: what was not acknowledged before the guest said so. */
static void look_after_held(struct user_link *self, size_t waiting)
{
	const struct tcp *tcp = &self->stack.tcp;
	uint32_t sequence;
	self->is_held = tcp_is_unheard(tcp, &self->held);
	if (!self->is_held || tcp->state != TCP_BROKEN)
		return;
	self->is_held = false;
	if (getrandom(&sequence, sizeof(sequence), 0) != sizeof(sequence))
		return;
	self->waiting = waiting;
	stack_connect(&self->stack, tcp->peer_port, waiting, sequence);
	self->phase = USER_DIALLING;
}

static void user_send(struct network_link *link, const uint8_t *frame, size_t length)
{
	struct user_link *self = user_of(link);
	struct tcp *tcp = &self->stack.tcp;
	const size_t waiting = tcp->out.count;
	stack_input(&self->stack, frame, length, clock_now_ns());
	if (self->phase == USER_LOOKING && tcp->state == TCP_ESTABLISHED)
		self->phase = USER_HEARD;
	/* The guest's server is not to hear of it. */
	if (self->phase == USER_HEARD || self->phase == USER_LISTENED)
		tcp_hold(tcp);
	if (self->is_held)
		look_after_held(self, waiting);
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
	if (self->phase != USER_LISTENED)
		return USER_STATE_SIZE;
	bytes_put16(out + 16, self->port);
	struct tcp_held held;
	if (!tcp_describe_held(&self->stack.tcp, &held))
		return USER_STATE_SIZE;
	bytes_put16(out + 18, held.own_port);
	bytes_put16(out + 20, held.size_limit);
	bytes_put16(out + 22, held.window);
	bytes_put32(out + 24, held.sent);
	bytes_put32(out + 28, held.received);
	return USER_STATE_SIZE;
}

/* held->own_port: 0 where no connection is held. */
static bool read_held(const uint8_t *data, const struct stack_peer *peer, struct tcp_held *held)
{
	*held = (struct tcp_held){
	    .own_port = bytes_get16(data + 18),
	    .peer_port = bytes_get16(data + 16),
	    .size_limit = bytes_get16(data + 20),
	    .window = bytes_get16(data + 22),
	    .sent = bytes_get32(data + 24),
	    .received = bytes_get32(data + 28),
	};
	if (!held->own_port)
		return !held->size_limit && !held->window && !held->sent && !held->received;
	return held->peer_port && peer->is_known && held->own_port >= STACK_PORT_FIRST &&
	       held->size_limit >= TCP_LIMIT_MIN && held->size_limit <= TCP_LIMIT_MAX;
}

static bool read_state(const uint8_t *data, size_t length, struct stack_peer *peer,
		       struct tcp_held *held)
{
	if (length != USER_STATE_SIZE || data[14] > 1 || data[15] || data[8] & 1)
		return false;
	peer->own_address = bytes_get32(data);
	peer->address = bytes_get32(data + 4);
	memcpy(peer->mac, data + 8, STACK_MAC_SIZE);
	peer->is_known = data[14];
	return read_held(data, peer, held);
}

static bool user_load(struct network_link *link, const uint8_t *data, size_t length)
{
	struct user_link *self = user_of(link);
	struct stack_peer peer = {.own_address = self->options->gateway,
				  .address = self->options->guest,
				  .learns = !self->options->is_given};
	struct tcp_held held = {0};
	uint16_t seed = 0;
	if (length && !read_state(data, length, &peer, &held))
		return false;
	/* Without a seed ports begin where they always do, which harms nobody: see user_serve(). */
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = 0;
	stack_begin(&self->stack, &peer, seed);
	user_begin_requests(self, length ? bytes_get16(data + 16) : 0);
	self->held = held;
	self->is_held = held.own_port && self->options->has_server;
	if (self->is_held)
		tcp_take_held(&self->stack.tcp, &held);
	return true;
}

/* The connection of the request before was ended; its segments are nobody's any more. */
static void user_go_on(struct network_link *link)
{
	struct user_link *self = user_of(link);
	user_begin_requests(self, self->port);
	self->is_held = false;
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
    .go_on = user_go_on,
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

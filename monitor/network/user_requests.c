/* Requests over a network of the monitor's own: the monitor is the client of the guest's HTTP server.
 *
 * In a set-up it looks whether the guest listens: it begins a connection and, when the guest agrees,
 * leaves it at that, so that the server does not hear of it. Then the guest may be frozen. A request is
 * sent with the acknowledgement that is still missing, in a clone of its own, which saves it a segment
 * in each direction. It is over when the response is, by its own rules or by the end of the connection.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "monitor/slot/slot.h"
#include "user.h"
#include "util/clock.h"

#define DIAL_AGAIN_NS	 10000000ULL /* after the guest said that nobody listens */
#define REQUEST_AGAIN_NS 2000000ULL  /* looking for more of a request that comes slowly */
#define PIECE_SIZE	 16384UL
#define STATUS_BROKEN	 1

/* Where a server listens of which nobody says it. */
static const uint16_t usual_ports[] = {8080, 80};

void user_begin_requests(struct user_link *self, uint16_t port)
{
	self->port = port ?: self->options->port ?: usual_ports[0];
	self->phase = USER_LOOKING;
	self->dial_again_ns = self->request_again_ns = 0;
	self->request_next = self->request_length = 0;
	self->request_begun = self->request_last = false;
	self->waiting = 0;
	http_response_begin(&self->response, false);
}

/* ── the connection ──────────────────────────────────────────────────────────────────────────── */

/* True while there is a connection. Otherwise begins one, if the time has come: a server that does not
 * listen may do so a little later. */
static int dial(struct user_link *self, bool *connected, struct error *error)
{
	struct stack *stack = &self->stack;
	const uint64_t now_ns = clock_now_ns();
	uint32_t sequence;
	*connected = stack->tcp.state == TCP_ESTABLISHED;
	/* The end of the one before may still have to be told. */
	if (*connected || stack->tcp.state == TCP_CONNECTING || stack->tcp.reset_wanted)
		return 0;
	if (stack->tcp.state != TCP_CLOSED) {
		stack->tcp.state = TCP_CLOSED;
		if (!self->options->port)
			self->port = usual_ports[self->port == usual_ports[0]];
		self->dial_again_ns = now_ns + DIAL_AGAIN_NS;
	}
	if (now_ns < self->dial_again_ns)
		return 0;
	if (getrandom(&sequence, sizeof(sequence), 0) != sizeof(sequence))
		return error_set_errno(error, errno, "cannot draw random bytes");
	stack_connect(stack, self->port, self->waiting, sequence);
	return 0;
}

/* ── the request ─────────────────────────────────────────────────────────────────────────────── */

/* The first bytes say what a response to it has. */
static void note_begin(struct user_link *self, const struct slot *slot)
{
	if (self->request_begun || !self->request_length)
		return;
	self->request_begun = true;
	self->response.answers_head = http_response_is_for_head(
	    slot->window.memory + WINDOW_REQUEST_OFFSET, self->request_length);
}

/* Gets the next part into the request area, without waiting. */
static int get_request(struct user_link *self, struct slot *slot, struct error *error)
{
	bool last = true;
	self->request_next = self->request_length = 0;
	if (!self->request_begun || slot->consumed < slot->request->length)
		self->request_length = slot_fill_request(slot, &last);
	else
		last = false;
	if (self->request_length || last) {
		self->request_last = last;
		note_begin(self, slot);
		return 0;
	}
	const int result = slot_read_request(slot, 0, &self->request_length, &last, error);
	if (result == -EAGAIN) {
		self->request_again_ns = clock_now_ns() + REQUEST_AGAIN_NS;
		return 0;
	}
	self->request_last = last;
	if (!result)
		note_begin(self, slot);
	return result;
}

/* Hands as much to the connection as it takes. */
static int feed(struct user_link *self, struct slot *slot, struct error *error)
{
	struct tcp *tcp = &self->stack.tcp;
	int result = 0;
	self->request_again_ns = 0;
	while (ring_room(&tcp->out) && !result) {
		if (self->request_next == self->request_length) {
			if (self->request_last)
				return 0;
			result = get_request(self, slot, error);
			if (result || self->request_again_ns)
				return result;
		}
		const size_t left = (size_t)(self->request_length - self->request_next);
		const size_t taken = tcp_send(
		    tcp, slot->window.memory + WINDOW_REQUEST_OFFSET + self->request_next, left);
		self->request_next += taken;
		if (left && !taken)
			return 0;
	}
	return result;
}

/* ── the response ────────────────────────────────────────────────────────────────────────────── */

static void end(struct user_link *self, struct slot *slot, int status, enum device_next *next)
{
	self->phase = USER_DONE;
	tcp_abort(&self->stack.tcp);
	/* The set-up goes on until a connection is held and the guest is frozen. */
	if (slot->setup && slot->setup->warming_up) {
		self->phase = USER_LOOKING;
		return;
	}
	slot->result->outcome = OUTCOME_EXITED;
	slot->result->status = status;
	if (status || !slot_end_answered(slot))
		*next = DEVICE_FINISHED;
}

static void end_broken(struct user_link *self, struct slot *slot, enum device_next *next)
{
	static const char told[] = "the guest's server broke its connection off\n";
	slot_take_log(slot, (const uint8_t *)told, strlen(told));
	end(self, slot, STATUS_BROKEN, next);
}

/* Hands on what came. *next is set where the request ends by it. */
static int take_response(struct user_link *self, struct slot *slot, enum device_next *next,
			 struct error *error)
{
	uint8_t piece[PIECE_SIZE];
	size_t length;
	while (self->phase == USER_EXCHANGING &&
	       (length = tcp_receive(&self->stack.tcp, piece, sizeof(piece)))) {
		bool beyond = false;
		length = http_response_read(&self->response, piece, length);
		const int result = slot_take_response(slot, piece, length, &beyond, error);
		if (result == -ETIMEDOUT) {
			slot->result->outcome = OUTCOME_DEADLINE;
			*next = DEVICE_FINISHED;
			return 0;
		}
		if (result)
			return result;
		if (beyond) {
			slot_end_beyond_limit(slot);
			*next = DEVICE_FINISHED;
			return 0;
		}
		if (self->response.part == HTTP_COMPLETE)
			end(self, slot, 0, next);
	}
	return 0;
}

static void judge_end(struct user_link *self, struct slot *slot, enum device_next *next)
{
	const struct tcp *tcp = &self->stack.tcp;
	if (tcp->state != TCP_ESTABLISHED)
		end_broken(self, slot, next);
	else if (tcp_is_at_end(tcp) && self->response.part == HTTP_BODY_TO_THE_END)
		end(self, slot, 0, next);
	else if (tcp_is_at_end(tcp))
		end_broken(self, slot, next);
}

static int exchange(struct user_link *self, struct slot *slot, enum device_next *next,
		    struct error *error)
{
	int result = take_response(self, slot, next, error);
	if (!result && *next == DEVICE_CONTINUES && self->phase == USER_EXCHANGING)
		judge_end(self, slot, next);
	if (!result && *next == DEVICE_CONTINUES && self->phase == USER_EXCHANGING)
		result = feed(self, slot, error);
	return result;
}

static int begin_exchange(struct user_link *self, struct slot *slot, enum device_next *next,
			  struct error *error)
{
	bool connected;
	self->phase = USER_DIALLING;
	int result = dial(self, &connected, error);
	if (result || !connected)
		return result;
	self->phase = USER_EXCHANGING;
	self->waiting = 0;
	result = feed(self, slot, error);
	return result ? result : exchange(self, slot, next, error);
}

/* ── the table's functions ───────────────────────────────────────────────────────────────────── */

/* A set-up. */
static int look(struct user_link *self, struct slot *slot, struct error *error)
{
	bool connected;
	if (self->phase == USER_LOOKING)
		return dial(self, &connected, error);
	self->phase = USER_LISTENED;
	slot->setup->listens = true;
	if (!slot->setup->warm_up || slot->setup->warming_up)
		return 0;
	tcp_abort(&self->stack.tcp);
	slot_begin_warm_up(slot);
	self->phase = USER_DIALLING;
	return 0;
}

int user_serve(struct network_link *link, struct slot *slot, enum device_next *next,
	       struct error *error)
{
	struct user_link *self = (struct user_link *)link;
	if (!self->options->has_server || self->phase == USER_LISTENED || self->phase == USER_DONE)
		return 0;
	slot_make_console_log(slot);
	if (slot->setup && (self->phase == USER_LOOKING || self->phase == USER_HEARD))
		return look(self, slot, error);
	return self->phase == USER_EXCHANGING ? exchange(self, slot, next, error)
					      : begin_exchange(self, slot, next, error);
}

bool user_is_settled(const struct network_link *link)
{
	const struct user_link *self = (const struct user_link *)link;
	return !self->options->has_server ||
	       (self->phase == USER_LISTENED && !stack_due(&self->stack));
}

/* When user_serve() has something to do. */
static uint64_t serve_due(const struct user_link *self)
{
	const struct tcp *tcp = &self->stack.tcp;
	switch (self->phase) {
	case USER_LOOKING:
	case USER_DIALLING:
		if (tcp->state == TCP_CONNECTING)
			return 0;
		return tcp->state == TCP_CLOSED && self->dial_again_ns ? self->dial_again_ns : 1;
	case USER_HEARD:
		return 1;
	case USER_EXCHANGING:
		if (tcp->in.count || tcp->peer_closed || tcp->state != TCP_ESTABLISHED)
			return 1;
		if (self->request_again_ns || !ring_room(&tcp->out))
			return self->request_again_ns;
		return self->request_next < self->request_length || !self->request_last ? 1 : 0;
	case USER_LISTENED:
	case USER_DONE:
		break;
	}
	return 0;
}

uint64_t user_due(const struct network_link *link)
{
	const struct user_link *self = (const struct user_link *)link;
	const uint64_t due = stack_due(&self->stack);
	return self->options->has_server ? clock_earlier(due, serve_due(self)) : due;
}

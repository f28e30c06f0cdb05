/* A request over a connection; see connection.h.
 *
 * Where all threads wait, and one of them for a connection, the machine is frozen. In each clone there
 * is a connection then, which brings the bytes of the request as the program takes them. The request
 * is over when the response is complete by HTTP's rules, or else when the program ends the connection,
 * or sends no more over it. Its own end of the request is not told: many servers take a client that
 * sends no more for one that is gone. */
#include "connection.h"

#include <signal.h>
#include <stddef.h>

#include "guest/lib/text.h"
#include "guest/machine/clock.h"
#include "guest/machine/hypercall.h"
#include "guest/machine/machine.h"
#include "guest/socket/inet/inet.h"
#include "http/response.h"
#include "request.h"
#include "snapshot.h"

#define PIECE_MAX (32UL << 10) /* bytes that are brought at once */

/* A program that computes between its writes has them handed on at this interval; what lies there when it
 * waits, the monitor takes then. */
#define PASS_ON_NS (10UL * 1000 * 1000)

static struct {
	struct inet_socket *outside; /* NULL: there is none */
	bool begun;		     /* bytes of the request have been brought */
	bool over;		     /* its response was complete, in the warm-up */
	uint64_t passed_on_ns; /* when bytes of the response were last, or the request began */
	struct http_response response;
} connection;

/* A response whose length nobody knows may be a stream, of which each part is wanted soon. */
static void pass_on_in_time(void)
{
	const enum http_response_part part = connection.response.part;
	if (part != HTTP_BODY_IN_CHUNKS && part != HTTP_BODY_TO_THE_END)
		return;
	const uint64_t now_ns = clock_read_ns(false);
	if (now_ns - connection.passed_on_ns < PASS_ON_NS)
		return;
	connection.passed_on_ns = now_ns;
	request_pass_on();
}

/* The program has sent something, or ended the connection. What it sends behind its response is
 * dropped. */
static void take_response(struct unix_socket *self)
{
	struct http_response *response = &connection.response;
	while (self->first) {
		struct unix_packet *packet = unix_packet_take(self);
		const size_t length =
		    http_response_read(response, (const uint8_t *)packet->bytes, packet->length);
		request_answer(packet->bytes, length);
		unix_packet_free(packet);
	}
	const bool ended = self->socket.shut & SOCKET_SHUT_RECEIVE;
	if (!connection.over && !ended)
		pass_on_in_time();
	if (connection.over || (!ended && response->part != HTTP_COMPLETE))
		return;
	connection.over = true;
	if (!snapshot_is_warming_up())
		request_finish();
}

/* Brings the next piece. True: the program has something to read. */
static bool bring(uint64_t until_ns)
{
	struct unix_socket *self = &connection.outside->local;
	const char *bytes;
	if (self->peer->first || request_has_ended())
		return false;
	uint64_t length = request_peek(until_ns, &bytes);
	length = length < PIECE_MAX ? length : PIECE_MAX;
	if (length && !connection.begun) {
		http_response_begin(&connection.response, http_response_is_for_head(bytes, length));
		connection.passed_on_ns = clock_read_ns(false);
	}
	connection.begun |= length;
	struct unix_packet *packet =
	    length ? unix_packet_create(self, self, (uint32_t)length) : NULL;
	if (!packet)
		return false;
	memcpy(packet->bytes, bytes, length);
	request_take(length);
	unix_packet_add(self->peer, packet);
	return true;
}

static void sleep_until(uint64_t until_ns)
{
	const uint64_t now_ns = clock_read_ns(false);
	if (until_ns == NO_DEADLINE) {
		machine_tell("all threads of the program wait, and its response is not over: it is "
			     "ended");
		machine_abort(SIGKILL);
	}
	if (until_ns > now_ns)
		machine_hypercall(HYPERCALL_SLEEP, until_ns - now_ns, 0, 0);
}

/* Begins the next request. True: there is a connection, with the first bytes. */
static bool begin(uint64_t until_ns)
{
	if (!snapshot_takes_connections()) {
		/* Those who wait for connections do so for those from within. */
		inet_close_to_outside();
		return true;
	}
	if (connection.outside) {
		/* The server hears of the end first, so that no clone has to. */
		inet_end_outside(connection.outside);
		connection.outside = NULL;
		return true;
	}
	if (connection.over)
		request_finish();
	connection.over = connection.begun = false;
	request_begin_over_connection();
	if (inet_connect_outside(take_response, &connection.outside)) {
		sleep_until(until_ns);
		return false;
	}
	bring(0);
	return true;
}

/* What waits for the program's threads outside. Before the freeze, and after a warm-up, that is a
 * connection once all threads wait. */
static bool look_outside(uint64_t until_ns)
{
	if (!connection.outside || connection.over)
		return until_ns && begin(until_ns);
	if (bring(until_ns))
		return true;
	if (until_ns && (connection.outside->local.peer->first || request_has_ended()))
		sleep_until(until_ns);
	return false;
}

void connection_init(void)
{
	if (libos_start_info.connects)
		inet_open_to_outside(look_outside, (uint16_t)libos_start_info.port);
}

/* A connection to the accelerator host; see accel_client.h. */
#include "accel_client/accel_client.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "accel_client/accel_start.h"
#include "accel_link/accel_link.h"
#include "mayfly/wire.h"
#include "util/clock.h"

/* A host that has just been started answers when its plugins are loaded. */
#define OPEN_LIMIT_NS (10 * NANOSECONDS_PER_SECOND)

struct accel_client {
	struct accel_link link;
	bool changed; /* the host holds something else than at the mark */
};

static int lost_connection(struct accel_client *client, struct error *error)
{
	accel_link_end(&client->link);
	return error_set(error, ECONNRESET,
			 "the accelerator host (mayfly-acceld) went away during this request, its "
			 "log says why; the next request gets a new one");
}

/* Only a call may take long. A host that leaves any other packet unanswered does not work at
 * all. */
static int give_up(struct accel_client *client, uint16_t kind, struct error *error)
{
	accel_link_end(&client->link);
	if (kind == WIRE_PACKET_CALL)
		return error_set(error, ETIMEDOUT, "an accelerated call was under way");
	return error_set(error, ETIMEDOUT,
			 "the accelerator host (mayfly-acceld) does not answer; if it hangs, end "
			 "it with mayfly acceld stop, and the next request starts another one");
}

/* Says what a link's failure means. */
static int explain(struct accel_client *client, uint16_t kind, int result, struct error *error)
{
	switch (result) {
	case -ENOTCONN:
		return error_set(error, ENOTCONN, "not connected to the accelerator host any more");
	case -ETIMEDOUT:
		return give_up(client, kind, error);
	case -EPROTO:
		accel_link_end(&client->link);
		return error_set(error, EPROTO,
				 "the accelerator host speaks another protocol; is it an "
				 "older mayfly-acceld?");
	default:
		return lost_connection(client, error);
	}
}

static int send_packet(struct accel_client *client, struct wire_packet *packet, int attached_fd,
		       struct error *error)
{
	int result = accel_link_send(&client->link, packet, attached_fd, NULL, 0, 0);
	return result ? explain(client, packet->kind, result, error) : 0;
}

/* Receives the answer to the packet sent last. */
static int receive_answer(struct accel_client *client, uint16_t kind, uint64_t deadline_ns,
			  struct error *error)
{
	struct wire_packet answer;
	int result = accel_link_receive(&client->link, kind, &answer, deadline_ns);
	if (result)
		return explain(client, kind, result, error);
	if (kind != WIRE_PACKET_HELLO)
		client->changed = !answer.unchanged;
	return -answer.status;
}

static int say_hello(struct accel_client *client, int window_fd, uint64_t window_size,
		     uint64_t deadline_ns, struct error *error)
{
	struct wire_packet hello = {.kind = WIRE_PACKET_HELLO, .length = window_size};
	int result = send_packet(client, &hello, window_fd, error);
	if (!result)
		result = receive_answer(client, WIRE_PACKET_HELLO, deadline_ns, error);
	if (result == -EUSERS)
		return error_set(error, EUSERS,
				 "the accelerator host has as many connections as it may have, of "
				 "this run or of all (mayfly-acceld --connections)");
	if (result == -EINVAL)
		return error_set(
		    error, EINVAL,
		    "the accelerator host refuses the window: it must be a memfd of the "
		    "size that is named, sealed with F_SEAL_SHRINK, and not beyond %llu MiB",
		    WIRE_WINDOW_MAX >> 20);
	if (result == -EPERM)
		return error_set(error, EPERM, "the accelerator host belongs to another user");
	if (result && (!error || !error->code))
		return error_set_errno(error, -result,
				       "the accelerator host refuses the connection");
	return result;
}

/* Takes the socket. */
static int open_on(struct accel_client **out, int socket, int window_fd, uint64_t window_size,
		   uint64_t deadline_ns, struct error *error)
{
	struct accel_client *client = calloc(1, sizeof(*client));
	if (!client) {
		close(socket);
		return error_set(error, ENOMEM, "no memory for a connection");
	}
	accel_link_begin(&client->link, socket, false, NULL);
	int result = say_hello(client, window_fd, window_size, deadline_ns, error);
	if (result) {
		accel_client_close(client);
		return result;
	}
	*out = client;
	return 0;
}

/* No later than `latest_ns`, where that is not 0. */
static uint64_t open_deadline_ns(uint64_t latest_ns)
{
	uint64_t limit_ns = clock_now_ns() + OPEN_LIMIT_NS;
	return latest_ns && latest_ns < limit_ns ? latest_ns : limit_ns;
}

int accel_client_open_at(struct accel_client **client, const char *path, int window_fd,
			 uint64_t window_size, struct error *error)
{
	int socket;
	uint64_t deadline_ns = open_deadline_ns(0);
	int result = accel_connect(path, deadline_ns, &socket, error);
	return result ? result
		      : open_on(client, socket, window_fd, window_size, deadline_ns, error);
}

int accel_client_open(struct accel_client **client, const struct accel_dialer *dialer,
		      int window_fd, uint64_t window_size, uint64_t latest_ns, struct error *error)
{
	uint64_t deadline_ns = open_deadline_ns(latest_ns);
	for (;;) {
		int socket;
		struct error attempt = {0};
		int result = dialer->dial(dialer->context, deadline_ns, &socket, error);
		if (result)
			return result;
		result = open_on(client, socket, window_fd, window_size, deadline_ns, &attempt);
		if (!accel_host_is_missing(result) || clock_now_ns() >= deadline_ns) {
			if (result && error)
				*error = attempt;
			return result;
		}
		accel_start_pause();
	}
}

int accel_client_call(struct accel_client *client, uint64_t offset, uint64_t length,
		      uint64_t deadline_ns, struct error *error)
{
	struct wire_packet packet = {
	    .kind = WIRE_PACKET_CALL,
	    .offset = offset,
	    .length = length,
	};
	if (deadline_ns) {
		uint64_t now = clock_now_ns();
		packet.limit_ns = deadline_ns > now ? deadline_ns - now : 1;
	}
	int result = send_packet(client, &packet, -1, error);
	if (result)
		return result;
	result = receive_answer(client, WIRE_PACKET_CALL, deadline_ns, error);
	if (result == -EBADMSG)
		return error_set(
		    error, EBADMSG,
		    "the accelerator host refuses a malformed message (its log says why)");
	return result;
}

int accel_client_mark(struct accel_client *client, uint64_t latest_ns, struct error *error)
{
	struct wire_packet packet = {.kind = WIRE_PACKET_MARK};
	int result = send_packet(client, &packet, -1, error);
	return result
		   ? result
		   : receive_answer(client, WIRE_PACKET_MARK, open_deadline_ns(latest_ns), error);
}

int accel_client_reset(struct accel_client *client, struct error *error)
{
	if (!client->changed)
		return 0;
	client->changed = false;
	struct wire_packet packet = {.kind = WIRE_PACKET_RESET};
	return send_packet(client, &packet, -1, error);
}

bool accel_client_is_lost(const struct accel_client *client)
{
	return accel_link_is_lost(&client->link);
}

void accel_client_close(struct accel_client *client)
{
	if (!client)
		return;
	accel_link_end(&client->link);
	free(client);
}

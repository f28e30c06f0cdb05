/* A connection to the accelerator host; see accel_client.h. */
#include "accel_client/accel_client.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "accel_client/accel_start.h"
#include "mayfly/wire.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/paths.h"

/* A host that has just been started answers when its plugins are loaded. */
#define OPEN_LIMIT_NS  (10 * NANOSECONDS_PER_SECOND)
#define RETRY_PAUSE_NS (20 * 1000000L)

struct accel_client {
	int socket;	     /* -1 once the connection has ended */
	uint64_t tag;	     /* of the packet sent last */
	uint64_t timeout_ns; /* SO_RCVTIMEO as it is set now; 0: none */
	bool changed;	     /* the host holds something else than at the mark */
};

/* Sets how long a receive may block; costs a system call only where that changes. */
static int set_timeout(struct accel_client *client, uint64_t timeout_ns)
{
	if (client->timeout_ns == timeout_ns)
		return 0;
	struct timeval timeout = {
	    .tv_sec = (time_t)(timeout_ns / NANOSECONDS_PER_SECOND),
	    .tv_usec = (suseconds_t)(timeout_ns % NANOSECONDS_PER_SECOND / 1000),
	};
	if (setsockopt(client->socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)))
		return -errno;
	client->timeout_ns = timeout_ns;
	return 0;
}

static void end_connection(struct accel_client *client)
{
	if (client->socket >= 0)
		close(client->socket);
	client->socket = -1;
}

static int lost_connection(struct accel_client *client, struct error *error)
{
	end_connection(client);
	return error_set(error, ECONNRESET,
			 "the accelerator host (mayfly-acceld) went away during this request, its "
			 "log says why; the next request gets a new one");
}

static int send_packet(struct accel_client *client, struct wire_packet *packet, int attached_fd,
		       struct error *error)
{
	if (client->socket < 0)
		return error_set(error, ENOTCONN, "not connected to the accelerator host any more");
	packet->magic = WIRE_MAGIC;
	packet->version = WIRE_VERSION;
	packet->tag = ++client->tag;
	struct iovec data = {.iov_base = packet, .iov_len = sizeof(*packet)};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	if (attached_fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &attached_fd, sizeof(int));
	}
	ssize_t sent;
	do
		sent = sendmsg(client->socket, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent == (ssize_t)sizeof(*packet))
		return 0;
	return lost_connection(client, error);
}

/* The longest single wait: a deadline further away than this is looked at again after it, so that
 * the socket's timeout need not be set anew for each call. */
#define WAIT_STEP_NS (NANOSECONDS_PER_SECOND / 10)

/* A call may take long; whatever else does not is not served at all. */
static int give_up(struct accel_client *client, uint16_t kind, struct error *error)
{
	end_connection(client);
	if (kind == WIRE_PACKET_CALL)
		return error_set(error, ETIMEDOUT, "an accelerated call was under way");
	return error_set(error, ETIMEDOUT,
			 "the accelerator host (mayfly-acceld) does not answer; where it hangs, "
			 "end it, and the next request starts another");
}

/* Receives the answer to the packet sent last. */
static int receive_answer(struct accel_client *client, uint16_t kind, uint64_t deadline_ns,
			  struct error *error)
{
	struct wire_packet answer;
	for (;;) {
		uint64_t wait_ns = deadline_ns ? WAIT_STEP_NS : 0;
		if (deadline_ns) {
			uint64_t now = clock_now_ns();
			if (now >= deadline_ns)
				return give_up(client, kind, error);
			/* Rounded up to whole microseconds: 0 would mean no timeout. */
			if (deadline_ns - now < WAIT_STEP_NS)
				wait_ns = (deadline_ns - now + 999) / 1000 * 1000;
		}
		if (set_timeout(client, wait_ns))
			return lost_connection(client, error);
		ssize_t length = recv(client->socket, &answer, sizeof(answer), MSG_TRUNC);
		if (length == (ssize_t)sizeof(answer))
			break;
		if (length < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		return lost_connection(client, error);
	}
	if (answer.magic != WIRE_MAGIC || answer.version != WIRE_VERSION || answer.kind != kind ||
	    answer.tag != client->tag) {
		end_connection(client);
		return error_set(error, EPROTO,
				 "the accelerator host speaks another protocol; is it an "
				 "older mayfly-acceld?");
	}
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
				 "the accelerator host has as many connections as it may have "
				 "(mayfly-acceld --connections)");
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

static void pause_before_retry(void)
{
	nanosleep(&(struct timespec){.tv_nsec = RETRY_PAUSE_NS}, NULL);
}

/* Nobody listens there, or whoever did is on the way out: a new host is called for. */
static bool host_is_missing(int result)
{
	return result == -ENOENT || result == -ECONNREFUSED || result == -ECONNRESET;
}

int accel_client_connect(void *context, uint64_t deadline_ns, int *socket, struct error *error)
{
	char path[PATH_MAX];
	int result = paths_runtime(path, sizeof(path), "acceld.sock", error);
	while (!result) {
		struct error attempt = {0};
		result = accel_connect(path, deadline_ns, socket, &attempt);
		if (!host_is_missing(result) || clock_now_ns() >= deadline_ns) {
			if (result && error)
				*error = attempt;
			return result;
		}
		log_debug("%s; starting mayfly-acceld", attempt.text);
		result = accel_start(deadline_ns, error);
		if (result)
			return error_wrap(error, "cannot start the accelerator host");
		/* Where it lost a race against another one, that one may not listen yet, or may be
		 * about to leave. */
		if (!accel_connect(path, deadline_ns, socket, NULL))
			return 0;
		pause_before_retry();
	}
	return result;
}

const struct accel_dialer accel_dialer_own = {.dial = accel_client_connect};

/* Takes the socket. */
static int open_on(struct accel_client **out, int socket, int window_fd, uint64_t window_size,
		   uint64_t deadline_ns, struct error *error)
{
	struct accel_client *client = calloc(1, sizeof(*client));
	if (!client) {
		close(socket);
		return error_set(error, ENOMEM, "no memory for a connection");
	}
	client->socket = socket;
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
		if (!host_is_missing(result) || clock_now_ns() >= deadline_ns) {
			if (result && error)
				*error = attempt;
			return result;
		}
		pause_before_retry();
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

void accel_client_close(struct accel_client *client)
{
	if (!client)
		return;
	end_connection(client);
	free(client);
}

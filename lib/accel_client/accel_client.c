/* A connection to the accelerator host; see accel_client.h. */
#include "accel_client/accel_client.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
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
			 "the accelerator host (mayfly-acceld) went away during this request; the "
			 "next request starts a new one");
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

/* Receives the answer to the packet sent last. */
static int receive_answer(struct accel_client *client, uint16_t kind, uint64_t deadline_ns,
			  struct error *error)
{
	struct wire_packet answer;
	for (;;) {
		uint64_t wait_ns = deadline_ns ? WAIT_STEP_NS : 0;
		if (deadline_ns) {
			uint64_t now = clock_now_ns();
			if (now >= deadline_ns) {
				end_connection(client);
				return error_set(
				    error, ETIMEDOUT,
				    "the accelerator host did not answer before the deadline");
			}
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

/* A host that many clients connect to at once has a full queue for a moment. */
static int connect_socket(int fd, const struct sockaddr_un *address, uint64_t deadline_ns)
{
	while (connect(fd, (const struct sockaddr *)address, sizeof(*address))) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN || clock_now_ns() >= deadline_ns)
			return -errno;
		nanosleep(&(struct timespec){.tv_nsec = RETRY_PAUSE_NS}, NULL);
	}
	return 0;
}

static int connect_to(const char *path, struct accel_client *client, uint64_t deadline_ns,
		      struct error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(error, ENAMETOOLONG, "socket path too long: %s", path);
	memcpy(address.sun_path, path, strlen(path));
	client->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (client->socket < 0)
		return error_set_errno(error, errno, "cannot make a socket");
	int result = connect_socket(client->socket, &address, deadline_ns);
	if (result)
		return error_set_errno(error, -result,
				       "cannot connect to the accelerator host at %s", path);
	return 0;
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

static int open_once(struct accel_client **out, const char *path, int window_fd,
		     uint64_t window_size, uint64_t deadline_ns, struct error *error)
{
	struct accel_client *client = calloc(1, sizeof(*client));
	if (!client)
		return error_set(error, ENOMEM, "no memory for a connection");
	client->socket = -1;
	int result = connect_to(path, client, deadline_ns, error);
	if (!result)
		result = say_hello(client, window_fd, window_size, deadline_ns, error);
	if (result) {
		accel_client_close(client);
		return result;
	}
	*out = client;
	return 0;
}

int accel_client_open_at(struct accel_client **client, const char *path, int window_fd,
			 uint64_t window_size, struct error *error)
{
	return open_once(client, path, window_fd, window_size, clock_now_ns() + OPEN_LIMIT_NS,
			 error);
}

/* Nobody listens there, or whoever did is on the way out: a new host is called for. */
static bool host_is_missing(int result)
{
	return result == -ENOENT || result == -ECONNREFUSED || result == -ECONNRESET;
}

int accel_client_open(struct accel_client **client, int window_fd, uint64_t window_size,
		      struct error *error)
{
	char path[PATH_MAX];
	int result = paths_runtime(path, sizeof(path), "acceld.sock", error);
	if (result)
		return result;
	uint64_t deadline_ns = clock_now_ns() + OPEN_LIMIT_NS;
	for (;;) {
		struct error attempt = {0};
		result = open_once(client, path, window_fd, window_size, deadline_ns, &attempt);
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
		result = open_once(client, path, window_fd, window_size, deadline_ns, &attempt);
		if (!host_is_missing(result)) {
			if (result && error)
				*error = attempt;
			return result;
		}
		nanosleep(&(struct timespec){.tv_nsec = RETRY_PAUSE_NS}, NULL);
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

int accel_client_mark(struct accel_client *client, struct error *error)
{
	struct wire_packet packet = {.kind = WIRE_PACKET_MARK};
	int result = send_packet(client, &packet, -1, error);
	return result ? result
		      : receive_answer(client, WIRE_PACKET_MARK, clock_now_ns() + OPEN_LIMIT_NS,
				       error);
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

/* One connection of the accelerator host; see connection.h.
 *
 * The peer is not trusted: a packet that is not of the protocol ends the connection, a message in
 * the window that is not sound is refused, and whatever the peer does, all that it held is
 * released at the end.
 */
#include "connection.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mayfly/wire.h"
#include "serve.h"
#include "server.h"
#include "util/checked.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"
#include "window.h"

/* Who connects says hello at once. */
#define HELLO_LIMIT_S 10

static int set_receive_timeout(int socket, time_t seconds)
{
	struct timeval timeout = {.tv_sec = seconds};
	return setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
}

static bool packet_is_sound(const struct wire_packet *packet, ssize_t length)
{
	return length == (ssize_t)sizeof(*packet) && packet->magic == WIRE_MAGIC &&
	       packet->version == WIRE_VERSION;
}

/* Takes the first descriptor out of a received message and closes any other. */
static int take_descriptor(struct msghdr *message)
{
	int taken = -1;
	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
	     header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
			if (taken < 0)
				taken = fd;
			else
				close(fd);
		}
	}
	return taken;
}

/* Receives the first packet and the descriptor that comes with it (-1: none). The kernel cuts off,
 * and closes, descriptors that find no room. */
static bool receive_hello(int socket, struct wire_packet *hello, int *window_fd)
{
	struct iovec data = {.iov_base = hello, .iov_len = sizeof(*hello)};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct msghdr message = {
	    .msg_iov = &data,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control),
	};
	ssize_t length;
	do
		length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (length < 0 && errno == EINTR);
	*window_fd = length < 0 ? -1 : take_descriptor(&message);
	return !(message.msg_flags & MSG_TRUNC) && packet_is_sound(hello, length) &&
	       hello->kind == WIRE_PACKET_HELLO;
}

static bool send_answer(int socket, const struct wire_packet *packet, int status, bool unchanged)
{
	struct wire_packet answer = {
	    .magic = WIRE_MAGIC,
	    .version = WIRE_VERSION,
	    .kind = packet->kind,
	    .tag = packet->tag,
	    .status = status,
	    .unchanged = unchanged,
	};
	ssize_t sent;
	do
		sent = send(socket, &answer, sizeof(answer), MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)sizeof(answer);
}

/* The window and what it says belong to this user alone; root may come too, who may do anything. */
static bool peer_is_own_user(int socket)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);
	return !getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

static int admit(struct connection *connection, const struct wire_packet *hello, int window_fd,
		 struct window *window, struct error *error)
{
	if (!peer_is_own_user(connection->socket))
		return error_set(error, EPERM, "the peer belongs to another user");
	if (!server_admit(connection))
		return error_set(error, EUSERS, "too many connections");
	if (window_fd < 0)
		return error_set(error, EINVAL, "no window came with the hello");
	return window_map(window, window_fd, hello->length, error);
}

/* True where the peer said hello properly and was let in. */
static bool greet(struct connection *connection, struct window *window)
{
	struct wire_packet hello;
	cleanup_close int window_fd = -1;
	if (set_receive_timeout(connection->socket, HELLO_LIMIT_S))
		return false;
	if (!receive_hello(connection->socket, &hello, &window_fd)) {
		log_debug("a peer said no proper hello");
		return false;
	}
	struct error error = {0};
	int result = admit(connection, &hello, window_fd, window, &error);
	if (result)
		log_warn("a connection is refused: %s", error.text);
	return send_answer(connection->socket, &hello, -result, false) && !result &&
	       !set_receive_timeout(connection->socket, 0);
}

static uint64_t earlier_limit(uint64_t limit_ns, uint64_t other_ns)
{
	if (!limit_ns || !other_ns)
		return limit_ns + other_ns;
	return limit_ns < other_ns ? limit_ns : other_ns;
}

/* Returns the packet's status, 0 or a positive errno. */
static int serve_call(const struct connection *connection, struct servant *servant,
		      const struct window *window, const struct wire_packet *packet)
{
	struct error error = {0};
	int result;
	if (range_within(packet->offset, packet->length, window->size))
		result = servant_serve(
		    servant, window->memory + packet->offset, packet->length,
		    earlier_limit(packet->limit_ns, connection->server->options.op_limit_ns),
		    &error);
	else
		result = error_set(
		    &error, EBADMSG, "a message at %llu of %llu bytes is not within the window",
		    (unsigned long long)packet->offset, (unsigned long long)packet->length);
	if (result)
		log_debug("a message is refused: %s", error.text);
	return -result;
}

/* True where the connection goes on. */
static bool serve_packet(const struct connection *connection, struct servant *servant,
			 const struct window *window, const struct wire_packet *packet)
{
	switch (packet->kind) {
	case WIRE_PACKET_CALL: {
		int status = serve_call(connection, servant, window, packet);
		return send_answer(connection->socket, packet, status,
				   servant_is_unchanged(servant));
	}
	case WIRE_PACKET_MARK:
		servant_mark(servant);
		return send_answer(connection->socket, packet, 0, true);
	case WIRE_PACKET_RESET: {
		struct error error = {0};
		if (!servant_reset(servant, &error))
			return true;
		log_warn("a connection is ended, its base cannot be restored: %s", error.text);
		return false;
	}
	default:
		log_warn("a connection is ended: unknown packet %u", packet->kind);
		return false;
	}
}

void connection_serve(struct connection *connection)
{
	struct window window = {0};
	if (!greet(connection, &window)) {
		window_unmap(&window);
		return;
	}
	struct server *server = connection->server;
	struct servant *servant =
	    servant_new(server->options.plugins, server->options.ledger, &server->memory);
	while (servant) {
		struct wire_packet packet;
		ssize_t length = recv(connection->socket, &packet, sizeof(packet), MSG_TRUNC);
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			break;
		if (!packet_is_sound(&packet, length)) {
			log_warn(
			    "a connection is ended: a packet of %zd bytes is not of this protocol",
			    length);
			break;
		}
		if (!serve_packet(connection, servant, &window, &packet))
			break;
	}
	servant_delete(servant);
	window_unmap(&window);
}

/* Connections by Unix sockets; see transport.h. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "acceld/transports/transport.h"
#include "util/cleanup.h"
#include "util/descriptors_pass.h"

static int get_peer(int socket, struct ucred *peer)
{
	socklen_t length = sizeof(*peer);
	return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, peer, &length) ? -errno : 0;
}

int transport_unix_identify(int socket, pid_t *process)
{
	struct ucred peer;
	int result = get_peer(socket, &peer);
	if (!result)
		*process = peer.pid;
	return result;
}

/* Only this user, and root, may connect. */
static int authorize(const struct link *link, struct error *error)
{
	struct ucred peer;
	if (get_peer(link->socket, &peer) || (peer.uid != geteuid() && peer.uid != 0))
		return error_set(error, EPERM, "the peer belongs to another user");
	return 0;
}

/* Who may connect to a tenant's socket is settled by its path, or by its relay. */
static int authorize_anybody(const struct link *link, struct error *error)
{
	(void)link;
	(void)error;
	return 0;
}

static int set_receive_timeout(int socket, time_t seconds)
{
	struct timeval timeout = {.tv_sec = seconds};
	return setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ? -errno : 0;
}

static ssize_t receive_first(struct link *link, struct wire_packet *packet, unsigned limit_s)
{
	int result = set_receive_timeout(link->socket, limit_s);
	if (result)
		return result;
	ssize_t length =
	    descriptors_receive(link->socket, packet, sizeof(*packet), &link->window_fd, 1, 0);
	result = set_receive_timeout(link->socket, 0);
	return result ? result : length;
}

/* The rest of a packet of which `length` bytes are there: a stream may bring it in pieces. */
static ssize_t receive_rest(struct link *link, struct wire_packet *packet, ssize_t length)
{
	while (length > 0 && length < (ssize_t)sizeof(*packet)) {
		ssize_t more = recv(link->socket, (char *)packet + length,
				    sizeof(*packet) - (size_t)length, MSG_WAITALL);
		if (more < 0 && errno != EINTR)
			return -errno;
		if (!more)
			return length;
		length += more > 0 ? more : 0;
	}
	return length;
}

static ssize_t receive_first_of_stream(struct link *link, struct wire_packet *packet,
				       unsigned limit_s)
{
	int result = set_receive_timeout(link->socket, limit_s);
	if (result)
		return result;
	ssize_t length =
	    descriptors_receive(link->socket, packet, sizeof(*packet), &link->window_fd, 1, 0);
	length = receive_rest(link, packet, length);
	result = set_receive_timeout(link->socket, 0);
	return result ? result : length;
}

static ssize_t receive_of_stream(struct link *link, struct wire_packet *packet)
{
	ssize_t length;
	do
		length = recv(link->socket, packet, sizeof(*packet), MSG_WAITALL);
	while (length < 0 && errno == EINTR);
	return length < 0 ? -errno : receive_rest(link, packet, length);
}

static ssize_t receive(struct link *link, struct wire_packet *packet)
{
	ssize_t length;
	do
		length = recv(link->socket, packet, sizeof(*packet), MSG_TRUNC);
	while (length < 0 && errno == EINTR);
	return length < 0 ? -errno : length;
}

static int open_window(struct link *link, const struct wire_packet *hello, struct error *error)
{
	cleanup_close int fd = take_fd(&link->window_fd);
	if (fd < 0)
		return error_set(error, EINVAL, "no window came with the hello");
	return client_window_map(&link->window, fd, hello->length, error);
}

/* The message has been answered where it lies. */
static bool answer(struct link *link, const struct wire_packet *packet,
		   const struct wire_packet *answer)
{
	(void)packet;
	ssize_t sent;
	do
		sent = send(link->socket, answer, sizeof(*answer), MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)sizeof(*answer);
}

static void close_link(struct link *link)
{
	if (link->window_fd >= 0)
		close(take_fd(&link->window_fd));
	client_window_unmap(&link->window);
}

const struct transport transport_unix = {
    .authorize = authorize,
    .receive_first = receive_first,
    .receive = receive,
    .open_window = open_window,
    .answer = answer,
    .close = close_link,
};

const struct transport transport_unix_tenant = {
    .authorize = authorize_anybody,
    .receive_first = receive_first,
    .receive = receive,
    .open_window = open_window,
    .answer = answer,
    .close = close_link,
};

const struct transport transport_unix_stream = {
    .authorize = authorize_anybody,
    .receive_first = receive_first_of_stream,
    .receive = receive_of_stream,
    .open_window = open_window,
    .answer = answer,
    .close = close_link,
};

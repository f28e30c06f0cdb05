/* A connection of the load generator; see connection.h. */
#include "connection.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "util/cleanup.h"

int connection_open(struct connection *connection, const struct sockaddr_in *address,
		    struct error *error)
{
	cleanup_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int on = 1;
	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
		return error_set_errno(error, errno, "cannot connect");
	connection->fd = take_fd(&fd);
	return 0;
}

int connection_begin(struct connection *connection, const struct request_text *request,
		     uint64_t due_ns, struct error *error)
{
	connection->request = request;
	connection->due_ns = due_ns;
	connection->sent = connection->kept = connection->got = connection->wanted = 0;
	return connection_go_on(connection, error);
}

/* True: all is sent. */
static int send_on(struct connection *connection, struct error *error)
{
	const struct request_text *request = connection->request;
	const size_t head = request->head_length, whole = head + request->body_length;
	while (connection->sent < whole) {
		const size_t of_head = connection->sent < head ? head - connection->sent : 0;
		const size_t of_body = of_head ? 0 : connection->sent - head;
		const struct iovec parts[] = {
		    {(void *)(request->head + head - of_head), of_head},
		    {(void *)(request->body + of_body), request->body_length - of_body}};
		const struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = 2};
		const ssize_t sent = sendmsg(connection->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN)
			return 0;
		if (sent < 0)
			return error_set_errno(error, errno, "cannot send a request");
		connection->sent += (size_t)sent;
	}
	return 1;
}

/* How long the response is, once its head is there. */
static void find_length(struct connection *connection)
{
	connection->response[connection->kept] = 0;
	const char *end = strstr(connection->response, "\r\n\r\n");
	const char *length = strcasestr(connection->response, "\r\nContent-Length:");
	if (end && length && length < end)
		connection->wanted =
		    (size_t)(end + 4 - connection->response) + strtoul(length + 17, NULL, 10);
}

static bool is_complete(const struct connection *connection)
{
	static const char last_chunk[] = "\r\n0\r\n\r\n";
	const size_t size = sizeof(last_chunk) - 1;
	if (connection->wanted)
		return connection->got >= connection->wanted;
	return connection->kept == connection->got && connection->kept >= size &&
	       !memcmp(connection->response + connection->kept - size, last_chunk, size);
}

static int receive(struct connection *connection, struct error *error)
{
	static char nowhere[RESPONSE_MAX];
	for (;;) {
		const size_t room = RESPONSE_MAX - connection->kept;
		const ssize_t got =
		    recv(connection->fd, room ? connection->response + connection->kept : nowhere,
			 room ? room : sizeof(nowhere), MSG_DONTWAIT);
		if (got < 0 && errno == EAGAIN)
			return CONNECTION_READS;
		if (got <= 0)
			return error_set_errno(error, got ? errno : EPIPE,
					       "a response came to an end before its time");
		connection->got += (size_t)got;
		connection->kept += room ? (size_t)got : 0;
		if (!connection->wanted)
			find_length(connection);
		if (is_complete(connection))
			break;
	}
	return strncmp(connection->response, "HTTP/1.1 200 ", 13) ? CONNECTION_REFUSED
								  : CONNECTION_DONE;
}

int connection_go_on(struct connection *connection, struct error *error)
{
	const struct request_text *request = connection->request;
	const bool was_sent = connection->sent == request->head_length + request->body_length;
	const int result = was_sent ? 1 : send_on(connection, error);
	if (result <= 0)
		return result ? result : CONNECTION_WRITES;
	/* What was sent just now is not answered yet. */
	return was_sent ? receive(connection, error) : CONNECTION_READS;
}

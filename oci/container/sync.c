/* What a container's process and the commands say to each other; see sync.h. */
#include "oci/container/sync.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/cleanup.h"

static int send_message(int socket, const struct sync_message *message)
{
	ssize_t sent;
	do
		sent = send(socket, message, sizeof(*message), MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

int sync_send(int socket, enum sync_step step, const char *text)
{
	struct sync_message message = {.step = step};
	snprintf(message.text, sizeof(message.text), "%s", text ? text : "");
	return send_message(socket, &message);
}

int sync_fail(int socket, const struct error *error)
{
	struct sync_message message = {.step = SYNC_FAILED, .code = error->code};
	snprintf(message.text, sizeof(message.text), "%s", error->text);
	return send_message(socket, &message);
}

int sync_await(int socket, enum sync_step step, struct sync_message *message, struct error *error)
{
	ssize_t got;
	do
		got = recv(socket, message, sizeof(*message), 0);
	while (got < 0 && errno == EINTR);
	if (!got || (got < 0 && errno == ECONNRESET))
		return error_set(error, EPIPE, "the other side ended without a word");
	if (got < 0)
		return error_set_errno(error, errno, "cannot receive a message");
	message->text[sizeof(message->text) - 1] = 0;
	if (got == sizeof(*message) && message->step == SYNC_FAILED)
		return error_set(error, message->code > 0 ? message->code : EPROTO, "%.*s",
				 ERROR_TEXT_MAX - 1, message->text);
	if (got != sizeof(*message) || message->step != step)
		return error_set(error, EPROTO, "step %u was expected and not %u", step,
				 got == sizeof(*message) ? message->step : 0);
	return 0;
}

/* A path of any length is too long for an address: the directory is named by its descriptor. */
static struct sockaddr_un name_control(int directory)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/control", directory);
	return address;
}

int sync_listen(int directory, struct error *error)
{
	const struct sockaddr_un address = name_control(directory);
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) || listen(fd, 1))
		return error_set_errno(error, errno, "cannot listen for `start`");
	return take_fd(&fd);
}

int sync_connect(int directory)
{
	const struct sockaddr_un address = name_control(directory);
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return -errno;
	return take_fd(&fd);
}

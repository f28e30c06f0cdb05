#include "gateway/worker_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loopback.h"
#include "util/file.h"

#define ARENA_SIZE (64UL << 20)

static int settings_file(const struct record *settings)
{
	int fd = memfd_create("settings", MFD_CLOEXEC);
	return fd >= 0 && !file_write_all(fd, settings->data, settings->length) ? fd : -1;
}

static void become_worker(char *const command[], const int descriptors[LINK_DESCRIPTORS])
{
	int moved[LINK_DESCRIPTORS];
	for (int i = LINK_SOCKET; i < LINK_DESCRIPTORS; i++)
		moved[i] = fcntl(descriptors[i], F_DUPFD, 100);
	for (int i = LINK_SOCKET; i < LINK_DESCRIPTORS; i++)
		if (dup2(moved[i], i) != i || close(moved[i]))
			_exit(126);
	execvp(command[0], command);
	_exit(127);
}

bool peer_start(struct peer *peer, char *const command[], const struct record *settings,
		size_t arena_size)
{
	struct error error = {0};
	struct arena *theirs;
	int own, other, ends[2], log[2], fds[LINK_DESCRIPTORS] = {0};
	*peer = (struct peer){.socket = -1};
	if (arena_create(&theirs, arena_size, &other, &error) ||
	    arena_create(&peer->arena, ARENA_SIZE, &own, &error) ||
	    arena_view_open(&peer->view, other, &error) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) || pipe2(log, O_CLOEXEC))
		return false;
	arena_close(theirs);
	fds[LINK_SOCKET] = ends[1];
	fds[LINK_OWN_ARENA] = other;
	fds[LINK_OTHER_ARENA] = own;
	fds[LINK_SETTINGS] = settings_file(settings);
	fds[LINK_LISTEN] = loopback_listen(SOCK_NONBLOCK, &peer->port);
	fds[LINK_LISTEN_METRICS] = loopback_listen(SOCK_NONBLOCK, &peer->metrics_port);
	fds[LINK_ACCESS_LOG] = log[1];
	peer->process = fork();
	if (!peer->process)
		become_worker(command, fds);
	for (int i = LINK_SOCKET; i < LINK_DESCRIPTORS; i++)
		close(fds[i]);
	peer->socket = ends[0];
	peer->log = log[0];
	return peer->process > 0;
}

int peer_wait(struct peer *peer)
{
	int status = 0;
	if (waitpid(peer->process, &status, 0) != peer->process)
		return -1;
	peer->process = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void peer_stop(struct peer *peer)
{
	if (peer->process) {
		kill(peer->process, SIGKILL);
		peer_wait(peer);
	}
	close(peer->socket);
	close(peer->log);
	arena_close(peer->arena);
	arena_view_close(&peer->view);
}

bool peer_receive(struct peer *peer, struct link_message *message)
{
	struct pollfd ready = {.fd = peer->socket, .events = POLLIN};
	int result;
	while ((result = link_receive(peer->socket, message)) == -EAGAIN)
		if (poll(&ready, 1, PEER_PATIENCE_MS) < 1)
			return false;
	return !result;
}

bool peer_is_quiet(struct peer *peer)
{
	struct pollfd ready = {.fd = peer->socket, .events = POLLIN};
	return poll(&ready, 1, 0) == 0;
}

bool peer_send(struct peer *peer, struct link_message message, const void *data, size_t length)
{
	size_t room;
	if (data) {
		void *block = arena_take(peer->arena, length, &message.offset, &room);
		if (!block)
			return false;
		memcpy(block, data, length);
		message.length = length;
		message.flags |= LINK_BLOCK;
	}
	return !link_send_wait(peer->socket, &message);
}

bool peer_take(struct peer *peer, const struct link_message *message)
{
	return peer_send(peer,
			 (struct link_message){.kind = LINK_TAKEN,
					       .id = message->id,
					       .offset = message->offset,
					       .length = message->length},
			 NULL, 0);
}

int client_open(unsigned port, const char *text, size_t length)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((uint16_t)port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    file_write_all(fd, text, length)) {
		close(fd);
		return -1;
	}
	return fd;
}

char *client_read(int client, size_t *length)
{
	size_t room = 4096, used = 0;
	char *text = malloc(room + 1);
	struct pollfd ready = {.fd = client, .events = POLLIN};
	while (text) {
		if (used == room) {
			char *grown = realloc(text, (room *= 2) + 1);
			if (!grown)
				break;
			text = grown;
		}
		if (poll(&ready, 1, PEER_PATIENCE_MS) < 1)
			break;
		const ssize_t got = read(client, text + used, room - used);
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	if (text)
		text[used] = 0;
	*length = used;
	return text;
}

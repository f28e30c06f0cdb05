/* The way to the server of a root directory; see client.h. */
#include "root_server/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/confine.h"
#include "root_server/setup.h"
#include "root_server/wire.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/lock.h"
#include "util/log.h"
#include "util/paths.h"

/* For what is asked outside of a request, as the start of a server is. */
#define PATIENCE_NS (10 * NANOSECONDS_PER_SECOND)

struct root_client {
	struct root_tree tree; /* what root_client_tree() gives */
	char *name;	       /* of the directory, for messages */
	int directory;	       /* O_PATH */
	int memfd;
	const uint8_t *memory; /* what comes besides answers; the server may write at any time */
	pthread_mutex_t lock;  /* of what follows, and of the memory */
	pid_t process;	       /* 0: there is none */
	/* NULL: the server is this process's child. Else it is the child of somebody else, who is
	 * to be asked for a new one. */
	const struct root_reviver *reviver;
	int socket, life;
};

/* ── the process ─────────────────────────────────────────────────────────────────────────────── */

/* The socket as descriptor 0, standard error, and no other. */
static int spawn_server(const char *path, int socket, pid_t *process)
{
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_t actions;
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	int code = posix_spawnattr_init(&attributes);
	if (code)
		return code;
	code = posix_spawn_file_actions_init(&actions);
	if (code) {
		posix_spawnattr_destroy(&attributes);
		return code;
	}
	/* A process group of its own: the terminal's signals are the monitor's to judge. */
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						  POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	code = posix_spawn_file_actions_adddup2(&actions, socket, ROOT_SERVER_SOCKET);
	if (!code)
		code = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
							O_WRONLY, 0);
	if (!code)
		code = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	char name[] = "mayfly-rootd";
	char *const arguments[] = {name, NULL};
	if (!code)
		code = posix_spawn(process, path, &actions, &attributes, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return code;
}

static int send_setup(const struct root_client *client, int life, struct error *error)
{
	const int descriptors[ROOT_DESCRIPTORS] = {
	    [ROOT_DESCRIPTOR_DIRECTORY] = client->directory,
	    [ROOT_DESCRIPTOR_MEMORY] = client->memfd,
	    [ROOT_DESCRIPTOR_LIFE] = life,
	};
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(descriptors))];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(descriptors)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS}};
	memcpy(CMSG_DATA(&control.header), descriptors, sizeof(descriptors));
	struct root_setup setup = {.version = ROOT_WIRE_VERSION};
	struct iovec part = {&setup, sizeof(setup)};
	const struct msghdr message = {
	    .msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = CMSG_SPACE(sizeof(descriptors)),
	};
	if (sendmsg(client->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof(setup))
		return error_set_errno(error, errno, "cannot tell the file server its directory");
	return 0;
}

/* Ends the server. The caller has the lock. */
static void end_server(struct root_client *client)
{
	int status;
	if (client->process && !client->reviver) {
		kill(client->process, SIGKILL);
		while (waitpid(client->process, &status, 0) < 0 && errno == EINTR)
			;
	}
	client->process = 0;
	cleanup_close int socket = take_fd(&client->socket), life = take_fd(&client->life);
	(void)socket;
	(void)life;
}

/* Receives exactly `length` bytes by the deadline. 0, -ETIMEDOUT, -EPIPE at the server's end,
 * -EPROTO for a message of another length. */
static int receive(const struct root_client *client, void *out, size_t length, uint64_t deadline_ns)
{
	struct pollfd readable = {.fd = client->socket, .events = POLLIN};
	for (;;) {
		struct timespec timeout = clock_left_until(deadline_ns);
		int ready = ppoll(&readable, 1, &timeout, NULL);
		if (!ready)
			return -ETIMEDOUT;
		if (ready < 0 && errno != EINTR)
			return -errno;
		if (ready < 0)
			continue;
		ssize_t got = recv(client->socket, out, length, MSG_DONTWAIT | MSG_TRUNC);
		if (got == (ssize_t)length)
			return 0;
		if (!got || (got < 0 && errno == ECONNRESET))
			return -EPIPE;
		if (got > 0)
			return -EPROTO;
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
}

static int await_ready(const struct root_client *client, struct error *error)
{
	struct root_ready ready = {0};
	int result = receive(client, &ready, sizeof(ready), clock_now_ns() + PATIENCE_NS);
	if (result)
		return error_set_errno(error, -result, "the file server did not start");
	ready.step[sizeof(ready.step) - 1] = 0;
	if (ready.error)
		return error_set_errno(error, ready.error < 0 ? -ready.error : EIO,
				       "the file server could not %s", ready.step);
	log_debug("files of %s are served by process %d", client->name, client->process);
	for (int i = 0; i < CONFINE_MEASURES; i++)
		if (ready.confined >> i & 1)
			log_debug("mayfly-rootd: %s in force", confine_measure_name(i));
	return 0;
}

static int start_server(struct root_client *client, struct error *error)
{
	char path[PATH_MAX];
	int channel[2], life[2];
	int result = paths_part(path, sizeof(path), ROOT_SERVER_PART, error);
	if (result)
		return result;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel))
		return error_set_errno(error, errno, "cannot make a socket for the file server");
	client->socket = channel[0];
	cleanup_close int its_channel = channel[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, life))
		return error_set_errno(error, errno, "cannot make a socket for the file server");
	client->life = life[0];
	cleanup_close int its_life = life[1];
	result = send_setup(client, its_life, error);
	if (result)
		return result;
	int code = spawn_server(path, its_channel, &client->process);
	if (code) {
		client->process = 0;
		return error_set_errno(error, code, "cannot start %s", path);
	}
	/* Its end is seen only once nobody else has its side. */
	close(take_fd(&its_channel));
	return await_ready(client, error);
}

/* ── asking ──────────────────────────────────────────────────────────────────────────────────── */

static int lose_server(struct root_client *client, int reason, struct error *error)
{
	int status = 0;
	pid_t process = client->process;
	bool ended = !client->reviver && waitpid(process, &status, WNOHANG) == process;
	if (ended)
		client->process = 0;
	end_server(client);
	if (ended && WIFSIGNALED(status))
		return error_set(error, EIO, "the file server of %s was killed by signal %d (%s)",
				 client->name, WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (reason == -EPIPE)
		return error_set(error, EIO, "the file server of %s has ended", client->name);
	return error_set_errno(error, reason == -ETIMEDOUT ? ETIMEDOUT : EIO,
			       "the file server of %s did not answer", client->name);
}

/* Copies out of memory that the server may still write to, and looks at the copy. */
static bool take_answer(const struct root_client *client, const struct root_request *request,
			const struct root_answer *answer, void *extra)
{
	bool is_contents = request->operation == ROOT_READ;
	if (answer->length > root_extra_max(request))
		return false;
	memcpy(extra, client->memory, answer->length);
	return root_answer_is_sound(request, answer, is_contents ? NULL : extra);
}

int root_client_ask(struct root_client *client, struct root_request *request, const char *path,
		    uint64_t deadline_ns, struct root_answer *answer, void *extra,
		    struct error *error)
{
	uint8_t message[ROOT_WIRE_REQUEST_MAX];
	char checked[ROOT_WIRE_PATH_MAX + 1];
	struct root_request copy;
	size_t length = root_request_encode(message, request, path);
	if (!length)
		return error_set(error, ENAMETOOLONG, "a path is too long for the file server");
	int result = root_request_decode(message, length, &copy, checked);
	if (result)
		return error_set_errno(error, -result, "this cannot be asked of a file server");
	lock_scoped(&client->lock);
	if (!client->process)
		return error_set(error, ENOTCONN, "the file server of %s has ended", client->name);
	if (send(client->socket, message, length, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)length)
		result = -EPIPE;
	else
		result = receive(client, answer, sizeof(*answer), deadline_ns);
	if (result)
		return lose_server(client, result, error);
	if (take_answer(client, &copy, answer, extra))
		return 0;
	end_server(client);
	return error_set(error, EIO, "the file server of %s answered what cannot be", client->name);
}

static int ask_reviver(struct root_client *client, struct error *error)
{
	struct root_connection connection;
	int result = client->reviver->revive(client->reviver->context, &connection, error);
	if (result)
		return result;
	client->socket = connection.socket;
	client->life = connection.life;
	client->process = -1; /* not ours to know */
	return 0;
}

int root_client_revive(struct root_client *client, struct error *error)
{
	lock_scoped(&client->lock);
	if (client->process)
		return 0;
	int result = client->reviver ? ask_reviver(client, error) : start_server(client, error);
	if (result)
		end_server(client);
	return result;
}

void root_client_adopt(struct root_client *client, const struct root_reviver *reviver)
{
	close(client->directory);
	client->directory = -1;
	client->reviver = reviver;
}

int root_client_restart(struct root_client *client, struct root_connection *connection,
			struct error *error)
{
	lock_scoped(&client->lock);
	end_server(client);
	int result = start_server(client, error);
	if (result)
		end_server(client);
	*connection = (struct root_connection){client->socket, client->life};
	return result;
}

/* ── a tree to find programs in ──────────────────────────────────────────────────────────────── */

/* As root_client_ask(), with the errno of whichever failed. */
static int ask_now(const struct root_tree *tree, struct root_request *request, const char *path,
		   struct root_answer *answer, void *extra)
{
	struct error error = {0};
	int result = root_client_ask((struct root_client *)tree, request, path,
				     clock_now_ns() + PATIENCE_NS, answer, extra, &error);
	if (result)
		log_debug("%s", error.text);
	return result ? result : answer->error;
}

static int look(const struct root_tree *tree, const char *path, struct root_file *file)
{
	struct root_request request = {.operation = ROOT_LOOK};
	struct root_answer answer = {0};
	int result = ask_now(tree, &request, path, &answer, file->target);
	if (result)
		return result;
	file->target[answer.length] = 0;
	file->mode = answer.status.mode;
	file->size = answer.status.size;
	return 0;
}

static ssize_t read_contents(const struct root_tree *tree, const char *path, uint64_t offset,
			     void *out, size_t length)
{
	struct root_request request = {
	    .operation = ROOT_READ,
	    .offset = offset,
	    .length = length < ROOT_WIRE_CONTENTS_MAX ? length : ROOT_WIRE_CONTENTS_MAX,
	};
	struct root_answer answer = {0};
	int result = ask_now(tree, &request, path, &answer, out);
	return result ? result : (ssize_t)answer.length;
}

const struct root_tree *root_client_tree(const struct root_client *client)
{
	return &client->tree;
}

pid_t root_client_process(const struct root_client *client)
{
	return client->process;
}

/* ── opening ─────────────────────────────────────────────────────────────────────────────────── */

static int make_memory(struct root_client *client, struct error *error)
{
	client->memfd = memfd_create("mayfly-root", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	/* Sealed in size: nobody can make us fault. */
	if (client->memfd < 0 || ftruncate(client->memfd, ROOT_WIRE_EXTRA_MAX) ||
	    fcntl(client->memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return error_set_errno(error, errno, "cannot make memory for a file server");
	void *memory = mmap(NULL, ROOT_WIRE_EXTRA_MAX, PROT_READ, MAP_SHARED, client->memfd, 0);
	if (memory == MAP_FAILED)
		return error_set_errno(error, errno, "cannot map memory for a file server");
	client->memory = memory;
	return 0;
}

static int open_directory(struct root_client *client, const char *directory, struct error *error)
{
	client->name = strdup(directory);
	if (!client->name)
		return error_set(error, ENOMEM, "no memory for a file server's client");
	client->directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (client->directory < 0)
		return error_set_errno(error, errno, "cannot open the root %s", directory);
	if (faccessat(client->directory, "", R_OK | X_OK, AT_EACCESS | AT_EMPTY_PATH))
		return error_set_errno(error, errno, "cannot read the root %s", directory);
	return 0;
}

int root_client_open(struct root_client **client, const char *directory, struct error *error)
{
	struct root_client *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a file server's client");
	self->tree = (struct root_tree){look, read_contents};
	self->directory = self->memfd = self->socket = self->life = -1;
	pthread_mutex_init(&self->lock, NULL);
	int result = open_directory(self, directory, error);
	if (!result)
		result = make_memory(self, error);
	if (!result)
		result = start_server(self, error);
	if (result) {
		root_client_close(self);
		return result;
	}
	*client = self;
	return 0;
}

void root_client_close(struct root_client *client)
{
	if (!client)
		return;
	end_server(client);
	if (client->memory)
		munmap((void *)client->memory, ROOT_WIRE_EXTRA_MAX);
	if (client->memfd >= 0)
		close(client->memfd);
	if (client->directory >= 0)
		close(client->directory);
	pthread_mutex_destroy(&client->lock);
	free(client->name);
	free(client);
}

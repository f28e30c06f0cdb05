/* The way to the server of a root directory; see client.h. */
#include "root_server/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/confine.h"
#include "root_server/launcher.h"
#include "root_server/setup.h"
#include "root_server/wire.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/descriptors_pass.h"
#include "util/file.h"
#include "util/lock.h"
#include "util/log.h"
#include "util/paths.h"
#include "util/spawn.h"

/* A limit for what happens outside of a request, such as the start of a server. */
#define PATIENCE_NS (10 * NANOSECONDS_PER_SECOND)

struct root_client {
	struct root_tree tree; /* what root_client_tree() gives */
	char *name;	       /* of the directory, for messages */
	uint8_t *memory;       /* what comes besides answers; the server may write at any time */
	bool writable;	       /* the server takes what is to be written, in that memory */
	pthread_mutex_t lock;  /* of what follows, and of the memory */
	bool connected;	       /* there is a server */
	/* NULL: the server is this process's child, by the launcher. Else it is the child of
	 * somebody else, who is to be asked for a new one. */
	const struct root_reviver *reviver;
	struct root_launcher launcher;
	int socket, life;
};

/* ── the server ──────────────────────────────────────────────────────────────────────────────── */

/* Ends the server. The caller has the lock. */
static void end_server(struct root_client *client)
{
	spawn_kill(&client->launcher.process);
	client->connected = false;
	cleanup_close int socket = take_fd(&client->socket), life = take_fd(&client->life);
	(void)socket;
	(void)life;
}

/* Receives exactly `length` bytes by the deadline. 0, -ETIMEDOUT, -EPIPE at the server's end,
 * -EPROTO for a message of another length. */
static int receive(const struct root_client *client, void *out, size_t length, uint64_t deadline_ns)
{
	for (;;) {
		int result = file_wait_ready(client->socket, POLLIN, deadline_ns);
		if (result)
			return result;
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

static int await_ready(struct root_client *client, struct error *error)
{
	struct root_ready ready = {0};
	int result = receive(client, &ready, sizeof(ready), clock_now_ns() + PATIENCE_NS);
	if (result)
		return error_set_errno(error, -result, "the file server did not start");
	ready.step[sizeof(ready.step) - 1] = 0;
	if (ready.error)
		return error_set_errno(error, ready.error < 0 ? -ready.error : EIO,
				       "the file server could not %s", ready.step);
	client->writable = ready.writable;
	log_debug("files of %s are served", client->name);
	for (int i = 0; i < CONFINE_MEASURES; i++)
		if (ready.confined >> i & 1)
			log_debug("mayfly-rootd: %s in force", confine_measure_name(i));
	return 0;
}

/* The memory is the same for all servers of one directory. */
static int map_memory(struct root_client *client, int memory, struct error *error)
{
	if (client->memory)
		return 0;
	const int protection = PROT_READ | (client->writable ? PROT_WRITE : 0);
	void *mapped = mmap(NULL, ROOT_WIRE_EXTRA_MAX, protection, MAP_SHARED, memory, 0);
	if (mapped == MAP_FAILED)
		return error_set_errno(error, errno, "cannot map memory for a file server");
	client->memory = mapped;
	return 0;
}

/* The caller has the lock. */
static int start_server(struct root_client *client, struct error *error)
{
	struct root_connection connection = {-1, -1, -1};
	const struct root_reviver *reviver = client->reviver;
	int result =
	    reviver ? reviver->revive(reviver->context, &connection, error)
		    : root_launcher_start(&client->launcher, STDERR_FILENO, &connection, error);
	if (result)
		return result;
	client->socket = connection.socket;
	client->life = connection.life;
	client->connected = true;
	result = await_ready(client, error);
	if (!result)
		result = map_memory(client, connection.memory, error);
	if (reviver)
		close(connection.memory);
	return result;
}

/* ── asking ──────────────────────────────────────────────────────────────────────────────────── */

static int lose_server(struct root_client *client, int reason, struct error *error)
{
	int status = 0;
	/* The status of a server that has ended by itself. */
	bool ended = !spawn_wait(&client->launcher.process, 0, &status);
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
	if (answer->length)
		memcpy(extra, client->memory, answer->length);
	return root_answer_is_sound(request, answer, is_contents ? NULL : extra);
}

int root_client_ask(struct root_client *client, struct root_request *request, const char *path,
		    uint64_t deadline_ns, struct root_answer *answer, void *extra,
		    struct error *error)
{
	return root_client_ask_two(client, request, path, NULL, deadline_ns, answer, extra, error);
}

int root_client_ask_two(struct root_client *client, struct root_request *request, const char *path,
			const char *second, uint64_t deadline_ns, struct root_answer *answer,
			void *extra, struct error *error)
{
	uint8_t message[ROOT_WIRE_REQUEST_MAX];
	char checked[ROOT_WIRE_PATHS_MAX];
	struct root_request copy;
	size_t length = root_request_encode(message, request, path, second);
	if (!length)
		return error_set(error, ENAMETOOLONG, "a path is too long for the file server");
	int result = root_request_decode(message, length, &copy, checked);
	if (result)
		return error_set_errno(error, -result, "this cannot be asked of a file server");
	/* What another request asked may take longer than this one has. */
	lock_until_scoped(held, &client->lock, deadline_ns);
	if (!held)
		return error_set(error, ETIMEDOUT, "the file server of %s had others to answer",
				 client->name);
	if (!client->connected)
		return error_set(error, ENOTCONN, "the file server of %s has ended", client->name);
	/* A server is not to blame for a question that comes too late. */
	if (clock_now_ns() >= deadline_ns)
		return error_set(error, ETIMEDOUT,
				 "there is no time left to ask the file server of %s",
				 client->name);
	if (root_request_changes(&copy) && !client->writable) {
		*answer = (struct root_answer){.error = -EROFS};
		return 0;
	}
	if (copy.operation == ROOT_WRITE)
		memcpy(client->memory, extra, copy.length);
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

int root_client_revive(struct root_client *client, uint64_t deadline_ns, struct error *error)
{
	lock_until_scoped(held, &client->lock, deadline_ns);
	if (!held)
		return error_set(error, ETIMEDOUT, "the file server of %s had others to answer",
				 client->name);
	if (client->connected)
		return 0;
	int result = start_server(client, error);
	if (result)
		end_server(client);
	return result;
}

int root_client_keep(const struct root_client *client, struct descriptors_kept *kept)
{
	const int open[] = {client->socket, client->life};
	int result = 0;
	for (size_t i = 0; i < ARRAY_SIZE(open) && !result; i++)
		result = descriptors_keep(kept, open[i]);
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
	return client->launcher.process.pid;
}

/* ── opening ─────────────────────────────────────────────────────────────────────────────────── */

static int open_client(struct root_client **client, const char *directory,
		       const struct root_parts *parts, const struct root_reviver *reviver,
		       struct error *error)
{
	struct root_client *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a file server's client");
	self->tree = (struct root_tree){look, read_contents};
	self->socket = self->life = -1;
	self->launcher = (struct root_launcher)ROOT_LAUNCHER_NONE;
	self->reviver = reviver;
	pthread_mutex_init(&self->lock, NULL);
	self->name = strdup(directory);
	int result =
	    self->name ? 0 : error_set(error, ENOMEM, "no memory for a file server's client");
	if (!result && !reviver)
		result = root_launcher_open(&self->launcher, directory, parts, error);
	if (!result)
		result = start_server(self, error);
	if (result) {
		root_client_close(self);
		return result;
	}
	*client = self;
	return 0;
}

int root_client_open_by(struct root_client **client, const char *directory,
			const struct root_reviver *reviver, struct error *error)
{
	return open_client(client, directory, NULL, reviver, error);
}

int root_client_open(struct root_client **client, const char *directory, struct error *error)
{
	return open_client(client, directory, NULL, NULL, error);
}

int root_client_open_parts(struct root_client **client, const char *directory,
			   const struct root_parts *parts, struct error *error)
{
	return open_client(client, directory, parts, NULL, error);
}

void root_client_close(struct root_client *client)
{
	if (!client)
		return;
	end_server(client);
	if (client->memory)
		munmap(client->memory, ROOT_WIRE_EXTRA_MAX);
	root_launcher_close(&client->launcher);
	pthread_mutex_destroy(&client->lock);
	free(client->name);
	free(client);
}

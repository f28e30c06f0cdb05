/* For tests: a real mayfly-acceld and peers of it; see host.h. */
#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "accel/wire/wire.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/host_settings.h"
#include "util/spawn.h"
#include "vaccel.h"

#define START_LIMIT_MS 20000
#define NOOP_LIMIT_MS  15000 /* before the noop ends by itself */

static int find_socket(struct host *host)
{
	struct error error = {0};
	int result = host_settings_path(host->socket, sizeof(host->socket), ".sock", &error);
	if (result)
		fprintf(stderr, "%s\n", error.text);
	return result;
}

int host_directory_make(struct host *host)
{
	const char *base = getenv("TMPDIR");
	snprintf(host->directory, sizeof(host->directory), "%s/mayfly-test-XXXXXX",
		 base && strlen(base) < 32 ? base : "/tmp");
	if (!mkdtemp(host->directory)) {
		perror(host->directory);
		return -errno;
	}
	char parent[128];
	snprintf(parent, sizeof(parent), "%s/mayfly", host->directory);
	setenv("XDG_RUNTIME_DIR", host->directory, 1);
	return mkdir(parent, 0700) ? -errno : find_socket(host);
}

/* All that hosts make, with whichever settings. */
static void remove_all(const char *directory, const char *pattern)
{
	char path[192];
	glob_t found = {0};
	snprintf(path, sizeof(path), "%s/%s", directory, pattern);
	glob(path, GLOB_NOSORT, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++)
		if (remove(found.gl_pathv[i]))
			perror(found.gl_pathv[i]);
	globfree(&found);
}

void host_directory_remove(struct host *host)
{
	static const char *const names[] = {"mayfly/acceld*", "mayfly", ""};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		remove_all(host->directory, names[i]);
}

void host_log_path(const struct host *host, char *path, size_t size)
{
	snprintf(path, size, "%.*s.log", (int)(strlen(host->socket) - strlen(".sock")),
		 host->socket);
}

static int wait_until_ready(int reader)
{
	struct pollfd event = {.fd = reader, .events = POLLIN};
	char said[512];
	if (poll(&event, 1, START_LIMIT_MS) != 1)
		return -ETIMEDOUT;
	ssize_t length = read(reader, said, sizeof(said) - 1);
	said[length > 0 ? length : 0] = 0;
	if (!strcmp(said, "\n"))
		return 0;
	fprintf(stderr, "mayfly-acceld says: %s\n", said);
	return -EIO;
}

int host_start(struct host *host, const char *plugins, const char *const arguments[])
{
	const char *program = getenv("MAYFLY_ACCELD");
	if (!plugins || !program)
		return -EINVAL; /* run by hand, without the test's environment */
	int result = host_directory_make(host);
	if (result)
		return result;
	setenv("VACCEL_PLUGINS", plugins, 1);
	result = find_socket(host);
	if (result)
		return result;
	const char *words[8] = {"mayfly-acceld", "--foreground", "--ready-fd=3"};
	for (size_t i = 0; arguments && arguments[i] && i < 4; i++)
		words[3 + i] = arguments[i];
	int ends[2];
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	cleanup_close int reader = ends[0];
	cleanup_close int writer = ends[1];
	const int descriptors[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, writer};
	struct spawn_process process;
	result = spawn_start(&(struct spawn){.program = program,
					     .arguments = words,
					     .descriptors = descriptors,
					     .descriptor_count = 4,
					     .kind = SPAWN_JOB},
			     &process);
	if (result)
		return result;
	host->pid = process.pid;
	spawn_release(&process);
	close(take_fd(&writer));
	result = wait_until_ready(reader);
	if (result)
		host_stop(host, SIGKILL);
	return result;
}

int host_stop(struct host *host, int signal)
{
	int status = -1;
	if (host->pid > 1)
		kill(host->pid, signal);
	waitpid(host->pid, &status, 0);
	host_directory_remove(host);
	return status;
}

static pid_t find_listener(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", path);
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct ucred peer;
	socklen_t length = sizeof(peer);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length))
		return -1;
	return peer.pid;
}

pid_t host_pid(const struct host *host)
{
	char pattern[192];
	glob_t found = {0};
	pid_t pid = -1;
	snprintf(pattern, sizeof(pattern), "%s/mayfly/acceld*.sock", host->directory);
	glob(pattern, 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc && pid < 0; i++)
		pid = find_listener(found.gl_pathv[i]);
	globfree(&found);
	return pid;
}

size_t host_children(pid_t parent, const char *name, pid_t *children, size_t room)
{
	char path[64], found[32];
	size_t count = 0;
	pid_t child;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	cleanup_fclose FILE *file = fopen(path, "re");
	while (file && count < room && fscanf(file, "%d", &child) == 1) {
		snprintf(path, sizeof(path), "/proc/%d/comm", child);
		cleanup_fclose FILE *comm = fopen(path, "re");
		if (comm && fscanf(comm, "%31s", found) == 1 && !strcmp(found, name))
			children[count++] = child;
	}
	return count;
}

pid_t host_worker(pid_t supervisor)
{
	pid_t worker;
	return host_children(supervisor, "acceld-worker", &worker, 1) ? worker : -1;
}

pid_t host_zygote(pid_t supervisor)
{
	pid_t zygote;
	return host_children(supervisor, "acceld-zygote", &zygote, 1) ? zygote : -1;
}

size_t host_tenants(pid_t supervisor, pid_t *workers, size_t room)
{
	pid_t zygote = host_zygote(supervisor);
	return zygote > 0 ? host_children(zygote, "acceld-tenant", workers, room) : 0;
}

/* Whether nobody has this lock. */
static bool is_free(const char *path)
{
	cleanup_close int fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 || !flock(fd, LOCK_EX | LOCK_NB);
}

bool host_is_gone(const struct host *host, int patience_ms)
{
	char pattern[192];
	snprintf(pattern, sizeof(pattern), "%s/mayfly/acceld*.lock", host->directory);
	for (int waited = 0; waited <= patience_ms; waited += 10) {
		glob_t found = {0};
		bool all = true;
		glob(pattern, 0, NULL, &found);
		for (size_t i = 0; i < found.gl_pathc; i++)
			all &= is_free(found.gl_pathv[i]);
		globfree(&found);
		if (all)
			return true;
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	return false;
}

static int count_entries(pid_t pid, const char *kind)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, kind);
	cleanup_closedir DIR *directory = opendir(path);
	int count = -2; /* "." and ".." */
	while (directory && readdir(directory))
		count++;
	return count;
}

int host_count_descriptors(pid_t pid)
{
	return count_entries(pid, "fd");
}

int host_count_threads(pid_t pid)
{
	return count_entries(pid, "task");
}

int peer_window_make(struct peer *peer)
{
	*peer = (struct peer){.window_fd = -1};
	peer->window_fd = memfd_create("window", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (peer->window_fd < 0 || ftruncate(peer->window_fd, PEER_WINDOW_SIZE) ||
	    fcntl(peer->window_fd, F_ADD_SEALS, F_SEAL_SHRINK))
		return -errno;
	void *memory =
	    mmap(NULL, PEER_WINDOW_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, peer->window_fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	peer->window = memory;
	return 0;
}

void peer_window_release(struct peer *peer)
{
	if (peer->window)
		munmap(peer->window, PEER_WINDOW_SIZE);
	if (peer->window_fd >= 0)
		close(peer->window_fd);
	*peer = (struct peer){.window_fd = -1};
}

int peer_open(struct peer *peer, const char *socket)
{
	int result = peer_window_make(peer);
	if (result)
		return result;
	struct error error = {0};
	result = socket ? accel_client_open_at(&peer->client, socket, peer->window_fd,
					       PEER_WINDOW_SIZE, &error)
			: accel_client_open(&peer->client, &accel_dialer_own, peer->window_fd,
					    PEER_WINDOW_SIZE, 0, &error);
	if (result) {
		fprintf(stderr, "cannot open: %s\n", error.text);
		peer_window_release(peer);
	}
	return result;
}

void peer_close(struct peer *peer)
{
	accel_client_close(peer->client);
	peer_window_release(peer);
}

int peer_call(struct peer *peer, const struct accel_call *call)
{
	uint64_t extent;
	struct accel_call limited = *call;
	if (peer->limit_ns)
		limited.deadline_ns = peer->limit_ns;
	int result =
	    wire_encode(peer->window, PEER_WINDOW_SIZE, &limited, ++peer->request, &extent);
	if (result)
		return result;
	peer->extent = extent;
	struct error error = {0};
	result = accel_client_call(peer->client, 0, extent, peer->deadline_ns, &error);
	if (result)
		return result;
	int status;
	result = wire_read_answer(peer->window, extent, call, peer->request, &status);
	return result ? result : status;
}

const char *peer_reason(const struct peer *peer, char *text, size_t size)
{
	wire_read_reason(peer->window, peer->extent, text, size);
	return text;
}

/* A call with one INT64 as its only output. */
static int64_t call_for_id(struct peer *peer, uint16_t op, int64_t session,
			   const struct vaccel_arg *inputs, size_t input_count)
{
	int64_t id = 0;
	struct vaccel_arg output = {.buf = &id, .size = sizeof(id), .type = VACCEL_ARG_INT64};
	struct accel_call call = {
	    .op = op,
	    .session = session,
	    .inputs = inputs,
	    .input_count = input_count,
	    .outputs = &output,
	    .output_count = 1,
	};
	int result = peer_call(peer, &call);
	return result > 0 ? -result : result ? result : id;
}

int64_t peer_session_init(struct peer *peer, uint32_t flags)
{
	struct vaccel_arg input = {.buf = &flags, .size = sizeof(flags), .type = VACCEL_ARG_UINT32};
	return call_for_id(peer, WIRE_OP_SESSION_INIT, 0, &input, 1);
}

int peer_session_release(struct peer *peer, int64_t session)
{
	struct accel_call call = {.op = WIRE_OP_SESSION_RELEASE, .session = session};
	return peer_call(peer, &call);
}

int64_t peer_register_model(struct peer *peer, int64_t session, const char *name)
{
	uint32_t type = VACCEL_RESOURCE_MODEL;
	struct vaccel_arg inputs[] = {
	    {.buf = &type, .size = sizeof(type), .type = VACCEL_ARG_UINT32},
	    {.buf = (void *)name, .size = strlen(name) + 1, .type = VACCEL_ARG_STRING},
	};
	return call_for_id(peer, WIRE_OP_RESOURCE_REGISTER, session, inputs, 2);
}

int64_t peer_register(struct peer *peer, int64_t session, const struct vaccel_arg *inputs,
		      size_t input_count)
{
	return call_for_id(peer, WIRE_OP_RESOURCE_REGISTER, session, inputs, input_count);
}

int64_t peer_register_blob(struct peer *peer, int64_t session, uint32_t type, const char *name,
			   const void *content, size_t length)
{
	struct vaccel_arg inputs[] = {
	    {.buf = &type, .size = sizeof(type), .type = VACCEL_ARG_UINT32},
	    {.buf = "", .size = 1, .type = VACCEL_ARG_STRING},
	    {.buf = (void *)name, .size = strlen(name) + 1, .type = VACCEL_ARG_STRING},
	    {.buf = (void *)content, .size = length, .type = VACCEL_ARG_BUFFER},
	};
	return peer_register(peer, session, inputs, 4);
}

int peer_unregister(struct peer *peer, int64_t session, int64_t resource)
{
	struct vaccel_arg input = {
	    .buf = &resource, .size = sizeof(resource), .type = VACCEL_ARG_INT64};
	struct accel_call call = {
	    .op = WIRE_OP_RESOURCE_UNREGISTER,
	    .session = session,
	    .inputs = &input,
	    .input_count = 1,
	};
	return peer_call(peer, &call);
}

int peer_noop(struct peer *peer, int64_t session)
{
	struct accel_call call = {.op = VACCEL_OP_NOOP, .session = session};
	return peer_call(peer, &call);
}

int peer_classify(struct peer *peer, int64_t session, char *text, size_t size)
{
	char name[16] = "";
	struct vaccel_arg image = {.buf = "picture", .size = 7, .type = VACCEL_ARG_BUFFER};
	struct vaccel_arg outputs[] = {
	    {.buf = name, .size = sizeof(name), .type = VACCEL_ARG_UCHAR_ARRAY},
	    {.buf = text, .size = size, .type = VACCEL_ARG_UCHAR_ARRAY},
	};
	struct accel_call call = {
	    .op = VACCEL_OP_IMAGE_CLASSIFY,
	    .session = session,
	    .inputs = &image,
	    .input_count = 1,
	    .outputs = outputs,
	    .output_count = 2,
	};
	return peer_call(peer, &call);
}

int peer_detect(struct peer *peer, int64_t session, const void *picture, size_t length, char *text,
		size_t size)
{
	struct vaccel_arg image = {
	    .buf = (void *)picture, .size = length, .type = VACCEL_ARG_BUFFER};
	struct vaccel_arg output = {.buf = text, .size = size, .type = VACCEL_ARG_UCHAR_ARRAY};
	struct accel_call call = {
	    .op = VACCEL_OP_IMAGE_DETECT,
	    .session = session,
	    .inputs = &image,
	    .input_count = 1,
	    .outputs = &output,
	    .output_count = 1,
	};
	return peer_call(peer, &call);
}

bool host_has_noop(const char *socket)
{
	struct peer peer;
	char noops[16] = "0";
	if (peer_open(&peer, socket))
		return false;
	int64_t session = peer_session_init(&peer, 0);
	for (int waited = 0; atoi(noops) == 0 && waited < NOOP_LIMIT_MS; waited += 5) {
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
		if (peer_detect(&peer, session, "noops", strlen("noops"), noops, sizeof(noops)))
			break;
	}
	peer_close(&peer);
	return atoi(noops) > 0;
}

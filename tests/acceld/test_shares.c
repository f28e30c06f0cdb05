/* Greedy tenants, each a process of its own, take all that they can get of each thing that is
 * shared; the next one still gets some, and theirs is free again when they go. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acceld/tenants/account.h"
#include "check.h"
#include "host.h"
#include "mayfly/wire.h"
#include "util/cleanup.h"
#include "vaccel.h"

#define GREEDY	     3
#define SHARE_BYTES  (256UL << 10) /* of a resource */
#define SESSIONS_MAX 64		   /* of a connection */
#define TRIES	     2000

static const char *const arguments[] = {"--connections=64", "--resource-memory=32M",
					"--tenant-workers=8", NULL};

static uint8_t content[SHARE_BYTES];

/* How many peers are let in; they stay in `peers`. */
static unsigned open_all(struct peer *peers, unsigned room, const char *socket)
{
	unsigned count = 0;
	/* Refusals are expected here: peer_open() need not report them. */
	while (count < room) {
		struct peer *peer = &peers[count];
		if (peer_window_make(peer))
			break;
		if (accel_client_open_at(&peer->client, socket, peer->window_fd, PEER_WINDOW_SIZE,
					 NULL)) {
			peer_window_release(peer);
			break;
		}
		count++;
	}
	return count;
}

/* Each takes of one thing as much as it can, and returns how much that was. */
static unsigned take_connections(const char *socket)
{
	static struct peer peers[256];
	return open_all(peers, 256, socket);
}

static unsigned take_memory(const char *socket)
{
	static struct peer peer;
	unsigned count = 0;
	if (open_all(&peer, 1, socket) != 1)
		return 0;
	int64_t session = peer_session_init(&peer, 0);
	while (count < TRIES && peer_register_blob(&peer, session, VACCEL_RESOURCE_DATA, "d",
						   content, sizeof(content)) > 0)
		count++;
	return count;
}

static unsigned take_sessions(const char *socket)
{
	static struct peer peers[256];
	unsigned count = 0, connections = open_all(peers, 256, socket);
	for (unsigned i = 0; i < connections; i++)
		while (peer_session_init(&peers[i], 0) > 0)
			count++;
	return count;
}

/* Threads, without ever saying hello. Who is not served is hung up on at once. */
static unsigned take_threads(const char *path)
{
	enum { CLIENTS = 150 };
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fds[CLIENTS];
	unsigned count = 0;
	char byte;
	memcpy(address.sun_path, path, strlen(path) + 1);
	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		if (connect(fds[i], (struct sockaddr *)&address, sizeof(address)))
			return 0;
	}
	/* They are taken one after the other: when the last one has been judged, all have. */
	struct pollfd last = {.fd = fds[CLIENTS - 1], .events = POLLIN};
	poll(&last, 1, 5000);
	for (int i = 0; i < CLIENTS; i++)
		count += recv(fds[i], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
	return count;
}

/* Runs `take` in a process that stays until its end of `hold` is closed. Returns what it took. */
static unsigned be_greedy(unsigned (*take)(const char *), const char *socket, int hold, pid_t *pid)
{
	int ends[2];
	unsigned count = 0;
	if (!CHECK(!pipe(ends)))
		return 0;
	*pid = fork();
	if (!*pid) {
		char byte;
		close(ends[0]);
		count = take(socket);
		_exit(write(ends[1], &count, sizeof(count)) != sizeof(count) ||
		      read(hold, &byte, 1) < 0);
	}
	close(ends[1]);
	CHECK(*pid > 0 && read(ends[0], &count, sizeof(count)) == sizeof(count));
	close(ends[0]);
	return count;
}

/* One after the other; the last ones have not come too late. */
static void test_one(const char *what, unsigned (*take)(const char *), const char *socket,
		     unsigned whole)
{
	pid_t pids[GREEDY + 1];
	unsigned taken[GREEDY + 1];
	int hold[2];
	if (!CHECK(!pipe(hold)))
		return;
	for (int i = 0; i <= GREEDY; i++) {
		taken[i] = be_greedy(take, socket, hold[0], &pids[i]);
		fprintf(stderr, "%s: tenant %d gets %u of %u\n", what, i + 1, taken[i], whole);
		CHECK(taken[i] > 0);
		CHECK(taken[i] <= whole / 2);
		CHECK(!i || taken[i] <= taken[i - 1]);
	}
	for (int i = 0; i <= GREEDY; i++)
		kill(pids[i], SIGKILL);
	for (int i = 0; i <= GREEDY; i++)
		waitpid(pids[i], NULL, 0);
	close(hold[0]);
	close(hold[1]);
}

/* All is given back, within moments. */
static void check_all_is_back(const struct host *host)
{
	struct peer peer;
	bool good = false;
	for (int tries = 0; tries < 200 && !good; tries++) {
		usleep(20000);
		if (open_all(&peer, 1, host->socket) != 1)
			continue;
		int64_t session = peer_session_init(&peer, 0);
		int got = 0;
		while (got < TRIES && peer_register_blob(&peer, session, VACCEL_RESOURCE_DATA, "d",
							 content, sizeof(content)) > 0)
			got++;
		peer_close(&peer);
		good = got >= (16 << 20) / (int)sizeof(content) - 2; /* messages count, too */
	}
	CHECK(good);
}

/* ── places ──────────────────────────────────────────────────────────────────────────────────── */

static void *classify_for_ever(void *context)
{
	struct peer *peer = context;
	char text[64];
	int64_t session = peer_session_init(peer, 0);
	while (!peer_classify(peer, session, text, sizeof(text)))
		;
	return NULL;
}

/* How many threads of a process stand behind its first one. */
static unsigned count_behind(pid_t pid)
{
	char path[64];
	unsigned count = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	cleanup_closedir DIR *directory = opendir(path);
	int first = getpriority(PRIO_PROCESS, (id_t)pid);
	for (const struct dirent *entry; directory && (entry = readdir(directory));)
		if (*entry->d_name != '.')
			count += getpriority(PRIO_PROCESS, (id_t)atoi(entry->d_name)) > first;
	return count;
}

/* Waits until none does, and at most ten seconds; how many do then. */
static unsigned wait_for_none_behind(pid_t pid)
{
	unsigned behind = 1;
	for (int i = 0; i < 500 && behind; i++) {
		usleep(20000);
		behind = count_behind(pid);
	}
	return behind;
}

/* A tenant that does much at once yields to another one, as long as that is there. (The tenants of
 * the checks before this one are there for another second.) */
static void test_places(const struct host *host)
{
	pid_t worker = host_worker(host->pid), pid = fork();
	struct peer one;
	char text[64];
	if (!pid) {
		static struct peer peers[4];
		pthread_t thread;
		unsigned count = open_all(peers, 4, host->socket);
		for (unsigned i = 0; i < count; i++)
			pthread_create(&thread, NULL, classify_for_ever, &peers[i]);
		pause();
	}
	usleep(300000);
	CHECK_NUMBER(wait_for_none_behind(worker), 0);
	if (CHECK(open_all(&one, 1, host->socket) == 1)) {
		int64_t session = peer_session_init(&one, 0);
		bool behind = false;
		for (int i = 0; i < 500 && !behind; i++) {
			CHECK_NUMBER(peer_classify(&one, session, text, sizeof(text)), 0);
			usleep(10000);
			behind = count_behind(worker) > 0;
		}
		CHECK(behind);
		peer_close(&one);
	}
	CHECK_NUMBER(wait_for_none_behind(worker), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	struct host host;
	if (!CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), arguments)))
		return check_status();
	pid_t worker = host_worker(host.pid);
	test_one("connections", take_connections, host.socket, 64);
	check_all_is_back(&host);
	test_one("memory", take_memory, host.socket, (32 << 20) / SHARE_BYTES);
	check_all_is_back(&host);
	test_one("sessions", take_sessions, host.socket, 64 * SESSIONS_MAX);
	check_all_is_back(&host);
	test_one("threads", take_threads, host.socket, 64 + 64);
	check_all_is_back(&host);
	test_places(&host);
	CHECK_NUMBER(host_worker(host.pid), worker);
	int status = host_stop(&host, SIGTERM);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return check_status();
}

/* What a client sends runs in a worker of its own: what that may do, when it ends, and what its end
 * costs the others. The probe plugin does in there what a model might that has taken it over. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "confine/landlock.h"
#include "confine/sanitizers.h"
#include "host.h"
#include "sizes/sizes.h"
#include "util/clock.h"
#include "vaccel.h"

#define TEXT_SIZE 4096
#define LIMIT_MS  20000

static const char *const two_workers[] = {"--tenant-workers=2", "--op-limit=20s", NULL};

/* Of an op's time, which is far less than --op-limit: whatever the model does, it ends by its own deadline. */
#define LATEST_NS (10 * NANOSECONDS_PER_SECOND)

/* An op that takes so long is still under way when another one has waited for its place. */
#define SPIN_NS (5 * NANOSECONDS_PER_SECOND)

static void sleep_ms(long milliseconds)
{
	nanosleep(&(struct timespec){.tv_sec = milliseconds / 1000,
				     .tv_nsec = milliseconds % 1000 * 1000000},
		  NULL);
}

/* A peer with session 1; with the model "any" in it where `sends` is set. */
static bool open_peer(struct peer *peer, const struct host *host, bool sends)
{
	if (!CHECK(!peer_open(peer, host->socket)))
		return false;
	if (CHECK_NUMBER(peer_session_init(peer, 0), 1) &&
	    (!sends ||
	     CHECK_NUMBER(peer_register_blob(peer, 1, VACCEL_RESOURCE_MODEL, "m", "any", 3), 1)))
		return true;
	peer_close(peer);
	return false;
}

/* A resource whose name's argument has `size` bytes. */
static int64_t register_padded(struct peer *peer, uint32_t type, const char *name, size_t size)
{
	const struct vaccel_arg inputs[] = {
	    {.buf = &type, .size = sizeof(type), .type = VACCEL_ARG_UINT32},
	    {.buf = "", .size = 1, .type = VACCEL_ARG_STRING},
	    {.buf = (void *)name, .size = size, .type = VACCEL_ARG_STRING},
	    {.buf = "content", .size = 7, .type = VACCEL_ARG_BUFFER},
	};
	return peer_register(peer, 1, inputs, 4);
}

static int ask(struct peer *peer, const char *word, char *text)
{
	return peer_detect(peer, 1, word, strlen(word), text, TEXT_SIZE);
}

/* The process that serves the peer. */
static pid_t ask_pid(struct peer *peer)
{
	char text[TEXT_SIZE] = "";
	CHECK_NUMBER(ask(peer, "who", text), 0);
	return (pid_t)atoi(text);
}

static size_t count_tenants(const struct host *host)
{
	pid_t workers[64];
	return host_tenants(host->pid, workers, 64);
}

static bool tenants_come_between(const struct host *host, size_t least, size_t most)
{
	for (int waited = 0; waited < LIMIT_MS; waited += 5) {
		const size_t count = count_tenants(host);
		if (count >= least && count <= most)
			return true;
		sleep_ms(5);
	}
	return false;
}

static bool tenants_become(const struct host *host, size_t wanted)
{
	return tenants_come_between(host, wanted, wanted);
}

static bool process_ends(pid_t pid)
{
	for (int waited = 0; waited < LIMIT_MS; waited += 5) {
		if (kill(pid, 0))
			return true;
		sleep_ms(5);
	}
	return false;
}

/* Nothing can be opened, reached or made in there. */
static void test_rights(const struct host *host)
{
	struct peer peer;
	char text[TEXT_SIZE] = "";
	if (CONFINE_SANITIZED) {
		puts("not tested: a build with sanitizers cannot be confined");
		return;
	}
	/* The same attempts find something where there is something. */
	if (!open_peer(&peer, host, false))
		return;
	CHECK_NUMBER(ask(&peer, "attack", text), 0);
	CHECK(strstr(text, " openat-path ") && strstr(text, " stat ") &&
	      strstr(text, " memfd_create "));
	/* But no file of the host, nor another process. */
	static const char *const forbidden[] = {"open",
						"openat",
						"openat2",
						"open-directory",
						"open-proc",
						"open-null",
						"creat",
						"create",
						"mkdir",
						"symlink",
						"link",
						"unlink",
						"rename",
						"truncate",
						"fork",
						"execve",
						"socket",
						"ptrace",
						"process_vm_readv",
						"kill"};
	for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++) {
		char word[64];
		snprintf(word, sizeof(word), " %s ", forbidden[i]);
		if (confine_landlock_version() > 0 && !CHECK(!strstr(text, word)))
			fprintf(stderr, "  %s\n", forbidden[i]);
	}
	peer_close(&peer);
	if (!open_peer(&peer, host, true))
		return;
	CHECK_NUMBER(ask(&peer, "attack", text), 0);
	/* Its channel, and the null device in place of the standard streams. */
	CHECK_TEXT(text, "descriptors 4, succeeded:");
	peer_close(&peer);
}

/* What is not allowed here is not to be had there either, where dlopen() finds the C library. */
static void test_code(const struct host *host)
{
	struct peer peer;
	struct vaccel_arg names[] = {
	    {.buf = "libc.so.6", .size = sizeof("libc.so.6"), .type = VACCEL_ARG_STRING},
	    {.buf = "abort", .size = sizeof("abort"), .type = VACCEL_ARG_STRING},
	};
	if (!open_peer(&peer, host, true))
		return;
	const struct accel_call call = {
	    .op = VACCEL_OP_EXEC, .session = 1, .inputs = names, .input_count = 2};
	CHECK_NUMBER(peer_call(&peer, &call), VACCEL_EPERM);
	peer_close(&peer);
}

/* It comes behind its neighbours: for processors, of which half are never its, and for memory. */
static void test_share(const struct host *host)
{
	struct peer peer;
	cpu_set_t all, share;
	char path[64];
	int score = 0;
	if (!open_peer(&peer, host, true))
		return;
	pid_t worker = ask_pid(&peer);
	CHECK(!sched_getaffinity(0, sizeof(all), &all));
	CHECK(!sched_getaffinity(worker, sizeof(share), &share));
	CHECK_NUMBER(CPU_COUNT(&share), CPU_COUNT(&all) < 2 ? 1 : CPU_COUNT(&all) / 2);
	CHECK(getpriority(PRIO_PROCESS, (id_t)worker) >= 10);
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", worker);
	FILE *file = fopen(path, "re");
	if (CHECK(file && fscanf(file, "%d", &score) == 1))
		fclose(file);
	CHECK_NUMBER(score, 1000);
	peer_close(&peer);
}

/* The shared worker has not met the model; installed models and sessions without one stay there. */
static void test_where(const struct host *host)
{
	struct peer peer, other;
	if (!open_peer(&peer, host, false))
		return;
	pid_t shared = host_worker(host->pid);
	CHECK(tenants_become(host, 0));
	CHECK_NUMBER(ask_pid(&peer), shared);
	CHECK_NUMBER(peer_register_model(&peer, 1, "some-model"), 1);
	CHECK_NUMBER(ask_pid(&peer), shared);
	CHECK_NUMBER(peer_register_blob(&peer, 1, VACCEL_RESOURCE_DATA, "d", "abc", 3), 2);
	CHECK_NUMBER(ask_pid(&peer), shared);
	CHECK_NUMBER(count_tenants(host), 0);
	peer_close(&peer);
	if (open_peer(&peer, host, true) && open_peer(&other, host, true)) {
		pid_t own = ask_pid(&peer), others = ask_pid(&other);
		CHECK(own != shared && others != shared && own != others);
		CHECK_NUMBER(ask_pid(&peer), own);
		CHECK_NUMBER(count_tenants(host), 2);
		peer_close(&other);
		CHECK(process_ends(others));
		CHECK_NUMBER(ask_pid(&peer), own);
		/* Its memory goes with the model. */
		CHECK_NUMBER(peer_unregister(&peer, 1, 1), 0);
		CHECK(process_ends(own));
		peer_close(&peer);
	}
	CHECK(tenants_become(host, 0));
}

/* A name is kept with the content, and counts as much as it takes: the library has no longer ones
 * than files have, whatever comes behind its end. */
static void test_names(const struct host *host)
{
	static const uint32_t types[] = {VACCEL_RESOURCE_MODEL, VACCEL_RESOURCE_DATA};
	static char name[NAME_MAX + 2];
	struct peer peer;
	if (!open_peer(&peer, host, false))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		memset(name, 'n', sizeof(name));
		name[NAME_MAX] = 0;
		CHECK_NUMBER(register_padded(&peer, types[i], name, NAME_MAX + 1), (int64_t)i + 1);
		name[1] = name[NAME_MAX + 1] = 0;
		CHECK_NUMBER(register_padded(&peer, types[i], name, sizeof(name)), -VACCEL_EINVAL);
	}
	peer_close(&peer);
}

/* Nothing of what a request sent is there in the next one; what the set-up sent stays. */
static void test_reset(const struct host *host)
{
	struct peer peer;
	char text[TEXT_SIZE];
	if (!open_peer(&peer, host, true))
		return;
	CHECK_NUMBER(accel_client_mark(peer.client, 0, NULL), 0);
	pid_t base = ask_pid(&peer);
	CHECK_NUMBER(accel_client_reset(peer.client, NULL), 0);
	CHECK_NUMBER(ask_pid(&peer), base);
	/* In the same worker as the base's. */
	CHECK_NUMBER(peer_register_blob(&peer, 1, VACCEL_RESOURCE_MODEL, "n", "more", 4), 2);
	CHECK_NUMBER(ask_pid(&peer), base);
	CHECK_NUMBER(accel_client_reset(peer.client, NULL), 0);
	pid_t next = ask_pid(&peer);
	CHECK(next != base);
	/* One that is hidden and comes back. */
	CHECK_NUMBER(peer_unregister(&peer, 1, 1), 0);
	CHECK_NUMBER(ask_pid(&peer), host_worker(host->pid));
	CHECK_NUMBER(accel_client_reset(peer.client, NULL), 0);
	CHECK(ask_pid(&peer) != host_worker(host->pid));
	/* Or comes back in its place, before the one that was asked while it was away. */
	CHECK_NUMBER(peer_register_blob(&peer, 1, VACCEL_RESOURCE_MODEL, "n", "more", 4), 2);
	CHECK_NUMBER(accel_client_mark(peer.client, 0, NULL), 0);
	CHECK_NUMBER(peer_unregister(&peer, 1, 1), 0);
	CHECK_NUMBER(ask(&peer, "content", text), 0);
	CHECK_TEXT(text, "more");
	CHECK_NUMBER(accel_client_reset(peer.client, NULL), 0);
	CHECK_NUMBER(ask(&peer, "content", text), 0);
	CHECK_TEXT(text, "any");
	/* One that was refused has been looked at, too. */
	next = ask_pid(&peer);
	CHECK_NUMBER(peer_register_blob(&peer, 1, VACCEL_RESOURCE_MODEL, "../n", "more", 4),
		     -VACCEL_EINVAL);
	CHECK(ask_pid(&peer) != next);
	peer_close(&peer);
}

/* Each end is this client's alone, and the next op has a new worker. */
static void test_crashes(const struct host *host)
{
	static const char *const words[] = {"crash", "quit", "hang up", "babble", "lie"};
	struct peer peer, other;
	char text[TEXT_SIZE];
	if (!open_peer(&peer, host, true))
		return;
	if (!open_peer(&other, host, true)) {
		peer_close(&peer);
		return;
	}
	pid_t shared = host_worker(host->pid), others = ask_pid(&other);
	/* Far more often than a host's shared workers may crash. */
	for (int round = 0; round < 5; round++)
		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			if (!CHECK_NUMBER(ask(&peer, words[i], text), VACCEL_EBACKEND))
				fprintf(stderr, "  %s\n", words[i]);
	CHECK_NUMBER(ask(&peer, "crash", text), VACCEL_EBACKEND);
	CHECK_TEXT(peer_reason(&peer, text, sizeof(text)),
		   CONFINE_SANITIZED
		       ? text
		       : "the model crashed the worker that ran it (Segmentation fault)");
	CHECK_NUMBER(ask(&peer, "content", text), 0);
	CHECK_TEXT(text, "any");
	CHECK_NUMBER(ask_pid(&other), others);
	CHECK_NUMBER(host_worker(host->pid), shared);
	peer_close(&other);
	peer_close(&peer);
}

static void *stop_worker(void *context)
{
	sleep_ms(50);
	kill(*(pid_t *)context, SIGSTOP);
	return NULL;
}

/* Whatever the worker does with the time. */
static void test_deadline(const struct host *host)
{
	static const char *const words[] = {"spin", "spin in threads", "stop"};
	struct peer peer;
	char text[TEXT_SIZE];
	if (!open_peer(&peer, host, true))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		pid_t worker = ask_pid(&peer);
		pthread_t stopper;
		bool stops = !strcmp(words[i], "stop") &&
			     CHECK(!pthread_create(&stopper, NULL, stop_worker, &worker));
		uint64_t start_ns = clock_now_ns();
		peer.limit_ns = 300000000;
		CHECK_NUMBER(ask(&peer, stops ? "spin" : words[i], text), VACCEL_EAGAIN);
		CHECK(clock_now_ns() - start_ns < LATEST_NS);
		CHECK(strstr(peer_reason(&peer, text, sizeof(text)), "deadline"));
		peer.limit_ns = 0;
		CHECK(process_ends(worker));
		if (stops)
			pthread_join(stopper, NULL);
	}
	CHECK_NUMBER(ask(&peer, "content", text), 0);
	peer_close(&peer);
}

/* A client that leaves takes its worker with it, in the middle of an op, too. */
static void test_leaving(const struct host *host)
{
	struct peer peer;
	char text[TEXT_SIZE];
	if (!open_peer(&peer, host, true))
		return;
	pid_t worker = ask_pid(&peer);
	peer.deadline_ns = clock_now_ns() + 100000000;
	CHECK_NUMBER(ask(&peer, "spin", text), -ETIMEDOUT);
	peer_close(&peer);
	CHECK(process_ends(worker));
	CHECK(tenants_become(host, 0));
}

static void *spin(void *context)
{
	struct peer *peer = context;
	char text[TEXT_SIZE];
	peer->limit_ns = SPIN_NS;
	CHECK_NUMBER(ask(peer, "spin", text), VACCEL_EAGAIN);
	peer->limit_ns = 0;
	return NULL;
}

static uint64_t used_ns(pid_t pid)
{
	clockid_t clock;
	struct timespec used = {0};
	CHECK(!clock_getcpuclockid(pid, &clock) && !clock_gettime(clock, &used));
	return (uint64_t)used.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)used.tv_nsec;
}

/* Waits until a worker that has had nothing to do computes. */
static bool begins_to_spin(pid_t worker)
{
	const uint64_t before_ns = used_ns(worker);
	for (int waited = 0; waited < LIMIT_MS; waited += 5) {
		if (used_ns(worker) > before_ns + 5000000)
			return true;
		sleep_ms(5);
	}
	return false;
}

/* --tenant-workers=2: those that rest make room; at work may be one of one process' clients. */
static void test_places(const struct host *host)
{
	struct peer peers[3];
	char text[TEXT_SIZE];
	for (size_t i = 0; i < 3; i++)
		if (!open_peer(&peers[i], host, true))
			return;
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < 3; i++) {
			CHECK_NUMBER(ask(&peers[i], "content", text), 0);
			CHECK_TEXT(text, "any");
			CHECK(tenants_come_between(host, 1, 2)); /* others are on their way out */
		}
	pthread_t thread;
	const pid_t worker = ask_pid(&peers[0]);
	CHECK(!pthread_create(&thread, NULL, spin, &peers[0]));
	CHECK(begins_to_spin(worker));
	peers[2].limit_ns = 200000000;
	CHECK_NUMBER(ask(&peers[2], "content", text), VACCEL_EUSERS);
	CHECK(strstr(peer_reason(&peers[2], text, sizeof(text)), "beside others"));
	/* Who may wait longer gets its turn. */
	peers[2].limit_ns = 20 * NANOSECONDS_PER_SECOND;
	CHECK_NUMBER(ask(&peers[2], "content", text), 0);
	pthread_join(thread, NULL);
	for (size_t i = 0; i < 3; i++)
		peer_close(&peers[i]);
}

/* What is killed from outside comes again; what it had forked goes with it. */
static void test_family(void)
{
	struct host host;
	struct peer peer;
	char text[TEXT_SIZE];
	if (!CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), NULL)))
		return;
	if (open_peer(&peer, &host, true)) {
		pid_t tenant = ask_pid(&peer), zygote = host_zygote(host.pid);
		CHECK(zygote > 1 && !kill(zygote, SIGKILL));
		CHECK(process_ends(tenant));
		CHECK_NUMBER(ask(&peer, "content", text), 0);
		CHECK_TEXT(text, "any");
		CHECK(host_zygote(host.pid) != zygote);
		/* The shared worker: a leash that nobody holds any more, and had it hidden one, the
		 * zygote goes as well. */
		tenant = ask_pid(&peer);
		zygote = host_zygote(host.pid);
		CHECK(!kill(host_worker(host.pid), SIGKILL));
		CHECK(process_ends(tenant));
		CHECK(process_ends(zygote));
		peer_close(&peer);
	}
	if (open_peer(&peer, &host, true)) {
		pid_t tenant = ask_pid(&peer), zygote = host_zygote(host.pid);
		CHECK(WIFSIGNALED(host_stop(&host, SIGKILL)));
		CHECK(process_ends(tenant));
		CHECK(process_ends(zygote));
		peer_close(&peer);
	}
}

/* Descriptors and processes are as many afterwards as before. */
static void test_nothing_is_left(const struct host *host)
{
	struct peer peer;
	char text[TEXT_SIZE];
	pid_t shared = host_worker(host->pid), zygote = host_zygote(host->pid);
	CHECK(tenants_become(host, 0));
	int before = host_count_descriptors(shared), before_zygote = host_count_descriptors(zygote);
	for (int round = 0; round < 20; round++) {
		if (!open_peer(&peer, host, true))
			return;
		if (round % 2)
			CHECK_NUMBER(ask(&peer, "crash", text), VACCEL_EBACKEND);
		peer_close(&peer);
	}
	CHECK(tenants_become(host, 0));
	/* Fewer, where something was still on its way out when they were counted. */
	for (int waited = 0; waited < LIMIT_MS && (host_count_descriptors(shared) > before ||
						   host_count_descriptors(zygote) > before_zygote);
	     waited += 5)
		sleep_ms(5);
	CHECK(host_count_descriptors(shared) <= before);
	CHECK(host_count_descriptors(zygote) <= before_zygote);
	CHECK_NUMBER(host_zygote(host->pid), zygote);
}

/* Models that were sent leave descriptors for others, however few there are. This process has few
 * afterwards. */
static void test_few_descriptors(void)
{
	struct host host;
	struct peer peer, other;
	const struct rlimit few = {512, 512};
	int64_t id = 0, count = 0;
	if (!CHECK(!setrlimit(RLIMIT_NOFILE, &few)) ||
	    !CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), NULL)))
		return;
	if (open_peer(&peer, &host, false)) {
		while (id >= 0) {
			id = peer_register_blob(&peer, 1, VACCEL_RESOURCE_MODEL, "m", "any", 3);
			count += id > 0;
		}
		CHECK_NUMBER(id, -VACCEL_EUSERS);
		CHECK_NUMBER(count, 64);
		if (open_peer(&other, &host, false))
			peer_close(&other);
		peer_close(&peer);
	}
	int status = host_stop(&host, SIGTERM);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	struct host host;
	if (CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), two_workers))) {
		test_rights(&host);
		test_code(&host);
		test_share(&host);
		test_where(&host);
		test_names(&host);
		test_reset(&host);
		test_crashes(&host);
		test_deadline(&host);
		test_leaving(&host);
		test_places(&host);
		test_nothing_is_left(&host);
		int status = host_stop(&host, SIGTERM);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	test_family();
	test_few_descriptors();
	return check_status();
}

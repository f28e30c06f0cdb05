/* The accelerator host's worker dies: its clients are told, the next one serves at the same host,
 * and the two processes never outlive each other. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "host.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"

#define DEATHS	50
#define CRASHES 16 /* with which a host ends */
#define CALLERS 8

/* Longer than anything takes that does not hang. */
#define LIMIT_MS 20000

static void sleep_ms(long milliseconds)
{
	nanosleep(&(struct timespec){.tv_nsec = milliseconds * 1000000}, NULL);
}

/* True where the op is served, in a connection of its own. */
static bool is_served(const struct host *host)
{
	struct peer peer;
	char text[32];
	if (peer_open(&peer, host->socket))
		return false;
	bool good =
	    peer_session_init(&peer, 0) == 1 && peer_classify(&peer, 1, text, sizeof(text)) == 0;
	peer_close(&peer);
	return good;
}

/* Ends the worker and waits until another one is there; returns its process, or -1. */
static pid_t replace_worker(const struct host *host, pid_t worker, int signal)
{
	if (!CHECK(worker > 1) || !CHECK(!kill(worker, signal)))
		return -1;
	pid_t next = host_worker(host->pid);
	for (int waited = 0; (next < 0 || next == worker) && waited < LIMIT_MS; waited += 5) {
		sleep_ms(5);
		next = host_worker(host->pid);
	}
	CHECK(next > 1 && next != worker);
	return next;
}

/* What the host has said, for tests that look for something in it. */
static void read_log(const struct host *host, char *text, size_t size)
{
	char path[192];
	uint8_t *log = NULL;
	size_t length = 0;
	struct error error = {0};
	host_log_path(host, path, sizeof(path));
	CHECK_NUMBER(file_read(path, 1 << 20, &log, &length, &error), 0);
	snprintf(text, size, "%s", log ? (const char *)log : "");
	free(log);
}

static void test_killed_while_idle(void)
{
	struct host host;
	struct peer peer;
	if (!CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), NULL)))
		return;
	CHECK(is_served(&host));
	if (CHECK(!peer_open(&peer, host.socket))) {
		CHECK_NUMBER(peer_session_init(&peer, 0), 1);
		pid_t first = host_worker(host.pid);
		CHECK(replace_worker(&host, first, SIGKILL) != first);
		/* What it held is gone with the worker, and it is told so. */
		CHECK_NUMBER(peer_noop(&peer, 1), -ECONNRESET);
		peer_close(&peer);
	}
	CHECK(is_served(&host));
	int status = host_stop(&host, SIGTERM);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

struct wait_in_op {
	struct peer peer;
	int result;
};

/* The probe's noop takes seconds. */
static void *wait_in_op(void *context)
{
	struct wait_in_op *wait = context;
	wait->result = peer_noop(&wait->peer, 1);
	return NULL;
}

static void check_killed_in_op(struct host *host)
{
	struct wait_in_op wait = {.result = 1};
	pthread_t thread;
	if (!CHECK(!peer_open(&wait.peer, NULL)))
		return;
	host->pid = host_pid(host);
	CHECK_NUMBER(peer_session_init(&wait.peer, 0), 1);
	if (CHECK(!pthread_create(&thread, NULL, wait_in_op, &wait))) {
		CHECK(host_has_noop(NULL));
		replace_worker(host, host_worker(host->pid), SIGKILL);
		pthread_join(thread, NULL);
		CHECK_NUMBER(wait.result, -ECONNRESET);
	}
	peer_close(&wait.peer);
	CHECK(is_served(host));
}

/* In the background, where the log can be read. */
static void test_killed_in_op(void)
{
	struct host host;
	char log[4096];
	if (!CHECK(!host_directory_make(&host)))
		return;
	check_killed_in_op(&host);
	read_log(&host, log, sizeof(log));
	if (!CHECK(strstr(log,
			  "the worker was killed by signal 9 (Killed) during NOOP; another one "
			  "starts at once\n")))
		fprintf(stderr, "the log says: %s\n", log);
	if (CHECK(host.pid > 1))
		CHECK(!kill(host.pid, SIGTERM));
	CHECK(host_is_gone(&host, 5000));
	host_directory_remove(&host);
}

static void *call_often(void *context)
{
	const struct host *host = context;
	for (int i = 0; i < 5; i++) {
		struct peer peer;
		char text[32];
		/* A connection that was accepted already may be lost; one is never left alone. */
		if (!CHECK(!peer_open(&peer, NULL)))
			return NULL;
		int64_t session = peer_session_init(&peer, 0);
		int result =
		    session == 1 ? peer_classify(&peer, 1, text, sizeof(text)) : (int)session;
		CHECK(!result || result == -ECONNRESET || result == -ENOTCONN);
		peer_close(&peer);
	}
	CHECK(is_served(host));
	return NULL;
}

/* Whoever comes while there is no worker waits for the next. */
static void test_callers_meanwhile(void)
{
	struct host host;
	pthread_t callers[CALLERS];
	int started = 0;
	if (!CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), NULL)))
		return;
	CHECK(is_served(&host));
	kill(host_worker(host.pid), SIGKILL);
	while (started < CALLERS &&
	       CHECK(!pthread_create(&callers[started], NULL, call_often, &host)))
		started++;
	for (int i = 0; i < started; i++)
		pthread_join(callers[i], NULL);
	int status = host_stop(&host, SIGTERM);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static bool ends_within(pid_t pid, int pidfd, int patience_ms)
{
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};
	if (CHECK(pidfd >= 0) && poll(&ended, 1, patience_ms) == 1)
		return true;
	fprintf(stderr, "process %d goes on\n", pid);
	return false;
}

/* The worker goes with it, in the middle of an op as well; and nothing of it is in the way. */
static void test_killed_supervisor(void)
{
	struct host host;
	struct wait_in_op wait = {.result = 1};
	pthread_t thread;
	if (!CHECK(!host_directory_make(&host)))
		return;
	if (CHECK(!peer_open(&wait.peer, NULL))) {
		CHECK_NUMBER(peer_session_init(&wait.peer, 0), 1);
		pid_t first = host_pid(&host), worker = host_worker(first);
		cleanup_close int pidfd = (int)syscall(SYS_pidfd_open, worker, 0);
		if (CHECK(first > 1 && worker > 1) &&
		    CHECK(!pthread_create(&thread, NULL, wait_in_op, &wait))) {
			CHECK(host_has_noop(NULL));
			CHECK(!kill(first, SIGKILL));
			CHECK(ends_within(worker, pidfd, LIMIT_MS));
			pthread_join(thread, NULL);
			CHECK_NUMBER(wait.result, -ECONNRESET);
		}
		peer_close(&wait.peer);
		CHECK(!peer_open(&wait.peer, NULL));
		CHECK_NUMBER(peer_session_init(&wait.peer, 0), 1);
		host.pid = host_pid(&host);
		CHECK(host.pid > 1 && host.pid != first && !kill(host.pid, SIGTERM));
		CHECK(host_is_gone(&host, 5000));
		peer_close(&wait.peer);
	}
	host_directory_remove(&host);
}

/* Told to end by itself, it takes the host with it. */
static void test_ended_worker(void)
{
	struct host host;
	int status = -1;
	if (!CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), NULL)))
		return;
	pid_t worker = host_worker(host.pid);
	if (CHECK(worker > 1) && CHECK(!kill(worker, SIGTERM))) {
		CHECK_NUMBER(waitpid(host.pid, &status, 0), host.pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		CHECK(access(host.socket, F_OK) && errno == ENOENT);
		host_directory_remove(&host);
	} else {
		host_stop(&host, SIGKILL);
	}
}

static unsigned long private_pages(pid_t pid)
{
	char path[64];
	unsigned long pages = 0;
	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	cleanup_fclose FILE *file = fopen(path, "re");
	CHECK(file && fscanf(file, "%*u %*u %*u %*u %*u %lu", &pages) == 1);
	return pages;
}

/* Waits until the supervisor has its zygote, which it starts after its first worker. */
static bool has_zygote(const struct host *host)
{
	for (int waited = 0; host_zygote(host->pid) < 0 && waited < LIMIT_MS; waited += 5)
		sleep_ms(5);
	return host_zygote(host->pid) > 0;
}

/* A worker may serve before its supervisor has heard that it has started. */
static bool settles_at(const struct host *host, int descriptors)
{
	for (int waited = 0; host_count_descriptors(host->pid) > descriptors && waited < LIMIT_MS;
	     waited += 5)
		sleep_ms(5);
	return host_count_descriptors(host->pid) <= descriptors;
}

static void test_many_deaths(void)
{
	struct host host;
	if (!CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), NULL)))
		return;
	pid_t worker = host_worker(host.pid);
	unsigned long pages = 0;
	int descriptors = 0;
	for (int i = 0; i < DEATHS && CHECK(is_served(&host)); i++) {
		worker = replace_worker(&host, worker, SIGKILL);
		if (i == 1) { /* once the first time is over */
			CHECK(is_served(&host) && has_zygote(&host));
			pages = private_pages(host.pid);
			descriptors = host_count_descriptors(host.pid);
		}
	}
	CHECK(is_served(&host));
	CHECK(settles_at(&host, descriptors));
	CHECK_NUMBER(private_pages(host.pid), pages);
	int status = host_stop(&host, SIGTERM);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Nobody gets to try out the same addresses for long. By a signal that AddressSanitizer does not
 * handle. */
static void test_many_crashes(void)
{
	struct host host;
	int status = -1, crashes = 1;
	if (!CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), NULL)))
		return;
	pid_t worker = host_worker(host.pid);
	for (; crashes < CRASHES && CHECK(is_served(&host)); crashes++)
		worker = replace_worker(&host, worker, SIGABRT);
	CHECK(is_served(&host));
	if (CHECK(worker > 1) && CHECK(!kill(worker, SIGABRT))) {
		CHECK_NUMBER(waitpid(host.pid, &status, 0), host.pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
		CHECK(access(host.socket, F_OK) && errno == ENOENT);
		host_directory_remove(&host);
	} else {
		host_stop(&host, SIGKILL);
	}
}

static void break_plugin(const struct host *host, bool broken)
{
	char path[192];
	struct error error = {0};
	snprintf(path, sizeof(path), "%s/mayfly/probe-crash", host->directory);
	CHECK(broken ? !file_replace(path, "", 0, &error) : !unlink(path));
}

/* The client that needed the host is told. */
static void test_first_start_crashes(void)
{
	struct host host;
	struct peer peer;
	struct error error = {0};
	if (!CHECK(!host_directory_make(&host)))
		return;
	break_plugin(&host, true);
	CHECK(!peer_window_make(&peer));
	CHECK_NUMBER(accel_client_open(&peer.client, &accel_dialer_own, peer.window_fd,
				       PEER_WINDOW_SIZE, 0, &error),
		     -EIO);
	if (!CHECK(strstr(error.text, "the accelerator host's worker was killed by signal")) ||
	    !CHECK(strstr(error.text, "while it started")))
		fprintf(stderr, "it says: %s\n", error.text);
	peer_window_release(&peer);
	CHECK(host_is_gone(&host, 5000));
	CHECK(access(host.socket, F_OK) && errno == ENOENT);
	break_plugin(&host, false);
	host_directory_remove(&host);
}

/* Later workers that cannot start are tried a while, and then the host gives up; whoever waits is
 * hung up on. */
static void test_later_starts_crash(void)
{
	struct host host;
	struct peer peer;
	int status = -1;
	if (!CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), NULL)))
		return;
	CHECK(is_served(&host));
	break_plugin(&host, true);
	pid_t worker = host_worker(host.pid);
	CHECK(worker > 1 && !kill(worker, SIGKILL));
	uint64_t start_ns = clock_now_ns();
	struct error error = {0};
	CHECK(!peer_window_make(&peer));
	int result = accel_client_open_at(&peer.client, host.socket, peer.window_fd,
					  PEER_WINDOW_SIZE, &error);
	CHECK(result == -ECONNRESET || result == -ECONNREFUSED);
	peer_window_release(&peer);
	CHECK(clock_now_ns() - start_ns < LIMIT_MS * 1000000ULL);
	CHECK_NUMBER(waitpid(host.pid, &status, 0), host.pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	CHECK(access(host.socket, F_OK) && errno == ENOENT);
	break_plugin(&host, false);
	host_directory_remove(&host);
}

/* Told to end in the pause between two attempts, it ends. */
static void test_ended_in_between(void)
{
	struct host host;
	if (!CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), NULL)))
		return;
	break_plugin(&host, true);
	pid_t worker = host_worker(host.pid);
	CHECK(worker > 1 && !kill(worker, SIGKILL));
	for (int waited = 0; host_worker(host.pid) > 0 && waited < LIMIT_MS; waited += 5)
		sleep_ms(5);
	break_plugin(&host, false);
	int status = host_stop(&host, SIGTERM);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const char *probe = getenv("PROBE_PLUGIN");
	if (!CHECK(probe))
		return check_status();
	setenv("VACCEL_PLUGINS", probe, 1);
	test_killed_while_idle();
	test_killed_in_op();
	test_callers_meanwhile();
	test_killed_supervisor();
	test_ended_worker();
	test_many_deaths();
	test_many_crashes();
	test_first_start_crashes();
	test_later_starts_crash();
	test_ended_in_between();
	return check_status();
}

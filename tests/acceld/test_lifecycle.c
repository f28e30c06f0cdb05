/* How mayfly-acceld comes and goes: on demand, once for all, away when idle, killed. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "accel_client/accel_start.h"
#include "check.h"
#include "confine/confine.h"
#include "confine/sanitizers.h"
#include "host.h"
#include "sizes/sizes.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/paths.h"
#include "vaccel.h"

#define RACERS 8

static void sleep_ms(long milliseconds)
{
	nanosleep(&(struct timespec){.tv_sec = milliseconds / 1000,
				     .tv_nsec = milliseconds % 1000 * 1000000},
		  NULL);
}

/* Never kill(-1), which would end every process of this user. */
static void send_signal(pid_t pid, int signal)
{
	if (CHECK(pid > 1))
		CHECK(!kill(pid, signal));
}

static void test_on_demand_and_killed(void)
{
	struct host host;
	struct peer peer;
	if (!CHECK(!host_directory_make(&host)))
		return;
	pid_t first = -1;
	if (CHECK(!peer_open(&peer, NULL))) {
		CHECK_NUMBER(peer_session_init(&peer, 0), 1);
		first = host_pid(&host);
		CHECK(first > 0 && first != getpid() && getsid(first) == first);
		/* Killed in the middle of an op. */
		int status = -1;
		pid_t killer = fork();
		if (!killer) {
			bool waits = host_has_noop(NULL);
			send_signal(first, SIGKILL);
			_exit(!waits);
		}
		CHECK_NUMBER(peer_noop(&peer, 1), -ECONNRESET);
		CHECK_NUMBER(peer_noop(&peer, 1), -ENOTCONN);
		CHECK(waitpid(killer, &status, 0) == killer && status == 0);
		peer_close(&peer);
	}
	/* The next one finds the dead host's socket and gets a new host. */
	if (CHECK(!peer_open(&peer, NULL))) {
		CHECK_NUMBER(peer_session_init(&peer, 0), 1);
		char text[32];
		CHECK_NUMBER(peer_classify(&peer, 1, text, sizeof(text)), 0);
		pid_t second = host_pid(&host);
		CHECK(second != first);
		send_signal(second, SIGTERM);
		CHECK(host_is_gone(&host, 5000));
		CHECK(access(host.socket, F_OK) && errno == ENOENT);
		CHECK_NUMBER(peer_noop(&peer, 1), -ECONNRESET);
		peer_close(&peer);
	}
	host_directory_remove(&host);
}

/* Whoever comes while a host is leaving gets the next one; who was let in by the worker before that
 * heard of it is told so at the first call. */
static void test_leaving_race(void)
{
	struct host host;
	int served = 0;
	if (!CHECK(!host_directory_make(&host)))
		return;
	for (int round = 0; round < 100 && served < 10; round++) {
		struct peer peer;
		if (!CHECK(!peer_open(&peer, NULL)))
			break;
		int64_t session = peer_session_init(&peer, 0);
		CHECK(session == 1 || session == -ECONNRESET);
		pid_t pid = session == 1 ? host_pid(&host) : -1;
		peer_close(&peer);
		if (pid < 0)
			continue; /* it was the one that leaves */
		served++;
		send_signal(pid, SIGTERM);
	}
	CHECK_NUMBER(served, 10);
	CHECK(host_is_gone(&host, 5000));
	host_directory_remove(&host);
}

static int race(void)
{
	struct peer peer;
	if (peer_open(&peer, NULL))
		return 1;
	int64_t session = peer_session_init(&peer, 0);
	char text[32];
	int result = peer_classify(&peer, session, text, sizeof(text));
	sleep_ms(300);
	peer_close(&peer);
	return session == 1 && !result ? 0 : 1;
}

/* How long a user would wait: well below what opening may take without a deadline. */
#define SOON_NS (5 * NANOSECONDS_PER_SECOND)

static uint64_t in_ms(uint64_t milliseconds)
{
	return clock_now_ns() + milliseconds * 1000000;
}

/* A host that was stopped costs its clients no more time than they have, and serves again. */
static void test_stopped(void)
{
	struct host host;
	struct peer peer, other;
	struct error error = {0};
	if (!CHECK(!host_directory_make(&host)))
		return;
	if (CHECK(!peer_open(&peer, NULL)) && CHECK(!peer_window_make(&other))) {
		CHECK_NUMBER(peer_session_init(&peer, 0), 1);
		pid_t pid = host_pid(&host), worker = host_worker(pid);
		send_signal(worker, SIGSTOP);
		uint64_t start_ns = clock_now_ns();
		CHECK_NUMBER(accel_client_open(&other.client, &accel_dialer_own, other.window_fd,
					       PEER_WINDOW_SIZE, in_ms(200), &error),
			     -ETIMEDOUT);
		CHECK(strstr(error.text, "does not answer"));
		CHECK_NUMBER(accel_client_mark(peer.client, in_ms(200), &error), -ETIMEDOUT);
		CHECK(strstr(error.text, "does not answer"));
		CHECK(clock_now_ns() - start_ns < SOON_NS);
		send_signal(worker, SIGCONT);
		CHECK_NUMBER(accel_client_open(&other.client, &accel_dialer_own, other.window_fd,
					       PEER_WINDOW_SIZE, 0, &error),
			     0);
		CHECK_NUMBER(accel_client_mark(other.client, in_ms(60000), &error), 0);
		send_signal(pid, SIGTERM);
		peer_close(&other);
		peer_close(&peer);
	}
	CHECK(host_is_gone(&host, 5000));
	host_directory_remove(&host);
}

/* Nor does one whose queue of connections is full. */
static void test_full_queue(void)
{
	struct host host;
	if (!CHECK(!host_directory_make(&host)))
		return;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", host.socket);
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	CHECK(!bind(listener, (struct sockaddr *)&address, sizeof(address)) &&
	      !listen(listener, 0));
	int waiting[8], count = 0, result = 0;
	struct error error = {0};
	uint64_t start_ns = clock_now_ns();
	while (!result && count < 8) {
		result = accel_connect(host.socket, in_ms(100), &waiting[count], &error);
		count += !result;
	}
	CHECK_NUMBER(result, -ETIMEDOUT);
	CHECK(strstr(error.text, host.socket));
	CHECK(clock_now_ns() - start_ns < SOON_NS);
	while (count)
		close(waiting[--count]);
	close(listener);
	host_directory_remove(&host);
}

/* Many clients come at once while there is no host: one host is started. */
static void test_start_race(void)
{
	struct host host;
	if (!CHECK(!host_directory_make(&host)))
		return;
	pid_t racers[RACERS];
	for (int i = 0; i < RACERS; i++) {
		racers[i] = fork();
		if (!racers[i])
			_exit(race());
	}
	for (int i = 0; i < RACERS; i++) {
		int status = -1;
		waitpid(racers[i], &status, 0);
		CHECK_NUMBER(status, 0);
	}
	/* All eight were served by the one that holds the lock: ending it frees the lock. */
	CHECK(!host_is_gone(&host, 0));
	send_signal(host_pid(&host), SIGTERM);
	CHECK(host_is_gone(&host, 5000));
	host_directory_remove(&host);
}

/* Whatever writes into it, the log of a host in the background stays short. */
static void test_log_stays_short(void)
{
	struct host host;
	struct peer peer;
	struct stat status = {.st_size = LLONG_MAX};
	char path[192];
	if (!CHECK(!host_directory_make(&host)))
		return;
	host_log_path(&host, path, sizeof(path));
	if (CHECK(!peer_open(&peer, NULL))) {
		int log = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
		CHECK(log >= 0 && !ftruncate(log, 100 << 20));
		for (int i = 0; i < 1000 && status.st_size > 1 << 20; i++) {
			sleep_ms(10);
			CHECK(!fstat(log, &status));
		}
		CHECK(status.st_size <= 1 << 20);
		close(log);
		send_signal(host_pid(&host), SIGTERM);
		CHECK(host_is_gone(&host, 5000));
		peer_close(&peer);
	}
	host_directory_remove(&host);
}

static void test_idle(void)
{
	static const char *const arguments[] = {"--idle=1", NULL};
	struct host host;
	struct peer peer;
	uint64_t start_ns = 0;
	if (!CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), arguments)))
		return;
	if (CHECK(!peer_open(&peer, host.socket))) {
		/* Longer than the idle time, but somebody is there. */
		sleep_ms(1500);
		CHECK_NUMBER(peer_session_init(&peer, 0), 1);
		start_ns = clock_now_ns();
		peer_close(&peer);
	}
	int status = -1;
	CHECK_NUMBER(waitpid(host.pid, &status, 0), host.pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(clock_now_ns() - start_ns > 800000000);
	CHECK(access(host.socket, F_OK) && errno == ENOENT);
	host_directory_remove(&host);
}

/* SIGTERM while an op is under way: the host waits for it a while, then leaves all the same. */
static void *noop_thread(void *argument)
{
	struct peer *peer = argument;
	peer_noop(peer, 1);
	return NULL;
}

static void test_term_during_op(void)
{
	struct host host;
	struct peer peer;
	if (!CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), NULL)))
		return;
	pthread_t thread;
	bool started = false;
	if (CHECK(!peer_open(&peer, host.socket))) {
		peer_session_init(&peer, 0);
		started = CHECK(!pthread_create(&thread, NULL, noop_thread, &peer));
		CHECK(host_has_noop(host.socket));
	}
	uint64_t start_ns = clock_now_ns();
	int status = host_stop(&host, SIGTERM);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(clock_now_ns() - start_ns < 15 * NANOSECONDS_PER_SECOND);
	if (started) {
		pthread_join(thread, NULL);
		peer_close(&peer);
	}
}

/* A failure to start is told to the one who needed it. */
static void test_bad_plugin(const char *good_plugin)
{
	struct host host;
	if (!CHECK(!host_directory_make(&host)))
		return;
	setenv("VACCEL_PLUGINS", "/nonexistent/libvaccel-none.so", 1);
	struct peer peer;
	CHECK(!peer_window_make(&peer));
	struct error error = {0};
	uint64_t start_ns = clock_now_ns();
	int result = accel_client_open(&peer.client, &accel_dialer_own, peer.window_fd,
				       PEER_WINDOW_SIZE, 0, &error);
	CHECK_NUMBER(result, -EIO);
	CHECK(strstr(error.text, "/nonexistent/libvaccel-none.so"));
	/* Nor does it get lost among other words. */
	setenv("MAYFLY_LOG", "typo", 1);
	CHECK_NUMBER(accel_client_open(&peer.client, &accel_dialer_own, peer.window_fd,
				       PEER_WINDOW_SIZE, 0, &error),
		     -EIO);
	CHECK(strstr(error.text, "/nonexistent/libvaccel-none.so"));
	unsetenv("MAYFLY_LOG");
	CHECK(clock_now_ns() - start_ns < 5 * NANOSECONDS_PER_SECOND);
	peer_window_release(&peer);
	CHECK(host_is_gone(&host, 5000));
	setenv("VACCEL_PLUGINS", good_plugin, 1);
	host_directory_remove(&host);
}

static void link_into(const struct host *host, const char *target, const char *name)
{
	char path[192];
	snprintf(path, sizeof(path), "%s/%s", host->directory, name);
	CHECK(target && !symlink(target, path));
}

/* As installing does it, for a host that may read nothing elsewhere: `from` may be a directory. */
static void install_into(const struct host *host, const char *from, const char *name)
{
	char command[3 * PATH_MAX];
	snprintf(command, sizeof(command),
		 "cp -rLl -- '%s' '%s/%s' 2>/dev/null || cp -rL -- '%s' '%s/%s'", from,
		 host->directory, name, from, host->directory, name);
	CHECK(!system(command));
}

/* A copy, not a link: the program looks for its parts beside itself. */
static void copy_host_into(const struct host *host)
{
	char path[192];
	uint8_t *program = NULL;
	size_t length = 0;
	struct error error = {0};
	snprintf(path, sizeof(path), "%s/acceld", host->directory);
	CHECK(!mkdir(path, 0700));
	snprintf(path, sizeof(path), "%s/acceld/mayfly-acceld", host->directory);
	CHECK(!file_read(getenv("MAYFLY_ACCELD"), 64 << 20, &program, &length, &error) &&
	      !file_replace(path, program, length, &error) && !chmod(path, 0700));
	free(program);
}

/* What models/fetch.py installs, in the cache that the test was started with. */
static const char *const installed[] = {"onnxruntime", "models", "manifest.sha256"};
#define INSTALLED ARRAY_SIZE(installed)

static bool find_installed(char paths[INSTALLED][PATH_MAX])
{
	for (size_t i = 0; i < INSTALLED; i++)
		if (paths_cache(paths[i], PATH_MAX, installed[i], NULL) || access(paths[i], R_OK))
			return false;
	return true;
}

/* What is in the host, plugins of others too, starts nothing, connects to nothing, and finds only
 * files that it may need. */
static void test_rights(void)
{
	struct host host;
	struct peer peer;
	if (CONFINE_SANITIZED) {
		puts("not tested: a build with sanitizers cannot be confined");
		return;
	}
	if (!CHECK(!host_directory_make(&host)))
		return;
	if (CHECK(!peer_open(&peer, NULL))) {
		char text[128] = "";
		int64_t session = peer_session_init(&peer, 0);
		CHECK_NUMBER(peer_detect(&peer, session, "rights", 6, text, sizeof(text)), 0);
		/* EPERM by the filter, EACCES by Landlock. */
		CHECK_TEXT(text,
			   confine_landlock_version() > 0
			       ? "fork 1, socket 1, exec 1, write 13, list 13, read 13, replace 13"
			       : "fork 1, socket 1, exec 1, write 0, list 0, read 0, replace 1");
		pid_t pid = host_pid(&host);
		peer_close(&peer);
		send_signal(pid, SIGTERM);
		CHECK(host_is_gone(&host, 5000));
	}
	host_directory_remove(&host);
}

/* The description of a plugin. */
static void describe_into(const struct host *host, const char *name, const char *more)
{
	char path[192], text[128];
	struct error error = {0};
	snprintf(path, sizeof(path), "%s/%s.plugin", host->directory, name);
	snprintf(text, sizeof(text), "default yes\n%s", more);
	CHECK_NUMBER(file_replace(path, text, strlen(text), &error), 0);
}

/* A host whose plugin is installed only after it has started, and models still later. `listed`: the
 * plugin's description is there from the beginning. */
static void test_late_engine(bool listed)
{
	struct host host;
	struct peer peer;
	if (!CHECK(!host_directory_make(&host)))
		return;
	/* libvaccel looks for plugins beside itself: it has to be where none are. */
	static const char *const variables[] = {"LD_LIBRARY_PATH", "MAYFLY_LIBDIR",
						"XDG_CACHE_HOME"};
	char *before[3];
	char models[INSTALLED][PATH_MAX];
	bool have_models = find_installed(models);
	for (size_t i = 0; i < 3; i++) {
		const char *value = getenv(variables[i]);
		before[i] = value ? strdup(value) : NULL;
	}
	copy_host_into(&host);
	link_into(&host, getenv("VACCEL_LIBRARY"), "libvaccel.so.0");
	link_into(&host, getenv("NOOP_PLUGIN"), "libvaccel-noop.so");
	describe_into(&host, "noop", "priority 0\n");
	if (listed)
		describe_into(&host, "onnx", "awaited yes\n");
	setenv("VACCEL_PLUGINS", "", 1);
	setenv("LD_LIBRARY_PATH", host.directory, 1);
	setenv("MAYFLY_LIBDIR", host.directory, 1);
	setenv("XDG_CACHE_HOME", host.directory, 1); /* no models, no ONNX Runtime */
	if (CHECK(!peer_open(&peer, NULL))) {
		CHECK_NUMBER(peer_session_init(&peer, 0), -VACCEL_ENODEV);
		int64_t noop = peer_session_init(&peer, VACCEL_PLUGIN_DEBUG);
		CHECK_NUMBER(peer_noop(&peer, noop), 0);
		install_into(&host, getenv("ONNX_PLUGIN"), "libvaccel-onnx.so");
		if (!listed)
			describe_into(&host, "onnx", "awaited yes\n");
		int64_t session = -VACCEL_ENODEV;
		for (int tries = 0; tries < 100 && session == -VACCEL_ENODEV; tries++) {
			sleep_ms(50);
			session = peer_session_init(&peer, 0);
		}
		CHECK(session > 0);
		/* It must not be the noop plugin, which finds something in any picture. */
		char text[32] = "";
		CHECK_NUMBER(peer_detect(&peer, session, "abc", 3, text, sizeof(text)),
			     VACCEL_ENOENT);
		CHECK_NUMBER(peer_detect(&peer, noop, "abc", 3, text, sizeof(text)), 0);
		/* The cache of this host is mayfly/ in the directory, too. */
		for (size_t i = 0; have_models && i < INSTALLED; i++) {
			char name[64];
			snprintf(name, sizeof(name), "mayfly/%s", installed[i]);
			install_into(&host, models[i], name);
		}
		if (have_models) /* and "abc" is no picture */
			CHECK_NUMBER(peer_detect(&peer, session, "abc", 3, text, sizeof(text)),
				     VACCEL_EINVAL);
		else
			puts("no models are installed: they could not be installed late");
		pid_t pid = host_pid(&host);
		peer_close(&peer);
		send_signal(pid, SIGTERM);
		CHECK(host_is_gone(&host, 5000));
	}
	for (size_t i = 0; i < 3; i++) {
		if (before[i])
			setenv(variables[i], before[i], 1);
		else
			unsetenv(variables[i]);
		free(before[i]);
	}
	char command[192];
	snprintf(command, sizeof(command), "rm -rf '%s/mayfly'", host.directory);
	CHECK(!system(command));
	static const char *const names[] = {
	    "libvaccel.so.0", "libvaccel-noop.so",    "noop.plugin", "libvaccel-onnx.so",
	    "onnx.plugin",    "acceld/mayfly-acceld", "acceld"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[192];
		snprintf(path, sizeof(path), "%s/%s", host.directory, names[i]);
		CHECK(!remove(path));
	}
	host_directory_remove(&host);
}

int main(void)
{
	const char *probe = getenv("PROBE_PLUGIN");
	if (!CHECK(probe))
		return check_status();
	setenv("VACCEL_PLUGINS", probe, 1);
	test_on_demand_and_killed();
	test_leaving_race();
	test_stopped();
	test_full_queue();
	test_start_race();
	test_log_stays_short();
	test_idle();
	test_term_during_op();
	test_bad_plugin(probe);
	test_rights();
	test_late_engine(true);
	test_late_engine(false);
	return check_status();
}

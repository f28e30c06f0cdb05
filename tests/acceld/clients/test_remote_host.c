/* A program that knows vAccel's API only, and VACCEL_RPC_ADDRESS: its sessions reach a real
 * mayfly-acceld by its own socket, and a host that was started anew; and addresses that lead nowhere. */
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "acceld/host.h"
#include "forwarder.h"
#include "program.h"

static void test_bad_addresses(void)
{
	static const char *const bad[] = {
	    "nonsense",
	    "unix://",
	    "unix://@",
	    "http://host:1",
	    "tcp://host",
	    "tcp://:1",
	    "tcp://host:",
	    "tcp://host:0",
	    "tcp://host:65536",
	    "tcp://host:1x",
	    "tcp://1:2:3:4",
	    "tcp://a/b:1",
	    "vsock://2",
	    "vsock://host:2048",
	    "vsock://-1:2048",
	    "vsock://4294967296:1",
	    "tls://host:99999999",
	    "TCP://host:1",
	    "unix:/run/socket",
	    "vsock://:2048",
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		start_library(NULL, bad[i]);
		expect_no_session(0, VACCEL_EINVAL, bad[i]);
		expect_no_session(VACCEL_PLUGIN_REMOTE, VACCEL_EINVAL, "is no accelerator host");
	}
	char longer[300];
	memset(longer, 'x', sizeof(longer));
	memcpy(longer, "unix:///", 8);
	longer[sizeof(longer) - 1] = 0;
	start_library(NULL, longer);
	expect_no_session(0, VACCEL_EINVAL, "at most 107 bytes");
}

static void test_nobody_there(void)
{
	start_library(NULL, "unix:///nonexistent/socket");
	expect_no_session(0, VACCEL_EREMOTEIO, "unix:///nonexistent/socket");
	start_library(NULL, "unix://@mayfly-test-nobody");
	expect_no_session(0, VACCEL_EREMOTEIO, "unix://@mayfly-test-nobody");
	start_library(NULL, "tcp://127.0.0.1:1");
	expect_no_session(0, VACCEL_EREMOTEIO, "tcp://127.0.0.1:1");
	start_library(NULL, "tcp://[::1]:1");
	expect_no_session(0, VACCEL_EREMOTEIO, "tcp://[::1]:1");
	/* Where vAccel's programs look, unless they are told otherwise. */
	start_library("rpc", "");
	expect_no_session(0, VACCEL_EREMOTEIO, "tcp://127.0.0.1:65500");
	start_library("libvaccel-rpc.so", "");
	expect_no_session(VACCEL_PLUGIN_REMOTE, VACCEL_EREMOTEIO, "tcp://127.0.0.1:65500");
	/* The older names. */
	start_library(NULL, "");
	setenv("VACCEL_RPC_ADDR", "unix:///nonexistent/older", 1);
	expect_no_session(0, VACCEL_EREMOTEIO, "unix:///nonexistent/older");
	unsetenv("VACCEL_RPC_ADDR");
	start_library(NULL, "");
	setenv("VACCEL_VSOCK", "unix:///nonexistent/oldest", 1);
	expect_no_session(0, VACCEL_EREMOTEIO, "unix:///nonexistent/oldest");
	unsetenv("VACCEL_VSOCK");
	start_library(NULL, "");
	expect_no_session(0, VACCEL_ENOTSUP, "");
	expect_no_session(VACCEL_PLUGIN_REMOTE, VACCEL_ENOTSUP, "");
}

static int listen_somewhere(char *address, size_t size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "mayfly-test-%d", getpid());
	CHECK(!bind(fd, (struct sockaddr *)&name,
		    (socklen_t)(sizeof(sa_family_t) + 1 + strlen(name.sun_path + 1))));
	snprintf(address, size, "unix://@%s", name.sun_path + 1);
	CHECK(!listen(fd, SOMAXCONN));
	return fd;
}

/* A Unix stream whose other end is no host, but one that passes on what comes: no window gets through. */
static void test_forwarded(const struct host *host)
{
	char address[64];
	struct forwarder forwarder;
	CHECK(
	    !forwarder_start(&forwarder, listen_somewhere(address, sizeof(address)), host->socket));
	start_library(NULL, address);
	test_session(0);
	test_buffers(0);
	test_parallel(8);
	forwarder_stop(&forwarder);
}

/* Until each of them has had a session. */
static void wait_for_all(struct parallel *all)
{
	for (size_t i = 0; i < THREADS; i++)
		while (!atomic_load(&all[i].tried))
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* Restarted at the same socket while 64 threads open sessions: what was under way is told so, and all
 * end up with the new host. */
static void test_restart(void)
{
	struct host host;
	struct parallel all[THREADS];
	atomic_bool goes_on = true;
	struct vaccel_session *old = NULL, *fresh = NULL;
	char directory[] = "/tmp/mayfly-restart-XXXXXX", path[64], option[80], address[80];
	if (!CHECK(mkdtemp(directory)))
		return;
	snprintf(path, sizeof(path), "%s/socket", directory);
	snprintf(option, sizeof(option), "--socket=%s", path);
	snprintf(address, sizeof(address), "unix://%s", path);
	const char *const arguments[] = {option, NULL};
	if (!CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), arguments)))
		return;
	start_library(NULL, address);
	CHECK_NUMBER(vaccel_session_new(&old, 0), VACCEL_OK);
	run_in_parallel(all, 1, &goes_on);
	wait_for_all(all);
	host_stop(&host, SIGKILL);
	CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), arguments));
	atomic_store(&goes_on, false);
	unsigned int good = 0, lost = 0, tried = 0;
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(all[i].thread, NULL);
		good += all[i].good;
		lost += all[i].lost;
		tried += atomic_load(&all[i].tried);
	}
	CHECK_NUMBER(good + lost, tried);
	CHECK(good && lost);
	CHECK_NUMBER(vaccel_session_new(&fresh, 0), VACCEL_OK);
	expect_text(fresh, "0 models, 0 bytes");
	CHECK_NUMBER(vaccel_noop(old), VACCEL_EREMOTEIO);
	CHECK(strstr(mayfly_op_reason(), "new session"));
	CHECK_NUMBER(vaccel_session_delete(old), VACCEL_OK);
	CHECK_NUMBER(vaccel_session_delete(fresh), VACCEL_OK);
	host_stop(&host, SIGTERM);
	unlink(path);
	rmdir(directory);
}

/* Local plugins come first, unless the other side is asked for. */
static void test_beside_plugins(const char *address)
{
	struct vaccel_session *session = NULL;
	char plugins[512];
	snprintf(plugins, sizeof(plugins), "%s:rpc", getenv("NOOP_PLUGIN"));
	start_library(plugins, address);
	CHECK_NUMBER(vaccel_session_new(&session, 0), VACCEL_OK);
	CHECK(!session->is_virtio);
	CHECK_NUMBER(vaccel_session_delete(session), VACCEL_OK);
	test_session(VACCEL_PLUGIN_REMOTE);
	start_library(getenv("PROBE_PLUGIN"), "");
	test_buffers(0);
	start_library("rpc", address);
	test_session(0);
}

int main(void)
{
	struct host host;
	char address[160];
	test_bad_addresses();
	test_nobody_there();
	if (!CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), NULL)))
		return check_status();
	snprintf(address, sizeof(address), "unix://%s", host.socket);
	start_library(NULL, address);
	test_session(0);
	test_session(VACCEL_PLUGIN_REMOTE);
	test_buffers(0);
	test_parallel(8);
	test_shared_session();
	test_beside_plugins(address);
	test_forwarded(&host);
	host_stop(&host, SIGTERM);
	test_restart();
	vaccel_cleanup();
	return check_status();
}

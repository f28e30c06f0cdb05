/* Plugins that crash, hang and answer nonsense: callers get a clear error in time, and the next one
 * is served. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"
#include "host.h"
#include "util/clock.h"
#include "vaccel.h"

#define TEXT_SIZE 64

static int ask(struct peer *peer, const char *word, char *text)
{
	return peer_detect(peer, 1, word, strlen(word), text, TEXT_SIZE);
}

static bool open_peer(struct peer *peer, const struct host *host)
{
	if (!CHECK(!peer_open(peer, host->socket)))
		return false;
	if (CHECK_NUMBER(peer_session_init(peer, 0), 1))
		return true;
	peer_close(peer);
	return false;
}

/* An op that takes as long as the plugin lives. */
static void *wait_in_op(void *context)
{
	struct peer *peer = context;
	CHECK_NUMBER(peer_noop(peer, 1), -ECONNRESET);
	return NULL;
}

/* Takes the host with it: whoever waits is told at once. */
static void test_crash(void)
{
	struct host host;
	struct peer peer, other;
	char text[TEXT_SIZE];
	if (!CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), NULL)))
		return;
	if (open_peer(&peer, &host)) {
		pthread_t waiting;
		bool opened = open_peer(&other, &host);
		bool started = opened && CHECK(!pthread_create(&waiting, NULL, wait_in_op, &other));
		nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
		CHECK_NUMBER(ask(&peer, "crash", text), -ECONNRESET);
		if (started)
			pthread_join(waiting, NULL);
		if (opened)
			peer_close(&other);
		CHECK_NUMBER(ask(&peer, "no end", text), -ENOTCONN);
		peer_close(&peer);
	}
	int status = host_stop(&host, SIGTERM);
	CHECK(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
}

static void test_hang(const struct host *host)
{
	struct peer peer, other;
	char text[TEXT_SIZE];
	if (!open_peer(&peer, host))
		return;
	uint64_t start_ns = clock_now_ns();
	peer.deadline_ns = start_ns + 100000000;
	CHECK_NUMBER(ask(&peer, "hang", text), -ETIMEDOUT);
	CHECK(clock_now_ns() - start_ns >= 100000000);
	/* Others are served meanwhile. */
	if (open_peer(&other, host)) {
		CHECK_NUMBER(peer_classify(&other, 1, text, sizeof(text)), 0);
		peer_close(&other);
	}
	peer_close(&peer);
}

static void test_nonsense(const struct host *host)
{
	struct peer peer;
	char text[TEXT_SIZE] = "";
	if (!open_peer(&peer, host))
		return;
	/* A text without its end, and a status that is none: the caller's to make sense of, within
	 * the bounds that it gave. */
	CHECK_NUMBER(ask(&peer, "no end", text), 0);
	CHECK(memchr(text, 'x', sizeof(text)));
	CHECK(ask(&peer, "no code", text) != 0);
	CHECK_NUMBER(peer_classify(&peer, 1, text, sizeof(text)), 0);
	CHECK_TEXT(text, "0 models, 0 bytes");
	peer_close(&peer);
}

int main(void)
{
	struct host host;
	test_crash();
	/* The next one serves. */
	if (CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), NULL))) {
		test_nonsense(&host);
		test_hang(&host);
		int status = host_stop(&host, SIGTERM);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	return check_status();
}

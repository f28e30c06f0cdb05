/* Tenants of an accelerator host, for measure.py: one that asks for little, and one that takes all
 * that it can get, in every way there is.
 *
 * usage: tenant light SOCKET PHOTO COUNT PAUSE_MS
 *            writes a line of times in microseconds, then one with failures
 *        tenant hostile SOCKET PHOTO CONNECTIONS [WAY]
 *            until it is killed
 *
 * For test_seen.py:
 *        tenant noops SOCKET COUNT
 *            in one session, and one more op that fails; writes a line, and stays until its standard
 *            input ends
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "accel/wire/wire.h"
#include "acceld/host.h"
#include "onnx/tiny_model.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "vaccel.h"
#include "vaccel/ops/torch.h"

#define MILLISECOND_NS 1000000L
#define BLOB_BYTES     (512UL << 10)

struct place {
	const char *socket;
	const uint8_t *photo;
	size_t length;
};

static void pause_ms(long milliseconds)
{
	nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * MILLISECOND_NS},
		  NULL);
}

/* peer_open() without a word about refusals, which are many here. */
static bool open_quietly(struct peer *peer, const char *socket)
{
	if (peer_window_make(peer))
		return false;
	if (!accel_client_open_at(&peer->client, socket, peer->window_fd, PEER_WINDOW_SIZE, NULL))
		return true;
	peer_window_release(peer);
	return false;
}

/* ── the light one ───────────────────────────────────────────────────────────────────────────── */

static int be_light(const struct place *place, unsigned count, long pause)
{
	struct peer peer;
	unsigned failures = 0;
	if (peer_open(&peer, place->socket))
		return EXIT_FAILURE;
	int64_t session = peer_session_init(&peer, 0);
	for (unsigned i = 0; i < count; i++) {
		char text[4096] = "";
		uint64_t start_ns = clock_now_ns();
		int result =
		    peer_detect(&peer, session, place->photo, place->length, text, sizeof(text));
		printf("%llu ", (unsigned long long)(clock_now_ns() - start_ns) / 1000);
		failures += result || !strstr(text, "dog");
		pause_ms(pause);
	}
	printf("\n%u\n", failures);
	peer_close(&peer);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ── the hostile one: each of its ways is a thread ───────────────────────────────────────────── */

static void *detect_for_ever(void *context)
{
	const struct place *place = context;
	for (;; pause_ms(50)) {
		struct peer peer;
		char text[4096];
		if (!open_quietly(&peer, place->socket))
			continue;
		int64_t session = peer_session_init(&peer, 0);
		while (session > 0 && peer_detect(&peer, session, place->photo, place->length, text,
						  sizeof(text)) >= 0)
			;
		peer_close(&peer);
	}
	return NULL;
}

/* Ops whose time is over before they have their turn, on connections that are new each time. */
static void *miss_deadlines(void *context)
{
	const struct place *place = context;
	for (;;) {
		struct peer peer;
		char text[4096];
		if (!open_quietly(&peer, place->socket)) {
			pause_ms(10);
			continue;
		}
		int64_t session = peer_session_init(&peer, 0);
		peer.limit_ns = 5 * MILLISECOND_NS;
		peer.deadline_ns = clock_now_ns() + 10 * MILLISECOND_NS;
		peer_detect(&peer, session, place->photo, place->length, text, sizeof(text));
		peer_close(&peer);
	}
	return NULL;
}

static void *take_memory(void *context)
{
	const struct place *place = context;
	uint8_t *content = calloc(1, BLOB_BYTES);
	for (;;) {
		struct peer peer;
		if (!content || !open_quietly(&peer, place->socket)) {
			pause_ms(10);
			continue;
		}
		int64_t session = peer_session_init(&peer, 0);
		while (peer_register_blob(&peer, session, VACCEL_RESOURCE_DATA, "d", content,
					  BLOB_BYTES) > 0)
			;
		pause_ms(20);
		peer_close(&peer);
	}
	return NULL;
}

static void *take_sessions(void *context)
{
	const struct place *place = context;
	for (;;) {
		enum { PEERS = 16 };
		struct peer peers[PEERS];
		int count = 0;
		for (; count < PEERS && open_quietly(&peers[count], place->socket); count++)
			while (peer_session_init(&peers[count], 0) > 0)
				;
		pause_ms(20);
		while (count)
			peer_close(&peers[--count]);
	}
	return NULL;
}

/* Connections that never say hello. */
static void *take_threads(void *context)
{
	const struct place *place = context;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	memcpy(address.sun_path, place->socket, strlen(place->socket) + 1);
	for (;; pause_ms(5)) {
		int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		/* Kept until there are no more descriptors;
		 * then the host hangs up on the oldest. */
		if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
			pause_ms(100);
	}
	return NULL;
}

/* Models of its own that go on for ever. */
static void *run_endless_models(void *context)
{
	const struct place *place = context;
	static const int64_t shape[] = {VACCEL_TORCH_FLOAT, 1};
	static const float one = 1;
	struct tiny_model model;
	tiny_model_endless(&model);
	for (;;) {
		struct peer peer;
		if (!open_quietly(&peer, place->socket)) {
			pause_ms(10);
			continue;
		}
		int64_t session = peer_session_init(&peer, 0);
		int64_t id = peer_register_blob(&peer, session, VACCEL_RESOURCE_MODEL, "m.onnx",
						model.bytes, model.length);
		struct vaccel_arg inputs[] = {
		    {.buf = &id, .size = sizeof(id), .type = VACCEL_ARG_INT64},
		    {.type = VACCEL_ARG_BUFFER},
		    {.buf = (void *)shape, .size = sizeof(shape), .type = VACCEL_ARG_INT64_ARRAY},
		    {.buf = (void *)&one, .size = sizeof(one), .type = VACCEL_ARG_FLOAT32_ARRAY},
		};
		struct vaccel_arg outputs[] = {{.type = VACCEL_ARG_INT64_ARRAY},
					       {.type = VACCEL_ARG_UINT8_ARRAY}};
		const uint32_t flags[] = {WIRE_ARGUMENT_GROWS, WIRE_ARGUMENT_GROWS};
		const struct accel_call call = {.op = VACCEL_OP_TORCH_MODEL_RUN,
						.session = session,
						.inputs = inputs,
						.input_count = 4,
						.outputs = outputs,
						.output_count = 2,
						.output_flags = flags,
						.deadline_ns = 2 * NANOSECONDS_PER_SECOND};
		if (id > 0)
			peer_call(&peer, &call);
		peer_close(&peer);
	}
	return NULL;
}

static const struct {
	const char *name;
	void *(*go)(void *);
} ways[] = {
    {"deadlines", miss_deadlines}, {"memory", take_memory},	   {"sessions", take_sessions},
    {"threads", take_threads},	   {"models", run_endless_models},
};
#define WAY_COUNT ARRAY_SIZE(ways)

/* `way`: this one and no other, beside detections; NULL: all. */
__attribute__((noreturn)) static void be_hostile(struct place *place, unsigned connections,
						 const char *way)
{
	pthread_t thread;
	for (unsigned i = 0; i < connections; i++)
		pthread_create(&thread, NULL, detect_for_ever, place);
	for (size_t i = 0; i < WAY_COUNT; i++)
		if (!way || !strcmp(way, ways[i].name))
			pthread_create(&thread, NULL, ways[i].go, place);
	for (;;)
		pause();
}

static int call_noops(const char *socket, unsigned long count)
{
	struct peer peer;
	if (peer_open(&peer, socket))
		return EXIT_FAILURE;
	int64_t session = peer_session_init(&peer, 0);
	unsigned long good = 0;
	for (unsigned long i = 0; session > 0 && i < count; i++)
		good += !peer_noop(&peer, session);
	bool refused = peer_noop(&peer, session + 1) > 0;
	printf("%lu\n", good);
	fflush(stdout);
	while (getchar() != EOF)
		;
	peer_close(&peer);
	return refused ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int count, char *words[])
{
	if (count == 4 && !strcmp(words[1], "noops"))
		return call_noops(words[2], strtoul(words[3], NULL, 10));
	struct place place = {NULL};
	cleanup_free uint8_t *photo = NULL;
	struct error error = {0};
	if (count < 5 || file_read(words[3], PEER_WINDOW_SIZE / 2, &photo, &place.length, &error)) {
		fprintf(stderr, "usage: tenant light|hostile SOCKET PHOTO … %s\n", error.text);
		return EXIT_FAILURE;
	}
	place.socket = words[2];
	place.photo = photo;
	if (count == 6 && !strcmp(words[1], "light"))
		return be_light(&place, (unsigned)strtoul(words[4], NULL, 10),
				strtol(words[5], NULL, 10));
	be_hostile(&place, (unsigned)strtoul(words[4], NULL, 10), words[5]);
}

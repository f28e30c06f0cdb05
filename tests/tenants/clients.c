/* Clients of one model, for share_model.py.
 *
 * usage: clients remote SOCKET PHOTO SECONDS
 *            detections by an accelerator host, one after the other; writes how many
 *        clients direct PLUGIN PHOTO SECONDS THREADS
 *            the same in this process, in so many threads at once
 *
 * Both wait for a byte on standard input after the first op, which loads the model, and write a line
 * before that.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acceld/host.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "vaccel.h"
#include "vaccel/ops/image.h"

#define TEXT_SIZE   4096
#define THREADS_MAX 256

struct work {
	const uint8_t *photo;
	size_t length;
	uint64_t ns;
	_Atomic uint64_t done, failed;
};

static void wait_for_start(void)
{
	puts("ready");
	fflush(stdout);
	getchar();
}

static int tell(struct work *work)
{
	printf("%ju\n", (uintmax_t)work->done);
	return work->failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int be_remote(struct work *work, const char *socket)
{
	struct peer peer;
	char text[TEXT_SIZE];
	if (peer_open(&peer, socket))
		return EXIT_FAILURE;
	int64_t session = peer_session_init(&peer, 0);
	if (peer_detect(&peer, session, work->photo, work->length, text, sizeof(text)))
		return EXIT_FAILURE;
	wait_for_start();
	for (uint64_t end_ns = clock_now_ns() + work->ns; clock_now_ns() < end_ns;)
		if (peer_detect(&peer, session, work->photo, work->length, text, sizeof(text)))
			work->failed++;
		else
			work->done += clock_now_ns() < end_ns; /* not what came too late */
	return tell(work);
}

static int detect(struct work *work, struct vaccel_session *session)
{
	unsigned char text[TEXT_SIZE];
	return vaccel_image_detection(session, work->photo, text, work->length, sizeof(text));
}

static void *work_directly(void *context)
{
	struct work *work = context;
	struct vaccel_session session;
	if (vaccel_session_init(&session, 0)) {
		work->failed++;
		return NULL;
	}
	for (uint64_t end_ns = clock_now_ns() + work->ns; clock_now_ns() < end_ns;)
		if (detect(work, &session))
			work->failed++;
		else
			work->done += clock_now_ns() < end_ns;
	vaccel_session_release(&session);
	return NULL;
}

static int be_direct(struct work *work, const char *plugin, unsigned count)
{
	pthread_t threads[THREADS_MAX];
	struct vaccel_session session;
	if (count > THREADS_MAX || vaccel_plugin_load(plugin) || vaccel_session_init(&session, 0) ||
	    detect(work, &session))
		return EXIT_FAILURE;
	vaccel_session_release(&session);
	wait_for_start();
	for (unsigned i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, work_directly, work))
			return EXIT_FAILURE;
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	return tell(work);
}

int main(int count, char *words[])
{
	struct work work = {0};
	cleanup_free uint8_t *photo = NULL;
	struct error error = {0};
	bool direct = count == 6 && !strcmp(words[1], "direct");
	if (!direct && (count != 5 || strcmp(words[1], "remote") != 0)) {
		fputs("usage: clients remote SOCKET PHOTO SECONDS\n"
		      "       clients direct PLUGIN PHOTO SECONDS THREADS\n",
		      stderr);
		return EXIT_FAILURE;
	}
	if (file_read(words[3], PEER_WINDOW_SIZE / 2, &photo, &work.length, &error)) {
		fprintf(stderr, "%s\n", error.text);
		return EXIT_FAILURE;
	}
	work.photo = photo;
	work.ns = strtoull(words[4], NULL, 10) * NANOSECONDS_PER_SECOND;
	return direct ? be_direct(&work, words[2], (unsigned)strtoul(words[5], NULL, 10))
		      : be_remote(&work, words[2]);
}

/* detect_threads: objects in a photograph, again and again, by as many threads of this process as are
 * asked for; what `detect` behind HTTP is compared with. Prints one line of JSON.
 *
 * usage: detect_threads THREADS SECONDS PHOTO
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "mayfly/results.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "vaccel.h"

#define THREADS_MAX 64
#define OBJECTS	    100 /* as functions/detect.c */
#define PHOTO_LIMIT (32UL << 20)

struct detection {
	uint8_t *photo;
	size_t length;
	atomic_uint_fast64_t begin_ns, end_ns;
	atomic_ulong served;
	atomic_int result;
	pthread_barrier_t barrier;
};

static void *detect(void *context)
{
	struct detection *self = context;
	struct vaccel_session session;
	struct mayfly_object objects[OBJECTS];
	size_t count;
	int result = vaccel_session_init(&session, 0);
	/* The first loads the model. */
	if (!result)
		result = mayfly_detect_objects(&session, self->photo, self->length, objects,
					       OBJECTS, &count);
	pthread_barrier_wait(&self->barrier);
	pthread_barrier_wait(&self->barrier);
	while (!result && clock_now_ns() < self->end_ns) {
		result = mayfly_detect_objects(&session, self->photo, self->length, objects,
					       OBJECTS, &count);
		self->served++;
	}
	if (result)
		self->result = result;
	return NULL;
}

static int start_library(void)
{
	struct vaccel_config config;
	int result = vaccel_config_init(&config, NULL, VACCEL_LOG_ERROR, NULL, false, false);
	if (result)
		return result;
	result = vaccel_bootstrap_with_config(&config);
	vaccel_config_release(&config);
	return result ? result : vaccel_plugin_parse_and_load("onnx");
}

int main(int count, char *words[])
{
	const unsigned threads = count == 4 ? (unsigned)atoi(words[1]) : 0;
	const double seconds = count == 4 ? strtod(words[2], NULL) : 0;
	struct detection self = {.end_ns = (uint64_t)(seconds * (double)NANOSECONDS_PER_SECOND)};
	struct error error;
	if (!threads || threads > THREADS_MAX || seconds <= 0) {
		fprintf(stderr, "usage: detect_threads THREADS SECONDS PHOTO\n");
		return 2;
	}
	if (file_read(words[3], PHOTO_LIMIT, &self.photo, &self.length, &error)) {
		fprintf(stderr, "detect_threads: %s\n", error.text);
		return 1;
	}
	pthread_t list[THREADS_MAX];
	pthread_barrier_init(&self.barrier, NULL, threads + 1);
	int result = start_library();
	for (unsigned i = 0; i < threads && !result; i++)
		result = pthread_create(&list[i], NULL, detect, &self);
	if (!result) {
		pthread_barrier_wait(&self.barrier); /* all are ready */
		self.begin_ns = clock_now_ns();
		self.end_ns += self.begin_ns;
		pthread_barrier_wait(&self.barrier);
	}
	for (unsigned i = 0; i < threads && !result; i++)
		pthread_join(list[i], NULL);
	const double took =
	    (double)(clock_now_ns() - self.begin_ns) / (double)NANOSECONDS_PER_SECOND;
	if (result || self.result) {
		fprintf(stderr, "detect_threads: error %d\n", result ? result : self.result);
		return 1;
	}
	printf("{\"served\": %lu, \"seconds\": %.6f, \"rate\": %.3f}\n", self.served, took,
	       (double)self.served / took);
	free(self.photo);
	return 0;
}

/* Machines of one image in several threads at once: each sees its own memory, none leaves anything
 * behind. */
#include <pthread.h>
#include <stdlib.h>

#include "machine_rig.h"

#define THREADS	 4
#define REQUESTS 50

/* A machine and window of its own on an image that all share. */
static void *serve(void *context)
{
	const struct rig *shared = context;
	struct rig rig = {
	    .isolation = shared->isolation,
	    .host = shared->host,
	    .image = shared->image,
	    .entries = shared->entries,
	    .window.memfd = -1,
	};
	struct error error = {0};
	if (!CHECK_NUMBER(window_create(&rig.window, &error), 0))
		return NULL;
	if (rig_create(&rig, true)) {
		for (int i = 0; i < REQUESTS; i++) {
			/* Every other one wakes from the snapshot. */
			struct stop stop = rig_run(&rig, i % 2 ? MACHINE_RESUME : MACHINE_START, 0);
			CHECK_NUMBER(stop.argument, i % 2 ? 1001 : 2);
			rig_reset(&rig);
		}
	}
	rig_destroy(&rig);
	window_release(&rig.window);
	return NULL;
}

static void test_threads(const struct isolation *isolation)
{
	struct rig rig;
	pthread_t threads[THREADS];
	int started = 0;
	if (rig_open(&rig, isolation, guest_count) && rig_create(&rig, false)) {
		CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 1);
		rig_destroy(&rig);
		while (started < THREADS &&
		       CHECK(!pthread_create(&threads[started], NULL, serve, &rig)))
			started++;
		while (started > 0)
			CHECK(!pthread_join(threads[--started], NULL));
		const uint64_t *count = image_pointer(&rig.image, GUEST_POOL_BASE, 8);
		CHECK_NUMBER(*count, 1);
	}
	rig_close(&rig);
}

int main(int argc, char **argv)
{
	return rig_main(argc, argv, test_threads);
}

/* What tests/kernels/accel/guest.c measures by its command `measure`, as a native function: how long a noop
 * takes, and a classification of 64 KiB, in nanoseconds: the least and the median of 101 means of 20. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "vaccel.h"

enum { ROUNDS = 101, OPS = 20, PICTURE_SIZE = 65536 };

static struct vaccel_session session;
static unsigned char picture[PICTURE_SIZE];

static int noop(void)
{
	return vaccel_noop(&session);
}

static int classify(void)
{
	unsigned char text[512];
	return vaccel_image_classification(&session, picture, text, NULL, sizeof(picture),
					   sizeof(text), 0);
}

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int compare(const void *one, const void *other)
{
	const uint64_t first = *(const uint64_t *)one, second = *(const uint64_t *)other;
	return (first > second) - (first < second);
}

static int measure(int (*op)(void))
{
	static uint64_t took[ROUNDS];
	for (size_t i = 0; i < ROUNDS; i++) {
		const uint64_t begin = now_ns();
		for (size_t j = 0; j < OPS; j++)
			if (op())
				return 1;
		took[i] = (now_ns() - begin) / OPS;
	}
	qsort(took, ROUNDS, sizeof(took[0]), compare);
	printf("%lu %lu\n", took[0], took[ROUNDS / 2]);
	return 0;
}

int main(void)
{
	char request[64];
	if (read(STDIN_FILENO, request, sizeof(request)) < 0 || vaccel_session_init(&session, 0))
		return 1;
	return measure(noop) || measure(classify);
}

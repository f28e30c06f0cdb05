/* Any bytes as a picture, decoded at full size and to a size that a model wants. The limits of
 * image.h leave room for pictures that take seconds: a deadline bounds those. */
#include <stdint.h>
#include <stdlib.h>

#include "picture/image.h"
#include "util/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT_NS (NANOSECONDS_PER_SECOND / 2)

/* Reads every pixel; the sanitizer watches. */
static void use_picture(struct picture *picture)
{
	unsigned sum = 0;
	for (size_t i = 0; i < 3 * (size_t)picture->width * picture->height; i++)
		sum += picture->pixels[i];
	picture_shrink(picture, 2 + sum % 3);
}

static void decode(const uint8_t *data, size_t size, unsigned width, unsigned height)
{
	struct picture picture;
	struct error error = {0};
	if (image_decode(data, size, width, height, clock_now_ns() + LIMIT_NS, &picture, &error)) {
		if (!error.code || !error.text[0])
			abort(); /* a failure without words */
		return;
	}
	use_picture(&picture);
	picture_release(&picture);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	decode(data, size, 0, 0);
	decode(data, size, 20, 30);
	return 0;
}

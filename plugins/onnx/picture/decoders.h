/* The decoders of image.h. */
#ifndef MAYFLY_ONNX_DECODERS_H
#define MAYFLY_ONNX_DECODERS_H

#include <stdbool.h>

#include "picture.h"
#include "util/clock.h"

struct image_request {
	const uint8_t *data;
	size_t length;
	unsigned wanted_width, wanted_height;
	uint64_t deadline_ns;
};

static inline bool image_is_late(const struct image_request *request)
{
	return request->deadline_ns && clock_now_ns() >= request->deadline_ns;
}

int image_decode_jpeg(const struct image_request *request, struct picture *image,
		      struct error *error);
int image_decode_png(const struct image_request *request, struct picture *image,
		     struct error *error);

#endif

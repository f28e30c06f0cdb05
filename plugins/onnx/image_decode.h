/* What the decoders of image.h share. */
#ifndef MAYFLY_ONNX_IMAGE_DECODE_H
#define MAYFLY_ONNX_IMAGE_DECODE_H

#include <stdbool.h>

#include "image.h"

struct image_request {
	const uint8_t *data;
	size_t length;
	unsigned wanted_width, wanted_height;
	uint64_t deadline_ns;
};

/* Checks a coded size against the limits, before anything is allocated for it. */
int image_check_size(uint64_t width, uint64_t height, struct error *error);

/* Allocates the pixels of a picture of this size. */
int image_allocate(struct picture *image, unsigned width, unsigned height, struct error *error);

bool image_is_late(const struct image_request *request);

int image_decode_jpeg(const struct image_request *request, struct picture *image,
		      struct error *error);
int image_decode_png(const struct image_request *request, struct picture *image,
		     struct error *error);

#endif

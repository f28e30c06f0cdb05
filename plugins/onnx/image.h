/* A decoded picture: 8-bit RGB, rows tightly packed from the top. */
#ifndef MAYFLY_ONNX_IMAGE_H
#define MAYFLY_ONNX_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define IMAGE_PIXELS_MAX  (64u << 20)	/* of the coded picture */
#define IMAGE_SIDE_MAX	  65500		/* libjpeg's own limit */
#define IMAGE_DECODER_MAX (512ul << 20) /* bytes that a decoder may take besides the pixels */
#define IMAGE_BYTES_MAX	  (256ul << 20) /* of the coded picture */

struct picture {
	uint8_t *pixels; /* 3 * width * height */
	unsigned width, height;
	unsigned coded_width, coded_height; /* before scaled decoding */
};

/* Decodes the JPEG or PNG picture in `data`, which must not change meanwhile.
 *
 * `wanted_width` and `wanted_height` say which size will do: the result may be scaled down to
 * anything not smaller (never up), which is much cheaper; 0 keeps the coded size. Transparent
 * pixels are blended over black. `deadline_ns` (CLOCK_MONOTONIC, 0: none) bounds the work.
 *
 * -EINVAL: not a picture, or a broken one; -EFBIG: beyond the limits above; -ETIMEDOUT; -ENOMEM.
 * picture_release() frees the result. Thread-safe. */
int image_decode(const uint8_t *data, size_t length, unsigned wanted_width, unsigned wanted_height,
		 uint64_t deadline_ns, struct picture *image, struct error *error);

/* Scales down in place by an integer factor, averaging blocks of factor x factor pixels; what is
 * left over at the right and bottom edges is dropped. */
void image_shrink(struct picture *image, unsigned factor);

void picture_release(struct picture *image);

#endif

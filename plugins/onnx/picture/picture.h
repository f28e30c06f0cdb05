/* A decoded picture: 8-bit RGB, rows tightly packed from the top, turned as people see it. */
#ifndef MAYFLY_ONNX_PICTURE_H
#define MAYFLY_ONNX_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define IMAGE_PIXELS_MAX  (64u << 20)	/* of the coded picture */
#define IMAGE_SIDE_MAX	  65500		/* libjpeg's own limit */
#define IMAGE_DECODER_MAX (512ul << 20) /* bytes that JPEG's decoder may take besides pixels */
#define IMAGE_BYTES_MAX	  (256ul << 20) /* of the coded picture */
#define IMAGE_SCANS_MAX	  100		/* of a JPEG; real ones have about ten */

struct picture {
	uint8_t *pixels; /* 3 * width * height */
	unsigned width, height;
	unsigned coded_width, coded_height; /* before scaled decoding */
};

/* Checks a coded size against the limits, before anything is allocated for it: -EINVAL where there
 * are no pixels, -EFBIG. */
int picture_check_size(uint64_t width, uint64_t height, struct error *error);

/* Allocates the pixels of a picture of this size. -EINVAL, -ENOMEM. */
int picture_allocate(struct picture *picture, unsigned width, unsigned height, struct error *error);

void picture_release(struct picture *picture);

/* Scales down in place by an integer factor, averaging blocks of factor x factor pixels; what is
 * left over at the right and bottom edges is dropped. */
void picture_shrink(struct picture *picture, unsigned factor);

#endif

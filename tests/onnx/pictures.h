/* Makes JPEG and PNG pictures for tests. */
#ifndef MAYFLY_TESTS_ONNX_PICTURES_H
#define MAYFLY_TESTS_ONNX_PICTURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct picture_file {
	uint8_t *data; /* malloc'ed; the caller frees it */
	size_t length;
};

/* Encodes 8-bit RGB pixels. Empty (NULL, 0) where that fails. */
struct picture_file picture_jpeg(const uint8_t *rgb, unsigned width, unsigned height,
				 bool progressive);

/* As PNG; `pixels` has what `channels` says: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA. */
struct picture_file picture_png(const uint8_t *pixels, unsigned width, unsigned height,
				unsigned channels, bool interlaced);

/* A PNG file that claims this size and ends after its header. */
struct picture_file picture_png_header(uint32_t width, uint32_t height);

/* Puts an EXIF orientation, 1 to 8, into a JPEG or PNG file. */
void picture_put_orientation(struct picture_file *picture, uint8_t orientation);

/* Turns RGB pixels so that a file of the result that has this orientation shows them as they are.
 * `out` has as many pixels; from orientation 5 on width and height change places. */
void picture_turn_back(uint8_t orientation, const uint8_t *rgb, unsigned width, unsigned height,
		       uint8_t *out);

/* A picture whose upper left quarter is red, upper right green, lower left blue, lower right
 * white; `rgb` has room for it. */
void picture_quarters(uint8_t *rgb, unsigned width, unsigned height);

#endif

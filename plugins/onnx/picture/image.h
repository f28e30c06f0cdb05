/* Decodes pictures. */
#ifndef MAYFLY_ONNX_IMAGE_H
#define MAYFLY_ONNX_IMAGE_H

#include "picture.h"

/* Decodes the JPEG or PNG picture in `data`, which must not change meanwhile.
 *
 * `wanted_width` and `wanted_height` say which size will do: the result may be scaled down to
 * anything not smaller (never up), which is much cheaper; 0 keeps the coded size. Transparent
 * pixels are blended over black. The picture is turned by its EXIF orientation, and all sizes are
 * those of the turned picture. `deadline_ns` (CLOCK_MONOTONIC, 0: none) bounds the work.
 *
 * -EINVAL: not a picture, or a broken one; -EFBIG: beyond the limits of picture.h; -ETIMEDOUT;
 * -ENOMEM. picture_release() frees the result. Thread-safe. */
int image_decode(const uint8_t *data, size_t length, unsigned wanted_width, unsigned wanted_height,
		 uint64_t deadline_ns, struct picture *image, struct error *error);

#endif

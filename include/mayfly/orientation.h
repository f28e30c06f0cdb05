/* Which way up a picture is. Phones store what the sensor sees, and say beside it how the picture
 * is to be turned (EXIF orientation). Ops look at the picture as people see it, and the places that
 * they tell are places in that; a program that decodes the picture itself, to draw into it or to
 * cut something out, has to turn it in the same way:
 *
 *     unsigned orientation = mayfly_picture_orientation(file, length);
 *     mayfly_picture_turn(orientation, pixels, width, height, 3, turned);
 *     if (orientation >= 5)
 *             swap(width, height);
 */
#ifndef MAYFLY_ORIENTATION_H
#define MAYFLY_ORIENTATION_H

#include <stddef.h>
#include <stdint.h>

#include "vaccel/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The orientation that a JPEG or PNG file in memory says it has, 1 to 8; 1 (as it should be) where
 * it says nothing that makes sense, or is no such file. Looked at are EXIF (JPEG: APP1, PNG: eXIf)
 * and, where that has none, XMP that is not compressed. Reads each byte once at most, allocates
 * nothing. */
VACCEL_API unsigned mayfly_picture_orientation(const void *picture, size_t length);

/* Turns a picture of `width` x `height` pixels of `size` bytes each, rows without padding, into
 * `out`, which must not overlap it. From orientation 5 on width and height change places. An
 * unknown orientation copies the picture as it is. */
VACCEL_API void mayfly_picture_turn(unsigned orientation, const uint8_t *pixels, unsigned width,
				    unsigned height, size_t size, uint8_t *out);

#ifdef __cplusplus
}
#endif

#endif

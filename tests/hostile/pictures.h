/* Pictures of a few bytes that say that they have 65,535 × 65,535 pixels: 12 GiB of them. */
#ifndef MAYFLY_TESTS_HOSTILE_PICTURES_H
#define MAYFLY_TESTS_HOSTILE_PICTURES_H

#include <stddef.h>
#include <stdint.h>

/* A PNG whose data are zeros without end. */
const uint8_t *picture_bomb_png(size_t *length);

/* A JPEG, baseline (0) or progressive (1), with a scan of zeros. */
const uint8_t *picture_bomb_jpeg(uint64_t progressive, size_t *length);

#endif

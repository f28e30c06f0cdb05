/* Pictures in a function: decode, draw, encode. Rows of RGB, 8 bits each. */
#ifndef MAYFLY_FUNCTIONS_PICTURE_H
#define MAYFLY_FUNCTIONS_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct picture {
	unsigned width, height;
	uint8_t *pixels; /* width × height × 3, malloc'ed */
};

struct color {
	uint8_t red, green, blue;
};

/* Decodes a JPEG or PNG in memory, turned by its EXIF orientation. NULL, or what it is instead of a
 * picture that can be decoded. */
const char *picture_decode(struct picture *picture, const uint8_t *data, size_t length);

/* Writes a PNG. False where that fails. */
bool picture_write_png(const struct picture *picture, FILE *file);

/* The frame of a rectangle, `thickness` pixels wide; parts outside the picture are left out. */
void picture_draw_frame(struct picture *picture, long x, long y, long width, long height,
			int thickness, struct color color);

/* Text (UTF-8) in black on `background`, its upper left corner at (x, y), moved into the picture.
 * Each pixel of the font becomes scale × scale pixels. */
void picture_draw_text(struct picture *picture, long x, long y, const char *text, int scale,
		       struct color background);

#endif

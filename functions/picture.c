/* Pictures in a function; see picture.h. libjpeg-turbo and libpng do the formats, the font is a
 * console font of Debian's (see make_font.py). */
#include "picture.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include "font.h"
#include "mayfly/orientation.h"

#define PIXELS_MAX (16UL << 20)

static const char no_picture[] = "no JPEG or PNG picture, or a damaged one";
static const char too_large[] = "a picture of more than 16777216 pixels";
static const char no_memory[] = "a picture for which there is no memory: give more with --memory";

/* Memory for the pixels, or NULL with *said set. */
static uint8_t *allocate(const struct picture *picture, const char **said)
{
	uint64_t pixels = (uint64_t)picture->width * picture->height;
	uint8_t *memory = pixels <= PIXELS_MAX ? malloc(pixels * 3) : NULL;
	if (!memory)
		*said = pixels <= PIXELS_MAX ? no_memory : too_large;
	return memory;
}

/* A damaged file is decoded as far as it goes, as viewers do: TurboJPEG calls that a warning. */
static bool decode_jpeg(struct picture *picture, const uint8_t *data, size_t length,
			const char **said)
{
	int width = 0, height = 0, sampling, colours;
	tjhandle codec = tjInitDecompress();
	picture->pixels = NULL;
	if (!codec)
		return false;
	/* An uncommon sampling of colours is an error here and none below. */
	tjDecompressHeader3(codec, data, length, &width, &height, &sampling, &colours);
	if (width > 0 && height > 0) {
		picture->width = (unsigned)width;
		picture->height = (unsigned)height;
		picture->pixels = allocate(picture, said);
	}
	bool read = picture->pixels && (!tjDecompress2(codec, data, length, picture->pixels, width,
						       0, height, TJPF_RGB, TJFLAG_ACCURATEDCT) ||
					tjGetErrorCode(codec) == TJERR_WARNING);
	tjDestroy(codec);
	if (!read)
		free(picture->pixels);
	return read;
}

static bool decode_png(struct picture *picture, const uint8_t *data, size_t length,
		       const char **said)
{
	png_image image = {.version = PNG_IMAGE_VERSION};
	if (!png_image_begin_read_from_memory(&image, data, length))
		return false;
	image.format = PNG_FORMAT_RGB;
	picture->width = image.width;
	picture->height = image.height;
	picture->pixels = allocate(picture, said);
	bool read =
	    picture->pixels && png_image_finish_read(&image, NULL, picture->pixels, 0, NULL);
	png_image_free(&image);
	if (!read)
		free(picture->pixels);
	return read;
}

/* As people see it, and as the host has looked at it. */
static bool turn(struct picture *picture, unsigned orientation)
{
	if (orientation == 1)
		return true;
	uint8_t *turned = malloc((size_t)picture->width * picture->height * 3);
	if (turned)
		mayfly_picture_turn(orientation, picture->pixels, picture->width, picture->height,
				    3, turned);
	free(picture->pixels);
	picture->pixels = turned;
	if (orientation >= 5) {
		unsigned width = picture->width;
		picture->width = picture->height;
		picture->height = width;
	}
	return turned;
}

const char *picture_decode(struct picture *picture, const uint8_t *data, size_t length)
{
	const char *failure = no_picture;
	bool is_png = length >= 8 && !png_sig_cmp(data, 0, 8);
	if (!(is_png ? decode_png : decode_jpeg)(picture, data, length, &failure))
		return failure;
	return turn(picture, mayfly_picture_orientation(data, length)) ? NULL : no_memory;
}

bool picture_write_png(const struct picture *picture, FILE *file)
{
	png_image image = {
	    .version = PNG_IMAGE_VERSION,
	    .width = picture->width,
	    .height = picture->height,
	    .format = PNG_FORMAT_RGB,
	    /* Speed matters more than a few per cent of size. */
	    .flags = PNG_IMAGE_FLAG_FAST,
	};
	return png_image_write_to_stdio(&image, file, 0, picture->pixels, 0, NULL);
}

static void fill(struct picture *picture, long x, long y, long width, long height,
		 struct color color)
{
	long right = x + width < (long)picture->width ? x + width : (long)picture->width;
	long bottom = y + height < (long)picture->height ? y + height : (long)picture->height;
	for (long row = y > 0 ? y : 0; row < bottom; row++)
		for (long column = x > 0 ? x : 0; column < right; column++)
			memcpy(picture->pixels +
				   ((size_t)row * picture->width + (size_t)column) * 3,
			       &color, 3);
}

void picture_draw_frame(struct picture *picture, long x, long y, long width, long height,
			int thickness, struct color color)
{
	fill(picture, x, y, width, thickness, color);
	fill(picture, x, y + height - thickness, width, thickness, color);
	fill(picture, x, y, thickness, height, color);
	fill(picture, x + width - thickness, y, thickness, height, color);
}

/* The first byte of a UTF-8 character. The font has only ASCII; other characters become '?'. */
static bool begins_character(char byte)
{
	return ((uint8_t)byte & 0xc0) != 0x80;
}

static long count_characters(const char *text)
{
	long count = 0;
	for (; *text; text++)
		count += begins_character(*text);
	return count;
}

void picture_draw_text(struct picture *picture, long x, long y, const char *text, int scale,
		       struct color background)
{
	const struct color black = {0, 0, 0};
	long width = count_characters(text) * FONT_WIDTH * scale, height = FONT_HEIGHT * scale;
	x = x + width > (long)picture->width ? (long)picture->width - width : x;
	y = y + height > (long)picture->height ? (long)picture->height - height : y;
	x = x < 0 ? 0 : x;
	y = y < 0 ? 0 : y;
	fill(picture, x, y, width, height, background);
	for (; *text; text++) {
		if (!begins_character(*text))
			continue;
		const uint8_t *glyph = font_glyphs[(uint8_t)*text < 128 ? *text : '?'];
		for (int row = 0; row < FONT_HEIGHT; row++)
			for (int column = 0; column < FONT_WIDTH; column++)
				if (glyph[row] & 0x80 >> column)
					fill(picture, x + (long)column * scale,
					     y + (long)row * scale, scale, scale, black);
		x += FONT_WIDTH * scale;
	}
}

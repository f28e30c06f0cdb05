/* Pictures in a function; see picture.h. libjpeg-turbo and libpng do the formats, the font is a
 * console font of Debian's (see make_font.py). */
#include "picture.h"

#include <jpeglib.h>
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "font.h"

#define PIXELS_MAX (16UL << 20)

struct jpeg_failure {
	struct jpeg_error_mgr manager; /* first: libjpeg hands back a pointer to it */
	jmp_buf out;
};

static void leave_libjpeg(j_common_ptr codec)
{
	longjmp(((struct jpeg_failure *)codec->err)->out, 1);
}

/* What libjpeg has to say of damaged files would stand in the function's log beside its own line.
 */
static void say_nothing(j_common_ptr codec)
{
	(void)codec;
}

static bool decode_jpeg(struct picture *picture, const uint8_t *data, size_t length)
{
	struct jpeg_decompress_struct codec;
	struct jpeg_failure failure;
	codec.err = jpeg_std_error(&failure.manager);
	failure.manager.error_exit = leave_libjpeg;
	failure.manager.output_message = say_nothing;
	picture->pixels = NULL;
	jpeg_create_decompress(&codec);
	if (setjmp(failure.out)) {
		free(picture->pixels);
		jpeg_destroy_decompress(&codec);
		return false;
	}
	jpeg_mem_src(&codec, data, length);
	jpeg_read_header(&codec, TRUE);
	codec.out_color_space = JCS_RGB;
	jpeg_start_decompress(&codec);
	picture->width = codec.output_width;
	picture->height = codec.output_height;
	if ((uint64_t)picture->width * picture->height <= PIXELS_MAX)
		picture->pixels = malloc((size_t)picture->width * picture->height * 3);
	while (picture->pixels && codec.output_scanline < codec.output_height) {
		JSAMPROW row = picture->pixels + (size_t)codec.output_scanline * picture->width * 3;
		jpeg_read_scanlines(&codec, &row, 1);
	}
	if (picture->pixels)
		jpeg_finish_decompress(&codec);
	jpeg_destroy_decompress(&codec);
	return picture->pixels;
}

static bool decode_png(struct picture *picture, const uint8_t *data, size_t length)
{
	png_image image = {.version = PNG_IMAGE_VERSION};
	if (!png_image_begin_read_from_memory(&image, data, length))
		return false;
	image.format = PNG_FORMAT_RGB;
	picture->width = image.width;
	picture->height = image.height;
	picture->pixels = NULL;
	if ((uint64_t)image.width * image.height <= PIXELS_MAX)
		picture->pixels = malloc((size_t)image.width * image.height * 3);
	bool read =
	    picture->pixels && png_image_finish_read(&image, NULL, picture->pixels, 0, NULL);
	png_image_free(&image);
	if (!read)
		free(picture->pixels);
	return read;
}

bool picture_decode(struct picture *picture, const uint8_t *data, size_t length)
{
	return length >= 8 && !png_sig_cmp(data, 0, 8) ? decode_png(picture, data, length)
						       : decode_jpeg(picture, data, length);
}

bool picture_write_png(const struct picture *picture, FILE *file)
{
	png_image image = {
	    .version = PNG_IMAGE_VERSION,
	    .width = picture->width,
	    .height = picture->height,
	    .format = PNG_FORMAT_RGB,
	    /* Time counts more than a few per cent of size. */
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

void picture_draw_text(struct picture *picture, long x, long y, const char *text, int scale,
		       struct color background)
{
	const struct color black = {0, 0, 0};
	long width = (long)strlen(text) * FONT_WIDTH * scale, height = FONT_HEIGHT * scale;
	x = x + width > (long)picture->width ? (long)picture->width - width : x;
	y = y + height > (long)picture->height ? (long)picture->height - height : y;
	x = x < 0 ? 0 : x;
	y = y < 0 ? 0 : y;
	fill(picture, x, y, width, height, background);
	for (; *text; text++, x += FONT_WIDTH * scale)
		for (int row = 0; row < FONT_HEIGHT; row++)
			for (int column = 0; column < FONT_WIDTH; column++)
				if (font_glyphs[(uint8_t)*text & 127][row] & 0x80 >> column)
					fill(picture, x + (long)column * scale,
					     y + (long)row * scale, scale, scale, black);
}

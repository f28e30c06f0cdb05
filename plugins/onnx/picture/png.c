/* PNG pictures through libpng; see image.h.
 *
 * Like libjpeg, libpng reports errors by a callback that must not return; the longjmp() stays
 * within this file.
 *
 * Of a file only what makes the pixels is decoded: header, palette, transparency, image data up to
 * the last row. All other chunks, those that are compressed above all, are skipped unread, and the
 * clock is looked at whatever the bytes are.
 */
#include "decoders.h"

#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#define ROWS_BETWEEN_CLOCKS  32
#define READS_BETWEEN_CLOCKS 256 /* of 1 KiB at most, while chunks are skipped */

struct png_state {
	png_structp png;
	png_infop info;
	const struct image_request *request;
	size_t position;
	unsigned reads;
	uint8_t *row; /* RGBA; of an interlaced picture all rows, in its pixels */
	struct error *error;
	int result;
};

static void png_failed(png_structp png, png_const_charp message)
{
	struct png_state *state = png_get_error_ptr(png);
	if (!state->result)
		state->result = error_set(state->error, EINVAL, "broken PNG picture: %s", message);
	png_longjmp(png, 1);
}

static void png_warned(png_structp png, png_const_charp message)
{
	(void)png;
	(void)message;
}

static void png_check_deadline(struct png_state *state)
{
	if (!image_is_late(state->request))
		return;
	state->result =
	    error_set(state->error, ETIMEDOUT, "the deadline passed while the picture was decoded");
	png_longjmp(state->png, 1);
}

static void png_read_request(png_structp png, png_bytep out, size_t count)
{
	struct png_state *state = png_get_io_ptr(png);
	if (++state->reads % READS_BETWEEN_CLOCKS == 0)
		png_check_deadline(state);
	if (count > state->request->length - state->position)
		png_error(png, "it ends too early");
	memcpy(out, state->request->data + state->position, count);
	state->position += count;
}

/* Whatever was coded becomes 8-bit RGBA. */
static void png_set_rgba(struct png_state *state)
{
	png_structp png = state->png;
	png_set_expand(png);
	png_set_scale_16(png);
	png_set_gray_to_rgb(png);
	png_set_add_alpha(png, 0xff, PNG_FILLER_AFTER);
}

/* RGBA to RGB over black; may be done in place. */
static void png_drop_alpha(uint8_t *out, const uint8_t *in, size_t count)
{
	for (size_t i = 0; i < count; i++, in += 4, out += 3) {
		unsigned alpha = in[3];
		out[0] = (uint8_t)((in[0] * alpha + 127) / 255);
		out[1] = (uint8_t)((in[1] * alpha + 127) / 255);
		out[2] = (uint8_t)((in[2] * alpha + 127) / 255);
	}
}

/* An interlaced picture comes in seven passes over all its pixels; a plain one row by row. Rows of
 * RGBA become rows of RGB, which never reach beyond what was read already. */
static void png_read_pixels(struct png_state *state, struct picture *image)
{
	size_t rgba_bytes = (size_t)image->coded_width * 4;
	int passes = png_set_interlace_handling(state->png);
	png_read_update_info(state->png, state->info);
	for (int pass = 0; pass < passes; pass++) {
		for (unsigned y = 0; y < image->coded_height; y++) {
			if (y % ROWS_BETWEEN_CLOCKS == 0)
				png_check_deadline(state);
			uint8_t *row = state->row ? state->row : image->pixels + y * rgba_bytes;
			png_read_row(state->png, row, NULL);
			if (pass == passes - 1)
				png_drop_alpha(image->pixels + (size_t)y * image->width * 3, row,
					       image->width);
		}
	}
	/* Without png_read_end(), which reads to the end of the file: all rows are there. */
}

/* Pixels, and the row or the room that RGBA needs. */
static int png_allocate(struct png_state *state, struct picture *image, bool interlaced)
{
	size_t rgba_bytes = (size_t)image->coded_width * 4;
	if (!interlaced) {
		state->row = malloc(rgba_bytes);
		return state->row ? picture_allocate(image, image->coded_width, image->coded_height,
						     state->error)
				  : error_set(state->error, ENOMEM, "no memory for a PNG picture");
	}
	image->pixels = calloc(image->coded_height, rgba_bytes);
	if (!image->pixels)
		return error_set(state->error, ENOMEM, "no memory for a picture of %u x %u pixels",
				 image->coded_width, image->coded_height);
	image->width = image->coded_width;
	image->height = image->coded_height;
	return 0;
}

static void png_decode(struct png_state *state, struct picture *image)
{
	png_structp png = state->png;
	png_set_user_limits(png, IMAGE_SIDE_MAX, IMAGE_SIDE_MAX);
	/* All but what makes the pixels; sRGB is the one that "all" leaves out. */
	png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
	png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, (png_const_bytep) "sRGB", 1);
	png_set_read_fn(png, state, png_read_request);
	png_read_info(png, state->info);
	image->coded_width = png_get_image_width(png, state->info);
	image->coded_height = png_get_image_height(png, state->info);
	state->result = picture_check_size(image->coded_width, image->coded_height, state->error);
	if (state->result)
		return;
	png_set_rgba(state);
	bool interlaced = png_get_interlace_type(png, state->info) != PNG_INTERLACE_NONE;
	state->result = png_allocate(state, image, interlaced);
	if (!state->result)
		png_read_pixels(state, image);
}

/* As in jpeg.c: setjmp() in a function of its own. */
static void png_decode_guarded(struct png_state *state, struct picture *image)
{
	if (!setjmp(png_jmpbuf(state->png)))
		png_decode(state, image);
}

int image_decode_png(const struct image_request *request, struct picture *image,
		     struct error *error)
{
	struct png_state state = {.request = request, .error = error};
	state.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, png_failed, png_warned);
	state.info = state.png ? png_create_info_struct(state.png) : NULL;
	if (!state.info) {
		png_destroy_read_struct(&state.png, NULL, NULL);
		return error_set(error, ENOMEM, "no memory for the PNG decoder");
	}
	png_decode_guarded(&state, image);
	png_destroy_read_struct(&state.png, &state.info, NULL);
	free(state.row);
	if (!state.result && request->wanted_width && request->wanted_height) {
		unsigned across = image->width / request->wanted_width;
		unsigned down = image->height / request->wanted_height;
		picture_shrink(image, across < down ? across : down);
	}
	return state.result;
}

/* PNG pictures through libpng; see image.h.
 *
 * Like libjpeg, libpng reports errors by a callback that must not return; the longjmp() stays
 * within this file.
 */
#include "image_decode.h"

#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#define ROWS_BETWEEN_CLOCKS 32
#define TEXT_CHUNKS_MAX	    16

struct png_state {
	png_structp png;
	png_infop info;
	const struct image_request *request;
	size_t position;
	uint8_t *buffer; /* RGBA: one row, or the whole of an interlaced picture */
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

static void png_read_request(png_structp png, png_bytep out, size_t count)
{
	struct png_state *state = png_get_io_ptr(png);
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

static void png_check_deadline(struct png_state *state)
{
	if (!image_is_late(state->request))
		return;
	state->result =
	    error_set(state->error, ETIMEDOUT, "the deadline passed while the picture was decoded");
	png_longjmp(state->png, 1);
}

/* An interlaced picture comes in seven passes over all its pixels; a plain one row by row. */
static void png_read_pixels(struct png_state *state, struct picture *image)
{
	size_t rgba_bytes = (size_t)image->coded_width * 4;
	int passes = png_set_interlace_handling(state->png);
	png_read_update_info(state->png, state->info);
	for (int pass = 0; pass < passes; pass++) {
		for (unsigned y = 0; y < image->coded_height; y++) {
			if (y % ROWS_BETWEEN_CLOCKS == 0)
				png_check_deadline(state);
			uint8_t *row = state->buffer + (passes > 1 ? y * rgba_bytes : 0);
			png_read_row(state->png, row, NULL);
			if (pass == passes - 1)
				png_drop_alpha(image->pixels + (size_t)y * image->width * 3, row,
					       image->width);
		}
	}
	png_read_end(state->png, NULL);
}

static void png_decode(struct png_state *state, struct picture *image)
{
	png_structp png = state->png;
	png_set_user_limits(png, IMAGE_SIDE_MAX, IMAGE_SIDE_MAX);
	png_set_chunk_cache_max(png, TEXT_CHUNKS_MAX);
	png_set_chunk_malloc_max(png, IMAGE_DECODER_MAX);
	png_set_read_fn(png, state, png_read_request);
	png_read_info(png, state->info);
	image->coded_width = png_get_image_width(png, state->info);
	image->coded_height = png_get_image_height(png, state->info);
	state->result = image_check_size(image->coded_width, image->coded_height, state->error);
	if (state->result)
		return;
	png_set_rgba(state);
	bool interlaced = png_get_interlace_type(png, state->info) != PNG_INTERLACE_NONE;
	size_t rows = interlaced ? image->coded_height : 1;
	state->buffer = calloc(rows, (size_t)image->coded_width * 4);
	if (!state->buffer) {
		state->result = error_set(state->error, ENOMEM, "no memory for a PNG picture");
		return;
	}
	state->result =
	    image_allocate(image, image->coded_width, image->coded_height, state->error);
	if (!state->result)
		png_read_pixels(state, image);
}

/* As in image_jpeg.c: setjmp() in a function of its own. */
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
	free(state.buffer);
	if (!state.result && request->wanted_width && request->wanted_height) {
		unsigned across = image->width / request->wanted_width;
		unsigned down = image->height / request->wanted_height;
		image_shrink(image, across < down ? across : down);
	}
	return state.result;
}

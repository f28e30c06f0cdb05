/* JPEG pictures through libjpeg-turbo; see image.h.
 *
 * Decoding is scaled where a smaller picture will do: the inverse transform then computes only the
 * pixels that are wanted. libjpeg reports errors by a callback that must not return: the longjmp()
 * stays within this file, and nothing that needs a destructor lives across it. TurboJPEG needs
 * none of that, but has no callback that could keep to a deadline (docs/dependencies.md).
 *
 * Whatever a file is full of, its bytes come through a source that looks at the clock, and so does
 * each row of each scan. What nobody's camera writes is not decoded: arithmetic coding, scans
 * without end, and whatever follows the last row. Comments, profiles and other segments are
 * skipped, not kept.
 */
#include "decoders.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

/* A file may have any number of scans, and each costs a pass over the whole picture, even without
 * data. So the largest pictures may have 20 at most. */
#define SCANNED_PIXELS_MAX   (20ull * IMAGE_PIXELS_MAX)
#define ROWS_BETWEEN_CLOCKS  32
#define BYTES_BETWEEN_CLOCKS (256u << 10)

struct jpeg_state {
	struct jpeg_decompress_struct decompress;
	struct jpeg_error_mgr errors;
	struct jpeg_progress_mgr progress;
	struct jpeg_source_mgr source;
	size_t position; /* the end of what the source has given */
	jmp_buf escape;
	const struct image_request *request;
	struct error *error;
	int result;
};

static void jpeg_failed(j_common_ptr common)
{
	struct jpeg_state *state = common->client_data;
	char message[JMSG_LENGTH_MAX];
	common->err->format_message(common, message);
	state->result = error_set(state->error, EINVAL, "broken JPEG picture: %s", message);
	longjmp(state->escape, 1);
}

/* Warnings (extraneous bytes, a truncated end) leave a picture that can be used. */
static void jpeg_warned(j_common_ptr common, int level)
{
	if (level < 0)
		common->err->num_warnings++;
}

static void jpeg_check_deadline(struct jpeg_state *state)
{
	if (!image_is_late(state->request))
		return;
	state->result =
	    error_set(state->error, ETIMEDOUT, "the deadline passed while the picture was decoded");
	longjmp(state->escape, 1);
}

/* Called once for each row of blocks in every pass. */
static void jpeg_progressed(j_common_ptr common)
{
	struct jpeg_state *state = common->client_data;
	const struct jpeg_decompress_struct *decompress = &state->decompress;
	uint64_t scans = (uint64_t)decompress->input_scan_number;
	if (scans > IMAGE_SCANS_MAX ||
	    scans * decompress->image_width * decompress->image_height > SCANNED_PIXELS_MAX) {
		state->result = error_set(state->error, EINVAL,
					  "broken JPEG picture: it has more than %ju scans",
					  (uintmax_t)scans - 1);
		longjmp(state->escape, 1);
	}
	jpeg_check_deadline(state);
}

/* ---- the source: parts of the file, one after the other ---- */

static void source_begin(j_decompress_ptr decompress)
{
	(void)decompress;
}

static boolean source_fill(j_decompress_ptr decompress)
{
	static const JOCTET end[] = {0xff, JPEG_EOI};
	struct jpeg_state *state = decompress->client_data;
	struct jpeg_source_mgr *source = decompress->src;
	size_t left = state->request->length - state->position;
	jpeg_check_deadline(state);
	if (left) {
		source->next_input_byte = state->request->data + state->position;
		source->bytes_in_buffer = left < BYTES_BETWEEN_CLOCKS ? left : BYTES_BETWEEN_CLOCKS;
		state->position += source->bytes_in_buffer;
	} else { /* a truncated file ends as others do */
		source->next_input_byte = end;
		source->bytes_in_buffer = sizeof(end);
	}
	return TRUE;
}

/* `count` is at most what is left of a segment: 64 KiB. */
static void source_skip(j_decompress_ptr decompress, long count)
{
	struct jpeg_source_mgr *source = decompress->src;
	while (count > 0 && (size_t)count > source->bytes_in_buffer) {
		count -= (long)source->bytes_in_buffer;
		source_fill(decompress);
	}
	if (count > 0) {
		source->next_input_byte += count;
		source->bytes_in_buffer -= (size_t)count;
	}
}

static void source_end(j_decompress_ptr decompress)
{
	(void)decompress;
}

/* The smallest scale M/8 that still gives what is wanted on both sides, of those for which libjpeg
 * has vector code: the ones between cost as much as the next. */
static unsigned jpeg_scale(const struct jpeg_decompress_struct *decompress,
			   const struct image_request *request)
{
	if (!request->wanted_width || !request->wanted_height)
		return 8;
	for (unsigned scale = 1; scale < 8; scale *= 2) {
		uint64_t width = ((uint64_t)decompress->image_width * scale + 7) / 8;
		uint64_t height = ((uint64_t)decompress->image_height * scale + 7) / 8;
		if (width >= request->wanted_width && height >= request->wanted_height)
			return scale;
	}
	return 8;
}

static int jpeg_decode(struct jpeg_state *state, struct picture *image)
{
	struct jpeg_decompress_struct *decompress = &state->decompress;
	state->source = (struct jpeg_source_mgr){.init_source = source_begin,
						 .fill_input_buffer = source_fill,
						 .skip_input_data = source_skip,
						 .resync_to_restart = jpeg_resync_to_restart,
						 .term_source = source_end};
	decompress->src = &state->source;
	jpeg_read_header(decompress, TRUE);
	int result =
	    picture_check_size(decompress->image_width, decompress->image_height, state->error);
	if (result)
		return result;
	if (decompress->num_components == 4)
		return error_set(state->error, EINVAL,
				 "the JPEG picture is in CMYK: convert it to RGB");
	if (decompress->arith_code)
		return error_set(
		    state->error, EINVAL,
		    "the JPEG picture is arithmetic-coded, which is not taken: convert "
		    "it to Huffman coding");
	image->coded_width = decompress->image_width;
	image->coded_height = decompress->image_height;
	decompress->scale_num = jpeg_scale(decompress, state->request);
	decompress->scale_denom = 8;
	decompress->out_color_space = JCS_RGB;
	decompress->dct_method = JDCT_ISLOW; /* exact, and with SIMD as fast as the others */
	jpeg_start_decompress(decompress);
	result = picture_allocate(image, decompress->output_width, decompress->output_height,
				  state->error);
	if (result)
		return result;
	size_t row_bytes = (size_t)image->width * 3;
	while (decompress->output_scanline < decompress->output_height) {
		JSAMPROW rows[ROWS_BETWEEN_CLOCKS];
		JDIMENSION count = 0;
		while (count < ROWS_BETWEEN_CLOCKS &&
		       decompress->output_scanline + count < decompress->output_height) {
			rows[count] =
			    image->pixels + (decompress->output_scanline + count) * row_bytes;
			count++;
		}
		jpeg_read_scanlines(decompress, rows, count);
	}
	/* Without jpeg_finish_decompress(), which reads to the end of the file:
	 * all rows are there. */
	return 0;
}

/* setjmp() has a function of its own: what changes between it and a longjmp() must not be a local
 * variable of the same function. */
static void jpeg_decode_guarded(struct jpeg_state *state, struct picture *image)
{
	if (setjmp(state->escape))
		return;
	jpeg_create_decompress(&state->decompress);
	state->decompress.mem->max_memory_to_use = IMAGE_DECODER_MAX;
	state->progress.progress_monitor = jpeg_progressed;
	state->decompress.progress = &state->progress;
	state->result = jpeg_decode(state, image);
}

int image_decode_jpeg(const struct image_request *request, struct picture *image,
		      struct error *error)
{
	struct jpeg_state state = {.request = request, .error = error};
	state.decompress.err = jpeg_std_error(&state.errors);
	state.errors.error_exit = jpeg_failed;
	state.errors.emit_message = jpeg_warned;
	state.decompress.client_data = &state;
	jpeg_decode_guarded(&state, image);
	jpeg_destroy_decompress(&state.decompress);
	return state.result;
}

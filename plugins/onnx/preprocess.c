/* From a picture to a model's input tensor; see preprocess.h.
 *
 * Bilinear resizing in two passes: each row of the picture that is needed is first brought to the
 * input's width, then each row of the input is a mixture of two of those. Rows follow one another,
 * so the two last ones are kept. The inner loops run over plain arrays, for the vectoriser.
 */
#include "preprocess.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define CHANNELS 3

/* Where one column or row of the input lies in the picture. */
struct tap {
	unsigned first, second; /* columns or rows of the picture */
	float weight;		/* of the second, 0..1 */
	bool outside;
};

struct resampler {
	const struct model_description *description;
	const struct picture *image;
	struct tap *columns;
	float *rows[2];				 /* of the picture, at the input's width */
	unsigned numbers[2];			 /* which rows those are */
	float *mixed;				 /* one row of the input */
	float scale[CHANNELS], offset[CHANNELS]; /* of each channel in the tensor's order */
};

void preprocess_view_of(const struct model_description *description, unsigned picture_width,
			unsigned picture_height, struct preprocess_view *view)
{
	*view = (struct preprocess_view){0, 0, 1, 1};
	if (description->resize == RESIZE_STRETCH)
		return;
	/* The largest frame of the input's shape within the picture, or the smallest around it. */
	float across = (float)picture_width / (float)description->width;
	float down = (float)picture_height / (float)description->height;
	bool crop = description->resize == RESIZE_CROP;
	float step = crop ? fminf(across, down) * description->crop : fmaxf(across, down);
	view->width = step * (float)description->width / (float)picture_width;
	view->height = step * (float)description->height / (float)picture_height;
	view->x = (1 - view->width) / 2;
	view->y = (1 - view->height) / 2;
}

void preprocess_wanted_size(const struct model_description *description, unsigned *width,
			    unsigned *height)
{
	float crop = description->resize == RESIZE_CROP ? description->crop : 1;
	*width = (unsigned)ceilf((float)description->width / crop);
	*height = (unsigned)ceilf((float)description->height / crop);
}

static size_t element_size(enum input_type type)
{
	return type == INPUT_UINT8 ? sizeof(uint8_t) : sizeof(float);
}

size_t preprocess_tensor_size(const struct model_description *description)
{
	return (size_t)description->width * description->height * CHANNELS *
	       element_size(description->type);
}

/* `origin` and `extent`: the view on this axis, in fractions. */
static struct tap tap_at(unsigned index, unsigned count, float origin, float extent, unsigned size)
{
	float position = origin + ((float)index + 0.5f) / (float)count * extent;
	struct tap tap = {.outside = position < 0 || position >= 1};
	float place = fminf(fmaxf(position * (float)size - 0.5f, 0), (float)(size - 1));
	tap.first = (unsigned)place;
	tap.second = tap.first + 1 < size ? tap.first + 1 : tap.first;
	tap.weight = place - (float)tap.first;
	return tap;
}

static void resample_row(const struct resampler *resampler, unsigned number, float *out)
{
	const uint8_t *row =
	    resampler->image->pixels + (size_t)number * resampler->image->width * CHANNELS;
	const struct tap *tap = resampler->columns;
	for (unsigned x = 0; x < resampler->description->width; x++, tap++, out += CHANNELS) {
		if (tap->outside) {
			out[0] = out[1] = out[2] = 0;
			continue;
		}
		const uint8_t *a = row + (size_t)tap->first * CHANNELS;
		const uint8_t *b = row + (size_t)tap->second * CHANNELS;
		float weight = tap->weight;
		out[0] = (float)a[0] + (float)(b[0] - a[0]) * weight;
		out[1] = (float)a[1] + (float)(b[1] - a[1]) * weight;
		out[2] = (float)a[2] + (float)(b[2] - a[2]) * weight;
	}
}

/* The picture's row `number` at the input's width; `keep` is a row that must not be dropped. */
static const float *resampled_row(struct resampler *resampler, unsigned number, unsigned keep)
{
	for (int i = 0; i < 2; i++)
		if (resampler->numbers[i] == number)
			return resampler->rows[i];
	int victim = resampler->numbers[0] == keep ? 1 : 0;
	resample_row(resampler, number, resampler->rows[victim]);
	resampler->numbers[victim] = number;
	return resampler->rows[victim];
}

static void mix_rows(const float *restrict a, const float *restrict b, float weight,
		     float *restrict out, size_t count)
{
	for (size_t i = 0; i < count; i++)
		out[i] = a[i] + (b[i] - a[i]) * weight;
}

/* One channel of a row; `step_in` and `step_out` count elements. */
#define STORE_CHANNEL(type, round)                                                                 \
	static void store_##type(const float *restrict in, type *restrict out, size_t count,       \
				 size_t step_out, float scale, float offset)                       \
	{                                                                                          \
		for (size_t i = 0; i < count; i++)                                                 \
			out[i * step_out] = (type)round(in[i * CHANNELS] * scale + offset);        \
	}

static inline float clamp_byte(float value)
{
	return fminf(fmaxf(value + 0.5f, 0), 255);
}

STORE_CHANNEL(float, )
STORE_CHANNEL(int32_t, lrintf)
STORE_CHANNEL(uint8_t, clamp_byte)

static void store_row(const struct resampler *resampler, unsigned y, void *tensor)
{
	const struct model_description *description = resampler->description;
	size_t width = description->width, plane = width * description->height;
	bool planar = description->layout == LAYOUT_NCHW;
	for (unsigned channel = 0; channel < CHANNELS; channel++) {
		const float *in =
		    resampler->mixed +
		    (description->order == ORDER_BGR ? CHANNELS - 1 - channel : channel);
		size_t start =
		    planar ? channel * plane + y * width : y * width * CHANNELS + channel;
		size_t step = planar ? 1 : CHANNELS;
		float scale = resampler->scale[channel], offset = resampler->offset[channel];
		if (description->type == INPUT_FLOAT32)
			store_float(in, (float *)tensor + start, width, step, scale, offset);
		else if (description->type == INPUT_INT32)
			store_int32_t(in, (int32_t *)tensor + start, width, step, scale, offset);
		else
			store_uint8_t(in, (uint8_t *)tensor + start, width, step, scale, offset);
	}
}

static void fill_rows(struct resampler *resampler, const struct preprocess_view *view, void *tensor)
{
	const struct model_description *description = resampler->description;
	size_t values = (size_t)description->width * CHANNELS;
	for (unsigned x = 0; x < description->width; x++)
		resampler->columns[x] =
		    tap_at(x, description->width, view->x, view->width, resampler->image->width);
	for (unsigned y = 0; y < description->height; y++) {
		struct tap tap =
		    tap_at(y, description->height, view->y, view->height, resampler->image->height);
		if (tap.outside) {
			memset(resampler->mixed, 0, values * sizeof(float));
		} else {
			const float *first = resampled_row(resampler, tap.first, tap.second);
			const float *second = resampled_row(resampler, tap.second, tap.first);
			mix_rows(first, second, tap.weight, resampler->mixed, values);
		}
		store_row(resampler, y, tensor);
	}
}

int preprocess_fill(const struct model_description *description, struct picture *image,
		    const struct preprocess_view *view, void *tensor, struct error *error)
{
	/* Bilinear mixing looks at two pixels:
	 * where more than that fall onto one, average first. */
	float across = view->width * (float)image->width / (float)description->width;
	float down = view->height * (float)image->height / (float)description->height;
	picture_shrink(image, (unsigned)fminf(across, down));

	size_t values = (size_t)description->width * CHANNELS;
	cleanup_free float *rows = malloc(3 * values * sizeof(float));
	cleanup_free struct tap *columns = malloc(description->width * sizeof(struct tap));
	if (!rows || !columns)
		return error_set(error, ENOMEM, "no memory to prepare the picture");
	struct resampler resampler = {
	    .description = description,
	    .image = image,
	    .columns = columns,
	    .rows = {rows, rows + values},
	    .numbers = {UINT32_MAX, UINT32_MAX},
	    .mixed = rows + 2 * values,
	};
	for (unsigned i = 0; i < CHANNELS; i++) {
		resampler.scale[i] = description->scale[i];
		resampler.offset[i] = -description->mean[i] * description->scale[i];
	}
	fill_rows(&resampler, view, tensor);
	return 0;
}

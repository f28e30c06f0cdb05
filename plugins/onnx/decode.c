/* Class scores, keypoints, masks and depth to results; see decode.h. */
#include "decode.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/utf8.h"

const char *decode_label(const struct model *model, size_t index)
{
	return index < model->labels.count ? model->labels.lines[index] : NULL;
}

void decode_put_label(const struct model *model, size_t index, char *out, size_t size)
{
	const char *label = decode_label(model, index);
	utf8_copy(out, size, label ? label : "", SIZE_MAX);
}

int decode_float_count(const struct tensor *tensor, const char *name, size_t *count,
		       struct error *error)
{
	*count = tensor->size / sizeof(float);
	if (tensor->element != ELEMENT_FLOAT32)
		return error_set(error, EINVAL, "the model's %s are not of type float32", name);
	return 0;
}

int decode_check_scores(const float *scores, size_t count, struct error *error)
{
	for (size_t i = 0; i < count; i++)
		if (!isnan(scores[i]))
			return 0;
	return count ? error_set(error, EINVAL, "the model gives no score that is a number") : 0;
}

/* NaN becomes 0. */
static float clip(float value)
{
	return fminf(fmaxf(value, 0), 1);
}

struct softmax decode_softmax(const float *values, size_t count)
{
	struct softmax softmax = {.best = -INFINITY};
	for (size_t i = 0; i < count; i++)
		softmax.best = fmaxf(softmax.best, values[i]);
	for (size_t i = 0; i < count; i++)
		if (!isnan(values[i]))
			softmax.sum += decode_softmax_weight(&softmax, values[i]);
	return softmax;
}

/* Infinite values have no distance from each other, so all that are the best share the probability
 * of 1. */
float decode_softmax_weight(const struct softmax *softmax, float value)
{
	return value == softmax->best ? 1 : expf(value - softmax->best);
}

/* ---- classification ---- */

/* A class's score, which is a number, as a probability. */
static float class_score(const struct model_description *description, float value,
			 const struct softmax *softmax)
{
	switch (description->score_form) {
	case SCORE_LOGISTIC:
		return 1 / (1 + expf(-value));
	case SCORE_SOFTMAX:
		return decode_softmax_weight(softmax, value) / softmax->sum;
	default:
		return clip(value);
	}
}

/* The best class that is not taken yet and whose score is a number; equal scores:
 * the lower index. */
static size_t best_class(const struct model *model, const float *values, const bool *taken)
{
	size_t best = SIZE_MAX;
	for (size_t i = 0; i < model->description.classes; i++)
		if (!taken[i] && decode_label(model, i) && !isnan(values[i]) &&
		    (best == SIZE_MAX || values[i] > values[best]))
			best = i;
	return best;
}

int decode_labels(const struct model *model, const struct tensor *scores, struct mayfly_label *out,
		  size_t room, size_t *count, struct error *error)
{
	const struct model_description *description = &model->description;
	const float *values = scores->data;
	size_t values_count;
	*count = 0;
	int result = decode_float_count(scores, "scores", &values_count, error);
	if (result)
		return result;
	if (values_count != description->classes)
		return error_set(error, EINVAL, "the model gives %zu scores for %u classes",
				 values_count, description->classes);
	cleanup_free bool *taken = calloc(values_count, sizeof(bool));
	if (!taken)
		return error_set(error, ENOMEM, "no memory for the classes");
	result = decode_check_scores(values, values_count, error);
	if (result)
		return result;
	struct softmax softmax = decode_softmax(values, values_count);
	if (room > description->limit)
		room = description->limit;
	while (*count < room) {
		size_t class = best_class(model, values, taken);
		float score =
		    class == SIZE_MAX ? 0 : class_score(description, values[class], &softmax);
		if (class == SIZE_MAX || score < description->threshold)
			break;
		taken[class] = true;
		struct mayfly_label *label = &out[(*count)++];
		memset(label, 0, sizeof(*label));
		decode_put_label(model, class, label->label, sizeof(label->label));
		label->index = (uint32_t) class;
		label->score = score;
	}
	return 0;
}

/* ---- pose ---- */

int decode_keypoints(const struct model *model, const struct tensor *keypoints,
		     const struct preprocess_view *view, struct mayfly_keypoint *out, size_t room,
		     size_t *count, struct error *error)
{
	const float *values = keypoints->data;
	size_t values_count, points = model->description.classes;
	*count = 0;
	int result = decode_float_count(keypoints, "keypoints", &values_count, error);
	if (result)
		return result;
	if (values_count / 3 != points || values_count % 3)
		return error_set(error, EINVAL, "the model gives %zu values for %zu keypoints",
				 values_count, points);
	for (size_t i = 0; i < points && *count < room; i++, values += 3) {
		if (!decode_label(model, i))
			continue;
		struct mayfly_keypoint *point = &out[(*count)++];
		memset(point, 0, sizeof(*point));
		decode_put_label(model, i, point->name, sizeof(point->name));
		point->x = clip(view->x + values[1] * view->width);
		point->y = clip(view->y + values[0] * view->height);
		/* A keypoint whose place is no number was not seen. */
		point->score = isfinite(values[0]) && isfinite(values[1]) ? clip(values[2]) : 0;
	}
	return 0;
}

/* ---- masks and depth: one value for each pixel ---- */

/* Height and width are the two dimensions that are not 1 (or the last two). */
static int plane_size(const struct tensor *tensor, unsigned *width, unsigned *height,
		      struct error *error)
{
	int64_t sides[2] = {1, 1};
	size_t found = 0;
	for (size_t i = 0; i < tensor->rank; i++) {
		if (tensor->shape[i] == 1)
			continue;
		if (found == 2 || tensor->shape[i] > DESCRIPTION_SIDE_MAX || !tensor->shape[i])
			return error_set(error, EINVAL,
					 "the model's output is no picture with one value a pixel");
		sides[found++] = tensor->shape[i];
	}
	*height = (unsigned)sides[0];
	*width = (unsigned)sides[1];
	size_t count;
	return decode_float_count(tensor, "values", &count, error);
}

/* The row or column of the tensor that shows this row or column of the mask. */
static unsigned source_index(unsigned index, unsigned size, float origin, float extent)
{
	float position = (((float)index + 0.5f) / (float)size - origin) / extent * (float)size;
	if (!(position >= 0) || position >= (float)size)
		return UINT32_MAX;
	return (unsigned)position;
}

int decode_mask(const struct model *model, const struct tensor *values,
		const struct preprocess_view *view, struct mayfly_mask *mask, struct error *error)
{
	int result = plane_size(values, &mask->width, &mask->height, error);
	if (result)
		return result;
	if ((size_t)mask->width * mask->height > mask->room)
		return error_set(error, ENOSPC,
				 "a mask of %u x %u pixels does not fit into %zu bytes",
				 mask->width, mask->height, mask->room);
	const float *plane = values->data;
	bool is_logistic = model->description.score_form == SCORE_LOGISTIC;
	uint8_t *out = mask->pixels;
	for (unsigned y = 0; y < mask->height; y++) {
		unsigned row = source_index(y, mask->height, view->y, view->height);
		for (unsigned x = 0; x < mask->width; x++) {
			unsigned column = source_index(x, mask->width, view->x, view->width);
			float value = 0;
			if (row != UINT32_MAX && column != UINT32_MAX) {
				value = plane[(size_t)row * mask->width + column];
				value = clip(is_logistic ? 1 / (1 + expf(-value)) : value);
			}
			*out++ = (uint8_t)(value * 255 + 0.5f);
		}
	}
	return 0;
}

/* Where in the picture the value with this index lies: its pixel's middle. */
static void place_in_picture(const struct decode_depth *depth, size_t index,
			     const struct preprocess_view *view, float *x, float *y)
{
	size_t row = index / depth->width, column = index % depth->width;
	*x = clip(view->x + ((float)column + 0.5f) / (float)depth->width * view->width);
	*y = clip(view->y + ((float)row + 0.5f) / (float)depth->height * view->height);
}

int decode_depth(const struct tensor *values, const struct preprocess_view *view,
		 struct decode_depth *depth, struct error *error)
{
	*depth = (struct decode_depth){0};
	int result = plane_size(values, &depth->width, &depth->height, error);
	if (result)
		return result;
	const float *plane = values->data;
	size_t count = (size_t)depth->width * depth->height, low = SIZE_MAX, high = SIZE_MAX;
	double sum = 0;
	size_t finite = 0;
	for (size_t i = 0; i < count; i++) {
		if (!isfinite(plane[i]))
			continue;
		if (low == SIZE_MAX || plane[i] < plane[low])
			low = i;
		if (high == SIZE_MAX || plane[i] > plane[high])
			high = i;
		sum += plane[i];
		finite++;
	}
	if (!finite)
		return error_set(error, EINVAL, "the model gives no depth that is a number");
	depth->lowest = plane[low];
	depth->highest = plane[high];
	depth->mean = (float)(sum / (double)finite);
	place_in_picture(depth, low, view, &depth->lowest_x, &depth->lowest_y);
	place_in_picture(depth, high, view, &depth->highest_x, &depth->highest_y);
	return 0;
}

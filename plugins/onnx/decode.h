/* From a model's output tensors to results: one function for each task.
 *
 * Tensors come from models that may be anybody's: their types and sizes are checked against the
 * description, their values may be anything. Positions are turned from the model's input to the
 * picture by the view that the input was made with. All return 0 or a negative errno.
 */
#ifndef MAYFLY_ONNX_DECODE_H
#define MAYFLY_ONNX_DECODE_H

#include "mayfly/results.h"
#include "models/model.h"
#include "preprocess.h"

/* Boxes that a model may give: what passes the threshold is kept and sorted, and no detector gives
 * more. */
#define DECODE_BOXES_MAX (1u << 20)

/* The label of class `index`; NULL where it is never reported. */
const char *decode_label(const struct model *model, size_t index);

/* Copies that label as UTF-8, cut where it is too long; "" where there is none. */
void decode_put_label(const struct model *model, size_t index, char *out, size_t size);

/* The number of values in a tensor, which must be of type float32. */
int decode_float_count(const struct tensor *tensor, const char *name, size_t *count,
		       struct error *error);

/* -EINVAL where there are scores, and none of them is a number. */
int decode_check_scores(const float *scores, size_t count, struct error *error);

/* Softmax over values of which some may be infinite or no numbers. */
struct softmax {
	float best; /* of the values that are numbers */
	float sum;  /* of their weights */
};
struct softmax decode_softmax(const float *values, size_t count);

/* The weight of a value that is a number: its probability is this divided by the sum. */
float decode_softmax_weight(const struct softmax *softmax, float value);

/* NaN never wins and never becomes a result. If a model gives nothing but NaN, that is an error.
 *
 * `boxes` and `scores`: one tensor for each level of the description. Best first, at most `room`
 * and the description's limit. */
int decode_objects(const struct model *model, const struct tensor *boxes,
		   const struct tensor *scores, const struct preprocess_view *view,
		   struct mayfly_object *out, size_t room, size_t *count, struct error *error);

int decode_labels(const struct model *model, const struct tensor *scores, struct mayfly_label *out,
		  size_t room, size_t *count, struct error *error);

int decode_keypoints(const struct model *model, const struct tensor *keypoints,
		     const struct preprocess_view *view, struct mayfly_keypoint *out, size_t room,
		     size_t *count, struct error *error);

/* The mask has the tensor's size and covers the whole picture. -ENOSPC with the size set where
 * there is no room. */
int decode_mask(const struct model *model, const struct tensor *values,
		const struct preprocess_view *view, struct mayfly_mask *mask, struct error *error);

/* Where in the picture the depth tensor has its extremes. */
struct decode_depth {
	unsigned width, height;
	float lowest, highest, mean;
	float lowest_x, lowest_y, highest_x, highest_y; /* fractions of the picture */
};

int decode_depth(const struct tensor *values, const struct preprocess_view *view,
		 struct decode_depth *depth, struct error *error);

#endif

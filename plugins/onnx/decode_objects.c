/* Boxes with scores to objects; see decode.h.
 *
 * Candidates are all boxes whose best class reaches the threshold. The best are taken one after the
 * other; each takes out the worse ones (of its class, or all) that overlap it too much.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

/* Comparing each pair of candidates costs their square: the best this many are enough. */
#define CANDIDATES_MAX 2000

struct box {
	float left, top, right, bottom; /* fractions of the model's input */
};

struct candidate {
	float score; /* as the model gave it */
	uint32_t class;
	size_t index; /* of the box, over all levels */
	struct box box;
};

struct candidates {
	struct candidate *list;
	size_t count, room;
};

static float logistic(float value)
{
	return 1 / (1 + expf(-value));
}

/* The description's threshold in terms of what the model gives, so that the function need not be
 * computed for each score. */
static float raw_threshold(const struct model_description *description)
{
	if (description->score_form == SCORE_LOGISTIC)
		return logf(description->threshold / (1 - description->threshold));
	return description->threshold;
}

static int add_candidate(struct candidates *candidates, const struct candidate *candidate,
			 struct error *error)
{
	if (candidates->count == candidates->room) {
		size_t room = candidates->room ? candidates->room * 2 : 64;
		struct candidate *grown = reallocarray(candidates->list, room, sizeof(*grown));
		if (!grown)
			return error_set(error, ENOMEM, "no memory for what the model found");
		candidates->list = grown;
		candidates->room = room;
	}
	candidates->list[candidates->count++] = *candidate;
	return 0;
}

static struct box box_from_form(const struct model_description *description, const float *values)
{
	struct box box;
	switch (description->box_form) {
	case BOX_YXYX:
		box = (struct box){values[1], values[0], values[3], values[2]};
		break;
	case BOX_XYXY:
		box = (struct box){values[0], values[1], values[2], values[3]};
		break;
	default:
		box = (struct box){values[0] - values[2] / 2, values[1] - values[3] / 2,
				   values[0] + values[2] / 2, values[1] + values[3] / 2};
	}
	if (description->box_unit == UNIT_PIXEL) {
		box.left /= (float)description->width;
		box.right /= (float)description->width;
		box.top /= (float)description->height;
		box.bottom /= (float)description->height;
	}
	return box;
}

/* ---- boxes and class scores ---- */

/* A box whose place is NaN or infinite is no result, and must not displace other boxes. */
static bool box_is_somewhere(const struct box *box)
{
	return isfinite(box->left) && isfinite(box->top) && isfinite(box->right) &&
	       isfinite(box->bottom);
}

/* The best class of a box: boxes that hold two things are rare, things that look like two classes
 * are not. Returns false where no class reaches the threshold. */
static bool best_class(const struct model *model, const float *row, float threshold,
		       struct candidate *candidate)
{
	size_t classes = model->description.classes, best = classes;
	float score = -INFINITY;
	for (size_t i = 0; i < classes; i++) {
		if (row[i] > score) {
			score = row[i];
			best = i;
		}
	}
	if (best == classes)
		return false;
	if (model->description.score_form == SCORE_SOFTMAX)
		score = 1 / decode_softmax(row, classes).sum;
	candidate->class = (uint32_t)best;
	candidate->score = score;
	return score >= threshold && decode_label(model, best);
}

static int collect_boxes(const struct model *model, const struct tensor *boxes,
			 const struct tensor *scores, struct candidates *candidates,
			 struct error *error)
{
	const struct model_description *description = &model->description;
	const float *box_values = boxes->data, *score_values = scores->data;
	size_t box_count, score_count, classes = description->classes;
	int result = decode_float_count(boxes, "boxes", &box_count, error);
	if (!result)
		result = decode_float_count(scores, "scores", &score_count, error);
	if (result)
		return result;
	size_t rows = box_count / 4;
	if (box_count % 4 || score_count % classes || score_count / classes != rows)
		return error_set(error, EINVAL,
				 "the model gives %zu box values and %zu scores: with %zu classes "
				 "they do not belong together",
				 box_count, score_count, classes);
	if (rows > DECODE_BOXES_MAX)
		return error_set(error, EINVAL, "the model gives %zu boxes, at most %u are taken",
				 rows, DECODE_BOXES_MAX);
	float threshold = raw_threshold(description);
	for (size_t i = 0; !result && i < rows; i++) {
		struct candidate candidate = {.index = i};
		if (!best_class(model, score_values + i * classes, threshold, &candidate))
			continue;
		candidate.box = box_from_form(description, box_values + i * 4);
		if (box_is_somewhere(&candidate.box))
			result = add_candidate(candidates, &candidate, error);
	}
	if (!result && !candidates->count)
		result = decode_check_scores(score_values, score_count, error);
	return result;
}

/* ---- offsets from the cells of grids ---- */

/* Each box: the centre's offset from its cell's centre, width, height (and more, ignored here), in
 * pixels of the input. */
static int collect_level(const struct model *model, size_t level, size_t first,
			 const struct tensor *boxes, const struct tensor *scores,
			 struct candidates *candidates, struct error *error)
{
	const struct model_description *description = &model->description;
	size_t grid = description->anchor_grid[level], anchors = description->anchor_count[level];
	size_t rows = grid * grid * anchors, box_count, score_count;
	int result = decode_float_count(boxes, "boxes", &box_count, error);
	if (!result)
		result = decode_float_count(scores, "scores", &score_count, error);
	if (result)
		return result;
	if (score_count != rows || box_count % rows || box_count / rows < 4)
		return error_set(error, EINVAL,
				 "the model gives %zu box values and %zu scores for a grid of %zu "
				 "x %zu cells with %zu anchors",
				 box_count, score_count, grid, grid, anchors);
	size_t stride = box_count / rows;
	float threshold = raw_threshold(description);
	const float *score_values = scores->data;
	for (size_t i = 0; !result && i < rows; i++) {
		if (!(score_values[i] >= threshold))
			continue;
		const float *values = (const float *)boxes->data + i * stride;
		size_t row = i / anchors / grid, column = i / anchors % grid;
		float x =
		    ((float)column + 0.5f) / (float)grid + values[0] / (float)description->width;
		float y =
		    ((float)row + 0.5f) / (float)grid + values[1] / (float)description->height;
		float half_width = values[2] / 2 / (float)description->width;
		float half_height = values[3] / 2 / (float)description->height;
		struct candidate candidate = {
		    score_values[i],
		    0,
		    first + i,
		    {x - half_width, y - half_height, x + half_width, y + half_height}};
		if (box_is_somewhere(&candidate.box))
			result = add_candidate(candidates, &candidate, error);
	}
	return result ? result : decode_check_scores(score_values, score_count, error);
}

static int collect_anchors(const struct model *model, const struct tensor *boxes,
			   const struct tensor *scores, struct candidates *candidates,
			   struct error *error)
{
	size_t first = 0;
	int result = 0;
	for (size_t level = 0; !result && level < model->description.anchor_levels; level++) {
		size_t grid = model->description.anchor_grid[level];
		result = collect_level(model, level, first, &boxes[level], &scores[level],
				       candidates, error);
		first += grid * grid * model->description.anchor_count[level];
	}
	return result;
}

/* ---- choosing ---- */

/* Best first; equal scores in the order of the model, so that equal pictures give equal answers. */
static int compare_candidates(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;
	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	return (a->index > b->index) - (a->index < b->index);
}

static float box_area(const struct box *box)
{
	return fmaxf(box->right - box->left, 0) * fmaxf(box->bottom - box->top, 0);
}

static float box_overlap(const struct box *a, const struct box *b)
{
	struct box common = {fmaxf(a->left, b->left), fmaxf(a->top, b->top),
			     fminf(a->right, b->right), fminf(a->bottom, b->bottom)};
	float area = box_area(&common);
	return area > 0 ? area / (box_area(a) + box_area(b) - area) : 0;
}

static float clip(float value)
{
	return fminf(fmaxf(value, 0), 1);
}

static void fill_object(const struct model *model, const struct candidate *candidate,
			const struct preprocess_view *view, struct mayfly_object *object)
{
	memset(object, 0, sizeof(*object));
	decode_put_label(model, candidate->class, object->label, sizeof(object->label));
	object->score = model->description.score_form == SCORE_LOGISTIC ? logistic(candidate->score)
									: clip(candidate->score);
	float left = clip(view->x + candidate->box.left * view->width);
	float top = clip(view->y + candidate->box.top * view->height);
	object->x = left;
	object->y = top;
	object->width = clip(view->x + candidate->box.right * view->width) - left;
	object->height = clip(view->y + candidate->box.bottom * view->height) - top;
}

static size_t choose(const struct model *model, const struct candidates *candidates,
		     const struct preprocess_view *view, struct mayfly_object *out, size_t room)
{
	bool across = model->description.suppress == SUPPRESS_ANY;
	size_t chosen = 0, kept[CANDIDATES_MAX];
	size_t count = candidates->count < CANDIDATES_MAX ? candidates->count : CANDIDATES_MAX;
	if (room > model->description.limit)
		room = model->description.limit;
	for (size_t i = 0; i < count && chosen < room; i++) {
		const struct candidate *candidate = &candidates->list[i];
		bool covered = false;
		for (size_t j = 0; !covered && j < chosen; j++) {
			const struct candidate *better = &candidates->list[kept[j]];
			covered =
			    (across || better->class == candidate->class) &&
			    box_overlap(&better->box, &candidate->box) > model->description.overlap;
		}
		if (covered)
			continue;
		fill_object(model, candidate, view, &out[chosen]);
		if (out[chosen].width > 0 && out[chosen].height > 0)
			kept[chosen++] = i;
	}
	return chosen;
}

int decode_objects(const struct model *model, const struct tensor *boxes,
		   const struct tensor *scores, const struct preprocess_view *view,
		   struct mayfly_object *out, size_t room, size_t *count, struct error *error)
{
	struct candidates candidates = {0};
	int result;
	if (model->description.decoding == DECODE_ANCHORS)
		result = collect_anchors(model, boxes, scores, &candidates, error);
	else
		result = collect_boxes(model, boxes, scores, &candidates, error);
	if (!result && candidates.count)
		qsort(candidates.list, candidates.count, sizeof(candidates.list[0]),
		      compare_candidates);
	*count = result ? 0 : choose(model, &candidates, view, out, room);
	free(candidates.list);
	return result;
}

/* model.txt: what a model wants and what its outputs mean, so that a new model needs no code.
 *
 * The format is described in docs/models.md: lines `key = value`, `#` for comments.
 */
#ifndef MAYFLY_ONNX_DESCRIPTION_H
#define MAYFLY_ONNX_DESCRIPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define DESCRIPTION_BYTES_MAX	(64u << 10)
#define DESCRIPTION_LINE_MAX	511 /* bytes */
#define DESCRIPTION_NAME_SIZE	128
#define DESCRIPTION_LEVELS_MAX	4    /* outputs of one kind, such as boxes on several grids */
#define DESCRIPTION_SIDE_MAX	4096 /* of the model's input, in pixels */
#define DESCRIPTION_CLASSES_MAX 65536
#define DESCRIPTION_RESULTS_MAX 1000 /* that one picture may give */
#define LABELS_BYTES_MAX	(4u << 20)

enum model_task { TASK_DETECT, TASK_CLASSIFY, TASK_POSE, TASK_SEGMENT, TASK_DEPTH, TASK_COUNT };
enum input_layout { LAYOUT_NHWC, LAYOUT_NCHW };
enum input_type { INPUT_FLOAT32, INPUT_UINT8, INPUT_INT32 };
enum input_order { ORDER_RGB, ORDER_BGR };
enum resize_mode { RESIZE_STRETCH, RESIZE_CROP, RESIZE_LETTERBOX };
enum decoding {
	DECODE_BOXES,	  /* boxes and class scores, any number */
	DECODE_ANCHORS,	  /* boxes as offsets from the cells of grids, one class */
	DECODE_SCORES,	  /* one score for each class */
	DECODE_KEYPOINTS, /* y, x, score of each keypoint */
	DECODE_MASK,	  /* how much each pixel belongs to the class */
	DECODE_DEPTH,	  /* a value for each pixel */
};
enum box_form { BOX_YXYX, BOX_XYXY, BOX_CENTRE };
enum box_unit { UNIT_FRACTION, UNIT_PIXEL };
enum suppression { SUPPRESS_CLASS, SUPPRESS_ANY };
enum score_form { SCORE_PROBABILITY, SCORE_LOGISTIC, SCORE_SOFTMAX };

struct output_names {
	size_t count;
	char names[DESCRIPTION_LEVELS_MAX][DESCRIPTION_NAME_SIZE];
};

struct model_description {
	char title[DESCRIPTION_NAME_SIZE], source[DESCRIPTION_NAME_SIZE];
	char licence[DESCRIPTION_NAME_SIZE];
	enum model_task task;

	char input[DESCRIPTION_NAME_SIZE];
	unsigned width, height; /* of the input, in pixels */
	enum input_layout layout;
	enum input_type type;
	enum input_order order;
	float mean[3], scale[3]; /* input = (pixel - mean) * scale, pixel 0..255 */
	enum resize_mode resize;
	float crop; /* RESIZE_CROP: this part of the short side */

	enum decoding decoding;
	struct output_names boxes, scores; /* a single `output` counts as scores */
	enum box_form box_form;
	enum box_unit box_unit;
	enum score_form score_form;
	unsigned anchor_grid[DESCRIPTION_LEVELS_MAX];  /* cells in a row of each level */
	unsigned anchor_count[DESCRIPTION_LEVELS_MAX]; /* boxes in a cell */
	size_t anchor_levels;
	unsigned classes;
	char labels[DESCRIPTION_NAME_SIZE]; /* a file beside the description */
	float threshold;		    /* results below this score are left out */
	float overlap; /* of two boxes, intersection over union: the worse one is dropped above */
	enum suppression suppress; /* whether only a better box of the same class does that */
	unsigned limit;		   /* results at most */
	unsigned batch;		   /* pictures that may be run together; 0: one */
	float batch_delay;	   /* ms that the first of them waits for others */
};

/* Parses the text of a description; `where` names it in errors ("FILE:LINE: …"). Returns 0,
 * -EINVAL or -EFBIG. Touches nothing but its arguments. */
int description_parse(const char *text, size_t length, const char *where,
		      struct model_description *description, struct error *error);

const char *description_task_name(enum model_task task);

/* The names of a model's classes: one a line, "-" for a class that is never reported. */
struct labels {
	char *text;
	char **lines; /* NULL for "-" */
	size_t count;
};

/* Takes the first `classes` lines of a label file. -EINVAL where there are fewer, where a line is
 * empty or has control characters. labels_release() frees it. */
int labels_parse(const char *text, size_t length, size_t classes, const char *where,
		 struct labels *labels, struct error *error);
void labels_release(struct labels *labels);

#endif

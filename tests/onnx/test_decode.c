/* Output tensors to results, with tensors made by hand. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "decode.h"
#include "sizes/sizes.h"

static const struct preprocess_view whole = {0, 0, 1, 1};

static char *label_lines[] = {"cat", NULL, "dog"};

static struct model model_of(unsigned classes)
{
	struct model model = {.labels = {.lines = label_lines, .count = classes}};
	model.description = (struct model_description){
	    .width = 100, .height = 100, .classes = classes, .overlap = 0.5f, .limit = 10};
	return model;
}

static struct tensor tensor_of(float *values, size_t count)
{
	return (struct tensor){.element = ELEMENT_FLOAT32,
			       .rank = 1,
			       .shape = {(int64_t)count},
			       .data = values,
			       .size = count * sizeof(float)};
}

static bool near(double a, double b)
{
	return fabs(a - b) < 1e-3;
}

/* Four boxes: two of cats on one another, a dog on the same place, one that is never reported. */
static float boxes[] = {0.1f, 0.2f, 0.5f, 0.6f, 0.1f, 0.2f, 0.5f, 0.58f,
			0.1f, 0.2f, 0.5f, 0.6f, 0.8f, 0.8f, 0.9f, 0.9f};
static float scores[] = {0.9f, 0, 0.1f, 0.8f, 0, 0, 0.2f, 0, 0.7f, 0, 0.95f, 0};

static void test_objects(void)
{
	struct model model = model_of(3);
	struct tensor box_tensor = tensor_of(boxes, 16), score_tensor = tensor_of(scores, 12);
	struct mayfly_object objects[10];
	struct error error = {0};
	size_t count;
	model.description.threshold = 0.5f;
	CHECK_NUMBER(
	    decode_objects(&model, &box_tensor, &score_tensor, &whole, objects, 10, &count, &error),
	    0);
	if (CHECK_NUMBER(count, 2)) {
		CHECK_TEXT(objects[0].label, "cat");
		CHECK(near(objects[0].score, 0.9) && near(objects[0].x, 0.2));
		CHECK(near(objects[0].y, 0.1) && near(objects[0].width, 0.4));
		CHECK(near(objects[0].height, 0.4));
		CHECK_TEXT(objects[1].label, "dog");
	}
	model.description.suppress = SUPPRESS_ANY;
	decode_objects(&model, &box_tensor, &score_tensor, &whole, objects, 10, &count, &error);
	CHECK_NUMBER(count, 1);
	model.description.overlap = 1;
	decode_objects(&model, &box_tensor, &score_tensor, &whole, objects, 10, &count, &error);
	CHECK_NUMBER(count, 3);
	decode_objects(&model, &box_tensor, &score_tensor, &whole, objects, 1, &count, &error);
	CHECK_NUMBER(count, 1);
	model.description.limit = 2;
	decode_objects(&model, &box_tensor, &score_tensor, &whole, objects, 10, &count, &error);
	CHECK_NUMBER(count, 2);
}

/* A view of the middle quarter: boxes move with it and are clipped at the picture's edge. */
static void test_object_view(void)
{
	struct model model = model_of(1);
	float box[] = {-100, 20, 60, 200}, score[] = {3};
	struct tensor box_tensor = tensor_of(box, 4), score_tensor = tensor_of(score, 1);
	struct preprocess_view view = {0.25f, 0.25f, 0.5f, 0.5f};
	struct mayfly_object object;
	struct error error = {0};
	size_t count;
	model.description.box_form = BOX_XYXY;
	model.description.box_unit = UNIT_PIXEL;
	model.description.score_form = SCORE_LOGISTIC;
	model.description.threshold = 0.5f;
	CHECK_NUMBER(
	    decode_objects(&model, &box_tensor, &score_tensor, &view, &object, 1, &count, &error),
	    0);
	if (CHECK_NUMBER(count, 1)) {
		CHECK(near(object.x, 0) && near(object.width, 0.55));
		CHECK(near(object.y, 0.35) && near(object.height, 0.65));
		CHECK(near(object.score, 1 / (1 + exp(-3))));
	}
}

static void test_objects_of_hostile_models(void)
{
	struct model model = model_of(3);
	float odd[16], odd_scores[12];
	for (size_t i = 0; i < 16; i++)
		odd[i] = i % 3 ? NAN : INFINITY;
	for (size_t i = 0; i < 12; i++)
		odd_scores[i] = i % 2 ? NAN : INFINITY;
	struct tensor box_tensor = tensor_of(odd, 16), score_tensor = tensor_of(odd_scores, 12);
	struct mayfly_object objects[10];
	struct error error = {0};
	size_t count;
	CHECK_NUMBER(
	    decode_objects(&model, &box_tensor, &score_tensor, &whole, objects, 10, &count, &error),
	    0);
	for (size_t i = 0; i < count; i++) {
		CHECK(objects[i].score >= 0 && objects[i].score <= 1);
		CHECK(objects[i].x >= 0 && objects[i].x + objects[i].width <= 1);
	}
	score_tensor = tensor_of(odd_scores, 11);
	CHECK_NUMBER(
	    decode_objects(&model, &box_tensor, &score_tensor, &whole, objects, 10, &count, &error),
	    -EINVAL);
	score_tensor = tensor_of(odd_scores, 12);
	score_tensor.element = ELEMENT_INT32;
	CHECK_NUMBER(
	    decode_objects(&model, &box_tensor, &score_tensor, &whole, objects, 10, &count, &error),
	    -EINVAL);
	CHECK_NUMBER(count, 0);
}

/* NaN does not win, and hides no number. */
static void test_objects_beside_nan(void)
{
	static const enum score_form forms[] = {SCORE_PROBABILITY, SCORE_LOGISTIC, SCORE_SOFTMAX};
	for (size_t form = 0; form < 3; form++) {
		/* Three rows for one place: NaN first, NaN last, and nothing but NaN. */
		float row[] = {NAN, 0, 5, 5, 0, NAN, NAN, NAN, NAN};
		struct model model = model_of(3);
		struct tensor box_tensor = tensor_of(boxes, 12), score_tensor = tensor_of(row, 9);
		struct mayfly_object objects[4];
		struct error error = {0};
		size_t count;
		model.description.threshold = 0.5f;
		model.description.score_form = forms[form];
		CHECK_NUMBER(decode_objects(&model, &box_tensor, &score_tensor, &whole, objects, 4,
					    &count, &error),
			     0);
		if (CHECK_NUMBER(count, 2)) {
			CHECK_TEXT(objects[0].label, "dog");
			CHECK_TEXT(objects[1].label, "cat");
			CHECK(objects[0].score > 0.9f && objects[0].score <= 1);
		}
		/* The best two boxes have no place, and do not displace the third. */
		float lost[12];
		memcpy(lost, boxes, sizeof(lost));
		lost[0] = NAN;
		lost[6] = INFINITY;
		float equal[] = {9, 0, 0, 8, 0, 0, 7, 0, 0};
		box_tensor = tensor_of(lost, 12);
		score_tensor = tensor_of(equal, 9);
		decode_objects(&model, &box_tensor, &score_tensor, &whole, objects, 4, &count,
			       &error);
		if (CHECK_NUMBER(count, 1))
			CHECK(near(objects[0].x, 0.2) && near(objects[0].width, 0.4));
		float nothing[] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
		score_tensor = tensor_of(nothing, 9);
		CHECK_NUMBER(decode_objects(&model, &box_tensor, &score_tensor, &whole, objects, 4,
					    &count, &error),
			     -EINVAL);
		CHECK(strstr(error.text, "no score that is a number"));
	}
}

static void test_anchors(void)
{
	struct model model = model_of(1);
	/* One level of 2 x 2 cells with one anchor: only the last one has something. */
	float offsets[4 * 4] = {[12] = 5, -5, 20, 10};
	float values[4] = {-9, -9, -9, 2};
	struct tensor box_tensor = tensor_of(offsets, 16), score_tensor = tensor_of(values, 4);
	struct mayfly_object object;
	struct error error = {0};
	size_t count;
	model.description.decoding = DECODE_ANCHORS;
	model.description.score_form = SCORE_LOGISTIC;
	model.description.threshold = 0.5f;
	model.description.anchor_levels = 1;
	model.description.anchor_grid[0] = 2;
	model.description.anchor_count[0] = 1;
	CHECK_NUMBER(
	    decode_objects(&model, &box_tensor, &score_tensor, &whole, &object, 1, &count, &error),
	    0);
	if (CHECK_NUMBER(count, 1)) {
		CHECK(near(object.x, 0.75 + 0.05 - 0.1) && near(object.width, 0.2));
		CHECK(near(object.y, 0.75 - 0.05 - 0.05) && near(object.height, 0.1));
	}
	model.description.anchor_grid[0] = 3;
	CHECK_NUMBER(
	    decode_objects(&model, &box_tensor, &score_tensor, &whole, &object, 1, &count, &error),
	    -EINVAL);
}

static void test_labels(void)
{
	struct model model = model_of(3);
	float values[] = {1, 5, 2};
	struct tensor tensor = tensor_of(values, 3);
	struct mayfly_label labels[3];
	struct error error = {0};
	size_t count;
	model.description.score_form = SCORE_SOFTMAX;
	CHECK_NUMBER(decode_labels(&model, &tensor, labels, 3, &count, &error), 0);
	if (CHECK_NUMBER(count, 2)) { /* the best one has no name */
		CHECK_TEXT(labels[0].label, "dog");
		CHECK_NUMBER(labels[0].index, 2);
		CHECK(near(labels[0].score, exp(2) / (exp(1) + exp(5) + exp(2))));
		CHECK_TEXT(labels[1].label, "cat");
	}
	values[0] = NAN;
	model.description.score_form = SCORE_PROBABILITY;
	decode_labels(&model, &tensor, labels, 3, &count, &error);
	CHECK_NUMBER(count, 1);
	tensor = tensor_of(values, 2);
	CHECK_NUMBER(decode_labels(&model, &tensor, labels, 3, &count, &error), -EINVAL);
}

/* Infinite scores, and those that are no numbers, in each form: complete, in order, 0 to 1. */
static void test_labels_of_odd_scores(void)
{
	static const struct {
		float values[4];
		enum score_form form;
		size_t count;
		uint32_t first;
		double score;
	} cases[] = {
	    {{NAN, 0, 3, 1}, SCORE_SOFTMAX, 2, 2, 0.8438},
	    {{NAN, 0, INFINITY, 1}, SCORE_SOFTMAX, 2, 2, 1},
	    {{INFINITY, 0, INFINITY, NAN}, SCORE_SOFTMAX, 2, 0, 0.5},
	    {{-INFINITY, -INFINITY, 3, -INFINITY}, SCORE_SOFTMAX, 3, 2, 1},
	    {{-INFINITY, NAN, -INFINITY, -INFINITY}, SCORE_SOFTMAX, 3, 0, 1 / 3.},
	    {{NAN, 0, INFINITY, 0.5f}, SCORE_PROBABILITY, 2, 2, 1},
	    {{-INFINITY, 0, NAN, 0.5f}, SCORE_PROBABILITY, 2, 3, 0.5},
	    {{INFINITY, 0, NAN, -INFINITY}, SCORE_LOGISTIC, 2, 0, 1},
	    {{3e38f, 3e38f, -3e38f, NAN}, SCORE_SOFTMAX, 2, 0, 0.5},
	};
	static char *lines[] = {"cat", NULL, "dog", "cow"};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct model model = model_of(4);
		float values[4];
		struct tensor tensor = tensor_of(values, 4);
		struct mayfly_label labels[4];
		struct error error = {0};
		size_t count;
		memcpy(values, cases[i].values, sizeof(values));
		model.labels.lines = lines;
		model.description.score_form = cases[i].form;
		CHECK_NUMBER(decode_labels(&model, &tensor, labels, 4, &count, &error), 0);
		if (!CHECK_NUMBER(count, cases[i].count))
			continue;
		CHECK_NUMBER(labels[0].index, cases[i].first);
		CHECK(near(labels[0].score, cases[i].score));
		for (size_t j = 0; j < count; j++) {
			CHECK(labels[j].score >= 0 && labels[j].score <= 1);
			CHECK(!j || labels[j].score <= labels[j - 1].score);
		}
	}
	float nothing[] = {NAN, NAN, NAN};
	struct model model = model_of(3);
	struct tensor tensor = tensor_of(nothing, 3);
	struct mayfly_label label;
	struct error error = {0};
	size_t count;
	CHECK_NUMBER(decode_labels(&model, &tensor, &label, 1, &count, &error), -EINVAL);
	CHECK(strstr(error.text, "no score that is a number"));
}

/* A label of anybody's comes out as UTF-8, cut between two characters. */
static void test_label_texts(void)
{
	static char latin[] = "Gr\xfcn", *lines[] = {latin, NULL, NULL};
	char longer[71], out[MAYFLY_LABEL_SIZE];
	struct model model = model_of(3);
	model.labels.lines = lines;
	decode_put_label(&model, 0, out, sizeof(out));
	CHECK_TEXT(out, "Gr\xef\xbf\xbdn");
	memset(longer, 'x', 70);
	longer[70] = 0;
	memcpy(longer + 62, "\xc3\xbc", 2);
	lines[0] = longer;
	decode_put_label(&model, 0, out, sizeof(out));
	CHECK_NUMBER(strlen(out), 62);
	decode_put_label(&model, 2, out, sizeof(out));
	CHECK_TEXT(out, "");
}

static void test_keypoints(void)
{
	struct model model = model_of(3);
	float values[] = {0.5f, 0.25f, 0.9f, 0, 0, 0, 2, -1, NAN};
	struct tensor tensor = tensor_of(values, 9);
	struct preprocess_view view = {0, -0.5f, 1, 2};
	struct mayfly_keypoint points[3];
	struct error error = {0};
	size_t count;
	CHECK_NUMBER(decode_keypoints(&model, &tensor, &view, points, 3, &count, &error), 0);
	if (CHECK_NUMBER(count, 2)) {
		CHECK_TEXT(points[0].name, "cat");
		CHECK(near(points[0].x, 0.25) && near(points[0].y, 0.5));
		CHECK(near(points[1].x, 0) && near(points[1].y, 1) && points[1].score == 0);
	}
	values[0] = NAN; /* nowhere: not seen */
	decode_keypoints(&model, &tensor, &view, points, 3, &count, &error);
	CHECK(points[0].y == 0 && points[0].score == 0);
	tensor = tensor_of(values, 8);
	CHECK_NUMBER(decode_keypoints(&model, &tensor, &view, points, 3, &count, &error), -EINVAL);
}

static void test_mask(void)
{
	struct model model = model_of(1);
	float values[] = {0, 0.5f, 1, 2};
	struct tensor tensor = {.element = ELEMENT_FLOAT32,
				.rank = 4,
				.shape = {1, 2, 2, 1},
				.data = values,
				.size = sizeof(values)};
	uint8_t pixels[4];
	struct mayfly_mask mask = {.pixels = pixels, .room = 4};
	struct error error = {0};
	CHECK_NUMBER(decode_mask(&model, &tensor, &whole, &mask, &error), 0);
	CHECK_NUMBER(mask.width, 2);
	CHECK_NUMBER(mask.height, 2);
	CHECK(pixels[0] == 0 && pixels[1] == 128 && pixels[2] == 255 && pixels[3] == 255);
	float odd[] = {NAN, INFINITY, -INFINITY, NAN};
	tensor.data = odd;
	for (int logistic = 0; logistic < 2; logistic++) {
		model.description.score_form = logistic ? SCORE_LOGISTIC : SCORE_PROBABILITY;
		CHECK_NUMBER(decode_mask(&model, &tensor, &whole, &mask, &error), 0);
		CHECK(pixels[0] == 0 && pixels[1] == 255 && pixels[2] == 0 && pixels[3] == 0);
	}
	model.description.score_form = SCORE_PROBABILITY;
	tensor.data = values;
	mask.room = 3;
	CHECK_NUMBER(decode_mask(&model, &tensor, &whole, &mask, &error), -ENOSPC);
	CHECK_NUMBER(mask.width, 2);
	/* The model saw the picture's right half only: nothing is known of the left one. */
	struct preprocess_view right = {0.5f, 0, 0.5f, 1};
	mask.room = 4;
	CHECK_NUMBER(decode_mask(&model, &tensor, &right, &mask, &error), 0);
	CHECK(pixels[0] == 0 && pixels[2] == 0 && pixels[1] == 128 && pixels[3] == 255);
}

static void test_depth(void)
{
	float values[] = {3, NAN, 1, 8};
	struct tensor tensor = {.element = ELEMENT_FLOAT32,
				.rank = 3,
				.shape = {1, 2, 2},
				.data = values,
				.size = sizeof(values)};
	struct decode_depth depth;
	struct error error = {0};
	CHECK_NUMBER(decode_depth(&tensor, &whole, &depth, &error), 0);
	CHECK(near(depth.mean, 4) && near(depth.lowest, 1) && near(depth.highest, 8));
	CHECK(near(depth.lowest_x, 0.25) && near(depth.lowest_y, 0.75));
	CHECK(near(depth.highest_x, 0.75) && near(depth.highest_y, 0.75));
	tensor.shape[0] = 3;
	CHECK_NUMBER(decode_depth(&tensor, &whole, &depth, &error), -EINVAL);
}

int main(void)
{
	test_objects();
	test_object_view();
	test_objects_of_hostile_models();
	test_objects_beside_nan();
	test_anchors();
	test_labels();
	test_labels_of_odd_scores();
	test_label_texts();
	test_keypoints();
	test_mask();
	test_depth();
	return check_status();
}

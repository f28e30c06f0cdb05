/* The parsers of model.txt and of label files. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "models/description.h"

#define INPUT                                                                                      \
	"input = image\ninput_size = 300 200\ninput_layout = nhwc\ninput_type = float32\n"         \
	"resize = stretch\n"
#define DETECT                                                                                     \
	"task = detect\n" INPUT "decode = boxes\noutput_boxes = b\noutput_scores = s\n"            \
	"classes = 3\nlabels = labels.txt\n"

static int parse(const char *text, struct model_description *description, struct error *error)
{
	return description_parse(text, strlen(text), "model.txt", description, error);
}

static void check_good(const char *text)
{
	struct model_description description;
	struct error error = {0};
	if (!CHECK_NUMBER(parse(text, &description, &error), 0))
		fprintf(stderr, "  %s\n", error.text);
}

static void check_bad(const char *text, const char *message)
{
	struct model_description description;
	struct error error = {0};
	CHECK_NUMBER(parse(text, &description, &error), -EINVAL);
	if (!CHECK(strstr(error.text, message)))
		fprintf(stderr, "  got:    %s\n  wanted: %s\n", error.text, message);
}

static void test_values(void)
{
	struct model_description d;
	struct error error = {0};
	CHECK_NUMBER(parse("# a comment\r\n  title = My model \r\n" DETECT
			   "input_mean = 1 2.5 -3\ninput_scale = 0.5\nthreshold = 0.25\n"
			   "overlap=0.75\nlimit =\t7\nbox_form = centre\nbox_unit = pixel\n"
			   "score_form = logistic\ninput_order = bgr\nsuppress = any",
			   &d, &error),
		     0);
	CHECK_TEXT(d.title, "My model");
	CHECK_TEXT(d.input, "image");
	CHECK_NUMBER(d.width, 300);
	CHECK_NUMBER(d.height, 200);
	CHECK(d.mean[0] == 1 && d.mean[1] == 2.5f && d.mean[2] == -3);
	CHECK(d.scale[0] == 0.5f && d.scale[2] == 0.5f);
	CHECK(d.threshold == 0.25f && d.overlap == 0.75f && d.limit == 7);
	CHECK(d.box_form == BOX_CENTRE && d.box_unit == UNIT_PIXEL);
	CHECK(d.score_form == SCORE_LOGISTIC && d.order == ORDER_BGR);
	CHECK(d.suppress == SUPPRESS_ANY);
	CHECK_TEXT(d.boxes.names[0], "b");
	CHECK_TEXT(d.scores.names[0], "s");
	CHECK_TEXT(d.labels, "labels.txt");
}

static void test_tasks(void)
{
	check_good(DETECT);
	check_good("task = classify\n" INPUT
		   "decode = scores\noutput = o\nclasses = 2\nlabels = l\n");
	check_good("task = pose\n" INPUT
		   "decode = keypoints\noutput = o\nclasses = 2\nlabels = l\n");
	check_good("task = segment\n" INPUT "decode = mask\noutput = o\nclasses = 1\nlabels = l\n");
	check_good("task = depth\n" INPUT "decode = depth\noutput = o\nclasses = 1\nlabels = l\n");
	check_good("task = detect\n" INPUT "decode = anchors\noutput_boxes = a b\n"
		   "output_scores = c d\nanchor_grid = 16 8\nanchor_count = 2 6\nclasses = 1\n"
		   "labels = l\n");
}

static void test_errors(void)
{
	check_bad("", "task is missing");
	check_bad("hello\n", "model.txt:1: \"hello\" is not key = value");
	check_bad("\n\ncolour = red\n", "model.txt:3: unknown key \"colour\"");
	check_bad(DETECT "task = detect\n", "model.txt:12: task is given twice");
	check_bad("task =\n", "task has no value");
	check_bad("task = dance\n", "\"dance\" is none of detect, classify");
	check_bad("task = detect\ninput_size = 300\n", "input_size wants the width and the height");
	check_bad("input_size = 0 10\n", "not a number from 1 to 4096");
	check_bad("input_size = 4097 10\n", "not a number from 1 to 4096");
	check_bad("input_size = -5 10\n", "not a number from 1 to 4096");
	check_bad("input_size = 99999999999999999999 10\n", "not a number from 1 to 4096");
	check_bad("input_size = 1 2 3\n", "more than 2 numbers");
	check_bad("input_mean = 1 2\n", "one number or three");
	check_bad("input_mean = nan\n", "is not a number");
	check_bad("input_scale = 1e300\n", "is not a number");
	check_bad("input_scale = 1,5\n", "is not a number");
	check_bad("threshold = 1.5\n", "is not a number from 0 to 1");
	check_bad("resize = crop 2\n", "is not a number");
	check_bad("resize = stretch 0.5\n", "is too much");
	check_bad("labels = ../../secret\n", "model's own directory");
	check_bad("labels = .hidden\n", "model's own directory");
	check_bad("title = a\001b\n", "control character");
	check_bad("task = pose\n" INPUT "decode = boxes\noutput_boxes = b\noutput_scores = s\n"
		  "classes = 3\nlabels = l\n",
		  "decode = boxes is for task = detect, not pose");
	check_bad("task = classify\n" INPUT "decode = scores\nclasses = 3\nlabels = l\n",
		  "wants one output");
	check_bad("task = detect\n" INPUT "decode = anchors\noutput_boxes = a b\n"
		  "output_scores = c d\nanchor_grid = 16 8\nanchor_count = 2\nclasses = 1\n"
		  "labels = l\n",
		  "fewer numbers");
}

static void test_limits(void)
{
	struct model_description description;
	struct error error = {0};
	char *large = malloc(DESCRIPTION_BYTES_MAX + 1);
	if (!CHECK(large))
		return;
	memset(large, '\n', DESCRIPTION_BYTES_MAX + 1);
	CHECK_NUMBER(
	    description_parse(large, DESCRIPTION_BYTES_MAX + 1, "model.txt", &description, &error),
	    -EFBIG);
	memset(large, 'a', 1000);
	CHECK_NUMBER(description_parse(large, 1000, "model.txt", &description, &error), -EINVAL);
	CHECK(strstr(error.text, "1000 bytes"));
	free(large);
}

static void test_labels(void)
{
	struct labels labels;
	struct error error = {0};
	static const char text[] = "cat\r\n-\nhot dog\nfourth";
	CHECK_NUMBER(labels_parse(text, strlen(text), 4, "labels.txt", &labels, &error), 0);
	CHECK_TEXT(labels.lines[0], "cat");
	CHECK(!labels.lines[1]);
	CHECK_TEXT(labels.lines[2], "hot dog");
	CHECK_TEXT(labels.lines[3], "fourth");
	labels_release(&labels);
	CHECK_NUMBER(labels_parse(text, strlen(text), 2, "labels.txt", &labels, &error), 0);
	CHECK_NUMBER(labels.count, 2);
	labels_release(&labels);

	CHECK_NUMBER(labels_parse(text, strlen(text), 5, "labels.txt", &labels, &error), -EINVAL);
	CHECK_TEXT(error.text, "labels.txt has 4 labels for a model of 5 classes");
	CHECK_NUMBER(labels_parse("", 0, 1, "labels.txt", &labels, &error), -EINVAL);
	CHECK_NUMBER(labels_parse("a\n\nb\n", 5, 3, "labels.txt", &labels, &error), -EINVAL);
	CHECK_TEXT(error.text, "labels.txt:2: the label is empty");
	CHECK_NUMBER(labels_parse("a\nb\033[2J\n", 8, 2, "labels.txt", &labels, &error), -EINVAL);
}

int main(void)
{
	test_values();
	test_tasks();
	test_errors();
	test_limits();
	test_labels();
	return check_status();
}

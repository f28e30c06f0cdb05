/* Descriptions of models; see draft.h. */
#include "cli/models/draft.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sizes/sizes.h"
#include "util/cleanup.h"

#define VALUE_SIZE DESCRIPTION_LINE_MAX

const char *const draft_tasks[] = {"tensors", "classify", "detect", "pose",
				   "segment", "depth",	  NULL};

/* How a key's value is found where nobody has set it: 1 where it is, 0 where it is not. */
typedef int derive(const struct draft *draft, char *value);

/* ---- what the model tells ---- */

static const struct network_port *picture_port(const struct draft *draft)
{
	return &draft->network->inputs[0];
}

/* The place of the three channels among the dimensions; 0 where there are none. */
static size_t channel_place(const struct network_port *port)
{
	if (port->any_rank || port->rank != 4)
		return 0;
	return port->shape[3] == 3 ? 3 : port->shape[1] == 3 ? 1 : 0;
}

static int derive_task(const struct draft *draft, char *value)
{
	snprintf(value, VALUE_SIZE, "%s", draft->task);
	return 1;
}

static int derive_input(const struct draft *draft, char *value)
{
	snprintf(value, VALUE_SIZE, "%s", picture_port(draft)->name);
	return 1;
}

static int derive_size(const struct draft *draft, char *value)
{
	const struct network_port *port = picture_port(draft);
	const size_t place = channel_place(port);
	if (!place)
		return 0;
	const int64_t height = port->shape[place == 1 ? 2 : 1],
		      width = port->shape[place == 1 ? 3 : 2];
	if (height < 1 || width < 1)
		return 0;
	snprintf(value, VALUE_SIZE, "%jd %jd", (intmax_t)width, (intmax_t)height);
	return 1;
}

static int derive_layout(const struct draft *draft, char *value)
{
	const size_t place = channel_place(picture_port(draft));
	snprintf(value, VALUE_SIZE, "%s", place == 1 ? "nchw" : "nhwc");
	return place != 0;
}

static int derive_type(const struct draft *draft, char *value)
{
	snprintf(value, VALUE_SIZE, "%s",
		 picture_port(draft)->element == ELEMENT_FLOAT32
		     ? "float32"
		     : element_name(picture_port(draft)->element));
	return 1;
}

/* Numbers of pixels as they are. */
static int derive_mean(const struct draft *draft, char *value)
{
	snprintf(value, VALUE_SIZE, "0");
	return picture_port(draft)->element != ELEMENT_FLOAT32;
}

static int derive_scale(const struct draft *draft, char *value)
{
	snprintf(value, VALUE_SIZE, "1");
	return picture_port(draft)->element != ELEMENT_FLOAT32;
}

static int derive_decoding(const struct draft *draft, char *value)
{
	static const char *const decodings[][2] = {{"classify", "scores"},
						   {"detect", "boxes"},
						   {"pose", "keypoints"},
						   {"segment", "mask"},
						   {"depth", "depth"}};
	for (size_t i = 0; i < ARRAY_SIZE(decodings); i++)
		if (!strcmp(draft->task, decodings[i][0]))
			snprintf(value, VALUE_SIZE, "%s", decodings[i][1]);
	return 1;
}

static int derive_output(const struct draft *draft, char *value)
{
	snprintf(value, VALUE_SIZE, "%s", draft->network->outputs[0].name);
	return draft->network->output_count == 1;
}

/* Of two outputs, the one whose rows have four numbers is that of the boxes. */
static const struct network_port *find_boxes(const struct draft *draft, bool boxes)
{
	const struct network_port *outputs = draft->network->outputs, *found = NULL;
	if (draft->network->output_count != 2)
		return NULL;
	for (size_t i = 0; i < 2; i++) {
		const struct network_port *port = &outputs[i];
		bool is_boxes = !port->any_rank && port->rank && port->shape[port->rank - 1] == 4;
		if (is_boxes == boxes) {
			if (found)
				return NULL;
			found = port;
		}
	}
	return found;
}

static int derive_boxes(const struct draft *draft, char *value)
{
	const struct network_port *port = find_boxes(draft, true);
	snprintf(value, VALUE_SIZE, "%s", port ? port->name : "");
	return port != NULL;
}

static int derive_scores(const struct draft *draft, char *value)
{
	const struct network_port *port = find_boxes(draft, false);
	snprintf(value, VALUE_SIZE, "%s", port ? port->name : "");
	return port != NULL;
}

/* As many as there are scores; else as there are labels. */
static int derive_classes(const struct draft *draft, char *value)
{
	const struct network_port *port =
	    !strcmp(draft->task, "detect") ? find_boxes(draft, false) : &draft->network->outputs[0];
	bool counts = port && (!strcmp(draft->task, "classify") || !strcmp(draft->task, "detect"));
	int64_t count = counts && !port->any_rank && port->rank ? port->shape[port->rank - 1] : -1;
	if (count < 1)
		count = (int64_t)draft->label_count;
	snprintf(value, VALUE_SIZE, "%jd", (intmax_t)count);
	return count > 0;
}

static int derive_labels(const struct draft *draft, char *value)
{
	(void)draft;
	snprintf(value, VALUE_SIZE, "labels.txt");
	return 1;
}

/* ---- all keys ---- */

static const struct wanted {
	const char *key;
	const char *tasks; /* for which it is; NULL: all */
	derive *derive;	   /* NULL: the model never tells */
	const char *question, *fallback;
} wanted[] = {
    {"task", NULL, derive_task, NULL, NULL},
    {"input", NULL, derive_input, NULL, NULL},
    {"input_size", NULL, derive_size, "Width and height of the pictures that it takes", ""},
    {"input_layout", NULL, derive_layout, "Layout of a picture: nhwc or nchw", ""},
    {"input_type", NULL, derive_type, NULL, NULL},
    {"input_mean", NULL, derive_mean,
     "A pixel, 0 to 255, is given as (pixel - mean) x scale. The mean: one number, or three", "0"},
    {"input_scale", NULL, derive_scale,
     "The scale: one number, or three (0.00392157 makes it 0 to 1)", ""},
    {"resize", NULL, NULL,
     "How a picture is made to fit: stretch, letterbox, or crop and which part", "stretch"},
    {"decode", NULL, derive_decoding, NULL, NULL},
    {"output", "classify pose segment depth", derive_output, "The output that counts", ""},
    {"output_boxes", "detect", derive_boxes, "The output that has the boxes", ""},
    {"output_scores", "detect", derive_scores, "The output that has the scores", ""},
    {"box_form", "detect", NULL,
     "A box is ymin_xmin_ymax_xmax, xmin_ymin_xmax_ymax or centre (x, y, width, height)", ""},
    {"box_unit", "detect", NULL,
     "A box is in fractions of the picture or in pixels: fraction, pixel", ""},
    {"score_form", "classify detect", NULL,
     "A score is a probability, or what a softmax or a logistic function makes one of", ""},
    {"classes", NULL, derive_classes, "How many classes it has", ""},
    {"labels", NULL, derive_labels, NULL, NULL},
};

int draft_ask(const char *question, const char *fallback, char *answer, size_t size,
	      struct error *error)
{
	fprintf(stderr, "%s%s%s%s: ", question, *fallback ? " [" : "", fallback,
		*fallback ? "]" : "");
	fflush(stderr);
	if (!fgets(answer, (int)size, stdin))
		return error_set(error, EINVAL, "there was no answer");
	answer[strcspn(answer, "\r\n")] = 0;
	if (!*answer)
		snprintf(answer, size, "%s", fallback);
	return 0;
}

/* What somebody has set for the key; NULL: nothing. */
static const char *find_setting(const struct draft *draft, const char *key)
{
	const size_t length = strlen(key);
	for (size_t i = draft->settings->count; i--;)
		if (!strncmp(draft->settings->values[i], key, length) &&
		    draft->settings->values[i][length] == '=')
			return draft->settings->values[i] + length + 1;
	return NULL;
}

static bool is_wanted(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (!strcmp(wanted[i].key, key))
			return true;
	return false;
}

/* Keys beyond those that every description has; the parser knows which there are. */
static void write_others(const struct draft *draft, FILE *out)
{
	for (size_t i = 0; i < draft->settings->count; i++) {
		char key[64];
		const char *setting = draft->settings->values[i], *equals = strchr(setting, '=');
		if (!equals)
			continue;
		snprintf(key, sizeof(key), "%.*s", (int)(equals - setting), setting);
		if (!is_wanted(key))
			fprintf(out, "%s = %s\n", key, equals + 1);
	}
}

static int find_value(const struct draft *draft, const struct wanted *row, char *value,
		      struct error *error)
{
	const char *set = find_setting(draft, row->key);
	*value = 0;
	if (set)
		snprintf(value, VALUE_SIZE, "%s", set);
	else if (!row->derive || !row->derive(draft, value)) {
		*value = 0;
		if (draft->may_ask && row->question)
			return draft_ask(row->question, row->fallback, value, VALUE_SIZE, error);
	}
	return 0;
}

static int write_keys(const struct draft *draft, FILE *out, struct error *error)
{
	char missing[512] = "", value[VALUE_SIZE];
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		const struct wanted *row = &wanted[i];
		if (row->tasks && !strstr(row->tasks, draft->task))
			continue;
		int result = find_value(draft, row, value, error);
		if (result)
			return result;
		if (*value) {
			fprintf(out, "%s = %s\n", row->key, value);
			continue;
		}
		size_t used = strlen(missing);
		snprintf(missing + used, sizeof(missing) - used, "%s--set %s=…", used ? " " : "",
			 row->key);
	}
	if (*missing)
		return error_set(error, EINVAL,
				 "the model does not tell all that is needed for %s: add %s "
				 "(docs/models.md says what they mean), or --task tensors",
				 draft->task, missing);
	write_others(draft, out);
	return 0;
}

static int check_input(const struct draft *draft, struct error *error)
{
	const struct network_port *port = picture_port(draft);
	if (draft->network->input_count != 1)
		return error_set(error, EINVAL,
				 "a model for %s has one input, this one has %zu: add it with "
				 "--task tensors",
				 draft->task, draft->network->input_count);
	if (port->element != ELEMENT_FLOAT32 && port->element != ELEMENT_UINT8 &&
	    port->element != ELEMENT_INT32)
		return error_set(error, EINVAL,
				 "a model for %s takes float, uint8 or int32, this one takes %s: "
				 "add it with --task tensors",
				 draft->task, element_name(port->element));
	return 0;
}

int draft_write(const struct draft *draft, char **text, struct error *error)
{
	struct model_description description;
	size_t length = 0;
	int result = check_input(draft, error);
	if (result)
		return result;
	FILE *out = open_memstream(text, &length);
	if (!out)
		return error_set(error, ENOMEM, "no memory for a description");
	result = write_keys(draft, out, error);
	if (fclose(out) && !result)
		result = error_set(error, ENOMEM, "no memory for a description");
	if (!result)
		result = description_parse(*text, length, "model.txt", &description, error);
	if (result) {
		free(*text);
		*text = NULL;
	}
	return result;
}

/* The parser of model.txt; see description.h. One table says which keys there are. */
#include "description.h"
#include "runtime/batcher.h"
#include "sizes/sizes.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES (DESCRIPTION_LINE_MAX + 1)
#define SCALE_MAX      1e6f

struct parser {
	const char *where;
	unsigned line;
	const char *key;
	locale_t locale; /* numbers have a point, whatever the program's locale */
	struct model_description *description;
	struct error *error;
};

__attribute__((format(printf, 2, 3))) static int fail(struct parser *parser, const char *format,
						      ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return error_set(parser->error, EINVAL, "%s:%u: %s", parser->where, parser->line, text);
}

/* ---- values ---- */

/* Cuts the next word off *rest; NULL at the end. */
static char *next_word(char **rest)
{
	char *word = *rest;
	while (*word == ' ' || *word == '\t')
		word++;
	if (!*word)
		return NULL;
	char *end = word;
	while (*end && *end != ' ' && *end != '\t')
		end++;
	*rest = *end ? end + 1 : end;
	*end = 0;
	return word;
}

static int parse_text(struct parser *parser, char *value, char out[DESCRIPTION_NAME_SIZE])
{
	if (strlen(value) >= DESCRIPTION_NAME_SIZE)
		return fail(parser, "%s is longer than %d bytes", parser->key,
			    DESCRIPTION_NAME_SIZE - 1);
	memcpy(out, value, strlen(value) + 1);
	return 0;
}

/* A file's name must not lead out of the model's directory. */
static int parse_file_name(struct parser *parser, char *value, char out[DESCRIPTION_NAME_SIZE])
{
	if (strchr(value, '/') || value[0] == '.')
		return fail(parser, "%s must name a file in the model's own directory",
			    parser->key);
	return parse_text(parser, value, out);
}

/* Between 1 and `max` whole numbers from 1 to `limit`. */
static int parse_counts(struct parser *parser, char *value, unsigned *out, size_t max,
			unsigned limit, size_t *count)
{
	*count = 0;
	for (char *word; (word = next_word(&value));) {
		char *end;
		unsigned long number = strtoul(word, &end, 10);
		if (!isdigit((unsigned char)*word) || *end || number < 1 || number > limit)
			return fail(parser, "%s: \"%.40s\" is not a number from 1 to %u",
				    parser->key, word, limit);
		if (*count == max)
			return fail(parser, "%s has more than %zu numbers", parser->key, max);
		out[(*count)++] = (unsigned)number;
	}
	return 0;
}

static int parse_count(struct parser *parser, char *value, unsigned limit, unsigned *out)
{
	size_t count;
	return parse_counts(parser, value, out, 1, limit, &count);
}

static int parse_real(struct parser *parser, const char *word, float low, float high, float *out)
{
	char *end;
	float number = strtof_l(word, &end, parser->locale);
	if (end == word || *end || !isfinite(number) || number < low || number > high)
		return fail(parser, "%s: \"%.40s\" is not a number from %g to %g", parser->key,
			    word, (double)low, (double)high);
	*out = number;
	return 0;
}

/* One number for all three channels, or one for each. */
static int parse_channels(struct parser *parser, char *value, float out[3])
{
	size_t count = 0;
	for (char *word; (word = next_word(&value));) {
		if (count == 3)
			return fail(parser, "%s has more than 3 numbers", parser->key);
		int result = parse_real(parser, word, -SCALE_MAX, SCALE_MAX, &out[count++]);
		if (result)
			return result;
	}
	if (count == 2)
		return fail(parser, "%s wants one number or three", parser->key);
	if (count == 1)
		out[1] = out[2] = out[0];
	return 0;
}

static int parse_names(struct parser *parser, char *value, struct output_names *out)
{
	out->count = 0;
	for (char *word; (word = next_word(&value));) {
		if (out->count == DESCRIPTION_LEVELS_MAX)
			return fail(parser, "%s has more than %d names", parser->key,
				    DESCRIPTION_LEVELS_MAX);
		int result = parse_text(parser, word, out->names[out->count++]);
		if (result)
			return result;
	}
	return 0;
}

/* `words` ends with NULL; a word's place is its value. */
static int parse_word(struct parser *parser, const char *value, const char *const *words,
		      unsigned *out)
{
	char known[256] = "";
	for (unsigned i = 0; words[i]; i++) {
		if (!strcmp(value, words[i])) {
			*out = i;
			return 0;
		}
		size_t used = strlen(known);
		snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "", words[i]);
	}
	return fail(parser, "%s: \"%.40s\" is none of %s", parser->key, value, known);
}

/* ---- keys ---- */

static const char *const task_words[] = {"detect", "classify", "pose", "segment", "depth", NULL};
static const char *const layout_words[] = {"nhwc", "nchw", NULL};
static const char *const type_words[] = {"float32", "uint8", "int32", NULL};
static const char *const order_words[] = {"rgb", "bgr", NULL};
static const char *const decoding_words[] = {"boxes", "anchors", "scores", "keypoints",
					     "mask",  "depth",	 NULL};
static const char *const box_form_words[] = {"ymin_xmin_ymax_xmax", "xmin_ymin_xmax_ymax", "centre",
					     NULL};
static const char *const box_unit_words[] = {"fraction", "pixel", NULL};
static const char *const suppress_words[] = {"class", "any", NULL};
static const char *const score_form_words[] = {"probability", "logistic", "softmax", NULL};

#define TEXT_KEY(member)                                                                           \
	static int key_##member(struct parser *parser, char *value)                                \
	{                                                                                          \
		return parse_text(parser, value, parser->description->member);                     \
	}
#define WORD_KEY(member, words)                                                                    \
	static int key_##member(struct parser *parser, char *value)                                \
	{                                                                                          \
		unsigned place = 0;                                                                \
		int result = parse_word(parser, value, words, &place);                             \
		parser->description->member = place;                                               \
		return result;                                                                     \
	}
#define NAMES_KEY(member)                                                                          \
	static int key_##member(struct parser *parser, char *value)                                \
	{                                                                                          \
		return parse_names(parser, value, &parser->description->member);                   \
	}
#define SHARE_KEY(member)                                                                          \
	static int key_##member(struct parser *parser, char *value)                                \
	{                                                                                          \
		return parse_real(parser, value, 0, 1, &parser->description->member);              \
	}
#define COUNT_KEY(member, max)                                                                     \
	static int key_##member(struct parser *parser, char *value)                                \
	{                                                                                          \
		return parse_count(parser, value, max, &parser->description->member);              \
	}

TEXT_KEY(title)
TEXT_KEY(source)
TEXT_KEY(licence)
TEXT_KEY(input)
WORD_KEY(task, task_words)
WORD_KEY(layout, layout_words)
WORD_KEY(type, type_words)
WORD_KEY(order, order_words)
WORD_KEY(decoding, decoding_words)
WORD_KEY(box_form, box_form_words)
WORD_KEY(box_unit, box_unit_words)
WORD_KEY(score_form, score_form_words)
WORD_KEY(suppress, suppress_words)
NAMES_KEY(boxes)
NAMES_KEY(scores)
SHARE_KEY(threshold)
SHARE_KEY(overlap)
COUNT_KEY(classes, DESCRIPTION_CLASSES_MAX)
COUNT_KEY(limit, DESCRIPTION_RESULTS_MAX)
COUNT_KEY(batch, BATCH_MAX)

static int key_input_size(struct parser *parser, char *value)
{
	unsigned size[2];
	size_t count;
	int result = parse_counts(parser, value, size, 2, DESCRIPTION_SIDE_MAX, &count);
	if (result)
		return result;
	if (count != 2)
		return fail(parser, "input_size wants the width and the height");
	parser->description->width = size[0];
	parser->description->height = size[1];
	return 0;
}

static int key_mean(struct parser *parser, char *value)
{
	return parse_channels(parser, value, parser->description->mean);
}

static int key_scale(struct parser *parser, char *value)
{
	return parse_channels(parser, value, parser->description->scale);
}

static int key_resize(struct parser *parser, char *value)
{
	struct model_description *description = parser->description;
	static const char *const words[] = {"stretch", "crop", "letterbox", NULL};
	unsigned place = 0;
	char *word = next_word(&value);
	int result = parse_word(parser, word, words, &place);
	if (result)
		return result;
	description->resize = place;
	word = next_word(&value);
	if (word && place == RESIZE_CROP) {
		result = parse_real(parser, word, 0.05f, 1, &description->crop);
		if (result)
			return result;
		word = next_word(&value);
	}
	return word ? fail(parser, "resize: \"%.40s\" is too much", word) : 0;
}

static int key_output(struct parser *parser, char *value)
{
	int result = parse_names(parser, value, &parser->description->scores);
	if (!result && parser->description->scores.count != 1)
		return fail(parser, "output wants one name");
	return result;
}

static int key_anchor_grid(struct parser *parser, char *value)
{
	size_t count;
	int result = parse_counts(parser, value, parser->description->anchor_grid,
				  DESCRIPTION_LEVELS_MAX, 512, &count);
	parser->description->anchor_levels = count;
	return result;
}

static int key_anchor_count(struct parser *parser, char *value)
{
	size_t count;
	return parse_counts(parser, value, parser->description->anchor_count,
			    DESCRIPTION_LEVELS_MAX, 64, &count);
}

static int key_batch_delay(struct parser *parser, char *value)
{
	return parse_real(parser, value, 0, 1000, &parser->description->batch_delay);
}

static int key_labels(struct parser *parser, char *value)
{
	return parse_file_name(parser, value, parser->description->labels);
}

static const struct key {
	const char *name;
	int (*parse)(struct parser *parser, char *value); /* `value` is not empty */
	bool required;
} keys[] = {
    {"title", key_title, false},
    {"source", key_source, false},
    {"licence", key_licence, false},
    {"task", key_task, true},
    {"input", key_input, true},
    {"input_size", key_input_size, true},
    {"input_layout", key_layout, true},
    {"input_type", key_type, true},
    {"input_order", key_order, false},
    {"input_mean", key_mean, false},
    {"input_scale", key_scale, false},
    {"resize", key_resize, true},
    {"decode", key_decoding, true},
    {"output", key_output, false},
    {"output_boxes", key_boxes, false},
    {"output_scores", key_scores, false},
    {"box_form", key_box_form, false},
    {"box_unit", key_box_unit, false},
    {"score_form", key_score_form, false},
    {"anchor_grid", key_anchor_grid, false},
    {"anchor_count", key_anchor_count, false},
    {"classes", key_classes, true},
    {"labels", key_labels, true},
    {"threshold", key_threshold, false},
    {"overlap", key_overlap, false},
    {"suppress", key_suppress, false},
    {"limit", key_limit, false},
    {"batch", key_batch, false},
    {"batch_delay", key_batch_delay, false},
};
#define KEY_COUNT ARRAY_SIZE(keys)

/* ---- the whole ---- */

/* What each decoding needs, and which task it answers. */
static int check_whole(struct parser *parser)
{
	static const enum model_task task_of[] = {
	    [DECODE_BOXES] = TASK_DETECT,    [DECODE_ANCHORS] = TASK_DETECT,
	    [DECODE_SCORES] = TASK_CLASSIFY, [DECODE_KEYPOINTS] = TASK_POSE,
	    [DECODE_MASK] = TASK_SEGMENT,    [DECODE_DEPTH] = TASK_DEPTH};
	const struct model_description *d = parser->description;
	const char *decoding = decoding_words[d->decoding];
	if (task_of[d->decoding] != d->task)
		return fail(parser, "decode = %s is for task = %s, not %s", decoding,
			    task_words[task_of[d->decoding]], task_words[d->task]);
	bool has_boxes = d->decoding == DECODE_BOXES || d->decoding == DECODE_ANCHORS;
	size_t levels = d->decoding == DECODE_ANCHORS ? d->anchor_levels : 1;
	if (has_boxes && (d->boxes.count != levels || d->scores.count != levels || !levels))
		return fail(parser,
			    "decode = %s wants as many output_boxes and output_scores as there "
			    "are levels (%zu)",
			    decoding, levels);
	if (!has_boxes && (d->scores.count != 1 || d->boxes.count))
		return fail(parser, "decode = %s wants one output", decoding);
	for (size_t i = 0; d->decoding == DECODE_ANCHORS && i < levels; i++)
		if (!d->anchor_count[i])
			return fail(parser, "anchor_count has fewer numbers than anchor_grid");
	if (d->decoding == DECODE_ANCHORS && d->classes != 1)
		return fail(parser, "decode = anchors wants classes = 1");
	return 0;
}

/* The text between *start and the newline, without blanks at its ends; NUL-terminated in `line`. */
static int take_line(struct parser *parser, const char **start, const char *end,
		     char line[LINE_MAX_BYTES])
{
	const char *newline = memchr(*start, '\n', (size_t)(end - *start));
	const char *stop = newline ? newline : end;
	const char *from = *start;
	*start = newline ? newline + 1 : end;
	if (stop > from && stop[-1] == '\r')
		stop--;
	while (stop > from && (stop[-1] == ' ' || stop[-1] == '\t'))
		stop--;
	while (from < stop && (*from == ' ' || *from == '\t'))
		from++;
	size_t length = (size_t)(stop - from);
	if (length >= LINE_MAX_BYTES)
		return fail(parser, "the line has %zu bytes, at most %d are taken", length,
			    LINE_MAX_BYTES - 1);
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)from[i] < ' ' && from[i] != '\t')
			return fail(parser, "there is a control character in the line");
	memcpy(line, from, length);
	line[length] = 0;
	return 0;
}

static int parse_line(struct parser *parser, char *line, bool seen[KEY_COUNT])
{
	char *equals = strchr(line, '=');
	if (!equals)
		return fail(parser, "\"%.40s\" is not key = value", line);
	char *end = equals;
	while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = 0;
	char *value = equals + 1;
	while (*value == ' ' || *value == '\t')
		value++;
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (strcmp(line, keys[i].name))
			continue;
		if (seen[i])
			return fail(parser, "%s is given twice", keys[i].name);
		if (!*value)
			return fail(parser, "%s has no value", keys[i].name);
		seen[i] = true;
		parser->key = keys[i].name;
		return keys[i].parse(parser, value);
	}
	return fail(parser, "unknown key \"%.40s\"", line);
}

static int parse_lines(struct parser *parser, const char *text, size_t length)
{
	bool seen[KEY_COUNT] = {false};
	for (const char *end = text + length; text < end;) {
		char line[LINE_MAX_BYTES] = "";
		parser->line++;
		int result = take_line(parser, &text, end, line);
		if (!result && *line && *line != '#')
			result = parse_line(parser, line, seen);
		if (result)
			return result;
	}
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (keys[i].required && !seen[i])
			return fail(parser, "%s is missing", keys[i].name);
	return check_whole(parser);
}

int description_parse(const char *text, size_t length, const char *where,
		      struct model_description *description, struct error *error)
{
	*description = (struct model_description){
	    .scale = {1, 1, 1}, .crop = 1, .overlap = 0.5f, .limit = 100, .batch_delay = 2};
	if (length > DESCRIPTION_BYTES_MAX)
		return error_set(error, EFBIG, "%s has %zu bytes, at most %u are taken", where,
				 length, DESCRIPTION_BYTES_MAX);
	struct parser parser = {.where = where, .description = description, .error = error};
	parser.locale = newlocale(LC_NUMERIC_MASK, "C", NULL);
	if (!parser.locale)
		return error_set(error, ENOMEM, "%s: no memory to parse it", where);
	int result = parse_lines(&parser, text, length);
	freelocale(parser.locale);
	return result;
}

const char *description_task_name(enum model_task task)
{
	return task_words[task];
}

/* The image ops with results as text; see ops_image.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "ops_image.h"
#include "util/cleanup.h"
#include "vaccel/error.h"
#include "vision.h"

#define RESULTS_MAX 100 /* lines of one answer */

/* A caller's buffer, filled with whole lines. */
struct text {
	char *start;
	size_t room, used;
};

static struct text text_begin(unsigned char *buffer, size_t room)
{
	if (buffer && room)
		buffer[0] = 0;
	return (struct text){(char *)buffer, buffer ? room : 0, 0};
}

__attribute__((format(printf, 2, 3))) static void text_add(struct text *text, const char *format,
							   ...)
{
	char line[256];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= sizeof(line) ||
	    (size_t)length >= text->room - text->used) {
		text->room = text->used; /* further lines are left out, even shorter ones */
		return;
	}
	memcpy(text->start + text->used, line, (size_t)length + 1);
	text->used += (size_t)length;
}

int onnx_image_classification(struct vaccel_session *session, const void *image,
			      unsigned char *out_text, unsigned char *out_imgname, size_t length,
			      size_t text_room, size_t imgname_room)
{
	struct mayfly_label labels[RESULTS_MAX];
	size_t count;
	struct text texts[] = {text_begin(out_text, text_room),
			       text_begin(out_imgname, imgname_room)};
	int result = onnx_classify_labels(session, image, length, labels, RESULTS_MAX, &count);
	for (size_t i = 0; !result && i < count; i++)
		for (size_t j = 0; j < 2; j++)
			text_add(&texts[j], "%s %.4f\n", labels[i].label, (double)labels[i].score);
	return result;
}

int onnx_image_detection(struct vaccel_session *session, const void *image,
			 unsigned char *out_imgname, size_t length, size_t room)
{
	struct mayfly_object objects[RESULTS_MAX];
	size_t count;
	struct text text = text_begin(out_imgname, room);
	int result = onnx_detect_objects(session, image, length, objects, RESULTS_MAX, &count);
	for (size_t i = 0; !result && i < count; i++) {
		const struct mayfly_object *object = &objects[i];
		text_add(&text, "%s %.4f %.4f %.4f %.4f %.4f\n", object->label,
			 (double)object->score, (double)object->x, (double)object->y,
			 (double)object->width, (double)object->height);
	}
	return result;
}

int onnx_image_pose(struct vaccel_session *session, const void *image, unsigned char *out_imgname,
		    size_t length, size_t room)
{
	struct mayfly_keypoint points[RESULTS_MAX];
	size_t count;
	struct text text = text_begin(out_imgname, room);
	int result = onnx_pose_keypoints(session, image, length, points, RESULTS_MAX, &count);
	for (size_t i = 0; !result && i < count; i++)
		text_add(&text, "%s %.4f %.4f %.4f\n", points[i].name, (double)points[i].score,
			 (double)points[i].x, (double)points[i].y);
	return result;
}

static void describe_mask(struct text *text, const char *label, const struct mayfly_mask *mask,
			  float threshold)
{
	unsigned left = mask->width, top = mask->height, right = 0, bottom = 0;
	size_t inside = 0;
	for (unsigned y = 0; y < mask->height; y++) {
		for (unsigned x = 0; x < mask->width; x++) {
			if ((float)mask->pixels[(size_t)y * mask->width + x] <= threshold * 255)
				continue;
			inside++;
			left = x < left ? x : left;
			right = x + 1 > right ? x + 1 : right;
			top = y < top ? y : top;
			bottom = y + 1;
		}
	}
	if (!inside)
		return;
	double width = mask->width, height = mask->height;
	text_add(text, "%s %.4f %.4f %.4f %.4f %.4f\n", label, (double)inside / (width * height),
		 left / width, top / height, (right - left) / width, (bottom - top) / height);
}

int onnx_image_segmentation(struct vaccel_session *session, const void *image,
			    unsigned char *out_imgname, size_t length, size_t room)
{
	struct error error = {0};
	struct text text = text_begin(out_imgname, room);
	cleanup(vision_release) struct vision_run run;
	int result = vision_execute(session, TASK_SEGMENT, image, length, &run, &error);
	if (result)
		return onnx_report("segment", result, &error);
	cleanup_free uint8_t *pixels = malloc(run.scores->size + 1);
	if (!pixels)
		return VACCEL_ENOMEM;
	struct mayfly_mask mask = {.pixels = pixels, .room = run.scores->size};
	result = decode_mask(run.model, run.scores, &run.view, &mask, &error);
	const char *label = decode_label(run.model, 0);
	if (!result && label)
		describe_mask(&text, label, &mask, run.model->description.threshold);
	return onnx_report("segment", result, &error);
}

int onnx_image_depth(struct vaccel_session *session, const void *image, unsigned char *out_imgname,
		     size_t length, size_t room)
{
	struct error error = {0};
	struct text text = text_begin(out_imgname, room);
	cleanup(vision_release) struct vision_run run;
	struct decode_depth depth;
	int result = vision_execute(session, TASK_DEPTH, image, length, &run, &error);
	if (!result)
		result = decode_depth(run.scores, &run.view, &depth, &error);
	if (!result) {
		text_add(&text, "mean %.4f\n", (double)depth.mean);
		text_add(&text, "lowest %.4f %.4f %.4f\n", (double)depth.lowest,
			 (double)depth.lowest_x, (double)depth.lowest_y);
		text_add(&text, "highest %.4f %.4f %.4f\n", (double)depth.highest,
			 (double)depth.highest_x, (double)depth.highest_y);
	}
	return onnx_report("depth", result, &error);
}

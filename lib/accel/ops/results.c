/* Structured results. */
#include "mayfly/results.h"

#include <string.h>

#include "accel/ops/dispatch.h"
#include "accel/state/op_context.h"
#include "mayfly/wire.h"
#include "sizes/sizes.h"
#include "util/utf8.h"
#include "vaccel/error.h"

_Static_assert(sizeof(struct mayfly_object) == 84, "mayfly_object is 84 bytes");
_Static_assert(sizeof(struct mayfly_label) == 72, "mayfly_label is 72 bytes");
_Static_assert(sizeof(struct mayfly_keypoint) == 44, "mayfly_keypoint is 44 bytes");

/* ---- what a plugin gives, made what the header promises ---- */

static void settle_text(char *text, size_t size)
{
	char given[MAYFLY_LABEL_SIZE];
	memcpy(given, text, size);
	memset(text, 0, size);
	utf8_copy(text, size, given, size);
}

static void settle_fraction(float *value)
{
	*value = *value > 0 ? (*value < 1 ? *value : 1) : 0; /* this catches NaN, too */
}

static void settle_object(void *result)
{
	struct mayfly_object *object = result;
	settle_text(object->label, sizeof(object->label));
	settle_fraction(&object->score);
	settle_fraction(&object->x);
	settle_fraction(&object->y);
	settle_fraction(&object->width);
	settle_fraction(&object->height);
}

static void settle_label(void *result)
{
	struct mayfly_label *label = result;
	settle_text(label->label, sizeof(label->label));
	settle_fraction(&label->score);
}

static void settle_keypoint(void *result)
{
	struct mayfly_keypoint *point = result;
	settle_text(point->name, sizeof(point->name));
	settle_fraction(&point->x);
	settle_fraction(&point->y);
	settle_fraction(&point->score);
}

/* ---- the ops ---- */

/* One of the ops that yield a list of `room` structs of `element` bytes at most. */
static int find_in_image(struct vaccel_session *session, enum wire_op op, const void *image,
			 size_t length, void *out, size_t room, size_t element,
			 void (*settle)(void *result), size_t *count)
{
	size_t bytes;
	mayfly_op_set_reason("");
	if (!session || !image || !count || (room && !out) || mul_overflows(room, element, &bytes))
		return VACCEL_EINVAL;
	if (!length)
		return op_refuse_empty_picture();
	uint64_t found = 0;
	struct vaccel_arg input = {.buf = (void *)image, .size = length, .type = VACCEL_ARG_BUFFER};
	struct vaccel_arg outputs[] = {
	    {.buf = room ? out : NULL, .size = bytes, .type = VACCEL_ARG_BUFFER},
	    {.buf = &found, .size = sizeof(found), .type = VACCEL_ARG_UINT64},
	};
	int result = mayfly_op_dispatch(session, (uint16_t)op, &input, 1, outputs, 2, NULL);
	if (result)
		return result;
	/* There must be as many results as the other side claims. */
	if (found > room || found * element != outputs[0].size)
		return VACCEL_EREMOTEIO;
	for (uint64_t i = 0; i < found; i++)
		settle((char *)out + i * element);
	*count = found;
	return VACCEL_OK;
}

int mayfly_detect_objects(struct vaccel_session *session, const void *image, size_t length,
			  struct mayfly_object *out, size_t room, size_t *count)
{
	return find_in_image(session, WIRE_OP_DETECT_OBJECTS, image, length, out, room,
			     sizeof(*out), settle_object, count);
}

int mayfly_classify_labels(struct vaccel_session *session, const void *image, size_t length,
			   struct mayfly_label *out, size_t room, size_t *count)
{
	return find_in_image(session, WIRE_OP_CLASSIFY_LABELS, image, length, out, room,
			     sizeof(*out), settle_label, count);
}

int mayfly_pose_keypoints(struct vaccel_session *session, const void *image, size_t length,
			  struct mayfly_keypoint *out, size_t room, size_t *count)
{
	return find_in_image(session, WIRE_OP_POSE_KEYPOINTS, image, length, out, room,
			     sizeof(*out), settle_keypoint, count);
}

int mayfly_segment_mask(struct vaccel_session *session, const void *image, size_t length,
			struct mayfly_mask *mask)
{
	mayfly_op_set_reason("");
	if (!session || !image || !mask || (mask->room && !mask->pixels))
		return VACCEL_EINVAL;
	if (!length)
		return op_refuse_empty_picture();
	uint32_t width = 0;
	uint32_t height = 0;
	struct vaccel_arg input = {.buf = (void *)image, .size = length, .type = VACCEL_ARG_BUFFER};
	struct vaccel_arg outputs[] = {
	    {.buf = mask->room ? mask->pixels : NULL,
	     .size = mask->room,
	     .type = VACCEL_ARG_BUFFER},
	    {.buf = &width, .size = sizeof(width), .type = VACCEL_ARG_UINT32},
	    {.buf = &height, .size = sizeof(height), .type = VACCEL_ARG_UINT32},
	};
	int result = mayfly_op_dispatch(session, WIRE_OP_SEGMENT_MASK, &input, 1, outputs, 3, NULL);
	if (result)
		return result;
	if ((uint64_t)width * height != outputs[0].size)
		return VACCEL_EREMOTEIO;
	mask->width = width;
	mask->height = height;
	return VACCEL_OK;
}

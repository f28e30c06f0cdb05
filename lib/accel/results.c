/* Structured results; the deadline of ops, and why they failed. */
#include "mayfly/results.h"

#include <string.h>

#include "accel/dispatch.h"
#include "mayfly/wire.h"
#include "util/checked.h"
#include "vaccel/error.h"

_Static_assert(sizeof(struct mayfly_object) == 84, "mayfly_object is 84 bytes");
_Static_assert(sizeof(struct mayfly_label) == 72, "mayfly_label is 72 bytes");
_Static_assert(sizeof(struct mayfly_keypoint) == 44, "mayfly_keypoint is 44 bytes");

/* CLOCK_MONOTONIC in ns; 0: none. */
static _Thread_local uint64_t op_deadline_ns;

void mayfly_op_set_deadline(uint64_t deadline_ns)
{
	op_deadline_ns = deadline_ns;
}

uint64_t mayfly_op_deadline_ns(void)
{
	return op_deadline_ns;
}

static _Thread_local char op_reason[MAYFLY_REASON_SIZE];

void mayfly_op_set_reason(const char *reason)
{
	size_t length = strnlen(reason, sizeof(op_reason) - 1);
	memcpy(op_reason, reason, length);
	op_reason[length] = 0;
}

const char *mayfly_op_reason(void)
{
	return op_reason;
}

/* One of the ops that yield a list of `room` structs of `element` bytes at most. */
static int find_in_image(struct vaccel_session *session, enum wire_op op, const void *image,
			 size_t length, void *out, size_t room, size_t element, size_t *count)
{
	size_t bytes;
	if (!image || !length || !count || (room && !out) || mul_overflows(room, element, &bytes))
		return VACCEL_EINVAL;
	uint64_t found = 0;
	struct vaccel_arg input = {.buf = (void *)image, .size = length, .type = VACCEL_ARG_BUFFER};
	struct vaccel_arg outputs[] = {
	    {.buf = room ? out : NULL, .size = bytes, .type = VACCEL_ARG_BUFFER},
	    {.buf = &found, .size = sizeof(found), .type = VACCEL_ARG_UINT64},
	};
	int result = mayfly_op_dispatch(session, (uint16_t)op, &input, 1, outputs, 2, NULL);
	if (result)
		return result;
	/* What the other side claims must be there. */
	if (found > room || found * element != outputs[0].size)
		return VACCEL_EREMOTEIO;
	*count = found;
	return VACCEL_OK;
}

int mayfly_detect_objects(struct vaccel_session *session, const void *image, size_t length,
			  struct mayfly_object *out, size_t room, size_t *count)
{
	return find_in_image(session, WIRE_OP_DETECT_OBJECTS, image, length, out, room,
			     sizeof(*out), count);
}

int mayfly_classify_labels(struct vaccel_session *session, const void *image, size_t length,
			   struct mayfly_label *out, size_t room, size_t *count)
{
	return find_in_image(session, WIRE_OP_CLASSIFY_LABELS, image, length, out, room,
			     sizeof(*out), count);
}

int mayfly_pose_keypoints(struct vaccel_session *session, const void *image, size_t length,
			  struct mayfly_keypoint *out, size_t room, size_t *count)
{
	return find_in_image(session, WIRE_OP_POSE_KEYPOINTS, image, length, out, room,
			     sizeof(*out), count);
}

int mayfly_segment_mask(struct vaccel_session *session, const void *image, size_t length,
			struct mayfly_mask *mask)
{
	if (!image || !length || !mask || (mask->room && !mask->pixels))
		return VACCEL_EINVAL;
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

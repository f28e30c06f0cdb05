/* Shims: from an argument list that fits its signature to a plugin's function.
 *
 * Outputs may lie in memory that the peer who sent the list can write at the same time: nothing is
 * read back from them.
 */
#include "accel/ops/table.h"
#include "mayfly/results.h"

int op_shim_noop(const struct op_call *call, void *function)
{
	int (*noop)(struct vaccel_session *) = function;
	return noop(call->session);
}

/* A plugin that fills the buffer to the last byte leaves the text without a NUL. */
static void terminate_text(const struct vaccel_arg *text)
{
	if (text->size)
		((unsigned char *)text->buf)[text->size - 1] = 0;
}

int op_shim_image_classify(const struct op_call *call, void *function)
{
	int (*classify)(struct vaccel_session *, const void *, unsigned char *, unsigned char *,
			size_t, size_t, size_t) = function;
	const struct vaccel_arg *image = &call->inputs[0];
	const struct vaccel_arg *name = &call->outputs[0];
	const struct vaccel_arg *text = &call->outputs[1];
	int result = classify(call->session, image->buf, text->buf, name->buf, image->size,
			      text->size, name->size);
	terminate_text(name);
	terminate_text(text);
	return result;
}

int op_shim_image_text(const struct op_call *call, void *function)
{
	int (*run)(struct vaccel_session *, const void *, unsigned char *, size_t, size_t) =
	    function;
	const struct vaccel_arg *image = &call->inputs[0];
	const struct vaccel_arg *text = &call->outputs[0];
	int result = run(call->session, image->buf, text->buf, image->size, text->size);
	terminate_text(text);
	return result;
}

/* All functions that list results differ in the type of the results only. */
#define DEFINE_RESULT_SHIM(name, type)                                                             \
	int op_shim_##name(const struct op_call *call, void *function)                             \
	{                                                                                          \
		int (*find)(struct vaccel_session *, const void *, size_t, type *, size_t,         \
			    size_t *) = function;                                                  \
		struct vaccel_arg *out = &call->outputs[0];                                        \
		size_t room = out->size / sizeof(type);                                            \
		size_t count = 0;                                                                  \
		if ((uintptr_t)out->buf % _Alignof(type))                                          \
			return VACCEL_EINVAL;                                                      \
		int result = find(call->session, call->inputs[0].buf, call->inputs[0].size,        \
				  out->buf, room, &count);                                         \
		if (result)                                                                        \
			return result;                                                             \
		if (count > room)                                                                  \
			return VACCEL_EBACKEND;                                                    \
		out->size = count * sizeof(type);                                                  \
		*(uint64_t *)call->outputs[1].buf = count;                                         \
		return VACCEL_OK;                                                                  \
	}
DEFINE_RESULT_SHIM(detect_objects, struct mayfly_object)
DEFINE_RESULT_SHIM(classify_labels, struct mayfly_label)
DEFINE_RESULT_SHIM(pose_keypoints, struct mayfly_keypoint)

int op_shim_segment_mask(const struct op_call *call, void *function)
{
	int (*segment)(struct vaccel_session *, const void *, size_t, struct mayfly_mask *) =
	    function;
	struct vaccel_arg *out = &call->outputs[0];
	struct mayfly_mask mask = {.pixels = out->buf, .room = out->size};
	int result = segment(call->session, call->inputs[0].buf, call->inputs[0].size, &mask);
	if (result)
		return result;
	uint64_t pixels = (uint64_t)mask.width * mask.height;
	if (pixels > out->size)
		return VACCEL_EBACKEND;
	out->size = pixels;
	*(uint32_t *)call->outputs[1].buf = mask.width;
	*(uint32_t *)call->outputs[2].buf = mask.height;
	return VACCEL_OK;
}

/* The noop plugin: every op does nothing and says so.
 *
 * It shows what a call costs and lets programs be tried where no model is: text outputs get a fixed
 * sentence, model runs answer with their inputs, structured results are one item that fills the
 * picture. Nothing is decoded or computed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mayfly/plugin.h"
#include "vaccel.h"

#define NOOP_TAG  "This is a dummy classification tag!"
#define NOOP_NAME "This is a dummy imgname!"

static int noop_noop(struct vaccel_session *session)
{
	vaccel_debug("[noop] noop in session %" PRId64, session->id);
	return VACCEL_OK;
}

static void answer_text(unsigned char *out, size_t room, const char *text)
{
	if (out && room)
		snprintf((char *)out, room, "%s", text);
}

static int noop_classify(struct vaccel_session *session, const void *image, unsigned char *out_text,
			 unsigned char *out_name, size_t length, size_t text_room, size_t name_room)
{
	if (!session || !image)
		return VACCEL_EINVAL;
	vaccel_debug("[noop] classification of %zu bytes in session %" PRId64, length, session->id);
	answer_text(out_text, text_room, NOOP_TAG);
	answer_text(out_name, name_room, NOOP_NAME);
	return VACCEL_OK;
}

/* Detection, segmentation, pose and depth. */
static int noop_image(struct vaccel_session *session, const void *image, unsigned char *out_name,
		      size_t length, size_t name_room)
{
	if (!session || !image)
		return VACCEL_EINVAL;
	vaccel_debug("[noop] image op on %zu bytes in session %" PRId64, length, session->id);
	answer_text(out_name, name_room, NOOP_NAME);
	return VACCEL_OK;
}

static int noop_torch_load(struct vaccel_session *session, struct vaccel_resource *model)
{
	if (!session || !model)
		return VACCEL_EINVAL;
	vaccel_debug("[noop] load of model %" PRId64 " in session %" PRId64, model->id,
		     session->id);
	return VACCEL_OK;
}

static int copy_tensor(struct vaccel_torch_tensor **out, const struct vaccel_torch_tensor *in)
{
	int result =
	    vaccel_torch_tensor_allocate(out, in->nr_dims, in->dims, in->data_type, in->size);
	if (!result && in->size)
		memcpy((*out)->data, in->data, in->size);
	return result;
}

/* Output i is a copy of input i, or of the last input. */
static int noop_torch_run(struct vaccel_session *session, struct vaccel_resource *model,
			  const struct vaccel_torch_buffer *options,
			  struct vaccel_torch_tensor *const *inputs, int input_count,
			  struct vaccel_torch_tensor **outputs, int output_count)
{
	(void)options;
	if (!session || !model || input_count < 1)
		return VACCEL_EINVAL;
	vaccel_debug("[noop] run of model %" PRId64 " in session %" PRId64, model->id, session->id);
	int result = VACCEL_OK;
	int made = 0;
	while (!result && made < output_count) {
		int source = made < input_count ? made : input_count - 1;
		result = copy_tensor(&outputs[made], inputs[source]);
		made += !result;
	}
	while (result && made > 0) {
		vaccel_torch_tensor_delete(outputs[--made]);
		outputs[made] = NULL;
	}
	return result;
}

static int noop_detect(struct vaccel_session *session, const void *image, size_t length,
		       struct mayfly_object *out, size_t room, size_t *count)
{
	(void)session, (void)image, (void)length;
	*count = room ? 1 : 0;
	if (room)
		*out =
		    (struct mayfly_object){.label = "dummy", .score = 1, .width = 1, .height = 1};
	return VACCEL_OK;
}

static int noop_labels(struct vaccel_session *session, const void *image, size_t length,
		       struct mayfly_label *out, size_t room, size_t *count)
{
	(void)session, (void)image, (void)length;
	*count = room ? 1 : 0;
	if (room)
		*out = (struct mayfly_label){.label = "dummy", .score = 1};
	return VACCEL_OK;
}

static int noop_pose(struct vaccel_session *session, const void *image, size_t length,
		     struct mayfly_keypoint *out, size_t room, size_t *count)
{
	(void)session, (void)image, (void)length;
	*count = room ? 1 : 0;
	if (room)
		*out = (struct mayfly_keypoint){.name = "dummy", .x = 0.5f, .y = 0.5f, .score = 1};
	return VACCEL_OK;
}

static int noop_segment(struct vaccel_session *session, const void *image, size_t length,
			struct mayfly_mask *mask)
{
	(void)session, (void)image, (void)length;
	if (mask->room < 1)
		return VACCEL_ENOSPC;
	mask->pixels[0] = 255;
	mask->width = 1;
	mask->height = 1;
	return VACCEL_OK;
}

VACCEL_API const struct mayfly_plugin mayfly_plugin = {
    .version = MAYFLY_PLUGIN_VERSION,
    .detect_objects = noop_detect,
    .classify_labels = noop_labels,
    .pose_keypoints = noop_pose,
    .segment_mask = noop_segment,
};

static struct vaccel_op noop_ops[] = {
    VACCEL_OP_INIT(noop, VACCEL_OP_NOOP, noop_noop),
    VACCEL_OP_INIT(classify, VACCEL_OP_IMAGE_CLASSIFY, noop_classify),
    VACCEL_OP_INIT(detect, VACCEL_OP_IMAGE_DETECT, noop_image),
    VACCEL_OP_INIT(segment, VACCEL_OP_IMAGE_SEGMENT, noop_image),
    VACCEL_OP_INIT(pose, VACCEL_OP_IMAGE_POSE, noop_image),
    VACCEL_OP_INIT(depth, VACCEL_OP_IMAGE_DEPTH, noop_image),
    VACCEL_OP_INIT(torch_load, VACCEL_OP_TORCH_MODEL_LOAD, noop_torch_load),
    VACCEL_OP_INIT(torch_run, VACCEL_OP_TORCH_MODEL_RUN, noop_torch_run),
};

static int noop_init(void)
{
	return vaccel_plugin_register_ops(noop_ops, sizeof(noop_ops) / sizeof(noop_ops[0]));
}

static int noop_fini(void)
{
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "noop", .version = "0.1.0", .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_DEBUG, .init = noop_init, .fini = noop_fini)

/* The onnx plugin: image and model ops on ONNX Runtime. What it offers, and its one state. */
#include <stdlib.h>

#include "mayfly/plugin.h"
#include "ops_image.h"
#include "ops_model.h"
#include "state.h"
#include "vaccel.h"
#include "vaccel/plugin.h"

/* vAccel calls a plugin's ops with a session and no context of the plugin's own, and models are
 * shared by all sessions: so there is one state for the process. */
static struct onnx_state state;

struct onnx_state *onnx_state(void)
{
	return &state;
}

static int onnx_noop(struct vaccel_session *session)
{
	(void)session;
	return VACCEL_OK;
}

static struct vaccel_op ops[] = {
    VACCEL_OP_INIT(noop, VACCEL_OP_NOOP, onnx_noop),
    VACCEL_OP_INIT(classify, VACCEL_OP_IMAGE_CLASSIFY, onnx_image_classification),
    VACCEL_OP_INIT(detect, VACCEL_OP_IMAGE_DETECT, onnx_image_detection),
    VACCEL_OP_INIT(segment, VACCEL_OP_IMAGE_SEGMENT, onnx_image_segmentation),
    VACCEL_OP_INIT(pose, VACCEL_OP_IMAGE_POSE, onnx_image_pose),
    VACCEL_OP_INIT(depth, VACCEL_OP_IMAGE_DEPTH, onnx_image_depth),
    VACCEL_OP_INIT(torch_load, VACCEL_OP_TORCH_MODEL_LOAD, onnx_torch_model_load),
    VACCEL_OP_INIT(torch_run, VACCEL_OP_TORCH_MODEL_RUN, onnx_torch_model_run),
};

/* ONNX Runtime is loaded by the first op that needs it: a program that only lists plugins, or one
 * on a machine without models, works. */
static int onnx_init(void)
{
	/* Its builds for Linux keep what they were used for in a database in the user's home, for
	 * their maker. What requests do is nobody's business. Here, because plugins start before
	 * there are threads that read the environment. */
	if (setenv("ORT_DISABLE_TELEMETRY", "1", 1))
		return VACCEL_ENOMEM;
	pthread_mutex_init(&state.lock, NULL);
	installed_models_init(&state.installed);
	return vaccel_plugin_register_ops(ops, sizeof(ops) / sizeof(ops[0]));
}

static int onnx_fini(void)
{
	onnx_state_close(&state);
	installed_models_release(&state.installed);
	pthread_mutex_destroy(&state.lock);
	return VACCEL_OK;
}

VACCEL_API const struct mayfly_plugin mayfly_plugin = {
    .version = MAYFLY_PLUGIN_VERSION,
    .detect_objects = onnx_detect_objects,
    .classify_labels = onnx_classify_labels,
    .pose_keypoints = onnx_pose_keypoints,
    .segment_mask = onnx_segment_mask,
};

VACCEL_PLUGIN(.name = "onnx", .version = "0.1.0", .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_CPU | VACCEL_PLUGIN_GPU | VACCEL_PLUGIN_TORCH |
		      VACCEL_PLUGIN_GENERIC,
	      .init = onnx_init, .fini = onnx_fini, .resource_register = onnx_resource_register,
	      .resource_unregister = onnx_resource_unregister)

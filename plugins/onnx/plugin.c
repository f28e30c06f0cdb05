/* The onnx plugin: image and model ops. What it offers, and its one state. */
#include <stdlib.h>

#include "keep_models.h"
#include "mayfly/plugin.h"
#include "ops_image.h"
#include "ops_tf.h"
#include "ops_tflite.h"
#include "ops_torch.h"
#include "sizes/sizes.h"
#include "state.h"
#include "util/host_settings.h"
#include "vaccel.h"
#include "vaccel/plugin.h"
#include "warm_up.h"

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
    VACCEL_OP_INIT(tf_load, VACCEL_OP_TF_MODEL_LOAD, onnx_tf_model_load),
    VACCEL_OP_INIT(tf_unload, VACCEL_OP_TF_MODEL_UNLOAD, onnx_tf_model_unload),
    VACCEL_OP_INIT(tf_run, VACCEL_OP_TF_MODEL_RUN, onnx_tf_model_run),
    VACCEL_OP_INIT(tflite_load, VACCEL_OP_TFLITE_MODEL_LOAD, onnx_tflite_model_load),
    VACCEL_OP_INIT(tflite_unload, VACCEL_OP_TFLITE_MODEL_UNLOAD, onnx_tflite_model_unload),
    VACCEL_OP_INIT(tflite_run, VACCEL_OP_TFLITE_MODEL_RUN, onnx_tflite_model_run),
    VACCEL_OP_INIT(torch_load, VACCEL_OP_TORCH_MODEL_LOAD, onnx_torch_model_load),
    VACCEL_OP_INIT(torch_run, VACCEL_OP_TORCH_MODEL_RUN, onnx_torch_model_run),
};

/* ONNX Runtime is loaded by the first op that needs it: a program that only lists plugins, or one
 * on a machine without models, works. */
static int onnx_init(void)
{
	/* ONNX Runtime's builds for Linux record how they are used, for their maker, in a database
	 * in the user's home; requests are to leave no such trace. It is switched off here because
	 * plugins start before there are threads that read the environment. */
	if (setenv("ORT_DISABLE_TELEMETRY", "1", 1))
		return VACCEL_ENOMEM;
	/* TensorFlow says on standard error how each model is loaded, unless asked for warnings. */
	if (setenv("TF_CPP_MIN_LOG_LEVEL", "1", 0))
		return VACCEL_ENOMEM;
	pthread_mutex_init(&state.lock, NULL);
	installed_models_init(&state.installed);
	return vaccel_plugin_register_ops(ops, ARRAY_SIZE(ops));
}

static int onnx_prepare(void)
{
	struct error error = {0};
	int result = onnx_state_open(&state, &error);
	if (!result)
		result = engines_open(&state.engines, NETWORK_ONNX, &error);
	/* A host without the others serves all the same; whoever wants one is told what is missing. */
	if (!result && engines_open(&state.engines, NETWORK_TFLITE, &error))
		vaccel_info("onnx: %s", error.text);
	/* They are large, so only who names one wants it at once; later it may be out of reach. */
	if (!result && host_setting(HOST_TENSORFLOW) &&
	    engines_open(&state.engines, NETWORK_SAVED_MODEL, &error))
		vaccel_warn("onnx: %s", error.text);
	if (!result && host_setting(HOST_TORCH) &&
	    engines_open(&state.engines, NETWORK_TORCHSCRIPT, &error))
		vaccel_warn("onnx: %s", error.text);
	return onnx_report("prepare", result, &error);
}

static int onnx_start_threads(void)
{
	struct error error = {0};
	state.engines.confined = true;
	int result = state.open ? watchdog_start(&state.engines.watchdog, &error) : 0;
	return onnx_report("start", result, &error);
}

static int onnx_fini(void)
{
	onnx_warm_up_end();
	onnx_state_close(&state);
	installed_models_release(&state.installed);
	pthread_mutex_destroy(&state.lock);
	return VACCEL_OK;
}

VACCEL_API const struct mayfly_plugin mayfly_plugin = {
    .version = MAYFLY_PLUGIN_VERSION,
    .computes = true,
    .detect_objects = onnx_detect_objects,
    .classify_labels = onnx_classify_labels,
    .pose_keypoints = onnx_pose_keypoints,
    .segment_mask = onnx_segment_mask,
    .prepare = onnx_prepare,
    .start_threads = onnx_start_threads,
    .keep_models = onnx_keep_models,
    .warm_up = onnx_warm_up,
    .uses_gpu = onnx_uses_gpu,
    .ops_together = onnx_ops_together,
    .list_models = onnx_list_models,
};

VACCEL_PLUGIN(.name = "onnx", .version = "0.1.0", .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_CPU | VACCEL_PLUGIN_GPU | VACCEL_PLUGIN_TENSORFLOW |
		      VACCEL_PLUGIN_TORCH | VACCEL_PLUGIN_GENERIC,
	      .init = onnx_init, .fini = onnx_fini, .resource_register = onnx_resource_register,
	      .resource_unregister = onnx_resource_unregister)

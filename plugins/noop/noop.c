/* The noop plugin: every op does nothing and says so.
 *
 * It shows what a call costs and lets programs be tried where no model is: text outputs get a fixed
 * sentence, model runs answer with their inputs, structured results are one item that fills the
 * picture, and ops on arrays give the numbers that vAccel's plugin of that name gives. Nothing is
 * decoded, and little computed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/models/rank.h"
#include "mayfly/plugin.h"
#include "sizes/sizes.h"
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

/* ── functions ───────────────────────────────────────────────────────────────────────────────── */

/* A single result gets the bytes of the first argument, where both are as many integers. */
static void echo(const struct vaccel_arg *read, size_t read_count, struct vaccel_arg *write,
		 size_t write_count)
{
	if (write_count == 1 && read_count && write->size == read->size && write->size &&
	    write->size % sizeof(int) == 0)
		memcpy(write->buf, read->buf, write->size);
}

static int noop_exec(struct vaccel_session *session, const char *library, const char *symbol,
		     struct vaccel_arg *read, size_t read_count, struct vaccel_arg *write,
		     size_t write_count)
{
	if (!session || !library || !symbol)
		return VACCEL_EINVAL;
	vaccel_debug("[noop] exec of %s in %s in session %" PRId64, symbol, library, session->id);
	echo(read, read_count, write, write_count);
	return VACCEL_OK;
}

static int noop_exec_with_resource(struct vaccel_session *session, struct vaccel_resource *library,
				   const char *symbol, struct vaccel_arg *read, size_t read_count,
				   struct vaccel_arg *write, size_t write_count)
{
	if (!session || !library || !symbol)
		return VACCEL_EINVAL;
	vaccel_debug("[noop] exec of %s in library %" PRId64 " in session %" PRId64, symbol,
		     library->id, session->id);
	echo(read, read_count, write, write_count);
	return VACCEL_OK;
}

/* Every result begins with how many floats it has. */
static int noop_opencv(struct vaccel_session *session, struct vaccel_arg *read, int read_count,
		       struct vaccel_arg *write, int write_count)
{
	(void)read;
	vaccel_debug("[noop] opencv with %d and %d arguments in session %" PRId64, read_count,
		     write_count, session->id);
	for (int i = 0; i < write_count; i++) {
		size_t floats = write[i].size / sizeof(float);
		if (write[i].size >= sizeof(floats))
			memcpy(write[i].buf, &floats, sizeof(floats));
	}
	return VACCEL_OK;
}

/* ── arrays ──────────────────────────────────────────────────────────────────────────────────── */

static int noop_sgemm(struct vaccel_session *session, int64_t m, int64_t n, int64_t k, float alpha,
		      float *a, int64_t lda, float *b, int64_t ldb, float beta, float *c,
		      int64_t ldc)
{
	(void)alpha, (void)a, (void)lda, (void)b, (void)ldb, (void)beta, (void)c, (void)ldc;
	vaccel_debug("[noop] sgemm m=%" PRId64 " n=%" PRId64 " k=%" PRId64 " in session %" PRId64,
		     m, n, k, session->id);
	return VACCEL_OK;
}

static int noop_torch_sgemm(struct vaccel_session *session, struct vaccel_torch_tensor **a,
			    struct vaccel_torch_tensor **b, struct vaccel_torch_tensor **c, int m,
			    int n, int k, struct vaccel_torch_tensor **out)
{
	(void)a, (void)b, (void)c, (void)out;
	vaccel_debug("[noop] sgemm of tensors m=%d n=%d k=%d in session %" PRId64, m, n, k,
		     session->id);
	return VACCEL_OK;
}

static int noop_arraycopy(struct vaccel_session *session, int *a, int *out, size_t count)
{
	vaccel_debug("[noop] copy of %zu integers in session %" PRId64, count, session->id);
	if (count)
		memcpy(out, a, count * sizeof(*out));
	return VACCEL_OK;
}

static int noop_mmult(struct vaccel_session *session, float *a, float *b, float *c, size_t count)
{
	(void)a, (void)b;
	vaccel_debug("[noop] product of %zu numbers in session %" PRId64, count, session->id);
	for (size_t i = 0; i < count; i++)
		c[i] = 9.1F;
	return VACCEL_OK;
}

static void add(const float *a, const float *b, float *sum, size_t count)
{
	for (size_t i = 0; i < count; i++)
		sum[i] = a[i] + b[i];
}

static int noop_parallel(struct vaccel_session *session, float *a, float *b, float *sum,
			 float *product, size_t count)
{
	vaccel_debug("[noop] sum and product of %zu numbers in session %" PRId64, count,
		     session->id);
	add(a, b, sum, count);
	for (size_t i = 0; i < count; i++)
		product[i] = 1;
	return VACCEL_OK;
}

static int noop_vadd(struct vaccel_session *session, float *a, float *b, float *c, size_t count,
		     size_t b_count)
{
	vaccel_debug("[noop] sum of %zu and %zu numbers in session %" PRId64, count, b_count,
		     session->id);
	add(a, b, c, count);
	return VACCEL_OK;
}

static int noop_minmax(struct vaccel_session *session, const double *in, int count, int low,
		       int high, double *out, double *min, double *max)
{
	vaccel_debug("[noop] minmax of %d numbers from %d to %d in session %" PRId64, count, low,
		     high, session->id);
	if (count > 0) /* arrays of a caller's may overlap */
		memmove(out, in, (size_t)count * sizeof(*out));
	*min = -1;
	*max = 10000;
	return VACCEL_OK;
}

/* ── models ──────────────────────────────────────────────────────────────────────────────────── */

static int use_model(const struct vaccel_session *session, const struct vaccel_resource *model,
		     const char *what)
{
	if (!session || !model)
		return VACCEL_EINVAL;
	vaccel_debug("[noop] %s of model %" PRId64 " in session %" PRId64, what, model->id,
		     session->id);
	return VACCEL_OK;
}

static int noop_load(struct vaccel_session *session, struct vaccel_resource *model)
{
	return use_model(session, model, "load");
}

static int noop_unload(struct vaccel_session *session, struct vaccel_resource *model)
{
	return use_model(session, model, "unload");
}

static int tell_status(struct vaccel_tf_status *status, int result)
{
	if (result || !status)
		return result;
	return vaccel_tf_status_init(status, 0, "Operation handled by noop plugin");
}

static int noop_tf_load(struct vaccel_session *session, struct vaccel_resource *model,
			struct vaccel_tf_status *status)
{
	return tell_status(status, noop_load(session, model));
}

static int noop_tf_unload(struct vaccel_session *session, struct vaccel_resource *model,
			  struct vaccel_tf_status *status)
{
	return tell_status(status, noop_unload(session, model));
}

/* Output i is a copy of input i, or of the last input. */
#define DEFINE_ECHO(kind)                                                                          \
	static int kind##_echo_one(size_t index, struct vaccel_##kind##_tensor **out,              \
				   const struct vaccel_##kind##_tensor *in)                        \
	{                                                                                          \
		int result = kind##_tensor_for(index, out, (size_t)in->nr_dims, in->dims,          \
					       in->data_type, in->size);                           \
		if (!result && in->size)                                                           \
			memmove((*out)->data, in->data, in->size);                                 \
		return result;                                                                     \
	}                                                                                          \
	static int kind##_echo(struct vaccel_##kind##_tensor *const *inputs, int input_count,      \
			       struct vaccel_##kind##_tensor **outputs, int output_count)          \
	{                                                                                          \
		int result = input_count < 1 && output_count ? VACCEL_EINVAL : VACCEL_OK;          \
		int made = 0;                                                                      \
		while (!result && made < output_count) {                                           \
			int source = made < input_count ? made : input_count - 1;                  \
			result = kind##_echo_one((size_t)made, &outputs[made], inputs[source]);    \
			made += !result;                                                           \
		}                                                                                  \
		while (result && made > 0) {                                                       \
			vaccel_##kind##_tensor_delete(outputs[--made]);                            \
			outputs[made] = NULL;                                                      \
		}                                                                                  \
		return result;                                                                     \
	}
DEFINE_ECHO(tf)
DEFINE_ECHO(tflite)
DEFINE_ECHO(torch)

static int noop_tf_run(struct vaccel_session *session, struct vaccel_resource *model,
		       const struct vaccel_tf_buffer *options,
		       const struct vaccel_tf_node *in_nodes,
		       struct vaccel_tf_tensor *const *inputs, int input_count,
		       const struct vaccel_tf_node *out_nodes, struct vaccel_tf_tensor **outputs,
		       int output_count, struct vaccel_tf_status *status)
{
	(void)options, (void)in_nodes, (void)out_nodes;
	int result = use_model(session, model, "run");
	if (!result)
		result = tf_echo(inputs, input_count, outputs, output_count);
	return tell_status(status, result);
}

static int noop_tflite_run(struct vaccel_session *session, struct vaccel_resource *model,
			   struct vaccel_tflite_tensor *const *inputs, int input_count,
			   struct vaccel_tflite_tensor **outputs, int output_count, uint8_t *status)
{
	int result = use_model(session, model, "run");
	if (!result)
		result = tflite_echo(inputs, input_count, outputs, output_count);
	if (!result && status)
		*status = 0;
	return result;
}

static int noop_torch_run(struct vaccel_session *session, struct vaccel_resource *model,
			  const struct vaccel_torch_buffer *options,
			  struct vaccel_torch_tensor *const *inputs, int input_count,
			  struct vaccel_torch_tensor **outputs, int output_count)
{
	(void)options;
	int result = use_model(session, model, "run");
	return result ? result : torch_echo(inputs, input_count, outputs, output_count);
}

/* ── structured results ──────────────────────────────────────────────────────────────────────── */

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
    VACCEL_OP_INIT(exec, VACCEL_OP_EXEC, noop_exec),
    VACCEL_OP_INIT(exec_with_resource, VACCEL_OP_EXEC_WITH_RESOURCE, noop_exec_with_resource),
    VACCEL_OP_INIT(tf_load, VACCEL_OP_TF_MODEL_LOAD, noop_tf_load),
    VACCEL_OP_INIT(tf_unload, VACCEL_OP_TF_MODEL_UNLOAD, noop_tf_unload),
    VACCEL_OP_INIT(tf_run, VACCEL_OP_TF_MODEL_RUN, noop_tf_run),
    VACCEL_OP_INIT(tflite_load, VACCEL_OP_TFLITE_MODEL_LOAD, noop_load),
    VACCEL_OP_INIT(tflite_unload, VACCEL_OP_TFLITE_MODEL_UNLOAD, noop_unload),
    VACCEL_OP_INIT(tflite_run, VACCEL_OP_TFLITE_MODEL_RUN, noop_tflite_run),
    VACCEL_OP_INIT(torch_load, VACCEL_OP_TORCH_MODEL_LOAD, noop_load),
    VACCEL_OP_INIT(torch_run, VACCEL_OP_TORCH_MODEL_RUN, noop_torch_run),
    VACCEL_OP_INIT(torch_sgemm, VACCEL_OP_TORCH_SGEMM, noop_torch_sgemm),
    VACCEL_OP_INIT(sgemm, VACCEL_OP_BLAS_SGEMM, noop_sgemm),
    VACCEL_OP_INIT(arraycopy, VACCEL_OP_FPGA_ARRAYCOPY, noop_arraycopy),
    VACCEL_OP_INIT(mmult, VACCEL_OP_FPGA_MMULT, noop_mmult),
    VACCEL_OP_INIT(parallel, VACCEL_OP_FPGA_PARALLEL, noop_parallel),
    VACCEL_OP_INIT(vadd, VACCEL_OP_FPGA_VECTORADD, noop_vadd),
    VACCEL_OP_INIT(minmax, VACCEL_OP_MINMAX, noop_minmax),
    VACCEL_OP_INIT(opencv, VACCEL_OP_OPENCV, noop_opencv),
};

static int noop_init(void)
{
	return vaccel_plugin_register_ops(noop_ops, ARRAY_SIZE(noop_ops));
}

static int noop_fini(void)
{
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "noop", .version = "0.1.0", .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_DEBUG, .init = noop_init, .fini = noop_fini)

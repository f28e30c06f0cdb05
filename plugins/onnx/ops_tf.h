/* The TensorFlow ops of vAccel, on models of all formats. */
#ifndef MAYFLY_ONNX_OPS_TF_H
#define MAYFLY_ONNX_OPS_TF_H

#include "vaccel/ops/tf.h"

/* `status` may be NULL. What went wrong is its message. */
int onnx_tf_model_load(struct vaccel_session *session, struct vaccel_resource *resource,
		       struct vaccel_tf_status *status);
int onnx_tf_model_unload(struct vaccel_session *session, struct vaccel_resource *resource,
			 struct vaccel_tf_status *status);

/* A node's name is that of an input or output: in a SavedModel an operation of the graph, whose
 * result `id` is meant, or a name of its signature. Without a name it is the model's own at that
 * place. Run options are a RunOptions message, and only for SavedModels. */
int onnx_tf_model_run(struct vaccel_session *session, struct vaccel_resource *resource,
		      const struct vaccel_tf_buffer *run_options,
		      const struct vaccel_tf_node *in_nodes, struct vaccel_tf_tensor *const *inputs,
		      int input_count, const struct vaccel_tf_node *out_nodes,
		      struct vaccel_tf_tensor **outputs, int output_count,
		      struct vaccel_tf_status *status);

#endif

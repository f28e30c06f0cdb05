/* One picture through one model: which model, decoding, preparing, running. */
#ifndef MAYFLY_ONNX_VISION_H
#define MAYFLY_ONNX_VISION_H

#include "preprocess.h"
#include "state.h"

struct vision_run {
	struct model *model;
	struct preprocess_view view;
	struct network_entry *network;
	struct network_result result;
	const struct tensor *boxes;  /* the description's output_boxes, in order */
	const struct tensor *scores; /* its output_scores, or the single output */
};

/* Runs `task` on the JPEG or PNG picture in `data`: with the model that is registered with the
 * session, else with the task's default one. Ends with vision_release(), also after an error.
 * Honours mayfly_plugin_deadline_ns() (-ETIMEDOUT). Thread-safe. */
int vision_execute(struct vaccel_session *session, enum model_task task, const void *data,
		   size_t length, struct vision_run *run, struct error *error);
void vision_release(struct vision_run *run);

#endif

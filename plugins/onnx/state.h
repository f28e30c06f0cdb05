/* The plugin's one state in a process: the engine, loaded models, installed models. */
#ifndef MAYFLY_ONNX_STATE_H
#define MAYFLY_ONNX_STATE_H

#include "engines.h"
#include "mayfly/plugin.h"
#include "models/model.h"
#include "vaccel/resource.h"
#include "vaccel/session.h"

struct onnx_state {
	pthread_mutex_t lock; /* of being opened and of resources' models */
	bool open;	      /* engines and cache are there */
	struct engines engines;
	struct network_cache networks;
	struct installed_models installed;
};

/* The state of this process; plugin.c holds it. */
struct onnx_state *onnx_state(void);

/* Opens the state where that was not done yet, but no engine. Thread-safe. */
int onnx_state_open(struct onnx_state *state, struct error *error);

/* Gives up the engine and all loaded models. No op may be under way. */
void onnx_state_close(struct onnx_state *state);

/* The model in a resource that is registered; ends with model_drop(). */
int onnx_resource_model(struct onnx_state *state, struct vaccel_resource *resource,
			struct model **model, struct error *error);

/* Says that the op uses the model. Negative errno, with the reason, where it may not. */
int onnx_use_model(const struct model *model, struct error *error);

/* How the model's requests may be run together: as MAYFLY_ONNX_BATCH says of its name, else its
 * description. */
struct batch_limits onnx_batch_limits(const struct model *model);

/* See struct mayfly_plugin. */
unsigned onnx_ops_together(void);
bool onnx_uses_gpu(void);
size_t onnx_list_models(struct mayfly_loaded_model *models, size_t room);

/* The hooks of struct vaccel_plugin_info: what a MODEL resource means is found out when it is
 * registered first, and forgotten when no session has it any more. */
int onnx_resource_register(struct vaccel_resource *resource, struct vaccel_session *session);
int onnx_resource_unregister(struct vaccel_resource *resource, struct vaccel_session *session);

/* Logs one line and turns a negative errno into the VACCEL_E… code that a caller sees. */
int onnx_report(const char *op, int result, const struct error *error);

#endif

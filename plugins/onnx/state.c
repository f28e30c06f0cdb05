/* The plugin's state and the models of resources; see state.h. */
#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mayfly/results.h"
#include "util/lock.h"
#include "vaccel/error.h"
#include "vaccel/log.h"

#define MODEL_MEMORY_DEFAULT (1ul << 30)

/* What a resource's plugin_priv points to. */
struct resource_model {
	struct model *model; /* NULL for "model:NAME": looked up anew for each op */
	char name[MODEL_NAME_SIZE];
	unsigned sessions;
};

/* MAYFLY_MODEL_MEMORY: bytes, or with K, M or G behind. */
static int memory_from_environment(size_t *bytes, struct error *error)
{
	const char *text = getenv("MAYFLY_MODEL_MEMORY");
	*bytes = MODEL_MEMORY_DEFAULT;
	if (!text || !*text)
		return 0;
	char *end;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	static const char units[] = "KMG";
	const char *unit = *end ? strchr(units, *end) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	if (errno || end == text || *text == '-' || (*end && (!unit || end[1])) ||
	    number > SIZE_MAX >> shift)
		return error_set(error, EINVAL, "MAYFLY_MODEL_MEMORY: \"%s\" is not a size like 1G",
				 text);
	*bytes = (size_t)number << shift;
	return 0;
}

int onnx_state_open(struct onnx_state *state, struct error *error)
{
	lock_scoped(&state->lock);
	if (state->open)
		return 0;
	size_t budget;
	int result = memory_from_environment(&budget, error);
	if (!result)
		result = engine_open(&state->engine, error);
	if (result)
		return result;
	network_cache_init(&state->networks, &state->engine, budget);
	state->open = true;
	return 0;
}

void onnx_state_close(struct onnx_state *state)
{
	lock_scoped(&state->lock);
	if (!state->open)
		return;
	network_cache_release(&state->networks);
	engine_close(&state->engine);
	state->open = false;
}

int onnx_resource_model(struct onnx_state *state, struct vaccel_resource *resource,
			struct model **model, struct error *error)
{
	char name[MODEL_NAME_SIZE];
	{
		lock_scoped(&state->lock);
		const struct resource_model *known = resource->plugin_priv;
		if (!known)
			return error_set(error, EPERM, "the resource is not registered");
		if (known->model) {
			*model = model_hold(known->model);
			return 0;
		}
		memcpy(name, known->name, sizeof(name));
	}
	return installed_models_get(&state->installed, name, model, error);
}

/* NAME of "model:NAME", NULL for anything else. */
static const char *installed_name(const struct vaccel_resource *resource)
{
	size_t length = strlen(MODEL_RESOURCE_PREFIX);
	if (resource->nr_paths != 1 || strncmp(resource->paths[0], MODEL_RESOURCE_PREFIX, length))
		return NULL;
	return resource->paths[0] + length;
}

static int resolve(struct onnx_state *state, struct vaccel_resource *resource,
		   struct resource_model *known, struct error *error)
{
	const char *name = installed_name(resource);
	if (!name)
		return model_from_resource(resource, &known->model, error);
	struct model *model; /* only to see that it is there and right */
	int result = installed_models_get(&state->installed, name, &model, error);
	if (!result) {
		memcpy(known->name, model->name, sizeof(known->name));
		model_drop(model);
	}
	return result;
}

static void free_resource_model(struct resource_model *known)
{
	if (known->model)
		model_drop(known->model);
	free(known);
}

/* Counts one more session to the model that the resource has; where it has none, it becomes
 * `fresh`. Returns the resource's model then: NULL where there is none at all. */
static struct resource_model *join_model(struct onnx_state *state, struct vaccel_resource *resource,
					 struct resource_model *fresh)
{
	lock_scoped(&state->lock);
	struct resource_model *known = resource->plugin_priv;
	if (!known)
		known = resource->plugin_priv = fresh;
	if (known)
		known->sessions++;
	return known;
}

int onnx_resource_register(struct vaccel_resource *resource, struct vaccel_session *session)
{
	struct onnx_state *state = onnx_state();
	(void)session;
	if (resource->type != VACCEL_RESOURCE_MODEL)
		return VACCEL_OK;
	if (join_model(state, resource, NULL))
		return VACCEL_OK;
	struct error error = {0};
	struct resource_model *fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return VACCEL_ENOMEM;
	/* Without the lock, which every op takes: hashing a large model takes a second. */
	int result = resolve(state, resource, fresh, &error);
	if (result)
		free(fresh);
	else if (join_model(state, resource, fresh) != fresh)
		free_resource_model(fresh);
	return onnx_report("model", result, &error);
}

int onnx_resource_unregister(struct vaccel_resource *resource, struct vaccel_session *session)
{
	struct onnx_state *state = onnx_state();
	(void)session;
	lock_scoped(&state->lock);
	struct resource_model *known = resource->plugin_priv;
	if (!known || --known->sessions)
		return VACCEL_OK;
	free_resource_model(known);
	resource->plugin_priv = NULL;
	return VACCEL_OK;
}

int onnx_report(const char *op, int result, const struct error *error)
{
	if (!result)
		return VACCEL_OK;
	const char *reason = error->text[0] ? error->text : strerror(-result);
	vaccel_error("onnx: %s: %s", op, reason);
	mayfly_op_set_reason(reason);
	switch (-result) {
	case ETIMEDOUT:
		return VACCEL_EAGAIN;
	case EFBIG:
		return VACCEL_EINVAL;
	default:
		return -result;
	}
}

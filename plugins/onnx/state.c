/* The plugin's state and the models of resources; see state.h. */
#include "state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mayfly/plugin.h"
#include "runtime/size_setting.h"
#include "util/cleanup.h"
#include "util/lock.h"
#include "vaccel/error.h"
#include "vaccel/log.h"

/* What a resource's plugin_priv points to. */
struct resource_model {
	struct model *model; /* NULL for "model:NAME": looked up anew for each op */
	char name[MODEL_NAME_SIZE];
	unsigned sessions;
};

int onnx_state_open(struct onnx_state *state, struct error *error)
{
	lock_scoped(&state->lock);
	if (state->open)
		return 0;
	size_t budget = 0, device = 0;
	int result = size_setting_read(HOST_MODEL_MEMORY, &budget, error);
	if (!result)
		result = size_setting_read(HOST_GPU_MEMORY, &device, error);
	if (device && device < budget)
		budget = device; /* models on a GPU have their weights there */
	if (!result)
		result = engines_init(&state->engines, error);
	if (result)
		return result;
	network_cache_init(&state->networks, engines_create_network, &state->engines, budget);
	state->open = true;
	return 0;
}

void onnx_state_close(struct onnx_state *state)
{
	lock_scoped(&state->lock);
	if (!state->open)
		return;
	network_cache_release(&state->networks);
	engines_release(&state->engines);
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

/* Counts one more session for the resource's model. A resource without a model gets `fresh`.
 * Returns the resource's model, NULL if it still has none. */
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
	/* Without the lock, because every op takes it and hashing a large model takes a second. */
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

int onnx_use_model(const struct model *model, struct error *error)
{
	/* The state is open: an op opens it before it looks for its model. */
	uint64_t bytes = network_cache_estimate(&onnx_state()->networks, &model->source);
	int result = mayfly_plugin_use_model(model->name, bytes);
	return result ? error_set(error, result, "%s", mayfly_op_reason ? mayfly_op_reason() : "")
		      : 0;
}

#define NS_PER_MS 1e6

/* NAME=ROWS/MS of MAYFLY_ONNX_BATCH, which has commas between such entries; `length` is that of the
 * name. False where there is no such entry, or it is not one. */
static bool read_batch_setting(const char *entry, const char *name, size_t length,
			       struct batch_limits *limits)
{
	char *end;
	if (name && (strncmp(entry, name, length) != 0 || entry[length] != '='))
		return false;
	const char *equals = strchr(entry, '=');
	if (!equals)
		return false;
	unsigned long rows = strtoul(equals + 1, &end, 10);
	double delay_ms = *end == '/' ? strtod(end + 1, &end) : 2;
	if ((*end && *end != ',') || rows > BATCH_MAX || !(delay_ms >= 0 && delay_ms <= 1000))
		return false;
	*limits = (struct batch_limits){.max = (unsigned)rows,
					.delay_ns = (uint64_t)(delay_ms * NS_PER_MS)};
	return true;
}

static bool find_batch_setting(const char *name, struct batch_limits *limits)
{
	const char *entry = host_setting(HOST_ONNX_BATCH);
	while (entry && !read_batch_setting(entry, name, strlen(name), limits)) {
		entry = strchr(entry, ',');
		entry += entry != NULL;
	}
	return entry;
}

/* The largest batch of any model: the host lets in so many more ops. */
static _Atomic unsigned batch_most;

struct batch_limits onnx_batch_limits(const struct model *model)
{
	struct batch_limits limits = {0};
	if (!find_batch_setting(model->name, &limits) && model->described)
		limits = (struct batch_limits){
		    .max = model->description.batch,
		    .delay_ns = (uint64_t)((double)model->description.batch_delay * NS_PER_MS)};
	unsigned most = atomic_load(&batch_most);
	while (limits.max > most && !atomic_compare_exchange_weak(&batch_most, &most, limits.max))
		;
	return limits;
}

unsigned onnx_ops_together(void)
{
	unsigned most = atomic_load(&batch_most);
	return most ? most : 1;
}

static bool is_open(struct onnx_state *state)
{
	lock_scoped(&state->lock);
	return state->open;
}

bool onnx_uses_gpu(void)
{
	struct onnx_state *state = onnx_state();
	return is_open(state) && state->engines.has_onnx && state->engines.onnx.cuda;
}

/* Models are loaded by content, and named by whoever has installed them. */
static void name_model(struct onnx_state *state, const struct network_listing *listing,
		       struct mayfly_loaded_model *model)
{
	*model = (struct mayfly_loaded_model){.bytes = listing->bytes,
					      .uses = listing->uses,
					      .users = listing->users,
					      .on_gpu = onnx_uses_gpu()};
	if (!installed_models_name(&state->installed, listing->hash, model->name,
				   sizeof(model->name)))
		snprintf(model->name, sizeof(model->name), "%.12s", listing->hash);
}

size_t onnx_list_models(struct mayfly_loaded_model *models, size_t room)
{
	struct onnx_state *state = onnx_state();
	cleanup_free struct network_listing *listings = calloc(room + 1, sizeof(*listings));
	if (!listings || !is_open(state))
		return 0;
	size_t count = network_cache_list(&state->networks, listings, room);
	for (size_t i = 0; i < count && i < room; i++)
		name_model(state, &listings[i], &models[i]);
	return count;
}

int onnx_report(const char *op, int result, const struct error *error)
{
	if (!result)
		return VACCEL_OK;
	const char *reason = error->text[0] ? error->text : strerror(-result);
	vaccel_error("onnx: %s: %s", op, reason);
	mayfly_plugin_set_reason(reason);
	switch (-result) {
	case ETIMEDOUT:
	case ECANCELED:
		return VACCEL_EAGAIN;
	case EFBIG:
		return VACCEL_EINVAL;
	default:
		return -result;
	}
}

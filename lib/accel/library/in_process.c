/* Sessions that plugins in this process serve; see accel/state/build.h. */
#include "accel/library/in_process.h"

#include "accel/ops/table.h"
#include "accel/plugins/plugin.h"
#include "accel/resources/registration.h"
#include "accel/tasks/task.h"
#include "sizes/sizes.h"
#include "util/log.h"
#include "vaccel.h"

/* The flags without those that ask for the other side of a transport. */
static uint32_t local_flags(uint32_t flags)
{
	return flags & ~(uint32_t)VACCEL_PLUGIN_REMOTE;
}

static bool serves_session(uint32_t flags)
{
	return plugin_find(flags);
}

static int open_session(struct vaccel_session *session, uint32_t flags)
{
	struct vaccel_plugin *plugin = plugin_find(flags);
	if (!plugin) {
		log_error("no plugin serves this session: name some in VACCEL_PLUGINS, for "
			  "example VACCEL_PLUGINS=onnx, or an accelerator host in "
			  "VACCEL_RPC_ADDRESS");
		return VACCEL_ENOTSUP;
	}
	if (plugin->info->is_virtio) {
		if (!plugin->info->session_init)
			return VACCEL_ENOTSUP;
		int result = plugin->info->session_init(session, local_flags(flags));
		if (result)
			return result;
		session->is_virtio = true;
	}
	session->plugin = plugin;
	return VACCEL_OK;
}

static int change_plugin(struct vaccel_session *session, uint32_t flags)
{
	if (registration_first_resource(session)) {
		log_error("session %jd: cannot change its plugin while it has resources",
			  (intmax_t)session->id);
		return VACCEL_ENOTSUP;
	}
	struct vaccel_plugin *plugin = plugin_find(local_flags(flags));
	if (!plugin || plugin->info->is_virtio)
		return VACCEL_ENOTSUP;
	session->plugin = plugin;
	return VACCEL_OK;
}

static int update_session(struct vaccel_session *session, uint32_t flags)
{
	if (!session->is_virtio)
		return change_plugin(session, flags);
	const struct vaccel_plugin_info *info = session->plugin->info;
	return info->session_update ? info->session_update(session, local_flags(flags))
				    : VACCEL_ENOTSUP;
}

static int close_session(struct vaccel_session *session)
{
	if (session->is_virtio && session->plugin->info->session_release)
		return session->plugin->info->session_release(session);
	return VACCEL_OK;
}

/* Whether the plugin has an op for such a resource. */
static bool has_use_for(const struct vaccel_plugin *plugin, vaccel_resource_type_t type)
{
	static const vaccel_op_type_t model_ops[] = {
	    VACCEL_OP_IMAGE_CLASSIFY,	VACCEL_OP_IMAGE_DETECT,	  VACCEL_OP_IMAGE_SEGMENT,
	    VACCEL_OP_IMAGE_POSE,	VACCEL_OP_IMAGE_DEPTH,	  VACCEL_OP_TF_MODEL_RUN,
	    VACCEL_OP_TFLITE_MODEL_RUN, VACCEL_OP_TORCH_MODEL_RUN};
	if (type == VACCEL_RESOURCE_LIB)
		return plugin->ops[VACCEL_OP_EXEC_WITH_RESOURCE];
	for (size_t i = 0; type == VACCEL_RESOURCE_MODEL && i < ARRAY_SIZE(model_ops); i++)
		if (plugin->ops[model_ops[i]])
			return true;
	return false;
}

struct offer {
	struct vaccel_session *session;
	struct vaccel_resource *resource;
	struct vaccel_plugin *plugin; /* that took it */
	bool refused;		      /* by one that has a use for such resources */
};

static int offer_to(struct vaccel_plugin *plugin, struct offer *offer)
{
	/* One that passes work on has to pass on its resources. */
	int without_hook = plugin->info->is_virtio ? VACCEL_ENOTSUP : VACCEL_OK;
	int result = plugin->info->resource_register
			 ? plugin->info->resource_register(offer->resource, offer->session)
			 : without_hook;
	if (!result)
		offer->plugin = plugin;
	return result;
}

static int offer_to_user(struct vaccel_plugin *plugin, void *context)
{
	struct offer *offer = context;
	if (!has_use_for(plugin, offer->resource->type))
		return VACCEL_ENOTSUP;
	int result = offer_to(plugin, offer);
	offer->refused |= result == VACCEL_ENOTSUP;
	return result;
}

static int take_resource(struct vaccel_session *session, struct vaccel_resource *resource,
			 struct vaccel_plugin **plugin)
{
	struct offer offer = {.session = session, .resource = resource};
	int result = plugin_try(session, offer_to_user, &offer);
	/* vAccel programs may register whatever they like with any session. */
	if (result == VACCEL_ENOTSUP && !offer.refused)
		result = offer_to(session->plugin, &offer);
	*plugin = offer.plugin;
	return result;
}

const struct accel_in_process in_process = {
    .load = vaccel_plugin_parse_and_load,
    .unload = plugins_unload,
    .end_tasks = tasks_shut_down,
    .serves = serves_session,
    .open = open_session,
    .update = update_session,
    .close = close_session,
    .take = take_resource,
    .call = op_table_call,
};

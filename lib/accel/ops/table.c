/* The table of ops: what calls a plugin for each. */
#include "accel/ops/table.h"

#include <inttypes.h>
#include <string.h>

#include "accel/ops/signature.h"
#include "accel/plugins/plugin.h"
#include "accel/resources/registration.h"
#include "accel/state/op_context.h"
#include "accel/wire/ops.h"

struct op_row {
	op_shim *shim;	    /* NULL: no plugin serves it */
	size_t result_slot; /* of a structured result's function in struct mayfly_plugin; else 0 */
};

static const struct op_row op_rows[WIRE_OP_PLACES] = {
#define API_OP(name, shim, inputs, outputs, flags) [WIRE_OP_PLACE_##name] = {op_shim_##shim, 0},
#define RESULT_OP(name, number, shim, function, inputs, outputs, flags)                            \
	[WIRE_OP_PLACE_##name] = {op_shim_##shim, offsetof(struct mayfly_plugin, function)},
#include "mayfly/ops.def"
};

int op_call_resource(const struct op_call *call, vaccel_resource_type_t type,
		     struct vaccel_resource **resource)
{
	int64_t id;
	memcpy(&id, call->inputs[0].buf, sizeof(id));
	int result = vaccel_session_resource_by_id(call->session, resource, id);
	if (result == VACCEL_ENOENT)
		return op_refuse(VACCEL_EPERM, "the session has no resource %" PRId64, id);
	if (!result && (*resource)->type != type)
		return op_refuse(VACCEL_EINVAL, "resource %" PRId64 " is not of type %s", id,
				 vaccel_resource_type_to_base_str(type));
	return result;
}

/* The plugin's function for the op; NULL where it lacks it. */
static void *find_function(const struct vaccel_plugin *plugin, uint16_t op,
			   const struct op_row *row)
{
	if (!row->result_slot)
		return plugin->ops[op] ? plugin->ops[op]->func : NULL;
	const struct mayfly_plugin *results = plugin_results(plugin);
	return results ? *(void *const *)((const char *)results + row->result_slot) : NULL;
}

struct server {
	uint16_t op;
	const struct op_row *row;
	struct vaccel_plugin *plugin;
	void *function;
};

static int look_for_function(struct vaccel_plugin *plugin, void *context)
{
	struct server *server = context;
	server->function = find_function(plugin, server->op, server->row);
	server->plugin = plugin;
	return server->function ? VACCEL_OK : VACCEL_ENOTSUP;
}

/* Who serves the op. If it names a resource of the session, `resource` (else 0), only the plugin
 * that took it can: its state hangs on the resource. */
static int find_server(const struct vaccel_session *session, struct server *server,
		       vaccel_id_t resource)
{
	if (!resource || !plugins_share_ops())
		return plugin_try(session, look_for_function, server);
	struct vaccel_plugin *plugin =
	    registration_plugin((struct vaccel_session *)session, resource);
	return plugin ? look_for_function(plugin, server) : VACCEL_EPERM;
}

static bool begin_server(struct server *server, uint16_t op)
{
	enum wire_op_place place = wire_op_place(op);
	if (place == WIRE_OP_PLACES || !op_rows[place].shim)
		return false;
	*server = (struct server){.op = op, .row = &op_rows[place]};
	return true;
}

const char *mayfly_op_plugin_name(const struct vaccel_session *session, uint16_t op,
				  vaccel_id_t resource)
{
	struct server server;
	return session->plugin && begin_server(&server, op) &&
		       !find_server(session, &server, resource)
		   ? server.plugin->info->name
		   : NULL;
}

static enum mayfly_device device_of(const struct vaccel_plugin *plugin)
{
	const struct mayfly_plugin *results = plugin_results(plugin);
	uint32_t kinds = plugin_kinds(plugin);
	if (results && results->uses_gpu)
		return results->uses_gpu() ? MAYFLY_DEVICE_GPU : MAYFLY_DEVICE_CPU;
	if (kinds & (VACCEL_PLUGIN_CPU | VACCEL_PLUGIN_SOFTWARE))
		return MAYFLY_DEVICE_CPU;
	if (kinds & VACCEL_PLUGIN_GPU)
		return MAYFLY_DEVICE_GPU;
	return kinds & VACCEL_PLUGIN_FPGA ? MAYFLY_DEVICE_FPGA : MAYFLY_DEVICE_CPU;
}

bool mayfly_op_computes(const struct vaccel_session *session, uint16_t op, vaccel_id_t resource,
			enum mayfly_device *device)
{
	struct server server;
	if (!session->plugin || !begin_server(&server, op) ||
	    !(wire_op_facts[wire_op_place(op)].flags & OP_COMPUTES) ||
	    find_server(session, &server, resource) || !plugin_computes(server.plugin))
		return false;
	*device = device_of(server.plugin);
	return true;
}

bool mayfly_op_runs_code(const struct vaccel_session *session, uint16_t op, vaccel_id_t resource)
{
	struct server server;
	return session->plugin && begin_server(&server, op) &&
	       (wire_op_facts[wire_op_place(op)].flags & OP_RUNS_CODE) &&
	       !find_server(session, &server, resource) && plugin_runs_code(server.plugin);
}

/* Where plugins share their ops, for those that the session's own plugin lacks, or that name a resource:
 * only who took that has its state. */
static __attribute__((noinline)) int call_shared(const struct op_call *call, uint16_t op,
						 const struct op_row *row, bool names_resource)
{
	struct server server = {.op = op, .row = row};
	int result = find_server(call->session, &server,
				 names_resource ? *(const int64_t *)call->inputs[0].buf : 0);
	return result ? result : row->shim(call, server.function);
}

int op_table_call(struct vaccel_session *session, uint16_t op, const struct vaccel_arg *inputs,
		  size_t input_count, struct vaccel_arg *outputs, size_t output_count,
		  const uint32_t *out_flags)
{
	const struct op_call call = {.session = session,
				     .inputs = inputs,
				     .input_count = input_count,
				     .outputs = outputs,
				     .output_count = output_count};
	enum wire_op_place place = wire_op_place(op);
	if (!session->plugin || place == WIRE_OP_PLACES || !op_rows[place].shim)
		return VACCEL_ENOTSUP;
	const struct op_row *row = &op_rows[place];
	void *function = find_function(session->plugin, op, row);
	bool shared = plugins_share_ops();
	if (!function && !shared)
		return VACCEL_ENOTSUP;
	int result = op_check_call(place, &call, out_flags, false);
	if (result)
		return result;
	bool names_resource = wire_op_facts[place].names_resource;
	if (shared && (!function || names_resource))
		return call_shared(&call, op, row, names_resource);
	return row->shim(&call, function);
}

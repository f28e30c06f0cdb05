/* Ops that plugins of this process run: their signatures, and the shims that call plugins. Only in
 * the host's build. */
#ifndef MAYFLY_ACCEL_OPS_TABLE_H
#define MAYFLY_ACCEL_OPS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accel/ops/signature.h"
#include "vaccel/arg.h"
#include "vaccel/error.h"
#include "vaccel/export.h"
#include "vaccel/session.h"

/* Calls the plugin's function for the op: op_shim_<shim>() for each that mayfly/ops.def names. */
typedef int op_shim(const struct op_call *call, void *function);

/* The session's resource that the first input names, of the type. VACCEL_EPERM where it is not
 * registered, VACCEL_EINVAL where it is of another type; the reason is said. */
int op_call_resource(const struct op_call *call, vaccel_resource_type_t type,
		     struct vaccel_resource **resource);

#define API_OP(name, shim, ...)		   op_shim op_shim_##shim;
#define RESULT_OP(name, number, shim, ...) op_shim op_shim_##shim;
#include "mayfly/ops.def"

/* The name of the plugin that would serve the op in this session; `resource`: the id of the session's
 * resource that the op names, 0: none. NULL: no plugin would. */
VACCEL_API const char *mayfly_op_plugin_name(const struct vaccel_session *session, uint16_t op,
					     vaccel_id_t resource);

/* What an op takes for a while. */
enum mayfly_device { MAYFLY_DEVICE_CPU, MAYFLY_DEVICE_GPU, MAYFLY_DEVICE_FPGA, MAYFLY_DEVICES };

/* True for an op that takes a device for a while, with the plugin that would serve it; *device is
 * which: the one that the plugin is for, the processors where it is for these too, unless it says
 * that it uses a GPU. */
VACCEL_API bool mayfly_op_computes(const struct vaccel_session *session, uint16_t op,
				   vaccel_id_t resource, enum mayfly_device *device);

/* True for an op by which the plugin that would serve it runs code of the caller's. */
VACCEL_API bool mayfly_op_runs_code(const struct vaccel_session *session, uint16_t op,
				    vaccel_id_t resource);

/* mayfly_op_dispatch() for a session that a plugin serves. */
int op_table_call(struct vaccel_session *session, uint16_t op, const struct vaccel_arg *inputs,
		  size_t input_count, struct vaccel_arg *outputs, size_t output_count,
		  const uint32_t *out_flags);

#endif

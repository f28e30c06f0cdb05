/* Sessions and resources on the other side of a transport; see remote.h. */
#include "accel/remote.h"

#include <string.h>

#include "accel/resource.h"
#include "accel/state.h"
#include "mayfly/results.h"
#include "mayfly/wire.h"
#include "util/clock.h"
#include "util/log.h"
#include "vaccel/error.h"

int remote_call(const struct vaccel_session *session, uint16_t op, const struct vaccel_arg *inputs,
		size_t input_count, struct vaccel_arg *outputs, size_t output_count,
		const uint32_t *output_flags)
{
	struct accel_transport *transport = accel_state.transport;
	mayfly_op_set_reason("");
	if (!transport)
		return VACCEL_ENOTSUP;
	struct accel_call call = {
	    .op = op,
	    .session = session ? session->remote_id : 0,
	    .inputs = inputs,
	    .input_count = input_count,
	    .outputs = outputs,
	    .output_count = output_count,
	    .output_flags = output_flags,
	};
	uint64_t deadline = mayfly_op_deadline_ns();
	if (deadline) {
		uint64_t now = clock_now_ns();
		if (now >= deadline)
			return VACCEL_EAGAIN;
		call.deadline_ns = deadline - now;
	}
	return transport->call(transport, &call);
}

int remote_session_open(struct vaccel_session *session, uint32_t flags)
{
	int64_t id = 0;
	struct vaccel_arg input = {.buf = &flags, .size = sizeof(flags), .type = VACCEL_ARG_UINT32};
	struct vaccel_arg output = {.buf = &id, .size = sizeof(id), .type = VACCEL_ARG_INT64};
	int result = remote_call(NULL, WIRE_OP_SESSION_INIT, &input, 1, &output, 1, NULL);
	if (!result && id < 1)
		result = VACCEL_EREMOTEIO;
	if (!result)
		session->remote_id = id;
	return result;
}

int remote_session_close(struct vaccel_session *session)
{
	return remote_call(session, WIRE_OP_SESSION_RELEASE, NULL, 0, NULL, 0, NULL);
}

static struct vaccel_arg string_argument(const char *text)
{
	return (struct vaccel_arg){
	    .buf = (void *)text, .size = strlen(text) + 1, .type = VACCEL_ARG_STRING};
}

int remote_resource_register(const struct vaccel_session *session, struct vaccel_resource *resource,
			     vaccel_id_t *remote_id)
{
	/* Type and name, then two arguments for each blob; the answer needs one more. */
	struct vaccel_arg inputs[WIRE_ARGUMENTS_MAX - 1];
	enum { BLOBS_MAX = (WIRE_ARGUMENTS_MAX - 3) / 2 };
	if (resource->nr_blobs > BLOBS_MAX) {
		log_error("a resource of %zu files cannot be sent; %d at most", resource->nr_blobs,
			  BLOBS_MAX);
		return VACCEL_ERANGE;
	}
	uint32_t type = resource->type;
	const char *model = resource_model_name(resource);
	size_t count = 0;
	inputs[count++] =
	    (struct vaccel_arg){.buf = &type, .size = sizeof(type), .type = VACCEL_ARG_UINT32};
	inputs[count++] = string_argument(model ? model : "");
	for (size_t i = 0; i < resource->nr_blobs; i++) {
		size_t size;
		uint8_t *data = vaccel_blob_data(resource->blobs[i], &size);
		if (!data && size)
			return VACCEL_EIO;
		inputs[count++] = string_argument(resource->blobs[i]->name);
		inputs[count++] =
		    (struct vaccel_arg){.buf = data, .size = size, .type = VACCEL_ARG_BUFFER};
	}
	int64_t id = 0;
	struct vaccel_arg output = {.buf = &id, .size = sizeof(id), .type = VACCEL_ARG_INT64};
	int result =
	    remote_call(session, WIRE_OP_RESOURCE_REGISTER, inputs, count, &output, 1, NULL);
	if (!result && id < 1)
		result = VACCEL_EREMOTEIO;
	if (!result)
		*remote_id = id;
	return result;
}

int remote_resource_unregister(const struct vaccel_session *session, vaccel_id_t remote_id)
{
	struct vaccel_arg input = {
	    .buf = &remote_id, .size = sizeof(remote_id), .type = VACCEL_ARG_INT64};
	return remote_call(session, WIRE_OP_RESOURCE_UNREGISTER, &input, 1, NULL, 0, NULL);
}

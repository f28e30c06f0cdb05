/* Sessions and resources on the other side of a transport; see remote.h. */
#include "accel/transports/remote.h"

#include <string.h>

#include "accel/resources/resource.h"
#include "accel/state/op_context.h"
#include "accel/state/state.h"
#include "accel/transports/transport.h"
#include "mayfly/results.h"
#include "mayfly/wire.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"
#include "vaccel/error.h"

/* Where it has no transport of its own, that of all. */
static struct accel_transport *transport_of(const struct vaccel_session *session)
{
	return session->priv ? session->priv : accel_state.transport;
}

int remote_call(const struct vaccel_session *session, uint16_t op, const struct vaccel_arg *inputs,
		size_t input_count, struct vaccel_arg *outputs, size_t output_count,
		const uint32_t *output_flags)
{
	struct accel_transport *transport = transport_of(session);
	mayfly_op_set_reason("");
	if (!transport)
		return VACCEL_ENOTSUP;
	struct accel_call call = {
	    .op = op,
	    .session = session->remote_id,
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

static int connect_session(struct vaccel_session *session)
{
	struct accel_transport *shared = accel_state.transport, *own = NULL;
	mayfly_op_set_reason("");
	session->priv = NULL;
	if (!shared || !shared->connect)
		return 0;
	int result = shared->connect(shared, &own);
	session->priv = own;
	return result;
}

static void disconnect_session(struct vaccel_session *session)
{
	struct accel_transport *own = take_pointer(session->priv);
	if (own)
		own->close(own);
}

/* Nothing is left there to be released then. */
static bool is_lost(const struct vaccel_session *session)
{
	struct accel_transport *transport = transport_of(session);
	return transport && transport->is_lost && transport->is_lost(transport);
}

int remote_session_open(struct vaccel_session *session, uint32_t flags)
{
	int64_t id = 0;
	struct vaccel_arg input = {.buf = &flags, .size = sizeof(flags), .type = VACCEL_ARG_UINT32};
	struct vaccel_arg output = {.buf = &id, .size = sizeof(id), .type = VACCEL_ARG_INT64};
	int result = connect_session(session);
	if (!result)
		result = remote_call(session, WIRE_OP_SESSION_INIT, &input, 1, &output, 1, NULL);
	if (!result && id < 1)
		result = VACCEL_EREMOTEIO;
	if (result)
		disconnect_session(session);
	else
		session->remote_id = id;
	return result;
}

int remote_session_close(struct vaccel_session *session)
{
	int result = 0;
	if (!is_lost(session))
		result = remote_call(session, WIRE_OP_SESSION_RELEASE, NULL, 0, NULL, 0, NULL);
	disconnect_session(session);
	return result;
}

void *remote_memory_take(const struct vaccel_session *session, size_t size)
{
	struct accel_transport *transport = transport_of(session);
	return transport && transport->take ? transport->take(transport, size) : NULL;
}

bool remote_memory_give(const struct vaccel_session *session, void *memory)
{
	struct accel_transport *transport = transport_of(session);
	return transport && transport->give && transport->give(transport, memory);
}

bool remote_statistics(const struct vaccel_session *session,
		       struct mayfly_session_statistics *statistics)
{
	struct accel_transport *transport = transport_of(session);
	if (!transport || !transport->statistics)
		return false;
	transport->statistics(transport, statistics);
	return true;
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
	struct vaccel_arg inputs[2 + 2 * WIRE_BLOBS_MAX];
	if (resource->nr_blobs > WIRE_BLOBS_MAX)
		return op_refuse(VACCEL_ERANGE,
				 "a resource of %zu files cannot be sent: %d at most",
				 resource->nr_blobs, WIRE_BLOBS_MAX);
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
	if (is_lost(session))
		return 0;
	struct vaccel_arg input = {
	    .buf = &remote_id, .size = sizeof(remote_id), .type = VACCEL_ARG_INT64};
	return remote_call(session, WIRE_OP_RESOURCE_UNREGISTER, &input, 1, NULL, 0, NULL);
}

/* Remote sessions: what the API sends, and what it makes of the answers.
 *
 * The transport here encodes each call as a message, decodes that like a host that trusts nothing,
 * and serves it in local sessions of the same library.
 */
#include <stdlib.h>

#include "accel/ops/dispatch.h"
#include "accel/transports/transport.h"
#include "accel/wire/wire.h"
#include "check.h"
#include "mayfly/results.h"
#include "mayfly/tensors.h"
#include "util/clock.h"
#include "vaccel.h"

static _Alignas(WIRE_ALIGNMENT) uint8_t window[1 << 20];

static struct {
	struct accel_transport transport;
	unsigned int calls, closed;
	uint64_t deadline_ns; /* of the last call */
	int fail;	      /* the status of every call, unless 0 */
	char model[64];	      /* the name that was registered last */
} loop;

static int serve_register(struct vaccel_session *session, const struct wire_message *message)
{
	const struct vaccel_arg *in = message->arguments;
	struct vaccel_resource *resource;
	vaccel_resource_type_t type = *(const uint32_t *)in[0].buf;
	int result;
	snprintf(loop.model, sizeof(loop.model), "%s", (const char *)in[1].buf);
	if (loop.model[0]) {
		char path[80];
		snprintf(path, sizeof(path), "model:%s", loop.model);
		result = vaccel_resource_new(&resource, path, type);
	} else {
		result = vaccel_resource_from_buf(&resource, in[3].buf, in[3].size, type, in[2].buf,
						  false);
	}
	if (!result)
		result = vaccel_resource_register(resource, session);
	if (!result)
		*(int64_t *)in[message->header.inputs].buf = resource->id;
	return result;
}

static int serve(struct wire_message *message)
{
	struct vaccel_arg *in = message->arguments;
	struct vaccel_arg *out = in + message->header.inputs;
	struct vaccel_session *session = NULL;
	struct vaccel_resource *resource;
	vaccel_session_get_by_id(&session, message->header.session);
	int result;
	switch (message->header.op) {
	case WIRE_OP_SESSION_INIT:
		result = vaccel_session_new(&session, *(const uint32_t *)in[0].buf);
		if (!result)
			*(int64_t *)out[0].buf = session->id;
		return result;
	case WIRE_OP_SESSION_RELEASE:
		return vaccel_session_delete(session);
	case WIRE_OP_RESOURCE_REGISTER:
		return serve_register(session, message);
	case WIRE_OP_RESOURCE_UNREGISTER:
		result = vaccel_resource_get_by_id(&resource, *(const int64_t *)in[0].buf);
		return result ? result : vaccel_resource_delete(resource);
	default:
		return mayfly_op_dispatch(session, message->header.op, in, message->header.inputs,
					  out, message->header.outputs, message->output_flags);
	}
}

static int loop_call(struct accel_transport *transport, const struct accel_call *call)
{
	(void)transport;
	struct wire_message message;
	struct error error = {0};
	uint64_t extent;
	int status = 0;
	loop.calls++;
	loop.deadline_ns = call->deadline_ns;
	if (loop.fail)
		return loop.fail;
	CHECK_NUMBER(wire_encode(window, sizeof(window), call, loop.calls, &extent), 0);
	wire_message_init(&message, NULL);
	if (CHECK(!wire_decode(&message, window, extent, &error)))
		wire_answer(&message, serve(&message), 1);
	wire_message_release(&message);
	CHECK_NUMBER(wire_read_answer(window, extent, call, loop.calls, &status), 0);
	return status;
}

static void loop_close(struct accel_transport *transport)
{
	(void)transport;
	loop.closed++;
}

/* Rank 0 there and back; by name, which this plugin does not look at. */
static void test_scalar(struct vaccel_session *session, struct vaccel_resource *model,
			struct vaccel_torch_tensor *in)
{
	struct vaccel_torch_tensor *out = NULL;
	in->nr_dims = 0;
	in->size = sizeof(float);
	for (int named = 0; named < 2; named++) {
		static const char *const names[] = {"name"};
		if (!CHECK_NUMBER(mayfly_model_run(session, model, named ? names : NULL, &in, 1,
						   named ? names : NULL, &out, 1),
				  VACCEL_OK))
			continue;
		CHECK(out->nr_dims == 0 && out->dims[0] == 1 && out->size == sizeof(float));
		CHECK(*(float *)out->data == 1);
		vaccel_torch_tensor_delete(out);
	}
	CHECK_NUMBER(mayfly_model_run(session, model, NULL, &in, 1, NULL, &out, 0), VACCEL_EINVAL);
	CHECK_NUMBER(mayfly_model_run(session, model, NULL, NULL, -1, NULL, &out, 1),
		     VACCEL_EINVAL);
}

/* As many as there may be, and one more: that is said. */
static void test_many_tensors(struct vaccel_session *session, struct vaccel_resource *model)
{
	enum { INPUTS = 300, OUTPUTS = WIRE_TENSORS_MAX - INPUTS };
	static struct vaccel_torch_tensor inputs[INPUTS], *in[INPUTS], *out[OUTPUTS + 1];
	static int64_t values[INPUTS], one = 1;
	for (int i = 0; i < INPUTS; i++) {
		values[i] = (int64_t)i * i;
		inputs[i] = (struct vaccel_torch_tensor){&values[i], sizeof(values[i]), false, 1,
							 &one,	     VACCEL_TORCH_LONG};
		in[i] = &inputs[i];
	}
	if (CHECK(!vaccel_torch_model_run(session, model, NULL, in, INPUTS, out, OUTPUTS)))
		for (int i = 0; i < OUTPUTS; i++) {
			CHECK(*(int64_t *)out[i]->data == values[i]);
			vaccel_torch_tensor_delete(out[i]);
		}
	CHECK_NUMBER(vaccel_torch_model_run(session, model, NULL, in, INPUTS, out, OUTPUTS + 1),
		     VACCEL_ERANGE);
	CHECK(strstr(mayfly_op_reason(), "511 tensors"));
}

static void test_resources(struct vaccel_session *session)
{
	struct vaccel_resource named, bytes;
	CHECK_NUMBER(vaccel_resource_init(&named, "model:pose", VACCEL_RESOURCE_MODEL), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_register(&named, session), VACCEL_OK);
	CHECK_TEXT(loop.model, "pose");
	CHECK_NUMBER(vaccel_torch_model_load(session, &named), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_release(&named), VACCEL_OK);

	CHECK_NUMBER(
	    vaccel_resource_init_from_buf(&bytes, "onnx", 5, VACCEL_RESOURCE_MODEL, "m", true),
	    VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_register(&bytes, session), VACCEL_OK);
	CHECK_TEXT(loop.model, "");
	const int64_t dims[] = {2, 2};
	float numbers[4] = {1, 2, 3, 4};
	char options[] = "options";
	struct vaccel_torch_buffer run_options = {options, sizeof(options)};
	struct vaccel_torch_tensor *in, *out[2];
	CHECK_NUMBER(vaccel_torch_tensor_new(&in, 2, dims, VACCEL_TORCH_FLOAT), VACCEL_OK);
	vaccel_torch_tensor_set_data(in, numbers, sizeof(numbers));
	if (CHECK(!vaccel_torch_model_run(session, &bytes, &run_options, &in, 1, out, 2)))
		for (int i = 0; i < 2; i++) {
			CHECK(out[i]->size == sizeof(numbers) && out[i]->dims[1] == 2);
			for (int k = 0; k < 4; k++)
				CHECK(((float *)out[i]->data)[k] == numbers[k]);
			vaccel_torch_tensor_delete(out[i]);
		}
	test_scalar(session, &bytes, in);
	vaccel_torch_tensor_delete(in);
	test_many_tensors(session, &bytes);
	CHECK_NUMBER(vaccel_resource_release(&bytes), VACCEL_OK);
}

static void test_ops(struct vaccel_session *session)
{
	unsigned char text[64];
	struct mayfly_object object;
	size_t count;
	CHECK_NUMBER(vaccel_noop(session), VACCEL_OK);
	CHECK_NUMBER(vaccel_image_classification(session, "image", text, NULL, 5, 64, 0),
		     VACCEL_OK);
	CHECK_TEXT((char *)text, "This is a dummy classification tag!");
	CHECK_NUMBER(mayfly_detect_objects(session, "image", 5, &object, 1, &count), VACCEL_OK);
	CHECK(count == 1 && object.width == 1);

	unsigned int calls = loop.calls;
	mayfly_op_set_deadline(1);
	CHECK_NUMBER(vaccel_noop(session), VACCEL_EAGAIN);
	CHECK_NUMBER(loop.calls, calls);
	mayfly_op_set_deadline(clock_now_ns() + NANOSECONDS_PER_SECOND);
	CHECK_NUMBER(vaccel_noop(session), VACCEL_OK);
	CHECK(loop.deadline_ns > 0 && loop.deadline_ns <= NANOSECONDS_PER_SECOND);
	mayfly_op_set_deadline(0);
	loop.fail = VACCEL_EREMOTEIO;
	CHECK_NUMBER(vaccel_noop(session), VACCEL_EREMOTEIO);
	loop.fail = 0;
}

int main(void)
{
	struct vaccel_session session, refused;
	if (!CHECK(!vaccel_bootstrap()))
		return check_status();
	loop.transport = (struct accel_transport){.call = loop_call, .close = loop_close};
	transport_attach(&loop.transport);
	if (!CHECK(!vaccel_session_init(&session, VACCEL_PLUGIN_REMOTE)))
		return check_status();
	CHECK(session.is_virtio && session.remote_id > 0 && !session.plugin);
	test_resources(&session);
	test_ops(&session);
	loop.fail = VACCEL_ENOTSUP;
	CHECK_NUMBER(vaccel_session_init(&refused, VACCEL_PLUGIN_REMOTE), VACCEL_ENOTSUP);
	loop.fail = 0;
	CHECK_NUMBER(vaccel_session_release(&session), VACCEL_OK);
	CHECK_NUMBER(vaccel_cleanup(), VACCEL_OK);
	CHECK_NUMBER(loop.closed, 1);
	return check_status();
}

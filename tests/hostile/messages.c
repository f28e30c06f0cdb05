/* Messages to the accelerator host; see messages.h. */
#include "messages.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "accel/wire/wire.h"
#include "attacker.h"
#include "vaccel.h"
#include "vaccel/ops/torch.h"

#define REQUEST 7 /* the number of every message */

struct wire_header *message_header(void)
{
	return (struct wire_header *)(GUEST_WINDOW_BASE + WINDOW_ARENA_OFFSET);
}

uint64_t message_encode(const struct accel_call *call)
{
	uint64_t extent = 0;
	return wire_encode(message_header(), WINDOW_ARENA_SIZE, call, REQUEST, &extent) ? 0
											: extent;
}

int message_ring(uint64_t extent)
{
	return (int)syscall(MAYFLY_SYS_CALL, 0UL, extent);
}

int message_call(const struct accel_call *call)
{
	int status;
	uint64_t extent = message_encode(call);
	if (message_ring(extent) ||
	    wire_read_answer(message_header(), extent, call, REQUEST, &status))
		return -1;
	return status;
}

void message_prepare_session(struct session_call *session)
{
	*session = (struct session_call){
	    .input = {.buf = &session->flags,
		      .size = sizeof(session->flags),
		      .type = VACCEL_ARG_UINT32},
	    .output = {.buf = &session->id, .size = sizeof(session->id), .type = VACCEL_ARG_INT64},
	    .call = {.op = WIRE_OP_SESSION_INIT,
		     .inputs = &session->input,
		     .input_count = 1,
		     .outputs = &session->output,
		     .output_count = 1},
	};
}

int64_t message_open_session(void)
{
	struct session_call session;
	message_prepare_session(&session);
	return message_call(&session.call) ? -1 : session.id;
}

int message_noop(int64_t session)
{
	struct accel_call call = {.op = VACCEL_OP_NOOP, .session = session};
	return message_call(&call);
}

static int64_t register_model(int64_t session, const void *model, uint64_t length)
{
	uint32_t type = VACCEL_RESOURCE_MODEL;
	int64_t id = 0;
	struct vaccel_arg inputs[] = {
	    {.buf = &type, .size = sizeof(type), .type = VACCEL_ARG_UINT32},
	    {.buf = "", .size = 1, .type = VACCEL_ARG_STRING},
	    {.buf = "m.onnx", .size = sizeof("m.onnx"), .type = VACCEL_ARG_STRING},
	    {.buf = (void *)model, .size = length, .type = VACCEL_ARG_BUFFER},
	};
	struct vaccel_arg output = {.buf = &id, .size = sizeof(id), .type = VACCEL_ARG_INT64};
	struct accel_call call = {.op = WIRE_OP_RESOURCE_REGISTER,
				  .session = session,
				  .inputs = inputs,
				  .input_count = 4,
				  .outputs = &output,
				  .output_count = 1};
	return message_call(&call) ? -1 : id;
}

int message_run_model(const void *model, uint64_t length, int64_t input)
{
	static const int64_t shape[] = {VACCEL_TORCH_LONG, 1};
	int64_t session = message_open_session();
	int64_t resource = register_model(session, model, length);
	struct vaccel_arg inputs[] = {
	    {.buf = &resource, .size = sizeof(resource), .type = VACCEL_ARG_INT64},
	    {.type = VACCEL_ARG_BUFFER},
	    {.buf = (void *)shape, .size = sizeof(shape), .type = VACCEL_ARG_INT64_ARRAY},
	    {.buf = &input, .size = sizeof(input), .type = VACCEL_ARG_INT64_ARRAY},
	};
	struct vaccel_arg outputs[] = {{.type = VACCEL_ARG_INT64_ARRAY},
				       {.type = VACCEL_ARG_UINT8_ARRAY}};
	uint32_t flags[] = {WIRE_ARGUMENT_GROWS, WIRE_ARGUMENT_GROWS};
	struct accel_call call = {.op = VACCEL_OP_TORCH_MODEL_RUN,
				  .session = session,
				  .inputs = inputs,
				  .input_count = 4,
				  .outputs = outputs,
				  .output_count = 2,
				  .output_flags = flags};
	int status = message_call(&call);
	for (int i = 0; !status && i < 2; i++)
		free(outputs[i].buf);
	return status;
}

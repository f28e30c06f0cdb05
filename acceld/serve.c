/* Serving the messages of one connection through libvaccel; see serve.h. */
#include "serve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accel/dispatch.h"
#include "accel/wire.h"
#include "holdings.h"
#include "ledger.h"
#include "mayfly/results.h"
#include "plugins.h"
#include "reason.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/log.h"

struct servant {
	struct plugins *plugins;
	struct ledger *ledger;
	struct holdings holdings;
	struct wire_message message;
};

struct servant *servant_new(struct plugins *plugins, struct ledger *ledger, struct budget *memory)
{
	struct servant *servant = malloc(sizeof(*servant));
	if (!servant)
		return NULL;
	if (holdings_init(&servant->holdings, memory)) {
		free(servant);
		return NULL;
	}
	servant->plugins = plugins;
	servant->ledger = ledger;
	wire_message_init(&servant->message, memory);
	return servant;
}

void servant_delete(struct servant *servant)
{
	if (!servant)
		return;
	holdings_release(&servant->holdings);
	wire_message_release(&servant->message);
	free(servant);
}

/* True where the message has as many arguments as are named, and they begin with those types. */
static bool has_shape(const struct wire_message *message, size_t inputs, size_t outputs,
		      const vaccel_arg_type_t *types, size_t type_count)
{
	if (message->header.inputs != inputs || message->header.outputs != outputs)
		return false;
	for (size_t i = 0; i < type_count; i++)
		if (message->arguments[i].type != types[i])
			return false;
	return true;
}

/* Scalars are of their type's size: wire_decode() has seen to that. */
static int64_t read_int64(const struct vaccel_arg *argument)
{
	int64_t value;
	memcpy(&value, argument->buf, sizeof(value));
	return value;
}

static uint32_t read_uint32(const struct vaccel_arg *argument)
{
	uint32_t value;
	memcpy(&value, argument->buf, sizeof(value));
	return value;
}

/* Only an output of fixed size has a place that an id can be written to. */
static bool output_is_fixed(const struct wire_message *message)
{
	return !(message->output_flags[0] & WIRE_ARGUMENT_GROWS);
}

static int serve_session_init(struct servant *servant)
{
	static const vaccel_arg_type_t types[] = {VACCEL_ARG_UINT32, VACCEL_ARG_INT64};
	struct wire_message *message = &servant->message;
	if (!has_shape(message, 1, 1, types, 2) || !output_is_fixed(message))
		return VACCEL_EINVAL;
	uint32_t flags = read_uint32(&message->arguments[0]);
	int64_t id = 0;
	int result = plugins_admit(servant->plugins, &flags);
	if (!result)
		result = holdings_open_session(&servant->holdings, flags, &id);
	memcpy(message->arguments[1].buf, &id, sizeof(id));
	return result;
}

static int serve_session_release(struct servant *servant)
{
	return holdings_close_session(&servant->holdings, servant->message.header.session);
}

static int serve_resource_register(struct servant *servant)
{
	static const vaccel_arg_type_t types[] = {VACCEL_ARG_UINT32, VACCEL_ARG_STRING};
	struct wire_message *message = &servant->message;
	size_t inputs = message->header.inputs;
	if (inputs < 2 || inputs % 2 || !has_shape(message, inputs, 1, types, 2) ||
	    message->arguments[inputs].type != VACCEL_ARG_INT64 || !output_is_fixed(message))
		return VACCEL_EINVAL;
	int64_t id = 0;
	int result = holdings_register(&servant->holdings, message->header.session,
				       (vaccel_resource_type_t)read_uint32(&message->arguments[0]),
				       message->arguments[1].buf, &message->arguments[2],
				       inputs / 2 - 1, &id);
	memcpy(message->arguments[inputs].buf, &id, sizeof(id));
	return result;
}

static int serve_resource_unregister(struct servant *servant)
{
	static const vaccel_arg_type_t types[] = {VACCEL_ARG_INT64};
	struct wire_message *message = &servant->message;
	if (!has_shape(message, 1, 0, types, 1))
		return VACCEL_EINVAL;
	return holdings_unregister(&servant->holdings, message->header.session,
				   read_int64(&message->arguments[0]));
}

static int serve_op(struct servant *servant)
{
	struct wire_message *message = &servant->message;
	const struct wire_header *header = &message->header;
	struct vaccel_session *session = holdings_session(&servant->holdings, header->session);
	if (!session)
		return VACCEL_EINVAL;
	int resource = mayfly_op_resource_index(header->op);
	if (resource >= 0) {
		if (resource >= header->inputs ||
		    message->arguments[resource].type != VACCEL_ARG_INT64)
			return VACCEL_EINVAL;
		int64_t number = read_int64(&message->arguments[resource]);
		vaccel_id_t id = holdings_resource(&servant->holdings, header->session, number);
		if (!id)
			return VACCEL_EPERM;
		/* A model of the peer's own may do anything with its inputs, also what goes wrong
		 * where they change meanwhile. */
		if (!holdings_resource_is_installed(&servant->holdings, header->session, number) &&
		    wire_copy_tensors(message, NULL))
			return VACCEL_ENOMEM;
		memcpy(message->arguments[resource].buf, &id, sizeof(id));
	}
	return mayfly_op_dispatch(session, header->op, message->arguments, header->inputs,
				  message->arguments + header->inputs, header->outputs,
				  message->output_flags);
}

static int serve_message(struct servant *servant)
{
	switch (servant->message.header.op) {
	case WIRE_OP_SESSION_INIT:
		return serve_session_init(servant);
	case WIRE_OP_SESSION_RELEASE:
		return serve_session_release(servant);
	case WIRE_OP_RESOURCE_REGISTER:
		return serve_resource_register(servant);
	case WIRE_OP_RESOURCE_UNREGISTER:
		return serve_resource_unregister(servant);
	default:
		return serve_op(servant);
	}
}

int servant_serve(struct servant *servant, void *message, uint64_t length, uint64_t limit_ns,
		  struct error *error)
{
	int result = wire_decode(&servant->message, message, length, error);
	if (result == -ENOMEM) {
		log_warn("a message is refused: %s", error ? error->text : "no memory");
		wire_refuse(&servant->message, VACCEL_ENOMEM);
		return 0;
	}
	if (result)
		return result;
	uint64_t wished_ns = servant->message.header.deadline_ns;
	if (wished_ns && (!limit_ns || wished_ns < limit_ns))
		limit_ns = wished_ns;
	uint64_t start_ns = clock_now_ns();
	uint64_t deadline_ns;
	/* A limit beyond the end of time is none. */
	if (!limit_ns || add_overflows(start_ns, limit_ns, &deadline_ns))
		deadline_ns = 0;
	mayfly_op_set_deadline(deadline_ns);
	mayfly_op_set_reason("");
	ledger_begin(servant->ledger, servant->message.header.op);
	int status = serve_message(servant);
	ledger_end(servant->ledger, servant->message.header.op);
	mayfly_op_set_deadline(0);
	wire_answer(&servant->message, status, clock_now_ns() - start_ns);
	if (status) {
		char reason[MAYFLY_REASON_SIZE];
		reason_for_peers(mayfly_op_reason(), reason, sizeof(reason));
		wire_explain(&servant->message, reason);
	}
	return 0;
}

bool servant_is_unchanged(const struct servant *servant)
{
	return holdings_are_base(&servant->holdings);
}

void servant_mark(struct servant *servant)
{
	holdings_mark(&servant->holdings);
}

int servant_reset(struct servant *servant, struct error *error)
{
	int result = holdings_reset(&servant->holdings);
	return result ? error_set_errno(error, result, "cannot register a resource again") : 0;
}

/* Answers; see answer.h. */
#include "acceld/relay/rpc/answer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "acceld/relay/rpc/gather.h"
#include "acceld/relay/rpc/ttrpc/frame.h"
#include "acceld/relay/stream.h"
#include "messages.pb-c.h"
#include "util/log.h"
#include "vaccel/error.h"

#define TEXT_MAX 512 /* of a message of an error, longer ones are cut */

/* The name by which clients know the details of an error; they look at the first only. */
#define ERROR_TYPE_URL "type.googleapis.com/vaccel.ProtoError"

/* `pieces` has room for those of the frame in front. */
static void write_answer(const struct rpc_reply *reply, const void *status, size_t status_length,
			 struct iovec *pieces, size_t count, size_t payload_length)
{
	int result = rpc_frame_write_response(reply->stream, reply->id, status, status_length,
					      pieces, count, payload_length);
	if (result == -EMSGSIZE) {
		rpc_fail(reply, VACCEL_ENOSPC);
		return;
	}
	if (!result)
		return;
	log_debug("a client does not take its answer: %s", strerror(-result));
	stream_break(reply->stream);
}

void rpc_answer(const struct rpc_reply *reply, const ProtobufCMessage *message)
{
	struct iovec none[RPC_FRAME_SPARE];
	struct rpc_gathered payload;
	if (!message) {
		write_answer(reply, NULL, 0, none, RPC_FRAME_SPARE, 0);
		return;
	}
	if (rpc_gather(message, RPC_FRAME_SPARE, reply->memory, &payload)) {
		rpc_fail(reply, VACCEL_ENOMEM);
		return;
	}
	write_answer(reply, NULL, 0, payload.pieces, payload.count, payload.length);
	rpc_gathered_release(&payload, reply->memory);
}

/* Texts are cut to TEXT_MAX, so there is always room. */
static void write_status(const struct rpc_reply *reply, const Rpc__AnswerStatus *status)
{
	uint8_t packed[4 * TEXT_MAX];
	struct iovec pieces[RPC_FRAME_SPARE];
	if (rpc__answer_status__get_packed_size(status) <= sizeof(packed))
		write_answer(reply, packed, rpc__answer_status__pack(status, packed), pieces,
			     RPC_FRAME_SPARE, 0);
}

static void write_error(const struct rpc_reply *reply, const char *text, const Rpc__Error *error)
{
	uint8_t packed[2 * TEXT_MAX];
	if (rpc__error__get_packed_size(error) > sizeof(packed))
		return;
	Rpc__Any detail = RPC__ANY__INIT;
	Rpc__Any *details[] = {&detail};
	Rpc__AnswerStatus status = RPC__ANSWER_STATUS__INIT;
	rpc_set_text(&detail, type_url, ERROR_TYPE_URL);
	rpc_set_bytes(&detail, value, packed, rpc__error__pack(error, packed));
	rpc_set(&status, code, RPC_INTERNAL);
	rpc_set_text(&status, message, text);
	status.details = details;
	status.n_details = 1;
	write_status(reply, &status);
}

void rpc_refuse(const struct rpc_reply *reply, enum rpc_code code, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	Rpc__AnswerStatus status = RPC__ANSWER_STATUS__INIT;
	rpc_set(&status, code, code);
	rpc_set_text(&status, message, text);
	write_status(reply, &status);
}

void rpc_fail(const struct rpc_reply *reply, int code)
{
	char text[TEXT_MAX];
	snprintf(text, sizeof(text), "FFI error: %d", code);
	Rpc__Error error = RPC__ERROR__INIT;
	rpc_set(&error, ffi_error, (uint32_t)code);
	write_error(reply, text, &error);
}

void rpc_fail_with_status(const struct rpc_reply *reply, int code, uint8_t status,
			  const char *message)
{
	char text[TEXT_MAX], cut[TEXT_MAX - 64];
	snprintf(cut, sizeof(cut), "%s", message);
	snprintf(text, sizeof(text), "FFI error: %d [%s (%u)]", code, cut, status);
	Rpc__OpStatus detail = RPC__OP_STATUS__INIT;
	rpc_set(&detail, code, status);
	rpc_set_text(&detail, message, cut);
	Rpc__Error error = RPC__ERROR__INIT;
	rpc_set(&error, type, RPC_ERROR_STATUS);
	rpc_set(&error, ffi_error, (uint32_t)code);
	error.status = &detail;
	write_error(reply, text, &error);
}

void rpc_fail_early(const struct rpc_reply *reply, enum rpc_error_type type, const char *format,
		    ...)
{
	char text[TEXT_MAX], cut[TEXT_MAX - 64];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(cut, sizeof(cut), format, arguments);
	va_end(arguments);
	snprintf(text, sizeof(text), "%s: %s",
		 type == RPC_ERROR_ARGUMENT ? "Invalid argument" : "Conversion failed", cut);
	Rpc__OpStatus detail = RPC__OP_STATUS__INIT;
	rpc_set_text(&detail, message, cut);
	Rpc__Error error = RPC__ERROR__INIT;
	rpc_set(&error, type, type);
	error.status = &detail;
	write_error(reply, text, &error);
}

/* Answers to a client's calls: a message of the method's, or why there is none.
 *
 * Each call is answered once. All functions are thread-safe. Where the client does not take its answer
 * the connection ends, as half an answer may be on its way.
 */
#ifndef MAYFLY_ACCELD_RPC_ANSWER_H
#define MAYFLY_ACCELD_RPC_ANSWER_H

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

struct rpc_memory;
struct stream;

/* Where an answer goes. */
struct rpc_reply {
	struct stream *stream;
	uint32_t id;		   /* the call's */
	struct rpc_memory *memory; /* in which what the answer takes is counted */
};

/* Fields of answers as proto3 wants them: what is zero or empty is left out. */
#define rpc_set(message, field, value)                                                             \
	((message)->field = (value), (message)->has_##field = (message)->field != 0)
#define rpc_set_bytes(message, field, bytes, size)                                                 \
	((message)->field = (ProtobufCBinaryData){.data = (uint8_t *)(bytes), .len = (size)},      \
	 (message)->has_##field = (message)->field.len != 0)
#define rpc_set_text(message, field, text) ((message)->field = *(text) ? (char *)(text) : NULL)

enum rpc_code {
	RPC_INVALID_ARGUMENT = 3,
	RPC_DEADLINE_EXCEEDED = 4,
	RPC_NOT_FOUND = 5,
	RPC_RESOURCE_EXHAUSTED = 8,
	RPC_INTERNAL = 13,
};

/* The kinds of vAccel's own errors that an answer may have. */
enum rpc_error_type { RPC_ERROR_STATUS = 1, RPC_ERROR_ARGUMENT = 2, RPC_ERROR_CONVERSION = 6 };

/* It has gone well. NULL: the method has nothing to say. */
void rpc_answer(const struct rpc_reply *reply, const ProtobufCMessage *message);

/* It has not, and not for a reason of libvaccel's: clients give VACCEL_EIO then. */
void rpc_refuse(const struct rpc_reply *reply, enum rpc_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* libvaccel refuses it, or has failed, with this VACCEL_E… code, which is what clients give. */
void rpc_fail(const struct rpc_reply *reply, int code);

/* The same for ops of TensorFlow, whose caller gets a status, too. */
void rpc_fail_with_status(const struct rpc_reply *reply, int code, uint8_t status,
			  const char *message);

/* What vAccel's agent finds wrong before it calls libvaccel: clients give VACCEL_EBACKEND then. */
void rpc_fail_early(const struct rpc_reply *reply, enum rpc_error_type type, const char *format,
		    ...) __attribute__((format(printf, 3, 4)));

#endif

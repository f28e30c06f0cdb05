/* The codec's flags: outputs that carry what the caller has there, and arrays that lie in the window
 * outside of the message; and messages that are passed on to a process that sees neither. */
#include <errno.h>
#include <stdlib.h>

#include "accel/wire/wire.h"
#include "check.h"
#include "sizes/sizes.h"
#include "vaccel/error.h"

#define WINDOW	(1UL << 20)
#define MESSAGE (64UL << 10) /* the window's part for messages */
#define FLOATS	3000

struct exchange {
	uint8_t *window;
	uint64_t extent;
	struct wire_message message;
};

static void exchange_init(struct exchange *exchange)
{
	exchange->window = aligned_alloc(WIRE_ALIGNMENT, WINDOW);
	memset(exchange->window, 0xa5, WINDOW);
	wire_message_init(&exchange->message, NULL);
	wire_message_use_window(&exchange->message, exchange->window, WINDOW);
}

static void exchange_release(struct exchange *exchange)
{
	wire_message_release(&exchange->message);
	free(exchange->window);
}

static bool is_in_window(const struct exchange *exchange, const void *place)
{
	return (const uint8_t *)place >= exchange->window &&
	       (const uint8_t *)place < exchange->window + WINDOW;
}

static int exchange_send(struct exchange *exchange, const struct accel_call *call)
{
	int result = wire_encode(exchange->window, MESSAGE, call, 7, &exchange->extent);
	return result ? result
		      : wire_decode(&exchange->message, exchange->window, exchange->extent, NULL);
}

static int exchange_read(struct exchange *exchange, const struct accel_call *call)
{
	int status = -1;
	CHECK_NUMBER(wire_read_answer(exchange->window, exchange->extent, call, 7, &status), 0);
	return status;
}

static void test_carries(void)
{
	struct exchange exchange;
	exchange_init(&exchange);
	int32_t number = 42, other = 43;
	uint8_t yes = 9;
	static float large[FLOATS];
	large[FLOATS - 1] = 1.5F;
	struct vaccel_arg outputs[] = {
	    {.buf = &number, .size = sizeof(number), .type = VACCEL_ARG_INT32},
	    {.buf = &other, .size = sizeof(other), .type = VACCEL_ARG_INT32},
	    {.buf = large, .size = sizeof(large), .type = VACCEL_ARG_FLOAT32_ARRAY},
	    {.buf = &yes, .size = 1, .type = VACCEL_ARG_BOOL},
	    {.type = VACCEL_ARG_RAW},
	};
	const uint32_t flags[] = {WIRE_ARGUMENT_CARRIES, 0, WIRE_ARGUMENT_CARRIES,
				  WIRE_ARGUMENT_CARRIES, WIRE_ARGUMENT_CARRIES};
	const struct accel_call call = {
	    .outputs = outputs, .output_count = ARRAY_SIZE(outputs), .output_flags = flags};
	CHECK_NUMBER(exchange_send(&exchange, &call), 0);
	struct vaccel_arg *got = exchange.message.arguments;
	CHECK_NUMBER(*(int32_t *)got[0].buf, 42);
	CHECK(!is_in_window(&exchange, got[0].buf));
	CHECK_NUMBER(*(int32_t *)got[1].buf, 0);
	CHECK(((float *)got[2].buf)[FLOATS - 1] == 1.5F);
	CHECK_NUMBER(*(uint8_t *)got[3].buf, 1);
	CHECK_NUMBER(got[4].size, 0);
	CHECK_NUMBER(exchange.message.output_flags[0], WIRE_ARGUMENT_CARRIES);
	CHECK_NUMBER(exchange.message.output_flags[1], 0);
	++*(int32_t *)got[0].buf;
	((float *)got[2].buf)[0] = 2.5F;
	CHECK_NUMBER(wire_answer(&exchange.message, 0, 1), 0);
	CHECK_NUMBER(exchange_read(&exchange, &call), 0);
	CHECK_NUMBER(number, 43);
	CHECK_NUMBER(other, 0);
	CHECK(large[0] == 2.5F && large[FLOATS - 1] == 1.5F);
	exchange_release(&exchange);
}

/* What lies in the window is neither copied nor part of the message, whatever its length. */
static void test_in_window(void)
{
	struct exchange exchange;
	exchange_init(&exchange);
	float *in = (float *)(exchange.window + MESSAGE + 4); /* aligned as its elements only */
	double *out = (double *)(exchange.window + WINDOW - FLOATS * sizeof(double));
	float small[2] = {1, 2}, *small_in_window = (float *)(exchange.window + MESSAGE + 65536);
	small_in_window[0] = 5;
	const struct vaccel_arg inputs[] = {
	    {.buf = in, .size = FLOATS * sizeof(float), .type = VACCEL_ARG_FLOAT32_ARRAY},
	    {.buf = small, .size = sizeof(small), .type = VACCEL_ARG_FLOAT32_ARRAY},
	    {.buf = small_in_window, .size = 4, .type = VACCEL_ARG_FLOAT32_ARRAY},
	    {.buf = in, .size = FLOATS * sizeof(float), .type = VACCEL_ARG_INT32_ARRAY},
	};
	struct vaccel_arg outputs[] = {
	    {.buf = out, .size = FLOATS * sizeof(double), .type = VACCEL_ARG_FLOAT64_ARRAY},
	    {.buf = in, .size = FLOATS * sizeof(float), .type = VACCEL_ARG_FLOAT32_ARRAY},
	};
	const uint32_t flags[] = {0, WIRE_ARGUMENT_CARRIES};
	const struct accel_call call = {.inputs = inputs,
					.input_count = ARRAY_SIZE(inputs),
					.outputs = outputs,
					.output_count = ARRAY_SIZE(outputs),
					.output_flags = flags,
					.window = exchange.window,
					.window_size = WINDOW};
	in[FLOATS - 1] = 7;
	out[1] = 8;
	CHECK_NUMBER(exchange_send(&exchange, &call), 0);
	CHECK(exchange.message.header.data_end < 16384 + 1024);
	const struct vaccel_arg *got = exchange.message.arguments;
	CHECK(got[0].buf == in && got[0].size == FLOATS * sizeof(float));
	CHECK(!is_in_window(&exchange, got[1].buf) && ((float *)got[1].buf)[1] == 2);
	CHECK(!is_in_window(&exchange, got[2].buf) && ((float *)got[2].buf)[0] == 5);
	CHECK(!is_in_window(&exchange, got[3].buf));
	CHECK(got[4].buf == out && got[5].buf == in);
	CHECK_NUMBER(exchange.message.output_flags[1], WIRE_ARGUMENT_CARRIES);
	out[0] = 9;
	exchange.message.arguments[4].size = 16;
	CHECK_NUMBER(wire_answer(&exchange.message, 0, 1), 0);
	CHECK_NUMBER(exchange_read(&exchange, &call), 0);
	CHECK_NUMBER(outputs[0].size, 16);
	CHECK(out[0] == 9 && out[1] == 8);
	/* Results that a plugin made elsewhere are copied to where they belong. */
	outputs[0].size = FLOATS * sizeof(double);
	CHECK_NUMBER(exchange_send(&exchange, &call), 0);
	double result[] = {1, 2, 3};
	exchange.message.arguments[4].buf = result;
	exchange.message.arguments[4].size = sizeof(result);
	CHECK_NUMBER(wire_copy_tensors(&exchange.message, NULL), 0);
	CHECK(!is_in_window(&exchange, exchange.message.arguments[0].buf));
	CHECK(((float *)exchange.message.arguments[0].buf)[FLOATS - 1] == 7);
	CHECK_NUMBER(wire_answer(&exchange.message, 0, 1), 0);
	CHECK_NUMBER(exchange_read(&exchange, &call), 0);
	CHECK(check_same_bytes(out, result, sizeof(result)) && outputs[0].size == sizeof(result));
	exchange_release(&exchange);
}

/* One array at `offset` of the window, as an input or an output. */
static int decode_array(struct exchange *exchange, uint64_t offset, uint64_t size, uint32_t type,
			uint32_t flags, bool is_output)
{
	const struct wire_header header = {
	    .magic = WIRE_MAGIC,
	    .version = WIRE_VERSION,
	    .inputs = !is_output,
	    .outputs = is_output,
	    .data_offset = 128,
	    .data_end = 128,
	};
	const struct wire_argument argument = {.type = type,
					       .flags = flags,
					       .offset = offset,
					       .length = is_output ? 0 : size,
					       .capacity = is_output ? size : 0};
	memcpy(exchange->window, &header, sizeof(header));
	memcpy(exchange->window + sizeof(header), &argument, sizeof(argument));
	struct error error = {0};
	int result = wire_decode(&exchange->message, exchange->window, MESSAGE, &error);
	CHECK(!result == !error.code);
	return result;
}

static void test_refusals(void)
{
	struct exchange exchange;
	exchange_init(&exchange);
	const uint32_t in_window = WIRE_ARGUMENT_IN_WINDOW, floats = VACCEL_ARG_FLOAT32_ARRAY;
	for (int is_output = 0; is_output < 2; is_output++) {
#define DECODE(offset, size, type, flags)                                                          \
	decode_array(&exchange, offset, size, type, flags, is_output)
		CHECK_NUMBER(DECODE(MESSAGE, 8192, floats, in_window), 0);
		CHECK_NUMBER(DECODE(WINDOW - 8192, 8192, floats, in_window), 0);
		CHECK_NUMBER(DECODE(0, WINDOW, floats, in_window), 0);
		CHECK_NUMBER(DECODE(MESSAGE, 4096, floats, in_window), -EBADMSG);
		CHECK_NUMBER(DECODE(MESSAGE, 8190, floats, in_window), -EBADMSG);
		CHECK_NUMBER(DECODE(MESSAGE + 2, 8192, floats, in_window), -EBADMSG);
		CHECK_NUMBER(DECODE(MESSAGE + 4, 8192, VACCEL_ARG_FLOAT64_ARRAY, in_window),
			     -EBADMSG);
		CHECK_NUMBER(DECODE(WINDOW - 8188, 8192, floats, in_window), -EBADMSG);
		CHECK_NUMBER(DECODE(WINDOW, 8192, floats, in_window), -EBADMSG);
		CHECK_NUMBER(DECODE(4, UINT64_MAX - 3, floats, in_window), -EBADMSG);
		CHECK_NUMBER(DECODE(UINT64_MAX - 3, 8192, floats, in_window), -EBADMSG);
		CHECK_NUMBER(DECODE(MESSAGE, 8192, VACCEL_ARG_INT32_ARRAY, in_window), -EBADMSG);
		CHECK_NUMBER(DECODE(MESSAGE, 8192, VACCEL_ARG_BUFFER, in_window), -EBADMSG);
		CHECK_NUMBER(DECODE(MESSAGE, 8192, VACCEL_ARG_FLOAT32, in_window), -EBADMSG);
		CHECK_NUMBER(DECODE(MESSAGE, 8192, floats, in_window | WIRE_ARGUMENT_GROWS),
			     -EBADMSG);
		CHECK_NUMBER(DECODE(MESSAGE, 8192, floats, in_window | WIRE_ARGUMENT_CARRIES),
			     is_output ? 0 : -EBADMSG);
		wire_message_use_window(&exchange.message, NULL, 0);
		CHECK_NUMBER(DECODE(MESSAGE, 8192, floats, in_window), -EBADMSG);
		CHECK_NUMBER(DECODE(0, 8192, floats, in_window), -EBADMSG);
		wire_message_use_window(&exchange.message, exchange.window, WINDOW);
#undef DECODE
	}
	CHECK_NUMBER(decode_array(&exchange, 0, 0, VACCEL_ARG_RAW,
				  WIRE_ARGUMENT_GROWS | WIRE_ARGUMENT_CARRIES, true),
		     -EBADMSG);
	exchange_release(&exchange);
}

/* The message is decoded, passed on, served by a process that sees no window, and answered. */
static void test_repack(int status, bool is_answered_by_nonsense)
{
	struct exchange exchange;
	struct wire_message inner;
	exchange_init(&exchange);
	wire_message_init(&inner, NULL);
	float *in = (float *)(exchange.window + MESSAGE);
	float *out = in + FLOATS;
	char text[] = "text";
	int32_t number = 42;
	const struct vaccel_arg inputs[] = {
	    {.buf = text, .size = sizeof(text), .type = VACCEL_ARG_STRING},
	    {.buf = in, .size = FLOATS * sizeof(float), .type = VACCEL_ARG_FLOAT32_ARRAY},
	    {.type = VACCEL_ARG_BUFFER},
	};
	struct vaccel_arg outputs[] = {
	    {.type = VACCEL_ARG_BUFFER},
	    {.buf = &number, .size = sizeof(number), .type = VACCEL_ARG_INT32},
	    {.buf = out, .size = FLOATS * sizeof(float), .type = VACCEL_ARG_FLOAT32_ARRAY},
	};
	const uint32_t flags[] = {WIRE_ARGUMENT_GROWS, WIRE_ARGUMENT_CARRIES,
				  WIRE_ARGUMENT_CARRIES};
	const struct accel_call call = {.inputs = inputs,
					.input_count = ARRAY_SIZE(inputs),
					.outputs = outputs,
					.output_count = ARRAY_SIZE(outputs),
					.output_flags = flags,
					.window = exchange.window,
					.window_size = WINDOW};
	in[0] = 3;
	out[FLOATS - 1] = 4;
	CHECK_NUMBER(exchange_send(&exchange, &call), 0);
	uint64_t packed = wire_packed_size(&exchange.message),
		 room = round_up(packed + 4096, WIRE_ALIGNMENT);
	uint8_t *memory = aligned_alloc(WIRE_ALIGNMENT, room);
	CHECK_NUMBER(wire_repack(&exchange.message, memory, packed - 1), -ENOSPC);
	CHECK_NUMBER(wire_repack(&exchange.message, memory, packed), 0);
	/* Whatever the sender writes there afterwards. */
	in[0] = 99;
	CHECK_NUMBER(wire_decode(&inner, memory, room, NULL), 0);
	const struct vaccel_arg *got = inner.arguments;
	CHECK_TEXT(got[0].buf, "text");
	CHECK(((float *)got[1].buf)[0] == 3 && !got[2].size);
	CHECK_NUMBER(*(int32_t *)got[4].buf, 42);
	CHECK(((float *)got[5].buf)[FLOATS - 1] == 4);
	*(int32_t *)got[4].buf = 43;
	((float *)got[5].buf)[0] = 5;
	inner.arguments[3].buf = strdup("grown");
	inner.arguments[3].size = 6;
	inner.arguments[3].owned = true;
	CHECK_NUMBER(wire_answer(&inner, status, 11), status);
	if (status)
		wire_explain(&inner, "the reason");
	if (is_answered_by_nonsense)
		((struct wire_argument *)(memory + sizeof(struct wire_header)))[4].length = room;
	wire_answer_from(&exchange.message, memory, room);
	int wanted = is_answered_by_nonsense ? VACCEL_EBACKEND : status;
	CHECK_NUMBER(exchange_read(&exchange, &call), wanted);
	CHECK_NUMBER(number, wanted ? 42 : 43);
	if (!wanted) {
		CHECK(out[0] == 5 && out[FLOATS - 1] == 4);
		CHECK_TEXT(outputs[0].buf, "grown");
		free(outputs[0].buf);
	}
	char reason[32];
	wire_read_reason(exchange.window, exchange.extent, reason, sizeof(reason));
	if (wanted)
		CHECK_TEXT(reason, is_answered_by_nonsense ? "" : "the reason");
	wire_message_release(&inner);
	exchange_release(&exchange);
	free(memory);
}

int main(void)
{
	test_carries();
	test_in_window();
	test_refusals();
	test_repack(0, false);
	test_repack(VACCEL_EIO, false);
	test_repack(0, true);
	return check_status();
}

/* The codec: round trips, and messages that must be refused. */
#include <errno.h>
#include <stdlib.h>

#include "accel/wire/wire.h"
#include "check.h"
#include "sizes/sizes.h"
#include "vaccel/error.h"

#define SPACE 65536

struct exchange {
	uint8_t *space;
	uint64_t extent;
	struct wire_message message;
};

static void exchange_init(struct exchange *exchange)
{
	exchange->space = aligned_alloc(WIRE_ALIGNMENT, SPACE);
	memset(exchange->space, 0xa5, SPACE);
	wire_message_init(&exchange->message, NULL);
}

static void exchange_release(struct exchange *exchange)
{
	wire_message_release(&exchange->message);
	free(exchange->space);
}

static void test_round_trip(void)
{
	struct exchange exchange;
	exchange_init(&exchange);
	int32_t number = 42;
	char text[] = "a photograph";
	static float tensor[3000];
	tensor[2999] = 1.5f;
	uint8_t yes = 7, small[100] = {0};
	struct vaccel_arg inputs[] = {
	    {.buf = &number, .size = sizeof(number), .type = VACCEL_ARG_INT32},
	    {.buf = text, .size = sizeof(text), .type = VACCEL_ARG_STRING},
	    {.buf = tensor, .size = sizeof(tensor), .type = VACCEL_ARG_FLOAT32_ARRAY},
	    {.buf = &yes, .size = 1, .type = VACCEL_ARG_BOOL},
	    {.type = VACCEL_ARG_BUFFER},
	    {.buf = text, .size = 5, .type = VACCEL_ARG_CUSTOM, .custom_type_id = 99},
	};
	static float result_tensor[3000];
	struct vaccel_arg outputs[] = {
	    {.buf = small, .size = sizeof(small), .type = VACCEL_ARG_BUFFER},
	    {.buf = result_tensor, .size = sizeof(result_tensor), .type = VACCEL_ARG_FLOAT32_ARRAY},
	    {.type = VACCEL_ARG_BUFFER},
	    {.type = VACCEL_ARG_BUFFER},
	};
	uint32_t flags[] = {0, 0, WIRE_ARGUMENT_GROWS, WIRE_ARGUMENT_GROWS};
	struct accel_call call = {
	    .op = 4,
	    .session = 3,
	    .inputs = inputs,
	    .input_count = 6,
	    .outputs = outputs,
	    .output_count = 4,
	    .output_flags = flags,
	    .deadline_ns = 5,
	};
	CHECK_NUMBER(wire_encode(exchange.space, SPACE, &call, 17, &exchange.extent), 0);
	CHECK_NUMBER(exchange.extent, SPACE);
	struct error error = {0};
	CHECK_NUMBER(wire_decode(&exchange.message, exchange.space, exchange.extent, &error), 0);
	struct vaccel_arg *got = exchange.message.arguments;
	CHECK(exchange.message.header.op == 4 && exchange.message.header.session == 3);
	CHECK(exchange.message.header.deadline_ns == 5 && exchange.message.header.inputs == 6);
	CHECK(!memcmp(got[0].buf, &number, sizeof(number)));
	CHECK_TEXT(got[1].buf, text);
	CHECK(got[2].size == sizeof(tensor) && ((float *)got[2].buf)[2999] == tensor[2999]);
	/* A large tensor lies in the shared message, everything else does not. */
	uint8_t *end = exchange.space + SPACE;
	CHECK((uint8_t *)got[2].buf > exchange.space && (uint8_t *)got[2].buf < end);
	CHECK((uint8_t *)got[1].buf < exchange.space || (uint8_t *)got[1].buf >= end);
	CHECK((uint8_t *)got[6].buf < exchange.space || (uint8_t *)got[6].buf >= end);
	CHECK((uint8_t *)got[7].buf > exchange.space && (uint8_t *)got[7].buf < end);
	CHECK_NUMBER(*(uint8_t *)got[3].buf, 1);
	CHECK_NUMBER(got[4].size, 0);
	CHECK(got[5].custom_type_id == 99 && got[5].type == VACCEL_ARG_CUSTOM);
	CHECK(got[6].size == 100 && !*(uint8_t *)got[6].buf && !((uint8_t *)got[6].buf)[99]);
	CHECK(exchange.message.output_flags[2] == WIRE_ARGUMENT_GROWS);

	memcpy(got[6].buf, "short", 6);
	got[6].size = 6;
	((float *)got[7].buf)[0] = 2.5f;
	got[8].buf = strdup("grown by the host");
	got[8].size = 18;
	got[8].owned = true;
	wire_answer(&exchange.message, 0, 1234);
	int status = -1;
	CHECK_NUMBER(wire_read_answer(exchange.space, exchange.extent, &call, 17, &status), 0);
	CHECK_NUMBER(status, 0);
	CHECK(outputs[0].size == 6 && !memcmp(small, "short", 6));
	CHECK(result_tensor[0] == 2.5f && outputs[1].size == sizeof(result_tensor));
	CHECK(outputs[2].owned && outputs[2].size == 18);
	CHECK_TEXT(outputs[2].buf, "grown by the host");
	CHECK(!outputs[3].buf && !outputs[3].owned && !outputs[3].size);
	free(outputs[2].buf);
	exchange_release(&exchange);
}

static void test_small_extent(void)
{
	struct exchange exchange;
	exchange_init(&exchange);
	uint8_t out[10];
	struct vaccel_arg output = {.buf = out, .size = 10, .type = VACCEL_ARG_BUFFER};
	struct accel_call call = {.outputs = &output, .output_count = 1};
	CHECK_NUMBER(wire_encode(exchange.space, SPACE, &call, 1, &exchange.extent), 0);
	CHECK_NUMBER(exchange.extent, 128 + WIRE_REASON_MAX); /* room for what went wrong */
	CHECK_NUMBER(wire_encode(exchange.space, 200, &call, 1, &exchange.extent), 0);
	CHECK_NUMBER(exchange.extent, 200);
	output.size = 2000;
	CHECK_NUMBER(wire_encode(exchange.space, SPACE, &call, 1, &exchange.extent), 0);
	CHECK_NUMBER(exchange.extent, 128 + 2000);
	output.size = 10;
	CHECK_NUMBER(wire_encode(exchange.space, 137, &call, 1, &exchange.extent), -ENOSPC);
	CHECK_NUMBER(wire_encode(exchange.space, 10, &call, 1, &exchange.extent), -ENOSPC);
	call.output_count = WIRE_ARGUMENTS_MAX + 1;
	CHECK_NUMBER(wire_encode(exchange.space, SPACE, &call, 1, &exchange.extent), -E2BIG);
	call.output_count = SIZE_MAX;
	call.input_count = 2;
	CHECK_NUMBER(wire_encode(exchange.space, SPACE, &call, 1, &exchange.extent), -E2BIG);
	exchange_release(&exchange);
}

/* Why a call failed arrives as a whole, however short the call is. */
static void test_reason(void)
{
	struct exchange exchange;
	exchange_init(&exchange);
	int64_t number = 1;
	struct vaccel_arg input = {.buf = &number, .size = 8, .type = VACCEL_ARG_INT64};
	struct accel_call calls[] = {{.input_count = 0}, {.inputs = &input, .input_count = 1}};
	char reason[WIRE_REASON_MAX + 1], read[2 * WIRE_REASON_MAX];
	memset(reason, 'x', sizeof(reason));
	for (size_t i = 0; i < 2; i++) {
		CHECK_NUMBER(wire_encode(exchange.space, SPACE, &calls[i], 1, &exchange.extent), 0);
		CHECK_NUMBER(wire_decode(&exchange.message, exchange.space, exchange.extent, NULL),
			     0);
		CHECK_NUMBER(wire_answer(&exchange.message, VACCEL_EINVAL, 0), VACCEL_EINVAL);
		reason[WIRE_REASON_MAX] = 0;
		wire_explain(&exchange.message, reason);
		wire_read_reason(exchange.space, exchange.extent, read, sizeof(read));
		CHECK_TEXT(read, reason);
		reason[WIRE_REASON_MAX] = 'x'; /* and no more than that */
		reason[sizeof(reason) - 1] = 0;
		wire_explain(&exchange.message, reason);
		wire_read_reason(exchange.space, exchange.extent, read, sizeof(read));
		CHECK_NUMBER(strlen(read), WIRE_REASON_MAX);
	}
	exchange_release(&exchange);
}

/* As many arguments as there may be, and few again. */
static void test_many_arguments(void)
{
	static struct vaccel_arg inputs[WIRE_ARGUMENTS_MAX];
	static uint8_t numbers[WIRE_ARGUMENTS_MAX];
	static _Alignas(WIRE_ALIGNMENT) uint8_t large[WIRE_ARGUMENTS_MAX * 128];
	static const size_t counts[] = {WIRE_ARGUMENTS_MAX, 1, 64, 65, WIRE_ARGUMENTS_MAX, 0};
	struct wire_message message;
	wire_message_init(&message, NULL);
	for (size_t i = 0; i < WIRE_ARGUMENTS_MAX; i++) {
		numbers[i] = (uint8_t)(i * 31);
		inputs[i] = (struct vaccel_arg){&numbers[i], 1, VACCEL_ARG_UINT8, 0, false};
	}
	for (size_t turn = 0; turn < ARRAY_SIZE(counts); turn++) {
		struct accel_call call = {.inputs = inputs, .input_count = counts[turn]};
		uint64_t extent;
		int status;
		CHECK_NUMBER(wire_encode(large, sizeof(large), &call, turn, &extent), 0);
		if (!CHECK_NUMBER(wire_decode(&message, large, extent, NULL), 0))
			continue;
		for (size_t i = 0; i < counts[turn]; i++)
			if (!CHECK(*(uint8_t *)message.arguments[i].buf == numbers[i]))
				break;
		CHECK_NUMBER(wire_answer(&message, 0, 0), 0);
		CHECK(message.lists_capacity <= 64); /* who is idle holds no more */
		CHECK_NUMBER(wire_read_answer(large, extent, &call, turn, &status), 0);
	}
	wire_message_release(&message);
}

static void test_status_and_lack_of_room(void)
{
	struct exchange exchange;
	exchange_init(&exchange);
	uint8_t out[10] = "untouched";
	struct vaccel_arg outputs[] = {
	    {.buf = out, .size = 10, .type = VACCEL_ARG_BUFFER},
	    {.type = VACCEL_ARG_BUFFER},
	};
	uint32_t flags[] = {0, WIRE_ARGUMENT_GROWS};
	struct accel_call call = {.outputs = outputs, .output_count = 2, .output_flags = flags};
	int status = 0;
	CHECK_NUMBER(wire_encode(exchange.space, 4096, &call, 1, &exchange.extent), 0);
	CHECK_NUMBER(wire_decode(&exchange.message, exchange.space, 4096, NULL), 0);
	wire_answer(&exchange.message, VACCEL_ENOTSUP, 0);
	CHECK_NUMBER(wire_read_answer(exchange.space, 4096, &call, 1, &status), 0);
	CHECK_NUMBER(status, VACCEL_ENOTSUP);
	CHECK_TEXT((char *)out, "untouched");

	/* A grown result that is larger than the free part. */
	CHECK_NUMBER(wire_encode(exchange.space, 4096, &call, 2, &exchange.extent), 0);
	CHECK_NUMBER(wire_decode(&exchange.message, exchange.space, 4096, NULL), 0);
	exchange.message.arguments[1].buf = calloc(1, 4096);
	exchange.message.arguments[1].size = 4096;
	exchange.message.arguments[1].owned = true;
	CHECK_NUMBER(wire_answer(&exchange.message, 0, 0), VACCEL_ENOSPC);
	CHECK(exchange.message.needed > 4096 && exchange.message.needed < 8192);
	CHECK_NUMBER(wire_read_answer(exchange.space, 4096, &call, 2, &status), 0);
	CHECK_NUMBER(status, VACCEL_ENOSPC);

	/* A fixed result that claims to be longer than its place. */
	CHECK_NUMBER(wire_encode(exchange.space, 4096, &call, 3, &exchange.extent), 0);
	CHECK_NUMBER(wire_decode(&exchange.message, exchange.space, 4096, NULL), 0);
	exchange.message.arguments[0].size = 11;
	wire_answer(&exchange.message, 0, 0);
	CHECK_NUMBER(wire_read_answer(exchange.space, 4096, &call, 3, &status), 0);
	CHECK_NUMBER(status, VACCEL_ENOSPC);
	/* An answer to another request. */
	CHECK_NUMBER(wire_read_answer(exchange.space, 4096, &call, 4, &status), -EBADMSG);
	exchange_release(&exchange);
}

/* A sound message of two inputs and two outputs, of which each case breaks one thing. */
struct draft {
	struct wire_header header;
	struct wire_argument arguments[4];
	uint8_t data[512];
};

static struct draft sound_draft(void)
{
	struct draft draft = {
	    .data = "hello",
	    .header =
		{
		    .magic = WIRE_MAGIC,
		    .version = WIRE_VERSION,
		    .op = 1,
		    .inputs = 2,
		    .outputs = 2,
		    .data_offset = 256,
		    .data_end = 576,
		},
	    .arguments =
		{
		    {.type = VACCEL_ARG_STRING, .offset = 256, .length = 6},
		    {.type = VACCEL_ARG_INT64, .offset = 320, .length = 8},
		    {.type = VACCEL_ARG_BUFFER, .offset = 384, .capacity = 100},
		    {.type = VACCEL_ARG_UINT32_ARRAY, .offset = 512, .capacity = 64},
		},
	};
	return draft;
}

static int decode_draft(const struct draft *draft, uint64_t extent)
{
	uint8_t *space = aligned_alloc(WIRE_ALIGNMENT, 1024);
	struct wire_message message;
	memset(space, 0, 1024);
	memcpy(space, draft, sizeof(*draft));
	wire_message_init(&message, NULL);
	struct error error = {0};
	int result = wire_decode(&message, space, extent, &error);
	CHECK(!result == !error.code);
	wire_message_release(&message);
	free(space);
	return result;
}

#define REFUSED(change)                                                                            \
	do {                                                                                       \
		struct draft draft = sound_draft();                                                \
		change;                                                                            \
		CHECK_NUMBER(decode_draft(&draft, 640), -EBADMSG);                                 \
	} while (0)

static void test_refusals(void)
{
	struct draft good = sound_draft();
	CHECK_NUMBER(decode_draft(&good, 640), 0);
	CHECK_NUMBER(decode_draft(&good, 576), 0);
	CHECK_NUMBER(decode_draft(&good, 575), -EBADMSG);
	CHECK_NUMBER(decode_draft(&good, 63), -EBADMSG);
	CHECK_NUMBER(decode_draft(&good, 0), -EBADMSG);
	REFUSED(draft.header.magic++);
	REFUSED(draft.header.version = 2);
	REFUSED(draft.header.inputs = 0xffff);
	REFUSED(draft.header.inputs = 63);
	REFUSED(draft.header.outputs = 0xffff);
	REFUSED(draft.header.data_offset = 255);
	REFUSED(draft.header.data_offset = 577);
	REFUSED(draft.header.data_end = 641);
	REFUSED(draft.header.data_end = UINT64_MAX);
	REFUSED(draft.arguments[0].type = VACCEL_ARG_MAX);
	REFUSED(draft.arguments[0].type = UINT32_MAX);
	REFUSED(draft.arguments[0].reserved = 1);
	REFUSED(draft.arguments[3].reserved2 = 1);
	REFUSED(draft.arguments[0].flags = WIRE_ARGUMENT_GROWS);
	REFUSED(draft.arguments[2].flags = 8);
	REFUSED(draft.arguments[0].flags = WIRE_ARGUMENT_CARRIES);
	REFUSED(draft.arguments[0].flags = WIRE_ARGUMENT_IN_WINDOW);
	REFUSED(draft.arguments[2].flags = WIRE_ARGUMENT_IN_WINDOW);
	REFUSED(draft.arguments[2].flags = WIRE_ARGUMENT_GROWS);
	REFUSED(draft.arguments[0].offset = 192);
	REFUSED(draft.arguments[0].offset = 0);
	REFUSED(draft.arguments[0].offset = 257);
	REFUSED(draft.arguments[0].length = 5);
	REFUSED(draft.arguments[0].length = 0);
	REFUSED(draft.arguments[0].length = 65);
	REFUSED(draft.arguments[1].length = 16);
	REFUSED(draft.arguments[1].length = 4);
	REFUSED(draft.arguments[1].offset = 256);
	REFUSED(draft.arguments[2].offset = 320);
	REFUSED(draft.arguments[2].offset = UINT64_MAX - 63);
	REFUSED(draft.arguments[2].capacity = UINT64_MAX);
	REFUSED(draft.arguments[2].capacity = 192);
	REFUSED(draft.arguments[3].capacity = 63);
	REFUSED(draft.arguments[3].capacity = 68);
	REFUSED(draft.data[5] = 'x');
}

/* Private memory is reused between messages, and never shows the one before. */
static void test_reuse(void)
{
	struct exchange exchange;
	exchange_init(&exchange);
	static uint8_t secret[20000];
	memset(secret, 0x5e, sizeof(secret));
	struct vaccel_arg input = {
	    .buf = secret, .size = sizeof(secret), .type = VACCEL_ARG_BUFFER};
	struct accel_call call = {.inputs = &input, .input_count = 1};
	CHECK_NUMBER(wire_encode(exchange.space, SPACE, &call, 1, &exchange.extent), 0);
	CHECK_NUMBER(wire_decode(&exchange.message, exchange.space, exchange.extent, NULL), 0);
	wire_answer(&exchange.message, 0, 0);
	struct vaccel_arg output = {
	    .buf = secret, .size = sizeof(secret), .type = VACCEL_ARG_BUFFER};
	call = (struct accel_call){.outputs = &output, .output_count = 1};
	CHECK_NUMBER(wire_encode(exchange.space, SPACE, &call, 2, &exchange.extent), 0);
	CHECK_NUMBER(wire_decode(&exchange.message, exchange.space, exchange.extent, NULL), 0);
	wire_answer(&exchange.message, 0, 0);
	int status;
	CHECK_NUMBER(wire_read_answer(exchange.space, exchange.extent, &call, 2, &status), 0);
	bool clean = true;
	for (size_t i = 0; i < sizeof(secret); i++)
		clean = clean && !secret[i];
	CHECK(clean);
	exchange_release(&exchange);
}

/* Fills the private memory with a pattern, by a message that is answered, or refused at its last
 * argument when the others were copied. */
static void leave_pattern(struct exchange *exchange, bool refused)
{
	static uint8_t pattern[4096];
	memset(pattern, 0x5e, sizeof(pattern));
	const struct vaccel_arg inputs[] = {
	    {.buf = pattern, .size = sizeof(pattern), .type = VACCEL_ARG_BUFFER},
	    {.buf = "text", .size = 5, .type = VACCEL_ARG_STRING},
	};
	struct accel_call call = {.inputs = inputs, .input_count = 2};
	CHECK_NUMBER(wire_encode(exchange->space, SPACE, &call, 1, &exchange->extent), 0);
	/* The string is the last thing in the message, and loses its end. */
	if (refused)
		memset(memmem(exchange->space, SPACE, "text", 5), '!', 5);
	CHECK_NUMBER(wire_decode(&exchange->message, exchange->space, exchange->extent, NULL),
		     refused ? -EBADMSG : 0);
	if (!refused)
		wire_answer(&exchange->message, 0, 0);
}

/* Every byte of every output is zero, and so is what lies between them: an op that fails, or writes
 * less than there is room for, tells nobody what an earlier message had in the same place. */
static void test_outputs_begin_zeroed(void)
{
	static const uint64_t sizes[] = {1, 63, 64, 65, 100, 1000};
	enum { COUNT = ARRAY_SIZE(sizes) };
	static uint8_t room[1000];
	struct exchange exchange;
	struct vaccel_arg outputs[COUNT];
	struct accel_call call = {.outputs = outputs, .output_count = COUNT};
	exchange_init(&exchange);
	for (int round = 0; round < 4; round++) {
		for (size_t i = 0; i < COUNT; i++)
			outputs[i] = (struct vaccel_arg){
			    .buf = room, .size = sizes[i], .type = VACCEL_ARG_BUFFER};
		leave_pattern(&exchange, round % 2);
		/* What the sender has where its results go is not looked at either. */
		memset(exchange.space, 0xa5, SPACE);
		CHECK_NUMBER(wire_encode(exchange.space, SPACE, &call, 2, &exchange.extent), 0);
		CHECK_NUMBER(wire_decode(&exchange.message, exchange.space, exchange.extent, NULL),
			     0);
		const struct vaccel_arg *got = exchange.message.arguments;
		const uint8_t *begin = got[0].buf, *last = got[COUNT - 1].buf;
		size_t touched = 0;
		for (const uint8_t *byte = begin; byte <= last + sizes[COUNT - 1]; byte++)
			touched += *byte != 0;
		CHECK(last > begin);
		CHECK_NUMBER(touched, 0);
		/* A failure leaves no results, whatever an op wrote before it. */
		memset(got[COUNT - 1].buf, 0x5e, sizes[COUNT - 1]);
		wire_answer(&exchange.message, round < 2 ? VACCEL_EIO : 0, 0);
		int status;
		memset(room, 0, sizeof(room));
		CHECK_NUMBER(wire_read_answer(exchange.space, exchange.extent, &call, 2, &status),
			     0);
		CHECK_NUMBER(room[0], round < 2 ? 0 : 0x5e);
	}
	exchange_release(&exchange);
}

/* Large tensors lie in shared memory until somebody wants them to stay as they are. */
static void test_tensors(void)
{
	struct exchange exchange;
	exchange_init(&exchange);
	struct budget budget = {1 << 20};
	wire_message_init(&exchange.message, &budget);
	static float tensor[2000], small[10];
	static uint8_t bytes[100] = {7};
	tensor[0] = 1;
	tensor[1999] = 2;
	small[9] = 3;
	const struct vaccel_arg inputs[] = {
	    {.buf = bytes, .size = sizeof(bytes), .type = VACCEL_ARG_BUFFER},
	    {.buf = tensor, .size = sizeof(tensor), .type = VACCEL_ARG_FLOAT32_ARRAY},
	    {.buf = small, .size = sizeof(small), .type = VACCEL_ARG_FLOAT32_ARRAY},
	    {.buf = tensor, .size = sizeof(tensor), .type = VACCEL_ARG_FLOAT32_ARRAY},
	};
	struct accel_call call = {.inputs = inputs, .input_count = 4};
	CHECK_NUMBER(wire_encode(exchange.space, SPACE, &call, 1, &exchange.extent), 0);
	for (int round = 0; round < 3; round++) {
		CHECK_NUMBER(wire_decode(&exchange.message, exchange.space, exchange.extent, NULL),
			     0);
		const struct vaccel_arg *arguments = exchange.message.arguments;
		uint8_t *begin = exchange.space, *end = begin + SPACE;
		for (int i = 1; i <= 3; i += 2)
			CHECK((uint8_t *)arguments[i].buf >= begin &&
			      (uint8_t *)arguments[i].buf < end);
		if (round == 2)
			break; /* released without an answer */
		CHECK_NUMBER(wire_copy_tensors(&exchange.message, NULL), 0);
		memset(exchange.space, 0x5a, exchange.extent);
		for (int i = 0; i < 4; i++)
			CHECK(!memcmp(arguments[i].buf, inputs[i].buf, inputs[i].size));
		wire_answer(&exchange.message, 0, 0);
		CHECK_NUMBER(wire_encode(exchange.space, SPACE, &call, 1, &exchange.extent), 0);
	}
	CHECK_NUMBER(wire_copy_tensors(&exchange.message, NULL), 0);
	exchange_release(&exchange);
	CHECK_NUMBER(budget.left, 1 << 20);
}

/* What a message takes out of the budget goes back into it, also when there is not enough. */
static void test_budget(void)
{
	enum { LARGE = 600 << 10, ROOM = 2 << 20 };
	uint8_t *space = aligned_alloc(WIRE_ALIGNMENT, ROOM), *content = calloc(1, LARGE);
	struct budget budget = {1 << 20};
	struct wire_message first, second;
	struct vaccel_arg input = {.buf = content, .size = LARGE, .type = VACCEL_ARG_BUFFER};
	struct accel_call call = {.inputs = &input, .input_count = 1};
	struct error error = {0};
	uint64_t extent;
	int status = 0;
	wire_message_init(&first, &budget);
	wire_message_init(&second, &budget);
	CHECK_NUMBER(wire_encode(space, ROOM, &call, 5, &extent), 0);
	CHECK_NUMBER(wire_decode(&first, space, extent, &error), 0);
	CHECK(budget.left < (1 << 20) - LARGE);
	CHECK_NUMBER(wire_decode(&second, space, extent, &error), -ENOMEM);
	wire_refuse(&second, VACCEL_ENOMEM);
	char reason[16] = "?";
	wire_read_reason(space, extent, reason, sizeof(reason));
	CHECK_TEXT(reason, "");
	wire_explain(&second, "a reason that is longer than the reader wants");
	wire_read_reason(space, extent, reason, sizeof(reason));
	CHECK_TEXT(reason, "a reason that i");
	CHECK_NUMBER(wire_read_answer(space, extent, &call, 5, &status), 0);
	CHECK_NUMBER(status, VACCEL_ENOMEM);
	wire_answer(&first, 0, 0);
	CHECK_NUMBER(budget.left, 1 << 20);
	CHECK_NUMBER(wire_decode(&second, space, extent, &error), 0);
	wire_message_release(&second);
	wire_message_release(&first);
	CHECK_NUMBER(budget.left, 1 << 20);
	free(content);
	free(space);
}

int main(void)
{
	test_round_trip();
	test_small_extent();
	test_reason();
	test_many_arguments();
	test_status_and_lack_of_room();
	test_refusals();
	test_reuse();
	test_outputs_begin_zeroed();
	test_tensors();
	test_budget();
	return check_status();
}

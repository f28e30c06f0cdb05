/* The unikernel's client of the accelerator host, against a device in memory: messages of all lengths
 * arrive as they are, and answers that are not sound do no harm. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "guest/solo5/solo5_accel.c"
#include "sizes/sizes.h"
#include "vaccel.h"

/* The client has no header of vAccel's. */
#define SAME(own, other) _Static_assert((int)(own) == (int)(other), "the numbers are vAccel's")
SAME(OP_IMAGE_CLASSIFY, VACCEL_OP_IMAGE_CLASSIFY);
SAME(OP_TORCH_MODEL_RUN, VACCEL_OP_TORCH_MODEL_RUN);
SAME(RESOURCE_MODEL, VACCEL_RESOURCE_MODEL);
SAME(TYPE_INT8_ARRAY, VACCEL_ARG_INT8_ARRAY);
SAME(TYPE_INT16_ARRAY, VACCEL_ARG_INT16_ARRAY);
SAME(TYPE_INT32_ARRAY, VACCEL_ARG_INT32_ARRAY);
SAME(TYPE_INT64, VACCEL_ARG_INT64);
SAME(TYPE_INT64_ARRAY, VACCEL_ARG_INT64_ARRAY);
SAME(TYPE_UINT8_ARRAY, VACCEL_ARG_UINT8_ARRAY);
SAME(TYPE_UINT16_ARRAY, VACCEL_ARG_UINT16_ARRAY);
SAME(TYPE_UINT32, VACCEL_ARG_UINT32);
SAME(TYPE_FLOAT32_ARRAY, VACCEL_ARG_FLOAT32_ARRAY);
SAME(TYPE_UCHAR_ARRAY, VACCEL_ARG_UCHAR_ARRAY);
SAME(TYPE_STRING, VACCEL_ARG_STRING);
SAME(TYPE_BUFFER, VACCEL_ARG_BUFFER);
SAME(SOLO5_ACCEL_UINT8, VACCEL_TORCH_BYTE);
SAME(SOLO5_ACCEL_INT8, VACCEL_TORCH_CHAR);
SAME(SOLO5_ACCEL_INT16, VACCEL_TORCH_SHORT);
SAME(SOLO5_ACCEL_INT32, VACCEL_TORCH_INT);
SAME(SOLO5_ACCEL_INT64, VACCEL_TORCH_LONG);
SAME(SOLO5_ACCEL_FLOAT16, VACCEL_TORCH_HALF);
SAME(SOLO5_ACCEL_FLOAT32, VACCEL_TORCH_FLOAT);
SAME(SOLO5_ACCEL_GROWS, WIRE_ARGUMENT_GROWS);
SAME(SOLO5_ACCEL_CARRIES, WIRE_ARGUMENT_CARRIES);
SAME(SOLO5_ACCEL_ENOENT, -VACCEL_ENOENT);
SAME(SOLO5_ACCEL_EIO, -VACCEL_EIO);
SAME(SOLO5_ACCEL_ENODEV, -VACCEL_ENODEV);
SAME(SOLO5_ACCEL_EINVAL, -VACCEL_EINVAL);
SAME(SOLO5_ACCEL_ENOSPC, -VACCEL_ENOSPC);
SAME(SOLO5_ACCEL_EPROTO, -VACCEL_EBACKEND);
SAME(SOLO5_ACCEL_ENOTSUP, -VACCEL_ENOTSUP);

#define MESSAGE_AT   (4 * BLOCK)
#define MESSAGE_SIZE (64 * BLOCK)

/* ── the device ──────────────────────────────────────────────────────────────────────────────── */

static uint8_t memory[MESSAGE_AT + MESSAGE_SIZE];
static struct accel_device_head head;
static uint64_t served;
static void (*answer)(struct wire_header *header, struct wire_argument *descriptors);

solo5_result_t solo5_block_acquire(const char *name, solo5_handle_t *handle,
				   struct solo5_block_info *info)
{
	*handle = 1;
	*info = (struct solo5_block_info){sizeof(memory), BLOCK};
	return strcmp(name, "accel") ? SOLO5_R_EINVAL : SOLO5_R_OK;
}

static bool is_there(solo5_off_t offset, size_t size)
{
	return CHECK(size == BLOCK && offset % BLOCK == 0 && offset < sizeof(memory));
}

solo5_result_t solo5_block_write(solo5_handle_t handle, solo5_off_t offset, const uint8_t *buf,
				 size_t size)
{
	if (!is_there(offset, size) || !CHECK(handle == 1 && offset >= MESSAGE_AT))
		return SOLO5_R_EINVAL;
	memcpy(memory + offset, buf, size);
	return SOLO5_R_OK;
}

solo5_result_t solo5_block_read(solo5_handle_t handle, solo5_off_t offset, uint8_t *buf,
				size_t size)
{
	struct wire_header *header = (struct wire_header *)(memory + MESSAGE_AT);
	if (!is_there(offset, size) || !CHECK(handle == 1))
		return SOLO5_R_EINVAL;
	memcpy(memory, &head, sizeof(head));
	if (offset == MESSAGE_AT && header->request != served) {
		served = header->request;
		if (head.result)
			return SOLO5_R_EUNSPEC;
		answer(header, (struct wire_argument *)(header + 1));
	}
	memcpy(buf, memory + offset, size);
	return SOLO5_R_OK;
}

static struct solo5_accel accel;

static int open_device(void)
{
	served = 0;
	return solo5_accel_open(&accel, "accel");
}

static void make_device(void)
{
	head = (struct accel_device_head){.magic = ACCEL_DEVICE_MAGIC,
					  .version = ACCEL_DEVICE_VERSION,
					  .message_offset = MESSAGE_AT,
					  .message_size = MESSAGE_SIZE};
	CHECK_NUMBER(open_device(), 0);
}

/* ── what arrives ────────────────────────────────────────────────────────────────────────────── */

/* Two inputs become two outputs: the second grows, and lies far behind. */
static void echo(struct wire_header *header, struct wire_argument *descriptors)
{
	uint8_t *message = (uint8_t *)header;
	CHECK(header->magic == WIRE_MAGIC && header->inputs == 2 && header->outputs == 2);
	CHECK(header->data_offset % WIRE_ALIGNMENT == 0 && header->data_end <= MESSAGE_SIZE);
	CHECK(descriptors[3].flags == WIRE_ARGUMENT_GROWS && !descriptors[3].capacity);
	CHECK_NUMBER(descriptors[2].capacity, descriptors[0].length);
	for (size_t i = 0; i < 2; i++)
		CHECK(descriptors[i].offset % WIRE_ALIGNMENT == 0 &&
		      descriptors[i].offset >= header->data_offset);
	descriptors[3].offset = header->data_end + WIRE_ALIGNMENT;
	for (size_t i = 0; i < 2; i++) {
		descriptors[2 + i].length = descriptors[i].length;
		memcpy(message + descriptors[2 + i].offset, message + descriptors[i].offset,
		       descriptors[i].length);
	}
}

static void test_lengths(void)
{
	static const size_t lengths[] = {0,	    1,		 63,	    64,
					 65,	    BLOCK - 256, BLOCK - 1, BLOCK,
					 BLOCK + 1, 2 * BLOCK,	 100000,    5 * BLOCK - 320};
	static uint8_t in[2][5 * BLOCK], out[2][5 * BLOCK];
	answer = echo;
	for (size_t i = 0; i < sizeof(in[0]); i++) {
		in[0][i] = (uint8_t)(i * 7 + i / 251);
		in[1][i] = (uint8_t)(i * 11 + i / 241);
	}
	for (size_t i = 0; i < ARRAY_SIZE(lengths) * ARRAY_SIZE(lengths); i++) {
		const size_t first = lengths[i % ARRAY_SIZE(lengths)];
		const size_t second = lengths[i / ARRAY_SIZE(lengths)];
		const struct solo5_accel_argument inputs[] = {{TYPE_BUFFER, 0, in[0], first},
							      {TYPE_BUFFER, 0, in[1], second}};
		struct solo5_accel_argument outputs[] = {
		    {TYPE_BUFFER, 0, out[0], first},
		    {TYPE_BUFFER, SOLO5_ACCEL_GROWS, out[1], sizeof(out[1])}};
		memset(out, 0, sizeof(out));
		CHECK_NUMBER(solo5_accel_call(&accel, 1, 0, inputs, 2, outputs, 2), 0);
		CHECK_NUMBER(outputs[0].size, first);
		CHECK_NUMBER(outputs[1].size, second);
		CHECK(!memcmp(in[0], out[0], first) && !memcmp(in[1], out[1], second));
	}
}

/* ── what is not sound ───────────────────────────────────────────────────────────────────────── */

static uint64_t wrong_offset, wrong_length;

static void answer_wrongly(struct wire_header *header, struct wire_argument *descriptors)
{
	(void)header;
	descriptors[0].offset = wrong_offset;
	descriptors[0].length = wrong_length;
}

static void answer_another(struct wire_header *header, struct wire_argument *descriptors)
{
	(void)descriptors;
	header->request += 1000;
	served = header->request;
}

static void answer_with_reason(struct wire_header *header, struct wire_argument *descriptors)
{
	(void)descriptors;
	header->status = VACCEL_ENOENT;
	header->data_end = header->data_offset + 1000;
	memset((uint8_t *)header + header->data_offset, 'x', 1000);
}

static void answer_with_status(struct wire_header *header, struct wire_argument *descriptors)
{
	(void)descriptors;
	header->status = INT32_MIN;
	header->data_end = UINT64_MAX;
}

/* Asks for eight bytes; those behind stay as they are. */
static int ask(size_t *size)
{
	uint8_t room[16];
	memset(room, 0xa5, sizeof(room));
	struct solo5_accel_argument output = {TYPE_BUFFER, 0, room, 8};
	const int result = solo5_accel_call(&accel, 1, 0, NULL, 0, &output, 1);
	for (size_t i = 8; i < sizeof(room); i++)
		CHECK_NUMBER(room[i], 0xa5);
	*size = output.size;
	return result;
}

static void test_answers(void)
{
	static const struct {
		uint64_t offset, length;
		int result;
	} table[] = {
	    {MESSAGE_SIZE - 8, 8, 0},
	    {0, 9, SOLO5_ACCEL_ENOSPC},
	    {MESSAGE_SIZE - 7, 8, SOLO5_ACCEL_EPROTO},
	    {UINT64_MAX, 8, SOLO5_ACCEL_EPROTO},
	    {8, UINT64_MAX, SOLO5_ACCEL_EPROTO},
	    {0, MESSAGE_SIZE, SOLO5_ACCEL_ENOSPC},
	};
	size_t size;
	answer = answer_wrongly;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		wrong_offset = table[i].offset;
		wrong_length = table[i].length;
		CHECK_NUMBER(ask(&size), table[i].result);
		if (table[i].result != SOLO5_ACCEL_EPROTO)
			CHECK_NUMBER(size, table[i].length);
	}
	answer = answer_another;
	CHECK_NUMBER(ask(&size), SOLO5_ACCEL_EPROTO);
	CHECK(!*solo5_accel_reason(&accel));
	answer = answer_with_reason;
	CHECK_NUMBER(ask(&size), SOLO5_ACCEL_ENOENT);
	CHECK_NUMBER(strlen(solo5_accel_reason(&accel)), SOLO5_ACCEL_REASON_SIZE - 1);
	answer = answer_with_status;
	CHECK_NUMBER(ask(&size), SOLO5_ACCEL_EPROTO);
	CHECK(!*solo5_accel_reason(&accel));
}

static void test_failures(void)
{
	static const struct {
		int32_t told;
		int result;
	} table[] = {{-19, SOLO5_ACCEL_ENODEV},
		     {-74, SOLO5_ACCEL_EINVAL},
		     {-104, SOLO5_ACCEL_EIO},
		     {7, SOLO5_ACCEL_EIO}};
	size_t size;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		make_device();
		head.result = table[i].told;
		CHECK_NUMBER(ask(&size), table[i].result);
	}
}

static void test_long(void)
{
	static uint8_t byte;
	const struct solo5_accel_argument inputs[] = {{TYPE_BUFFER, 0, &byte, MESSAGE_SIZE}};
	const struct solo5_accel_argument huge[] = {{TYPE_BUFFER, 0, &byte, SIZE_MAX}};
	CHECK_NUMBER(solo5_accel_call(&accel, 1, 0, inputs, 1, NULL, 0), SOLO5_ACCEL_ENOSPC);
	CHECK_NUMBER(solo5_accel_call(&accel, 1, 0, huge, 1, NULL, 0), SOLO5_ACCEL_ENOSPC);
	CHECK_NUMBER(solo5_accel_call(&accel, 1, 0, inputs, SOLO5_ACCEL_ARGUMENTS_MAX + 1, NULL, 0),
		     SOLO5_ACCEL_EINVAL);
}

/* Something else stands behind the device, or speaks of places that there are not. */
static void test_other_devices(void)
{
	static const struct accel_device_head heads[] = {
	    {0},
	    {ACCEL_DEVICE_MAGIC, ACCEL_DEVICE_VERSION + 1, 0, MESSAGE_AT, MESSAGE_SIZE},
	    {ACCEL_DEVICE_MAGIC, ACCEL_DEVICE_VERSION, 0, MESSAGE_AT + 1, MESSAGE_SIZE - BLOCK},
	    {ACCEL_DEVICE_MAGIC, ACCEL_DEVICE_VERSION, 0, MESSAGE_AT, MESSAGE_SIZE + BLOCK},
	    {ACCEL_DEVICE_MAGIC, ACCEL_DEVICE_VERSION, 0, 0, MESSAGE_SIZE},
	    {ACCEL_DEVICE_MAGIC, ACCEL_DEVICE_VERSION, 0, -BLOCK, 2 * BLOCK},
	};
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		head = heads[i];
		CHECK_NUMBER(open_device(), SOLO5_ACCEL_ENODEV);
	}
	CHECK_NUMBER(solo5_accel_open(&accel, "disk"), SOLO5_ACCEL_ENODEV);
}

int main(void)
{
	make_device();
	test_lengths();
	test_answers();
	test_failures();
	make_device();
	test_long();
	test_other_devices();
	return check_status();
}

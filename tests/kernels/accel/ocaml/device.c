/* The accelerator host's device in memory, for use.ml: sessions are 5, models 6; a picture is told by its length,
 * and a model's output is its input. */
#include <solo5.h>
#include <stdio.h>
#include <string.h>

#include "mayfly/accel_device.h"
#include "mayfly/wire.h"

#define BLOCK	     ACCEL_DEVICE_BLOCK_SIZE
#define MESSAGE_SIZE (64UL * BLOCK)

enum { CLASSIFY = 3, RUN = 15, WRONG = 22 };

static uint8_t memory[BLOCK + MESSAGE_SIZE];
static uint64_t served;

solo5_result_t solo5_block_acquire(const char *name, solo5_handle_t *handle,
				   struct solo5_block_info *info)
{
	const struct accel_device_head head = {.magic = ACCEL_DEVICE_MAGIC,
					       .version = ACCEL_DEVICE_VERSION,
					       .message_offset = BLOCK,
					       .message_size = MESSAGE_SIZE};
	memcpy(memory, &head, sizeof(head));
	*handle = 1;
	*info = (struct solo5_block_info){sizeof(memory), BLOCK};
	return strcmp(name, "accel") ? SOLO5_R_EINVAL : SOLO5_R_OK;
}

solo5_result_t solo5_block_write(solo5_handle_t handle, solo5_off_t offset, const uint8_t *buf,
				 size_t size)
{
	(void)handle;
	memcpy(memory + offset, buf, size);
	return SOLO5_R_OK;
}

static void refuse(struct wire_header *header, const char *reason)
{
	header->status = WRONG;
	header->data_end = header->data_offset + strlen(reason);
	memcpy((char *)header + header->data_offset, reason, strlen(reason));
}

static void run(struct wire_header *header, struct wire_argument *arguments)
{
	const struct wire_argument *in = arguments + 2;
	struct wire_argument *out = arguments + header->inputs;
	uint64_t at = header->data_end;
	for (size_t i = 0; i < header->outputs; i++) {
		at = (at + WIRE_ALIGNMENT - 1) & ~(uint64_t)(WIRE_ALIGNMENT - 1);
		out[i].offset = at;
		out[i].length = in[i].length;
		memcpy((char *)header + at, (char *)header + in[i].offset, in[i].length);
		at += in[i].length;
	}
}

static void serve(struct wire_header *header)
{
	struct wire_argument *arguments = (struct wire_argument *)(header + 1);
	const int64_t number = header->op == WIRE_OP_SESSION_INIT ? 5 : 6;
	char *message = (char *)header;
	if (header->op == WIRE_OP_SESSION_INIT || header->op == WIRE_OP_RESOURCE_REGISTER) {
		struct wire_argument *out = &arguments[header->inputs];
		memcpy(message + out->offset, &number, sizeof(number));
		out->length = sizeof(number);
	} else if (header->op == CLASSIFY && !arguments[0].length) {
		refuse(header, "no picture");
	} else if (header->op == CLASSIFY) {
		arguments[2].length = (uint64_t)snprintf(message + arguments[2].offset, 64,
							 "%lu bytes", arguments[0].length);
		arguments[1].length = 0;
	} else if (header->op == RUN) {
		run(header, arguments);
	}
}

solo5_result_t solo5_block_read(solo5_handle_t handle, solo5_off_t offset, uint8_t *buf,
				size_t size)
{
	struct wire_header *header = (struct wire_header *)(memory + BLOCK);
	(void)handle;
	if (offset == BLOCK && header->request != served) {
		served = header->request;
		serve(header);
	}
	memcpy(buf, memory + offset, size);
	return SOLO5_R_OK;
}

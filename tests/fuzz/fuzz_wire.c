/* Any bytes as a message, and as the window in which its large arrays may lie: decoded, its outputs
 * filled as an op would, answered, and the answer read back as a guest would. Every other one is passed
 * on to somebody who does not see the window, and answered by his answer. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "accel/wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes every byte that an op may write; the sanitizer watches. */
static void fill_outputs(struct wire_message *message)
{
	struct vaccel_arg *outputs = message->arguments + message->header.inputs;
	for (size_t i = 0; i < message->header.outputs; i++) {
		if (!(message->output_flags[i] & WIRE_ARGUMENT_GROWS)) {
			memset(outputs[i].buf, 0x77, outputs[i].size);
			continue;
		}
		outputs[i].size = 33;
		outputs[i].buf = calloc(1, outputs[i].size);
		outputs[i].owned = true;
	}
}

static unsigned sum_inputs(const struct wire_message *message)
{
	unsigned sum = 0;
	for (size_t i = 0; i < message->header.inputs; i++)
		for (size_t k = 0; k < message->arguments[i].size; k++)
			sum += ((const uint8_t *)message->arguments[i].buf)[k];
	return sum;
}

static void read_back(const struct wire_message *message)
{
	struct vaccel_arg outputs[WIRE_ARGUMENTS_MAX] = {0};
	size_t count = message->header.outputs;
	for (size_t i = 0; i < count; i++)
		if (!(message->output_flags[i] & WIRE_ARGUMENT_GROWS)) {
			outputs[i].size = message->arguments[message->header.inputs + i].size;
			outputs[i].buf = malloc(outputs[i].size);
		}
	struct accel_call call = {
	    .op = message->header.op,
	    .input_count = message->header.inputs,
	    .outputs = outputs,
	    .output_count = count,
	    .output_flags = message->output_flags,
	};
	int status;
	wire_read_answer(message->base, message->extent, &call, message->header.request, &status);
	for (size_t i = 0; i < count; i++)
		free(outputs[i].buf);
}

static void serve(struct wire_message *message)
{
	int status = sum_inputs(message) % 4 == 3 ? 22 : 0;
	fill_outputs(message);
	wire_answer(message, status, 1);
}

/* Whoever serves it may answer any nonsense, such as the outer message's own last bytes. */
static void serve_elsewhere(struct wire_message *message)
{
	uint64_t packed = wire_packed_size(message), room = packed + 256;
	if (room > 1 << 20)
		return;
	uint8_t *memory = aligned_alloc(WIRE_ALIGNMENT, room / WIRE_ALIGNMENT * WIRE_ALIGNMENT);
	if (!memory)
		return;
	room = room / WIRE_ALIGNMENT * WIRE_ALIGNMENT;
	struct wire_message inner;
	struct error error = {0};
	wire_message_init(&inner, NULL);
	if (wire_repack(message, memory, room) || wire_decode(&inner, memory, room, &error))
		abort();
	serve(&inner);
	size_t tail = message->extent % sizeof(struct wire_argument);
	if (message->header.request & 1)
		memcpy(memory + sizeof(struct wire_header) +
			   message->header.inputs * sizeof(struct wire_argument),
		       message->base + message->extent - tail, tail);
	wire_answer_from(message, memory, room);
	wire_message_release(&inner);
	free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t room = (size + WIRE_ALIGNMENT - 1) / WIRE_ALIGNMENT * WIRE_ALIGNMENT;
	uint8_t *shared = aligned_alloc(WIRE_ALIGNMENT, room ? room : WIRE_ALIGNMENT);
	if (!shared)
		return 0;
	memcpy(shared, data, size);
	struct wire_message message;
	struct error error = {0};
	wire_message_init(&message, NULL);
	wire_message_use_window(&message, shared, room);
	if (!wire_decode(&message, shared, size, &error)) {
		if (message.header.session & 1)
			serve_elsewhere(&message);
		else
			serve(&message);
		read_back(&message);
	}
	wire_message_release(&message);
	free(shared);
	return 0;
}

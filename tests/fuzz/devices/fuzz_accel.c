/* What a guest asks of the virtio device `accel`: chains whose bytes are the input's, with a header
 * that is mostly sound, and answers of an accelerator host, as wrong as its side of the codec lets them
 * be. Both layouts. */
#include <errno.h>
#include <stdlib.h>

#include "mayfly/wire.h"
#include "monitor/devices/virtio/accel.h"
#include "tests/devices/virtio_rig.h"
#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerInitialize(int *count, char ***words);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The linker puts it in the place of slot_accelerate(). */
int __wrap_slot_accelerate(struct slot *slot, uint64_t offset, uint64_t length, bool *over);

#define CHAINS_MAX 16
#define LARGE	   0x8000U /* bytes of a buffer, at most */

/* ── the host ────────────────────────────────────────────────────────────────────────────────── */

static void answer_outputs(uint8_t *message, const struct wire_header *header, uint8_t choice)
{
	for (unsigned i = 0; i < header->outputs; i++) {
		struct wire_argument argument;
		uint8_t *at =
		    message + sizeof(*header) + (header->inputs + (size_t)i) * sizeof(argument);
		memcpy(&argument, at, sizeof(argument));
		check(range_within(argument.offset, argument.capacity, WINDOW_ARENA_SIZE));
		const uint64_t length = argument.capacity < 64 ? argument.capacity : 64;
		take_bytes(message + argument.offset, length);
		argument.length = choice & 2 ? argument.capacity : length;
		if (choice & 4)
			take_bytes(&argument.length, sizeof(argument.length));
		if (choice & 8)
			take_bytes(&argument.offset, sizeof(argument.offset));
		memcpy(at, &argument, sizeof(argument));
	}
}

int __wrap_slot_accelerate(struct slot *slot, uint64_t offset, uint64_t length, bool *over)
{
	static const int errors[] = {-EBADMSG, -EFAULT, -ETIMEDOUT, -ECONNRESET};
	uint8_t *message = slot->window.memory + WINDOW_ARENA_OFFSET + offset;
	struct wire_header header;
	const uint8_t choice = take_byte();
	check(range_within(offset, length, WINDOW_ARENA_SIZE) && length >= sizeof(header));
	memcpy(&header, message, sizeof(header));
	check(header.magic == WIRE_MAGIC && header.inputs <= ACCEL_ARGUMENTS_MAX &&
	      header.outputs <= ACCEL_ARGUMENTS_MAX && header.data_end <= length);
	*over = choice == 0xff;
	if (choice >= 0xf0)
		return errors[choice % ARRAY_SIZE(errors)];
	answer_outputs(message, &header, choice);
	header.status = choice & 1 ? take_byte() : 0;
	if ((choice & 0x70) == 0x70)
		take_bytes(&header, sizeof(header));
	memcpy(message, &header, sizeof(header));
	return 0;
}

/* ── the guest ───────────────────────────────────────────────────────────────────────────────── */

static struct window window = {.memfd = -1};

/* Counts and lengths that are small, mostly. */
static uint32_t take_number(void)
{
	static const uint32_t odd[] = {0, 1, 64, 65, 1U << 31, UINT32_MAX, UINT32_MAX - 47, LARGE};
	const uint8_t choice = take_byte();
	return choice < 0xe0 ? choice % 8U : odd[choice % ARRAY_SIZE(odd)];
}

static void put(struct rig *rig, uint64_t address, uint32_t value)
{
	memcpy(rig->memory + address, &value, sizeof(value));
}

/* The number of a v0.2 op: its length, and it itself behind the lists. */
static void write_number(struct rig *rig, uint32_t arguments)
{
	put(rig, RIG_DATA + 32, take_byte() & 3 ? 4 : 1);
	if (arguments <= 16)
		put(rig, RIG_DATA + 32 + 48UL * arguments, take_byte() % 8);
}

static void write_request(struct rig *rig, bool newest)
{
	const uint64_t counts = newest ? 28 : 8, list = newest ? 12 : 48;
	const uint64_t header = newest ? 48 : 32;
	const uint32_t readable = take_number(), writable = take_number();
	take_bytes(rig->memory + RIG_DATA, header);
	if (take_byte() & 0xf) {
		memset(rig->memory + RIG_DATA, 0, header);
		put(rig, RIG_DATA + (newest ? 8 : 0), take_byte());
		put(rig, RIG_DATA + (newest ? 16 : 4), newest ? take_byte() % 4 : take_byte() % 6);
		put(rig, RIG_DATA + 24, newest ? take_byte() % 32 : 0);
		put(rig, RIG_DATA + counts, newest ? readable : writable);
		put(rig, RIG_DATA + counts + 4, newest ? writable : readable);
	}
	for (unsigned i = 0; i < 16; i++) {
		put(rig, RIG_DATA + header + i * list, take_number());
		put(rig, RIG_DATA + header + i * list + 4, take_byte() % 32);
	}
	if (!newest)
		write_number(rig, readable + writable);
	if (!(take_byte() & 0xf))
		take_bytes(rig->memory + RIG_DATA + header + (take_byte() % 16) * list, 64);
}

/* The request in pieces, then room for an answer; or any descriptors. */
static void describe_chain(struct rig *rig)
{
	static const uint32_t lengths[] = {1, 4, 12, 32, 48, 96, 100, LARGE};
	uint64_t at = RIG_DATA;
	for (uint16_t i = 0; i < RIG_QUEUE_SIZE; i++) {
		const uint8_t choice = take_byte();
		const uint32_t length = lengths[choice % 8];
		const bool last = i + 1U == RIG_QUEUE_SIZE || choice >= 0xf0;
		uint16_t flags = last ? 0 : NEXT;
		if (i >= 4 || choice & 8)
			flags |= WRITE;
		rig_describe(rig, 0, i, choice & 0x10 ? RIG_DATA + 64UL * take_byte() : at, length,
			     flags, (uint16_t)(i + 1));
		at += length;
		if (last)
			break;
	}
}

static void send(struct rig *rig, bool newest)
{
	if (rig_is_broken(rig))
		rig_set_up(rig, 0, 1);
	write_request(rig, newest);
	describe_chain(rig);
	rig_offer(rig, 0, 0);
	/* A deadline that passes ends the request, which rig_access() leaves to others. */
	rig_notify(rig, 0);
	check(rig_is_broken(rig) || rig_used(rig, 0) == rig->offered[0]);
}

int LLVMFuzzerInitialize(int *count, char ***words)
{
	struct error error = {0};
	(void)count;
	(void)words;
	check(!window_create(&window, &error));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	begin_input(data, size);
	const bool newest = take_byte() & 1;
	struct rig *rig = rig_create(
	    &virtio_accel, (void *)accel_layout_find(newest ? "development" : "v0.2"), VIRTIO_MMIO);
	rig->slot.window = window;
	rig_set_up(rig, 0, 1);
	for (int i = 0; i < CHAINS_MAX && has_input(); i++)
		send(rig, newest);
	check(!checks_failed);
	rig_release(rig);
	return 0;
}

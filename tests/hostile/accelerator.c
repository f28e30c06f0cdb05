/* Attacks on the accelerator host, through messages in the window. */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "accel/wire/wire.h"
#include "attacker.h"
#include "mayfly/results.h"
#include "messages.h"
#include "monitor/process/guest.h"
#include "onnx/tiny_model.h"
#include "pictures.h"
#include "vaccel.h"

/* A sound message: a noop in a session of its own. */
static uint64_t sound_message(void)
{
	struct accel_call call = {.op = VACCEL_OP_NOOP, .session = message_open_session()};
	return message_encode(&call);
}

/* Places that are not in the arena, or not a message. */
int attack_message_outside_arena(uint64_t number)
{
	static const uint64_t places[][2] = {
	    {WINDOW_ARENA_SIZE, 64},
	    {WINDOW_ARENA_SIZE - 64, 128},
	    {UINT64_MAX, 2},
	    {UINT64_MAX - 63, 64},
	    {0, UINT64_MAX},
	    {0, WINDOW_ARENA_SIZE + 1},
	    {1UL << 63, 1UL << 63},
	    {0, 0},
	    {1, 4096},
	    {4, 63},
	    {WINDOW_ARENA_SIZE - 1, 1},
	};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (!hypercall(HYPERCALL_ACCELERATE, places[i][0], places[i][1], 0))
			return 1;
	return 0;
}

/* Each field of the header with each odd value. */
int attack_odd_header(uint64_t number)
{
	static const uint64_t values[] = {0, 1, UINT64_MAX, 1UL << 31, 1UL << 63, 63, 65};
	for (size_t at = 0; at < sizeof(struct wire_header); at += 4)
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			uint64_t extent = sound_message();
			uint8_t *header = (uint8_t *)message_header();
			memcpy(header + at, &values[i], at % 8 ? 4 : 8);
			message_header()->deadline_ns = 1000000;
			message_ring(extent);
		}
	return 0;
}

/* Arguments that lie over each other, over their own descriptors, at odd places, behind the end. */
int attack_overlapping_arguments(uint64_t number)
{
	static const int64_t shifts[] = {-64, 1, 64, -128, INT64_MAX, INT64_MIN, -(1L << 31)};
	int64_t session = message_open_session();
	uint8_t bytes[256] = {0}, text[64];
	struct vaccel_arg input = {.buf = bytes, .size = sizeof(bytes), .type = VACCEL_ARG_BUFFER};
	struct vaccel_arg outputs[] = {
	    {.buf = text, .size = sizeof(text), .type = VACCEL_ARG_UCHAR_ARRAY},
	    {.buf = bytes, .size = sizeof(bytes), .type = VACCEL_ARG_UCHAR_ARRAY},
	};
	struct accel_call call = {.op = VACCEL_OP_IMAGE_CLASSIFY,
				  .session = session,
				  .inputs = &input,
				  .input_count = 1,
				  .outputs = outputs,
				  .output_count = 2};
	for (size_t i = 0; i < 3 * sizeof(shifts) / sizeof(shifts[0]); i++) {
		uint64_t extent = message_encode(&call);
		struct wire_argument *arguments = (struct wire_argument *)(message_header() + 1);
		arguments[i % 3].offset += (uint64_t)shifts[i / 3];
		if (!message_ring(extent))
			return (int)i + 1;
	}
	return 0;
}

/* Sessions and resources of others, and of nobody. */
int attack_use_ids_of_others(uint64_t number)
{
	static const int64_t ids[] = {0, 2, 3, 1000, -1, INT64_MAX, INT64_MIN, 1L << 31};
	int64_t own = message_open_session();
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		if (!message_noop(ids[i]))
			return 1;
	return message_noop(own);
}

int attack_open_sessions_without_end(uint64_t number)
{
	for (int i = 0; i < 100000; i++)
		if (message_open_session() < 0)
			return 0;
	return 1;
}

int attack_flood_with_messages(uint64_t number)
{
	uint64_t extent = sound_message();
	for (;;)
		hypercall(HYPERCALL_ACCELERATE, 0, extent, 0);
}

/* The monitor looks at a message (does it leave anything at the host?), then the host does. In
 * between it becomes another one: a session that nobody knows of, which the next request would
 * find. The guest runs beside the monitor under process isolation only. */
int attack_change_message_behind_the_monitor(uint64_t number)
{
	struct session_call session;
	message_prepare_session(&session);
	struct host_call ring = {SYS_write, PROCESS_EVENTS, (long)(uintptr_t) "", 1, 0};
	struct process_command commands[PROCESS_BATCH_MAX];
	struct host_call listen = {SYS_read, PROCESS_COMMANDS, (long)(uintptr_t)commands,
				   sizeof(commands), 0};
	message_noop(0); /* connects */
	/* Later than the monitor, sooner than the host: from far too late on, until it works. */
	for (uint64_t wait = 4000000; wait > 100; wait -= wait / 32) {
		uint64_t extent = message_encode(&session.call);
		const struct wire_argument *result =
		    (struct wire_argument *)(message_header() + 1) + 1;
		volatile int64_t *opened =
		    (volatile int64_t *)((uint8_t *)message_header() + result->offset);
		volatile uint16_t *op = &message_header()->op;
		*op = VACCEL_OP_NOOP;
		control()->arguments[0] = 0;
		control()->arguments[1] = extent;
		control()->hypercall = HYPERCALL_ACCELERATE;
		if (!host_call(&ring))
			return 0;
		for (volatile uint64_t i = 0; i < wait; i++)
			;
		*op = WIRE_OP_SESSION_INIT;
		host_call(&listen);
		if (*opened)
			return 0;
	}
	return 0;
}

/* ── pictures ────────────────────────────────────────────────────────────────────────────────── */

static int look_at(const void *picture, size_t length)
{
	struct vaccel_session session;
	struct mayfly_object objects[4];
	size_t count = 0;
	if (vaccel_session_init(&session, 0))
		return 0;
	return !mayfly_detect_objects(&session, picture, length, objects, 4, &count);
}

int attack_bomb_of_png(uint64_t number)
{
	size_t length;
	const uint8_t *picture = picture_bomb_png(&length);
	return look_at(picture, length);
}

int attack_bomb_of_jpeg(uint64_t number)
{
	size_t length;
	const uint8_t *picture = picture_bomb_jpeg(number, &length);
	return look_at(picture, length);
}

/* ── models ──────────────────────────────────────────────────────────────────────────────────── */

int attack_model_of_a_terabyte(uint64_t number)
{
	struct tiny_model model;
	tiny_model_flood(&model);
	return !message_run_model(model.bytes, model.length, 1L << 38);
}

int attack_model_of_absurd_shape(uint64_t number)
{
	static const int64_t sizes[] = {-1, INT64_MAX, INT64_MIN, 1L << 61};
	struct tiny_model model;
	tiny_model_flood(&model);
	return !message_run_model(model.bytes, model.length, sizes[number]);
}

int attack_model_in_a_circle(uint64_t number)
{
	struct tiny_model model;
	tiny_model_circle(&model);
	return !message_run_model(model.bytes, model.length, 1);
}

int attack_model_of_noise(uint64_t number)
{
	static uint8_t noise[1 << 20];
	unsigned seed = 1;
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)rand_r(&seed);
	return !message_run_model(noise, sizeof(noise), 1);
}

/* A message within a message within a message: a parser that descends runs out of stack. */
int attack_model_of_endless_depth(uint64_t number)
{
	enum { DEPTH = 50000, STEP = 5 };
	static uint8_t model[DEPTH * STEP];
	for (size_t i = 0; i < DEPTH; i++) {
		/* field 7, graph; further in: field 1 node, field 5 attribute, field 6 graph */
		static const uint8_t fields[] = {0x3a, 0x0a, 0x2a, 0x32};
		uint64_t left = (DEPTH - i - 1) * STEP;
		uint8_t *at = model + i * STEP;
		at[0] = fields[i ? 1 + (i - 1) % 3 : 0];
		for (int byte = 0; byte < STEP - 1; byte++)
			at[1 + byte] =
			    (uint8_t)(left >> 7 * byte & 0x7f) | (byte < STEP - 2 ? 0x80 : 0);
	}
	return !message_run_model(model, sizeof(model), 1);
}

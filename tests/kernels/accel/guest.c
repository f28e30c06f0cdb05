/* A unikernel for Solo5 that has work done by the accelerator host, as the first word of its command line
 * says; without one it says what the picture in its request shows. */
#include <solo5.h>
#include <stdbool.h>

#include "mayfly/solo5_accel.h"
#include "mayfly/wire.h"

#define REQUEST_MAX (8UL << 20)
#define NOOP	    0 /* ops of vaccel/op.h */
#define EXEC	    1
#define BLOCK	    ACCEL_DEVICE_BLOCK_SIZE

static struct solo5_accel accel;
static uint8_t request[REQUEST_MAX], block[BLOCK];
static size_t request_length;

/* ── saying things ───────────────────────────────────────────────────────────────────────────── */

static size_t length_of(const char *text)
{
	size_t length = 0;
	while (text[length])
		length++;
	return length;
}

static void say(const char *text)
{
	solo5_console_write(text, length_of(text));
}

static void say_number(int64_t number)
{
	char digits[24], *at = digits + sizeof(digits);
	uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;
	*--at = 0;
	do {
		*--at = (char)('0' + left % 10);
	} while (left /= 10);
	if (number < 0)
		*--at = '-';
	say(at);
}

/* "NAME: RESULT", and why. */
static int tell(const char *name, int result)
{
	say(name);
	say(": ");
	say_number(result);
	if (*solo5_accel_reason(&accel)) {
		say(" ");
		say(solo5_accel_reason(&accel));
	}
	say("\n");
	return result;
}

/* ── the request ─────────────────────────────────────────────────────────────────────────────── */

static bool read_request(void)
{
	solo5_handle_t handle;
	struct solo5_block_info info;
	uint64_t length;
	if (solo5_block_acquire("request", &handle, &info) != SOLO5_R_OK ||
	    info.block_size > BLOCK ||
	    solo5_block_read(handle, 0, block, info.block_size) != SOLO5_R_OK)
		return false;
	__builtin_memcpy(&length, block, sizeof(length));
	if (length > sizeof(request) - info.block_size)
		return false;
	for (uint64_t done = 0; done < length; done += info.block_size)
		if (solo5_block_read(handle, info.block_size + done, request + done,
				     info.block_size) != SOLO5_R_OK)
			return false;
	request_length = length;
	return true;
}

/* ── what it can do ──────────────────────────────────────────────────────────────────────────── */

/* With a session of the set-up's, where there is one. */
static int classify(void)
{
	int64_t session;
	char text[512];
	int result = solo5_accel_session_open(&accel, 0, &session);
	if (result)
		return tell("session", result);
	if (!read_request())
		return tell("request", -1);
	result = solo5_accel_classify(&accel, session, request, request_length, text, sizeof(text));
	if (result)
		return tell("classify", result);
	say(text);
	say("\n");
	return solo5_accel_session_close(&accel, session);
}

/* The number of a new session: the first one of its connection is 1. Leaves it open. */
static int count_sessions(void)
{
	int64_t session;
	if (!read_request())
		return tell("request", -1);
	int result = solo5_accel_session_open(&accel, 0, &session);
	if (!result)
		result = solo5_accel_call(&accel, session, NOOP, NULL, 0, NULL, 0);
	if (result)
		return tell("session", result);
	say_number(session);
	say("\n");
	return 0;
}

/* The request is a model of a matrix with two rows and three columns. */
static int run_model(void)
{
	int64_t session, model;
	/* 1 to 6, as floats. */
	uint32_t numbers[] = {0x3f800000, 0x40000000, 0x40400000,
			      0x40800000, 0x40a00000, 0x40c00000};
	uint8_t room[256];
	struct solo5_accel_tensor in = {SOLO5_ACCEL_FLOAT32, 2, {2, 3}, numbers, sizeof(numbers)};
	struct solo5_accel_tensor out = {.data = room, .size = sizeof(room)}, none = {0};
	if (!read_request() || solo5_accel_session_open(&accel, 0, &session) ||
	    tell("send", solo5_accel_model_send(&accel, session, request, request_length, &model)))
		return 1;
	int result = solo5_accel_model_run(&accel, session, model, &in, 1, &none, 1);
	tell("no room", result);
	say_number((int64_t)none.size);
	say(" bytes\n");
	result = solo5_accel_model_run(&accel, session, model, &in, 1, &out, 1);
	if (tell("run", result))
		return 1;
	for (size_t i = 0; i < out.size / 4; i++) {
		uint32_t bits;
		__builtin_memcpy(&bits, room + 4 * i, sizeof(bits));
		say_number(bits);
		say(" ");
	}
	say("of type ");
	say_number(out.type);
	say(" and rank ");
	say_number((int64_t)out.rank);
	say("\n");
	return tell("close", solo5_accel_model_close(&accel, session, model));
}

/* Has a message served that begins with these bytes, with zeros behind them, and tells what comes of
 * it. */
static void try_bytes(const char *name, const void *bytes, size_t size)
{
	struct accel_device_head head;
	struct wire_header answer;
	for (size_t i = 0; i < BLOCK; i++)
		block[i] = i < size ? ((const uint8_t *)bytes)[i] : 0;
	if (solo5_block_write(accel.device, accel.message_offset, block, BLOCK) != SOLO5_R_OK)
		say("cannot write\n");
	const bool served =
	    solo5_block_read(accel.device, accel.message_offset, block, BLOCK) == SOLO5_R_OK;
	__builtin_memcpy(&answer, block, sizeof(answer));
	if (solo5_block_read(accel.device, 0, block, BLOCK) != SOLO5_R_OK)
		say("cannot read\n");
	__builtin_memcpy(&head, block, sizeof(head));
	tell(name, served ? -answer.status : head.result);
}

/* Messages that are none, each with a number of its own, and then one that is. */
static int send_nonsense(void)
{
	static const struct wire_header good = {.magic = WIRE_MAGIC,
						.version = WIRE_VERSION,
						.op = WIRE_OP_SESSION_INIT,
						.data_offset = 128,
						.data_end = 128};
	static const struct wire_argument number = {.type = 13, .offset = 128, .length = 4};
	struct nonsense {
		struct wire_header header;
		struct wire_argument argument;
	} message = {good, number};
	int64_t session;
	if (!read_request())
		return 1;
	try_bytes("nothing", "", 0);
	message.header.request = 1001;
	try_bytes("half", &message, 16);
	message.header.request++;
	message.header.inputs = message.header.outputs = UINT16_MAX;
	try_bytes("many", &message, sizeof(message));
	message.header.request++;
	message.header.inputs = message.header.outputs = 0;
	message.header.data_end = UINT64_MAX;
	try_bytes("long", &message, sizeof(message));
	message.header.request++;
	message.header.data_end = 192;
	message.header.inputs = 1;
	message.argument.offset = 61UL << 20;
	try_bytes("beyond", &message, sizeof(message));
	message.header.request++;
	message.argument.offset = 130;
	try_bytes("odd", &message, sizeof(message));
	message.header.request++;
	message.argument.offset = 128;
	message.argument.length = 3;
	try_bytes("three bytes", &message, sizeof(message));
	message.header.request++;
	message.argument.length = 4;
	message.header.op = UINT16_MAX;
	try_bytes("op", &message, sizeof(message));
	/* Once more: it was served. */
	try_bytes("again", &message, sizeof(message));
	return tell("session", solo5_accel_session_open(&accel, 0, &session));
}

/* What comes of reading there; "!" where it is not zeros. */
static int read_place(uint64_t offset, size_t size)
{
	bool zeros = true;
	for (size_t i = 0; i < BLOCK; i++)
		block[i] = 0;
	say_number(solo5_block_read(accel.device, offset, block, size));
	for (size_t i = 0; i < BLOCK; i++)
		zeros &= !block[i];
	say(zeros ? "\n" : "!\n");
	return 0;
}

/* Beside the head and the message. */
static int read_outside(void)
{
	read_place(BLOCK, BLOCK);
	return read_place(accel.message_offset - BLOCK, BLOCK);
}

/* What another request has left in the message. */
static int read_before(void)
{
	if (!read_request())
		return 1;
	read_place(accel.message_offset, BLOCK);
	return count_sessions();
}

/* How many blocks of the device another request has left a mark in; and leaves one in each that can be
 * written, also where no guest has a reason to. */
static int smear(void)
{
	enum { MARK = 0xee };
	const uint64_t end = accel.message_offset + accel.message_size;
	int64_t marked = 0;
	if (!read_request())
		return 1;
	for (uint64_t at = 0; at < end; at += BLOCK) {
		bool found = false;
		const bool is_message = at == accel.message_offset; /* to read it has it served */
		if (is_message || solo5_block_read(accel.device, at, block, BLOCK) != SOLO5_R_OK)
			continue;
		for (size_t i = 0; i < BLOCK; i++)
			found |= block[i] == MARK;
		marked += found;
	}
	for (size_t i = 0; i < BLOCK; i++)
		block[i] = MARK;
	for (uint64_t at = 0; at < end; at += BLOCK)
		solo5_block_write(accel.device, at, block, BLOCK);
	say_number(marked);
	say("\n");
	return 0;
}

/* No whole block: a guest for spt ends. */
static int read_odd(void)
{
	return read_place(0, BLOCK - 1);
}

/* More than fits. */
static int send_long(void)
{
	struct solo5_accel_argument in = {.type = 28, .data = request, .size = 64UL << 20};
	return tell("long", solo5_accel_call(&accel, 0, NOOP, &in, 1, NULL, 0)) !=
	       SOLO5_ACCEL_ENOSPC;
}

/* Has the host's plugin mbench busy for as many milliseconds as the request says, in a session that was
 * opened before there was one. */
static int spend(void)
{
	static const char name[] = "mbench";
	int64_t session;
	int result = solo5_accel_session_open(&accel, 0, &session);
	if (result)
		return tell("session", result);
	if (!read_request())
		return 1;
	const struct solo5_accel_argument in[] = {
	    {27, 0, (void *)(uintptr_t)name, sizeof(name)},
	    {27, 0, (void *)(uintptr_t)name, sizeof(name)},
	    {28, 0, request, request_length},
	    {28, 0, request, request_length},
	};
	result = tell("spend", solo5_accel_call(&accel, session, EXEC, in, 4, NULL, 0));
	tell("after", solo5_accel_session_open(&accel, 0, &session));
	return result;
}

/* ── how long ops take ───────────────────────────────────────────────────────────────────────── */

static int noop(int64_t session)
{
	return solo5_accel_call(&accel, session, NOOP, NULL, 0, NULL, 0);
}

static int classify_bytes(int64_t session)
{
	char text[512];
	return solo5_accel_classify(&accel, session, request, 65536, text, sizeof(text));
}

/* In nanoseconds: the least and the median of 101 means of 20. */
static int measure_op(int (*op)(int64_t session), int64_t session)
{
	enum { ROUNDS = 101, OPS = 20 };
	static uint64_t took[ROUNDS];
	for (size_t i = 0; i < ROUNDS; i++) {
		const uint64_t begin = solo5_clock_wall();
		for (size_t j = 0; j < OPS; j++)
			if (op(session))
				return 1;
		const uint64_t ns = (solo5_clock_wall() - begin) / OPS;
		size_t at = i;
		for (; at && took[at - 1] > ns; at--)
			took[at] = took[at - 1];
		took[at] = ns;
	}
	say_number((int64_t)took[0]);
	say(" ");
	say_number((int64_t)took[ROUNDS / 2]);
	say("\n");
	return 0;
}

/* As bench/solo5/native.c. */
static int measure(void)
{
	int64_t session;
	if (!read_request() || solo5_accel_session_open(&accel, 0, &session))
		return 1;
	return measure_op(noop, session) || measure_op(classify_bytes, session);
}

static bool is(const char *command, const char *word)
{
	while (*word && *command == *word) {
		command++;
		word++;
	}
	return !*word && (!*command || *command == ' ');
}

int solo5_app_main(const struct solo5_start_info *info)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} commands[] = {
	    {"", classify},
	    {"sessions", count_sessions},
	    {"model", run_model},
	    {"nonsense", send_nonsense},
	    {"outside", read_outside},
	    {"odd", read_odd},
	    {"smear", smear},
	    {"long", send_long},
	    {"spend", spend},
	    {"before", read_before},
	    {"measure", measure},
	};
	int result = solo5_accel_open(&accel, "accel");
	if (result)
		return tell("open", result) != 0;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (is(info->cmdline, commands[i].name))
			return commands[i].run() != 0;
	return 2;
}

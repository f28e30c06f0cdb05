/* A driver of the virtio device for accelerated ops, with both layouts of requests: a session, a
 * classification of the picture that the initial RAM disk is, and what must fail. */
#include "virtio.h"

#define ACCEL	   21
#define TEXT_ROOM  512U
#define CLASSIFY   2  /* in the first library */
#define CLASSIFY_1 3  /* today */
#define BUFFER	   28 /* types of arguments */
#define TEXT	   26

static struct device device;
static const struct told *initial;
static volatile uint8_t text[TEXT_ROOM], name[TEXT_ROOM];

static uint32_t length_of(const volatile uint8_t *from)
{
	uint32_t length = 0;
	while (length < TEXT_ROOM && from[length])
		length++;
	return length;
}

/* The snapshot is taken here, with the session. */
static void wait_for_request(void)
{
	say("ready\n");
	while (!(in8(0x3f8 + 5) & 1))
		;
	while (in8(0x3f8 + 5) & 1)
		in8(0x3f8);
}

static void say_result(uint32_t status)
{
	say_number(status, 10);
	say(" ");
	say_text((const uint8_t *)text, length_of(text));
	say("\n");
	for (unsigned i = 0; i < TEXT_ROOM; i++)
		text[i] = name[i] = 0;
}

/* Two parts of what is one argument, of which the first is short. */
static unsigned describe_parts(unsigned number, const volatile void *at, uint32_t length,
			       uint16_t flags)
{
	const uint32_t first = length < 100 ? length : 100;
	describe(number++, at, first, flags | NEXT);
	if (length > first)
		describe(number++, (const volatile uint8_t *)at + first, length - first,
			 flags | NEXT);
	return number;
}

/* ── v0.2 ────────────────────────────────────────────────────────────────────────────────────── */

static struct {
	uint32_t session, command, writable, readable;
	uint64_t pointers[2];
} volatile old_header;

static struct {
	uint64_t length, pointers[3], others[2];
} volatile old_arguments[4];

static volatile uint32_t old_session, old_status;

static uint32_t old_send(uint32_t command, unsigned last)
{
	old_header.command = command;
	describe(0, &old_header, sizeof(old_header), NEXT);
	describe(last, &old_status, sizeof(old_status), WRITE);
	old_status = 99;
	use(&device);
	return old_status;
}

static uint32_t old_create(void)
{
	old_header.readable = old_header.writable = 0;
	describe(1, &old_session, sizeof(old_session), WRITE | NEXT);
	return old_send(1, 2);
}

/* Classifies with the number of an op that has `size` bytes. */
static uint32_t old_classify(volatile uint32_t op, uint32_t size)
{
	old_header.session = old_session;
	old_header.readable = old_header.writable = 2;
	old_arguments[0].length = size;
	old_arguments[1].length = initial->initrd_size;
	old_arguments[2].length = old_arguments[3].length = TEXT_ROOM;
	describe(1, old_arguments, sizeof(old_arguments), NEXT);
	describe(2, &op, size, NEXT);
	unsigned next = describe_parts(3, initial->initrd, (uint32_t)initial->initrd_size, 0);
	/* The name came behind the text at first, and comes before it today. */
	next = describe_parts(next, size == 4 ? text : name, TEXT_ROOM, WRITE);
	describe(next++, size == 4 ? name : text, TEXT_ROOM, WRITE | NEXT);
	return old_send(3, next);
}

void do_ops(const struct told *told)
{
	initial = told;
	if (!begin(&device, told, ACCEL))
		return;
	say_number(old_create(), 10);
	wait_for_request();
	say_result(old_classify(CLASSIFY, 4));
	say_result(old_classify(CLASSIFY_1, 1));
	say_result(old_classify(77, 4));
	old_header.readable = 1U << 31;
	say_result(old_send(3, 1));
	say_result(old_send(4, 1));
	say_result(old_send(2, 1));
	say_result(old_send(2, 1));
	say_result(old_send(5, 1));
}

/* ── development ─────────────────────────────────────────────────────────────────────────────── */

static struct {
	uint64_t request, session;
	uint32_t command, reserved, op, readable, writable, reserved2, parts, reserved3;
} volatile new_header;

struct new_argument {
	uint32_t length, type, custom_type;
};

static volatile struct new_argument new_inputs[1], new_outputs[2];
static volatile uint64_t new_session;
static volatile uint32_t new_returned;
static volatile uint8_t new_status;

static uint32_t new_send(uint32_t command, unsigned last)
{
	new_header.command = command;
	describe(0, &new_header, sizeof(new_header), NEXT);
	describe(last, &new_returned, sizeof(new_returned), WRITE | NEXT);
	describe(last + 1, &new_status, sizeof(new_status), WRITE);
	new_status = 99;
	use(&device);
	return new_status;
}

static uint32_t new_create(void)
{
	describe(1, &new_session, sizeof(new_session), WRITE | NEXT);
	return new_send(0, 2);
}

static uint32_t new_classify(void)
{
	new_header.session = new_session;
	new_header.op = CLASSIFY_1;
	new_header.readable = 1;
	new_header.writable = 2;
	new_inputs[0].length = (uint32_t)initial->initrd_size;
	new_inputs[0].type = BUFFER;
	new_outputs[0].length = new_outputs[1].length = TEXT_ROOM;
	new_outputs[0].type = new_outputs[1].type = TEXT;
	describe(1, new_inputs, sizeof(new_inputs), NEXT);
	unsigned next = describe_parts(2, initial->initrd, (uint32_t)initial->initrd_size, 0);
	describe(next++, new_outputs, sizeof(new_outputs), WRITE | NEXT);
	describe(next++, name, TEXT_ROOM, WRITE | NEXT);
	next = describe_parts(next, text, TEXT_ROOM, WRITE);
	return new_send(2, next);
}

void do_newest_ops(const struct told *told)
{
	initial = told;
	if (!begin(&device, told, ACCEL))
		return;
	say_number(new_create(), 10);
	wait_for_request();
	say_result(new_classify());
	new_header.request = 1;
	say_result(new_send(2, 1));
	new_header.request = 0;
	say_result(new_send(1, 1));
	say_result(new_send(1, 1));
	say_result(new_send(3, 1));
}

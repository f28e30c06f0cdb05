/* Hypercalls of Solo5 guests, without a machine: answers, addresses that are wrong, the request's
 * device, and what a frozen guest finds when it wakes. */
#include "check.h"

#include <endian.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "mayfly/wire.h"
#include "solo5_slot.h"
#include "util/log.h"

#define ARGUMENTS 0x200000U
#define DATA	  0x201000UL

static struct solo5_played played;

static const struct solo5_manifest manifest = {
    .version = SOLO5_MANIFEST_VERSION,
    .count = 4,
    .entries = {{.type = SOLO5_RESERVED},
		{.name = "disk", .type = SOLO5_BLOCK},
		{.name = "request", .type = SOLO5_BLOCK},
		{.name = "accel", .type = SOLO5_BLOCK}},
};

static enum guest_next call(uint32_t number, const void *arguments, size_t size)
{
	struct error error = {0};
	enum guest_next next;
	memcpy(played.memory + ARGUMENTS, arguments, size);
	CHECK_NUMBER(solo5_hypercall(&played.slot, number, ARGUMENTS, &next, &error), 0);
	return next;
}

static int32_t block(uint32_t number, uint64_t handle, uint64_t offset, uint64_t data,
		     uint64_t length)
{
	struct solo5_block_call arguments = {
	    .handle = handle, .offset = offset, .data = data, .length = length, .result = -1};
	if (call(number, &arguments, sizeof(arguments)) != GUEST_CONTINUES)
		return -1;
	memcpy(&arguments, played.memory + ARGUMENTS, sizeof(arguments));
	return arguments.result;
}

static void begin(const char *request)
{
	struct error error = {0};
	played.result = (struct request_result){.outcome = OUTCOME_LOST};
	played.request.data = request;
	played.request.length = strlen(request);
	played.slot.consumed = 0;
	CHECK_NUMBER(solo5_begin(&played.slot, &error), 0);
}

static void test_disk(void)
{
	begin("");
	memcpy(played.memory + DATA, "written", 8);
	CHECK_NUMBER(block(SOLO5_BLOCK_WRITE, 1, 512, DATA, 512), SOLO5_OK);
	CHECK_NUMBER(block(SOLO5_BLOCK_READ, 1, 512, DATA + 4096, 512), SOLO5_OK);
	CHECK_TEXT((char *)played.memory + DATA + 4096, "written");
	CHECK_NUMBER(block(SOLO5_BLOCK_READ, 1, 0, DATA, 2048), SOLO5_OK);
	const struct {
		uint64_t handle, offset, length;
	} bad[] = {{0, 0, 512},	   {4, 0, 512},	      {64, 0, 512},	    {UINT64_MAX, 0, 512},
		   {1, 2048, 512}, {1, 1600, 512},    {1, UINT64_MAX, 512}, {1, 0, 0},
		   {1, 0, 4096},   {1, 1, UINT64_MAX}};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK_NUMBER(
		    block(SOLO5_BLOCK_READ, bad[i].handle, bad[i].offset, DATA, bad[i].length),
		    SOLO5_INVALID);
		CHECK_NUMBER(
		    block(SOLO5_BLOCK_WRITE, bad[i].handle, bad[i].offset, DATA, bad[i].length),
		    SOLO5_INVALID);
	}
}

static void test_request(void)
{
	uint64_t length;
	char text[600];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	begin(text);
	CHECK_NUMBER(block(SOLO5_BLOCK_READ, 2, 0, DATA, 512), SOLO5_OK);
	memcpy(&length, played.memory + DATA, sizeof(length));
	CHECK_NUMBER(le64toh(length), sizeof(text) - 1);
	CHECK(!played.memory[DATA + 8] && !played.memory[DATA + 511]);
	CHECK_NUMBER(block(SOLO5_BLOCK_READ, 2, 512, DATA, 1024), SOLO5_OK);
	CHECK_TEXT((char *)played.memory + DATA, text);
	CHECK_NUMBER(block(SOLO5_BLOCK_READ, 2, 4, DATA, 512), SOLO5_OK);
	CHECK(!played.memory[DATA + 507] && played.memory[DATA + 508] == 'x');
	CHECK_NUMBER(block(SOLO5_BLOCK_WRITE, 2, 0, DATA, 512), SOLO5_UNSPECIFIED);
	/* Nothing of it is there for the next one. */
	begin("");
	CHECK_NUMBER(block(SOLO5_BLOCK_READ, 2, 0, DATA, 1024), SOLO5_OK);
	for (size_t i = 0; i < 1024; i++)
		CHECK(!played.memory[DATA + i]);
}

static struct accel_device_head read_head(void)
{
	struct accel_device_head head;
	CHECK_NUMBER(block(SOLO5_BLOCK_READ, 3, 0, DATA, ACCEL_DEVICE_BLOCK_SIZE), SOLO5_OK);
	memcpy(&head, played.memory + DATA, sizeof(head));
	CHECK_NUMBER(head.magic, ACCEL_DEVICE_MAGIC);
	CHECK_NUMBER(head.version, ACCEL_DEVICE_VERSION);
	CHECK_NUMBER(head.message_size % ACCEL_DEVICE_BLOCK_SIZE, 0);
	for (size_t i = sizeof(head); i < ACCEL_DEVICE_BLOCK_SIZE; i++)
		CHECK(!played.memory[DATA + i]);
	return head;
}

static int32_t serve_message(uint64_t place, uint64_t number)
{
	const struct wire_header header = {.magic = WIRE_MAGIC, .request = number};
	memset(played.memory + DATA, 0, ACCEL_DEVICE_BLOCK_SIZE);
	memcpy(played.memory + DATA, &header, sizeof(header));
	CHECK_NUMBER(block(SOLO5_BLOCK_WRITE, 3, place, DATA, ACCEL_DEVICE_BLOCK_SIZE), SOLO5_OK);
	return block(SOLO5_BLOCK_READ, 3, place, DATA, ACCEL_DEVICE_BLOCK_SIZE);
}

/* Where nobody serves. */
static void test_accelerator(void)
{
	const uint64_t size = ACCEL_DEVICE_BLOCK_SIZE;
	begin("");
	struct accel_device_head head = read_head();
	CHECK_NUMBER(head.result, 0);
	/* A message is served once; one without a number is not. */
	CHECK_NUMBER(serve_message(head.message_offset, 7), SOLO5_UNSPECIFIED);
	CHECK_NUMBER(read_head().result, -ENODEV);
	CHECK_NUMBER(played.result.ops, 1);
	CHECK_NUMBER(serve_message(head.message_offset, 7), SOLO5_OK);
	CHECK_NUMBER(serve_message(head.message_offset, 0), SOLO5_OK);
	CHECK_NUMBER(played.result.ops, 1);
	CHECK_NUMBER(serve_message(head.message_offset, UINT64_MAX), SOLO5_UNSPECIFIED);
	CHECK_NUMBER(played.result.ops, 2);
	/* Another place is no message, and the last block is the last. */
	CHECK_NUMBER(serve_message(head.message_offset + size, 9), SOLO5_OK);
	CHECK_NUMBER(serve_message(head.message_offset + head.message_size - size, 9), SOLO5_OK);
	CHECK_NUMBER(played.result.ops, 2);
	CHECK_NUMBER(
	    block(SOLO5_BLOCK_READ, 3, head.message_offset + head.message_size, DATA, size),
	    SOLO5_INVALID);
	/* More or less than a block is none. */
	const uint64_t odd[] = {1, size - 1, size + 1, 2 * size};
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		CHECK_NUMBER(block(SOLO5_BLOCK_READ, 3, head.message_offset, DATA, odd[i]),
			     SOLO5_UNSPECIFIED);
		CHECK_NUMBER(block(SOLO5_BLOCK_WRITE, 3, head.message_offset, DATA, odd[i]),
			     SOLO5_UNSPECIFIED);
	}
	/* The head is only read, and there is nothing between. */
	CHECK_NUMBER(block(SOLO5_BLOCK_WRITE, 3, 0, DATA, size), SOLO5_UNSPECIFIED);
	CHECK_NUMBER(block(SOLO5_BLOCK_READ, 3, 0, DATA, size - 1), SOLO5_UNSPECIFIED);
	CHECK_NUMBER(block(SOLO5_BLOCK_READ, 3, size, DATA, size), SOLO5_UNSPECIFIED);
	CHECK_NUMBER(block(SOLO5_BLOCK_READ, 3, head.message_offset - size, DATA, 2 * size),
		     SOLO5_UNSPECIFIED);
	CHECK_NUMBER(block(SOLO5_BLOCK_WRITE, 3, size, DATA, size), SOLO5_UNSPECIFIED);
	begin("");
	CHECK_NUMBER(read_head().result, 0);
}

static unsigned errors_told;

static void count_errors(enum log_level level, char *text, size_t length)
{
	(void)text;
	(void)length;
	errors_told += level == LOG_ERROR;
}

/* A guest whose calls fail may make many of them: the log tells of the first of a request. */
static void test_calls_that_fail(void)
{
	log_set_writer(count_errors);
	for (unsigned request = 1; request <= 2; request++) {
		begin("");
		played.slot.stale = false; /* a slot is built anew after such a request */
		const uint64_t place = read_head().message_offset;
		for (uint64_t number = 1; number <= 100; number++)
			CHECK_NUMBER(serve_message(place, number), SOLO5_UNSPECIFIED);
		CHECK_NUMBER(errors_told, request);
	}
	log_set_writer(NULL);
}

static void refuse(uint32_t number, const void *arguments, size_t size, int signal)
{
	begin("");
	CHECK_NUMBER(call(number, arguments, size), GUEST_FINISHED);
	CHECK_NUMBER(played.result.outcome, OUTCOME_CRASHED);
	CHECK_NUMBER(played.result.status, signal);
	CHECK(*played.result.report);
}

static void test_addresses(void)
{
	const struct {
		uint64_t data, length;
	} bad[] = {{SOLO5_PLAYED_MEMORY, 1},
		   {SOLO5_PLAYED_MEMORY - 1, 2},
		   {UINT64_MAX, 2},
		   {DATA, UINT64_MAX},
		   {1UL << 63, 1UL << 63}};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct solo5_puts puts = {.data = bad[i].data, .length = bad[i].length};
		refuse(SOLO5_PUTS, &puts, sizeof(puts), SIGSEGV);
	}
	const struct solo5_block_call outside = {
	    .handle = 1, .data = SOLO5_PLAYED_MEMORY - 256, .length = 512};
	refuse(SOLO5_BLOCK_READ, &outside, sizeof(outside), SIGSEGV);
	refuse(SOLO5_BLOCK_WRITE, &outside, sizeof(outside), SIGSEGV);
	refuse(0, &outside, sizeof(outside), SIGSYS);
	refuse(SOLO5_HYPERCALLS, &outside, sizeof(outside), SIGSYS);
	for (uint32_t number = SOLO5_WALLTIME; number < SOLO5_HYPERCALLS; number++) {
		struct error error = {0};
		enum guest_next next;
		begin("");
		CHECK_NUMBER(solo5_hypercall(&played.slot, number, UINT32_MAX, &next, &error), 0);
		CHECK_NUMBER(next, GUEST_FINISHED);
		CHECK_NUMBER(played.result.status, SIGSEGV);
	}
}

static void test_console(void)
{
	const struct solo5_puts little = {.data = DATA, .length = 5};
	const struct solo5_puts much = {.data = DATA, .length = 3UL * SOLO5_CONSOLE_SIZE};
	const struct solo5_halt halt = {.status = 0x1ff};
	begin("");
	played.responded = 0;
	CHECK_NUMBER(call(SOLO5_PUTS, &little, sizeof(little)), GUEST_CONTINUES);
	CHECK_NUMBER(played.responded, 0);
	CHECK_NUMBER(call(SOLO5_PUTS, &much, sizeof(much)), GUEST_CONTINUES);
	CHECK_NUMBER(call(SOLO5_PUTS, &little, sizeof(little)), GUEST_CONTINUES);
	CHECK_NUMBER(call(SOLO5_HALT, &halt, sizeof(halt)), GUEST_FINISHED);
	CHECK_NUMBER(played.responded, much.length + 2 * little.length);
	CHECK_NUMBER(played.result.outcome, OUTCOME_EXITED);
	CHECK_NUMBER(played.result.status, 0xff);
	/* A response that is longer than may be. */
	begin("");
	played.slot.responded = 0;
	played.request.response_limit = 100;
	CHECK_NUMBER(call(SOLO5_PUTS, &much, sizeof(much)), GUEST_FINISHED);
	CHECK_NUMBER(played.result.status, SIGXFSZ);
	played.request.response_limit = 0;
}

static void test_poll(void)
{
	struct solo5_poll poll = {.timeout_ns = 3000000, .ready = 7, .result = 7};
	begin("");
	const uint64_t before_ns = clock_now_ns();
	CHECK_NUMBER(call(SOLO5_POLL, &poll, sizeof(poll)), GUEST_CONTINUES);
	CHECK(clock_now_ns() - before_ns >= poll.timeout_ns);
	memcpy(&poll, played.memory + ARGUMENTS, sizeof(poll));
	CHECK(!poll.ready && !poll.result);
	/* Until the request's time is up, and no longer. */
	poll.timeout_ns = UINT64_MAX;
	played.slot.deadline_ns = clock_now_ns() + 3000000;
	CHECK_NUMBER(call(SOLO5_POLL, &poll, sizeof(poll)), GUEST_CONTINUES);
	CHECK(clock_now_ns() >= played.slot.deadline_ns);
	played.slot.deadline_ns = clock_now_ns() + NANOSECONDS_PER_SECOND;
}

static void test_freeze(void)
{
	struct error error = {0};
	enum guest_next next;
	const struct solo5_block_call read = {
	    .handle = 2, .offset = 512, .data = DATA, .length = 512};
	begin("");
	played.slot.setup = &played.setup;
	CHECK_NUMBER(call(SOLO5_BLOCK_READ, &read, sizeof(read)), GUEST_FROZEN);
	CHECK_NUMBER(solo5_save(&played.slot, &played.setup.state, &error), 0);
	CHECK_NUMBER(solo5_check_state(&played.guest, &played.setup.state, &error), 0);
	played.slot.setup = NULL;
	played.slot.state = &played.setup.state;
	begin("the request");
	CHECK_NUMBER(guest_solo5.wake(&played.slot, &next, &error), 0);
	CHECK_NUMBER(next, GUEST_CONTINUES);
	CHECK_TEXT((char *)played.memory + DATA, "the request");
	played.slot.state = NULL;
}

static void test_bad_states(void)
{
	struct error error = {0};
	struct solo5_waiting waiting = {.call = SOLO5_HALT};
	struct guest_state state = {.machine.length = 1, .devices = (uint8_t *)&waiting};
	CHECK_NUMBER(solo5_check_state(&played.guest, &state, &error), -EBADMSG);
	state.devices_length = sizeof(waiting);
	CHECK_NUMBER(solo5_check_state(&played.guest, &state, &error), -EBADMSG);
	waiting.call = SOLO5_POLL;
	CHECK_NUMBER(solo5_check_state(&played.guest, &state, &error), 0);
	state.machine.length = 0;
	CHECK_NUMBER(solo5_check_state(&played.guest, &state, &error), -EBADMSG);
	uint8_t longer[sizeof(waiting) + 1] = {SOLO5_POLL};
	state = (struct guest_state){
	    .machine.length = 1, .devices = longer, .devices_length = sizeof(longer)};
	CHECK_NUMBER(solo5_check_state(&played.guest, &state, &error), -EBADMSG);
}

int main(void)
{
	char file[] = "/tmp/mayfly-solo5-disk-XXXXXX", disk[64];
	struct error error = {0};
	int fd = mkstemp(file);
	snprintf(disk, sizeof(disk), "block:disk=%s", file);
	const char *devices[] = {disk, NULL};
	if (!CHECK(fd >= 0 && !ftruncate(fd, 2048)) ||
	    !CHECK(solo5_played_open(&played, &manifest, devices, &error)))
		return 1;
	test_disk();
	test_request();
	test_accelerator();
	test_calls_that_fail();
	test_addresses();
	test_console();
	test_poll();
	test_freeze();
	test_bad_states();
	solo5_played_close(&played);
	unlink(file);
	close(fd);
	return check_status();
}

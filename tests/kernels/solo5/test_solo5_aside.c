/* Hypercalls that are served aside, without a machine: the slot's thread plays the guest between begin()
 * and end(), as the processor does. For ThreadSanitizer, too. */
#include "check.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "monitor/guests/solo5/tables.h"
#include "monitor/isolation/call_box.h"
#include "solo5_slot.h"

#define ARGUMENTS 0x200000U
#define DATA	  0x201000UL
#define OTHER	  0x202000UL
#define ROUNDS	  200

static struct solo5_played played;
static struct solo5_aside *aside;
static struct call_box *box;
static int wire = -1; /* the other end of the network */
static struct error host_error;

static const struct solo5_manifest manifest = {
    .version = SOLO5_MANIFEST_VERSION,
    .count = 4,
    .entries = {{.type = SOLO5_RESERVED},
		{.name = "disk", .type = SOLO5_BLOCK},
		{.name = "request", .type = SOLO5_BLOCK},
		{.name = "wire", .type = SOLO5_NET}},
};

/* ── the guest ───────────────────────────────────────────────────────────────────────────────── */

/* What a stub does, but that it waits for whoever is awake as long as that takes. True: it need not come
 * out. */
static bool post(uint32_t call, uint32_t address)
{
	if (!atomic_load(&box->awake))
		return false;
	atomic_store(&box->value, address);
	atomic_store(&box->port, SOLO5_PORT + call);
	atomic_store(&box->state, CALL_BOX_POSTED);
	for (;;) {
		const uint32_t state = atomic_load(&box->state);
		if (state == CALL_BOX_ANSWERED) {
			atomic_store(&box->state, CALL_BOX_EMPTY);
			return true;
		}
		if (state != CALL_BOX_POSTED || !atomic_load(&box->awake))
			return false;
		sched_yield();
	}
}

/* The guest runs until it has made one call, and what serves an exit does the rest. */
static enum guest_next run(uint32_t call, uint32_t address)
{
	struct machine_aside *serving = &played.machine.aside;
	enum guest_next next = GUEST_CONTINUES;
	int result = 0;
	if (serving->begin)
		serving->begin(serving->context);
	const bool served = serving->begin && post(call, address);
	if (serving->begin)
		serving->end(serving->context);
	if (served)
		return GUEST_CONTINUES;
	if (!solo5_aside_settle(aside, call, address, &result, &next, &host_error))
		result = solo5_hypercall(&played.slot, call, address, &next, &host_error);
	CHECK_NUMBER(result, 0);
	if (next == GUEST_CONTINUES)
		solo5_aside_consider(aside);
	return next;
}

static enum guest_next call(uint32_t number, const void *arguments, size_t size)
{
	memcpy(played.memory + ARGUMENTS, arguments, size);
	return run(number, ARGUMENTS);
}

static uint64_t wall_time(void)
{
	struct solo5_walltime time = {0};
	CHECK_NUMBER(call(SOLO5_WALLTIME, &time, sizeof(time)), GUEST_CONTINUES);
	memcpy(&time, played.memory + ARGUMENTS, sizeof(time));
	return time.ns;
}

static int32_t block(uint32_t number, uint64_t handle, uint64_t offset, uint64_t data)
{
	struct solo5_block_call arguments = {
	    .handle = handle, .offset = offset, .data = data, .length = 512, .result = -1};
	CHECK_NUMBER(call(number, &arguments, sizeof(arguments)), GUEST_CONTINUES);
	memcpy(&arguments, played.memory + ARGUMENTS, sizeof(arguments));
	return arguments.result;
}

static int32_t frame(uint32_t number, uint64_t data, uint64_t *length)
{
	struct solo5_net_call arguments = {.handle = 3, .data = data, .length = *length};
	CHECK_NUMBER(call(number, &arguments, sizeof(arguments)), GUEST_CONTINUES);
	memcpy(&arguments, played.memory + ARGUMENTS, sizeof(arguments));
	*length = arguments.length;
	return arguments.result;
}

static uint64_t poll_ready(uint64_t timeout_ns)
{
	struct solo5_poll arguments = {.timeout_ns = timeout_ns};
	CHECK_NUMBER(call(SOLO5_POLL, &arguments, sizeof(arguments)), GUEST_CONTINUES);
	memcpy(&arguments, played.memory + ARGUMENTS, sizeof(arguments));
	return arguments.ready;
}

/* A request begins, and its guest makes calls until the server is awake, where it may be. */
static void begin(bool warm)
{
	played.result = (struct request_result){.outcome = OUTCOME_LOST};
	played.slot.deadline_ns = clock_now_ns() + 100 * NANOSECONDS_PER_SECOND;
	CHECK_NUMBER(solo5_begin(&played.slot, &host_error), 0);
	memset(played.memory + SOLO5_CALLS_ADDRESS, 0, KERNEL_CALLS_SIZE);
	box->stub_count = 1;
	while (warm && !atomic_load(&box->awake)) {
		wall_time();
		sched_yield();
	}
}

/* ── tests ───────────────────────────────────────────────────────────────────────────────────── */

static void test_calls(void)
{
	begin(true);
	const uint32_t before = solo5_aside_served(aside);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		const uint64_t offset = i % 32 * 512UL;
		memset(played.memory + DATA, (int)i, 512);
		CHECK_NUMBER(block(SOLO5_BLOCK_WRITE, 1, offset, DATA), SOLO5_OK);
		CHECK_NUMBER(block(SOLO5_BLOCK_READ, 1, offset, OTHER), SOLO5_OK);
		CHECK(!memcmp(played.memory + DATA, played.memory + OTHER, 512));
		CHECK_NUMBER(block(SOLO5_BLOCK_READ, 1, 1 << 20, OTHER), SOLO5_INVALID);
		CHECK(wall_time() > 0);
	}
	CHECK_NUMBER(solo5_aside_served(aside) - before, 4 * ROUNDS);
}

static void test_frames(void)
{
	uint64_t length;
	char bytes[64];
	begin(true);
	const uint32_t before = solo5_aside_served(aside);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		length = 60;
		memset(played.memory + DATA, (int)i, length);
		CHECK_NUMBER(frame(SOLO5_NET_WRITE, DATA, &length), SOLO5_OK);
		CHECK_NUMBER(recv(wire, bytes, sizeof(bytes), 0), 60);
		CHECK_NUMBER(bytes[59], (char)i);
		CHECK_NUMBER(send(wire, bytes, 60, 0), 60);
		CHECK_NUMBER(poll_ready(UINT64_MAX), 1UL << 3);
		length = 2048;
		CHECK_NUMBER(frame(SOLO5_NET_READ, OTHER, &length), SOLO5_OK);
		CHECK_NUMBER(length, 60);
		CHECK(!memcmp(played.memory + DATA, played.memory + OTHER, 60));
		length = 2048;
		CHECK_NUMBER(frame(SOLO5_NET_READ, OTHER, &length), SOLO5_AGAIN);
	}
	CHECK_NUMBER(solo5_aside_served(aside) - before, 4 * ROUNDS);
	/* Waiting ends with its time, and one that takes long is not for the server. */
	CHECK_NUMBER(poll_ready(0), 0);
	CHECK_NUMBER(poll_ready(5000000), 0);
}

/* What the server leaves to the exit happens there, once. */
static void test_declined(void)
{
	static const char text[] = "said";
	const struct solo5_puts puts = {.data = DATA, .length = sizeof(text) - 1};
	const uint64_t before = played.responded;
	begin(true);
	memcpy(played.memory + DATA, text, sizeof(text));
	for (int i = 0; i < 100; i++)
		CHECK_NUMBER(call(SOLO5_PUTS, &puts, sizeof(puts)), GUEST_CONTINUES);
	CHECK_NUMBER(poll_ready(0), 0); /* it goes out before anybody waits */
	played.request.data = "request";
	played.request.length = 7;
	played.slot.consumed = 0;
	CHECK_NUMBER(block(SOLO5_BLOCK_READ, 2, 512, OTHER), SOLO5_OK);
	CHECK_TEXT((char *)played.memory + OTHER, "request");
	const struct solo5_halt halt = {.status = 7};
	CHECK_NUMBER(call(SOLO5_HALT, &halt, sizeof(halt)), GUEST_FINISHED);
	CHECK_NUMBER(played.result.status, 7);
	CHECK_NUMBER(played.responded - before, 400);
}

/* What ends the request does so at the next exit, whatever that is for. */
static void test_offences(void)
{
	enum guest_next next = GUEST_CONTINUES;
	int result = 0;
	begin(true);
	CHECK_NUMBER(run(SOLO5_WALLTIME, 0xfffffff0U), GUEST_FINISHED);
	CHECK_NUMBER(played.result.outcome, OUTCOME_CRASHED);
	begin(true);
	CHECK_NUMBER(run(SOLO5_WALLTIME, SOLO5_CALLS_ADDRESS), GUEST_FINISHED);
	CHECK_NUMBER(played.result.outcome, OUTCOME_CRASHED);
	begin(true);
	played.machine.aside.begin(aside);
	CHECK(!post(SOLO5_WALLTIME, 0xfffffff0U));
	played.machine.aside.end(aside);
	CHECK(solo5_aside_settle(aside, 0, 0, &result, &next, &host_error));
	CHECK_NUMBER(next, GUEST_FINISHED);
	/* And no call is served after it. */
	begin(true);
	played.machine.aside.begin(aside);
	CHECK(!post(SOLO5_WALLTIME, 0xfffffff0U));
	CHECK(!post(SOLO5_WALLTIME, ARGUMENTS));
	CHECK(!post(SOLO5_HALT, ARGUMENTS));
	CHECK(!post(0, ARGUMENTS));
	CHECK(!post(UINT32_MAX - SOLO5_PORT, ARGUMENTS));
	played.machine.aside.end(aside);
	begin(false); /* the next request knows nothing of that */
	CHECK(wall_time() > 0);
}

/* Writes into the box whatever comes, as a guest may that does not wait. */
static void *scribble(void *context)
{
	const atomic_bool *over = context;
	uint64_t seed = 1;
	while (!atomic_load(over)) {
		seed = seed * 6364136223846793005 + 1442695040888963407;
		_Atomic uint32_t *words[] = {&box->state, &box->port, &box->value, &box->awake,
					     &box->patience};
		const uint32_t value = (uint32_t)(seed >> 32);
		atomic_store(words[seed >> 20 & 1 ? 0 : value % 5],
			     value % 3 ? value % 5 : SOLO5_PORT + 1 + value % 7);
	}
	return NULL;
}

static void test_scribbled(void)
{
	atomic_bool over = false;
	pthread_t thread;
	begin(true);
	CHECK_NUMBER(pthread_create(&thread, NULL, scribble, &over), 0);
	for (int i = 0; i < ROUNDS; i++) {
		const uint32_t call = i % 2 ? SOLO5_WALLTIME : SOLO5_BLOCK_READ;
		if (run(call, ARGUMENTS) != GUEST_CONTINUES) {
			CHECK_NUMBER(played.result.outcome, OUTCOME_CRASHED);
			solo5_aside_retire(aside);
		}
		if (i % 64 == 0)
			solo5_aside_retire(aside);
	}
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	begin(true);
	CHECK(wall_time() > 0);
}

int main(void)
{
	int ends[2], disk = memfd_create("disk", MFD_CLOEXEC);
	char disk_text[64], wire_text[64];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) || ftruncate(disk, 16384))
		return 1;
	wire = ends[0];
	snprintf(disk_text, sizeof(disk_text), "block:disk=/proc/self/fd/%d", disk);
	snprintf(wire_text, sizeof(wire_text), "net:wire=@%d", ends[1]);
	const char *devices[] = {disk_text, wire_text, NULL};
	if (!CHECK(solo5_played_open(&played, &manifest, devices, &host_error))) {
		fprintf(stderr, "%s\n", host_error.text);
		return check_status();
	}
	aside = solo5_slot_of(&played.slot)->aside;
	solo5_aside_stay(aside);
	box = (struct call_box *)(played.memory + SOLO5_CALLS_ADDRESS);
	test_calls();
	test_frames();
	test_declined();
	test_offences();
	test_scribbled();
	solo5_played_close(&played);
	return check_status();
}

/* Programs that work against their monitor, and the request that comes after theirs: it is served
 * on time, in a clean clone. The program is hostile.c; usage: test_hostile ISOLATION PROGRAM */
#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "mayfly/guest_abi.h"
#include "monitor/serving.h"
#include "sizes/sizes.h"
#include "util/clock.h"

#define MEMORY	   (64UL << 20)
#define LIMIT_NS   (200 * 1000000ULL)
#define PATIENT_NS (20 * NANOSECONDS_PER_SECOND)
#define LATE_NS	   NANOSECONDS_PER_SECOND /* sanitizers and busy machines are slow */

struct answer {
	char text[256];
	size_t length;
	bool late; /* nobody reads it */
};

static int respond(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	struct answer *answer = context;
	if (answer->late)
		return -ETIMEDOUT;
	size_t room = sizeof(answer->text) - 1 - answer->length;
	size_t part = length < room ? length : room;
	memcpy(answer->text + answer->length, data, part);
	answer->length += part;
	return 0;
}

/* Serves one request. Whatever the guest does, it is no error of the host's, and not late. */
static void serve_within(uint64_t limit_ns, struct monitor *monitor, const char *text,
			 struct request_result *result, struct answer *answer)
{
	*answer = (struct answer){0};
	uint64_t begin = clock_now_ns();
	serve_text(
	    monitor, text,
	    (struct request){
		.timeout_ns = limit_ns, .respond = respond, .log = drop_log, .context = answer},
	    result);
	if (!CHECK(clock_now_ns() - begin < limit_ns + LATE_NS))
		fprintf(stderr, "  after %s\n", text);
}

static void serve(struct monitor *monitor, const char *text, struct request_result *result,
		  struct answer *answer)
{
	serve_within(LIMIT_NS, monitor, text, result, answer);
}

static void check_clean(struct monitor *monitor, const char *after)
{
	struct request_result result;
	struct answer answer;
	/* This request must be answered, on a busy machine as well. */
	serve_within(PATIENT_NS, monitor, "check", &result, &answer);
	if (!CHECK_TEXT(answer.text, "clean\n") || !CHECK_NUMBER(result.outcome, OUTCOME_EXITED))
		fprintf(stderr, "  after %s: %s\n", after, result.report);
}

static void expect(struct monitor *monitor, const char *text, enum outcome outcome)
{
	struct request_result result;
	struct answer answer;
	serve(monitor, text, &result, &answer);
	if (!CHECK_NUMBER(result.outcome, outcome))
		fprintf(stderr, "  for %s: %s\n", text, result.report);
	check_clean(monitor, text);
}

/* As expect(), for a text of three parts:
 * what to do, with which hypercall, with which arguments. */
static void expect_call(struct monitor *monitor, const char *deed, enum guest_hypercall call,
			const char *arguments, enum outcome outcome)
{
	char text[128];
	snprintf(text, sizeof(text), "%s %d %s", deed, (int)call, arguments);
	expect(monitor, text, outcome);
}

static void test_hypercalls(struct monitor *monitor)
{
	const char *const numbers[] = {"0",
				       "1",
				       "0xffffffffffffffff",
				       "0x80000000",
				       "0x8000000000000000",
				       "0x6d0000000001",
				       "0x6e0000000000"};
	const size_t count = ARRAY_SIZE(numbers);
	struct request_result result;
	struct answer answer;
	char text[128];
	/* All but FREEZE and SLEEP, which have tests of their own;
	 * and numbers that do not exist. */
	for (int call = 0; call <= GUEST_HYPERCALL_LAST + 1; call++) {
		bool apart = call == HYPERCALL_FREEZE || call == HYPERCALL_SLEEP;
		for (size_t i = 0; !apart && i < count * count; i++) {
			snprintf(text, sizeof(text), "hypercall %d %s %s 3", call,
				 numbers[i % count], numbers[i / count]);
			serve(monitor, text, &result, &answer);
			CHECK(result.outcome != OUTCOME_LOST);
		}
		check_clean(monitor, text);
	}
}

/* Pages moved from under the program and the library OS, to places that exist and that do not, and
 * everything taken away: what becomes of the guest is its own affair, and the next one's is not. */
static void test_mappings(struct monitor *monitor)
{
	const char *const maps[] = {
	    "0xc000000000 0x6c0000000000 0x1000",     /* the program's heap */
	    "0xc000000000 0x6c0000000000 0x3000000",  /* and some of the library OS's pool */
	    "0xc000000000 0x6c0000000000 0x40000000", /* more than there is */
	    "0x10000 0x6c0000100000 0x100000",
	    "0x69fffffff000 0x6c0000100000 0x2000", /* over the area's end */
	    "0x400000 0x6c0000100000 0x1000",	    /* over the program */
	    "0x6d0000000000 0x6c0000100000 0x1000", /* over the window */
	    "0xc000000000 0x6d0000000000 0x1000",   /* from the window */
	    "0xc000000000 0x6e0000000000 0x1000",   /* from the library OS */
	    "0xc000000000 0x700000000000 0x1000",   /* from a root that is not there */
	    "0xfffffffffffff000 0x6c0000100000 0x2000",
	    "0xc000000000 0xfffffffffffff000 0x2000",
	    "0xc000000001 0x6c0000100000 0x1000",
	};
	const char *const unmaps[] = {
	    "0x10000 0x69fffff00000", "0xc000000000 0x1000", "0 0xffffffffffffffff",
	    "0x10000 0x6ffffffff000", "0xc000000001 0x1000", "0x6c0000000000 0x100000",
	};
	struct request_result result;
	struct answer answer;
	char text[128];
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		snprintf(text, sizeof(text), "hypercall %d %s", HYPERCALL_MAP, maps[i]);
		serve(monitor, text, &result, &answer);
		CHECK(result.outcome != OUTCOME_LOST);
		check_clean(monitor, text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(unmaps); i++)
		expect_call(monitor, "hypercall", HYPERCALL_UNMAP, unmaps[i], OUTCOME_EXITED);
	expect_call(monitor, "flood", HYPERCALL_MAP, "0xc000000000 0x6c0000100000 0x1000",
		    OUTCOME_DEADLINE);
	expect_call(monitor, "flood", HYPERCALL_UNMAP, "0x10000 0x69fffff00000", OUTCOME_DEADLINE);
}

/* Tables for pages far from one another: those that one request took the next one has, too. */
static void test_scattered_mappings(struct monitor *monitor)
{
	struct request_result result;
	struct answer first, second;
	serve_within(PATIENT_NS, monitor, "scatter 0x100000000000", &result, &first);
	serve_within(PATIENT_NS, monitor, "scatter 0x200000000000", &result, &second);
	/* Earlier requests may have left the first one fewer. */
	const long had = strtol(first.text, NULL, 10);
	CHECK(had > 100);
	CHECK(strtol(second.text, NULL, 10) >= had);
}

static void test_lengths(struct monitor *monitor)
{
	expect(monitor, "response 2 0x100001", OUTCOME_CRASHED);
	expect(monitor, "response 3 0xffffffffffffffff", OUTCOME_CRASHED);
	expect(monitor, "response 1 0x8000000000000000", OUTCOME_CRASHED);
	expect_call(monitor, "hypercall", HYPERCALL_WRITE, "0x100001",
		    OUTCOME_EXITED); /* refused */
}

static void test_floods(struct monitor *monitor)
{
	expect_call(monitor, "flood", HYPERCALL_READ, "", OUTCOME_DEADLINE);
	expect_call(monitor, "flood", HYPERCALL_WRITE, "0x100000", OUTCOME_DEADLINE);
	expect_call(monitor, "flood", HYPERCALL_LOG, "0xf000", OUTCOME_DEADLINE);
	expect_call(monitor, "flood", HYPERCALL_CLOCK, "", OUTCOME_DEADLINE);
	expect_call(monitor, "flood", (enum guest_hypercall)77, "", OUTCOME_DEADLINE);
	expect_call(monitor, "hypercall", HYPERCALL_SLEEP, "0xffffffffffffffff", OUTCOME_DEADLINE);
	expect(monitor, "permissions 0x2000000", OUTCOME_EXITED);
}

/* Port I/O other than the hypercall page's, with EXIT in the control page: a port read that is left
 * half done must not be finished in the next request. */
static void test_ports(struct monitor *monitor)
{
	static const char *const instructions[] = {
	    "ec", "ed", "66ed", "6c", "6d", "f36c", "f36d", "ee", "66ef", "6e", "f36e", "e410",
	};
	char text[128];
	for (size_t i = 0; i < ARRAY_SIZE(instructions); i++)
		for (int call = 2; call < 9; call += 3) {
			snprintf(text, sizeof(text), "execute %d 0 0x10 5 %s", call,
				 instructions[i]);
			expect(monitor, text, OUTCOME_CRASHED);
		}
	expect(monitor, "execute 2 0 0x21 1 ee", OUTCOME_CRASHED); /* as an exception stub does */
	expect(monitor, "execute 2 0 0x80 1 ee", OUTCOME_CRASHED);
}

static void test_interrupts(struct monitor *monitor)
{
	struct request_result result;
	struct answer answer;
	char text[128];
	/* Most crash; PVM passes over some. */
	for (int vector = 0; vector < 256; vector++) {
		snprintf(text, sizeof(text), "execute 99 0 0 0 cd%02x", vector);
		serve(monitor, text, &result, &answer);
		CHECK(result.outcome == OUTCOME_CRASHED || result.outcome == OUTCOME_EXITED);
		check_clean(monitor, text);
	}
}

/* The set-up sees nothing of the request: it would be in every clone. */
static void test_peeking_setup(const char *isolation, const char *program)
{
	struct monitor *monitor;
	if (!CHECK(!open_program(&monitor, isolation, program, "--peek", MEMORY)))
		return;
	check_clean(monitor, "peek");
	check_clean(monitor, "peek");
	monitor_close(monitor);
}

/* What a set-up wrote is answered first. Where nobody takes it the program does not run, and what
 * its request brought is not for the next one. */
static void test_unread_announcement(const char *isolation, const char *program)
{
	struct monitor *monitor;
	if (!CHECK(!open_program(&monitor, isolation, program, "--announce", MEMORY)))
		return;
	char secret[512];
	struct error error = {0};
	struct request_result result;
	struct answer answer = {.late = true};
	memset(secret, 's', sizeof(secret));
	const struct request request = {
	    .data = secret,
	    .length = sizeof(secret),
	    .fd = -1,
	    .timeout_ns = LIMIT_NS,
	    .respond = respond,
	    .log = drop_log,
	    .context = &answer,
	};
	CHECK_NUMBER(monitor_serve(monitor, &request, &result, &error), 0);
	CHECK_NUMBER(result.outcome, OUTCOME_DEADLINE);
	serve(monitor, "check", &result, &answer);
	CHECK_TEXT(answer.text, "announced\nclean\n");
	monitor_close(monitor);
}

/* A program that never reads its request runs from its start each time, in a clean machine. */
static void test_without_request(const char *isolation, const char *program)
{
	struct monitor *monitor;
	if (!CHECK(!open_program(&monitor, isolation, program, "--no-request", MEMORY)))
		return;
	for (int i = 0; i < 4; i++)
		check_clean(monitor, "a run without a request");
	monitor_close(monitor);
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: test_hostile ISOLATION PROGRAM\n");
		return EXIT_FAILURE;
	}
	struct monitor *monitor;
	int failed = open_program(&monitor, argv[1], argv[2], NULL, MEMORY);
	if (failed)
		return failed;
	check_clean(monitor, "the start");
	test_hypercalls(monitor);
	test_mappings(monitor);
	test_scattered_mappings(monitor);
	test_lengths(monitor);
	test_floods(monitor);
	test_ports(monitor);
	test_interrupts(monitor);
	monitor_close(monitor);
	test_peeking_setup(argv[1], argv[2]);
	test_unread_announcement(argv[1], argv[2]);
	test_without_request(argv[1], argv[2]);
	return check_status();
}

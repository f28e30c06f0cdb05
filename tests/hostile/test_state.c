/* Nothing of the processor's state stays: a request changes all of it that ring 3 can change on
 * this machine, and ends in one of many ways; the state that the next one in the same slot begins
 * with is that of the first one ever. In clones of a snapshot, and in programs that have none.
 *
 * usage: test_state ISOLATION PROGRAM */
#include <cpuid.h>
#include <stdlib.h>

#include "check.h"
#include "monitor/serving.h"
#include "sizes/sizes.h"
#include "state.h"
#include "util/clock.h"

#define MEMORY	    (16UL << 20)
#define LIMIT_NS    (60 * NANOSECONDS_PER_SECOND)
#define DEADLINE_NS (200 * 1000000ULL)

enum { SELECTORS = 5, COMPONENTS_NEEDED = 3, FLAGS_NEEDED = 0x244400 };

static struct monitor *monitor;

struct answer {
	uint8_t data[sizeof(struct processor_state)];
	size_t length;
};

static int respond(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	struct answer *answer = context;
	if (length > sizeof(answer->data) - answer->length)
		length = sizeof(answer->data) - answer->length;
	memcpy(answer->data + answer->length, data, length);
	answer->length += length;
	return 0;
}

static struct answer serve(const char *text, uint64_t timeout_ns)
{
	struct answer answer = {.length = 0};
	struct request_result result;
	serve_text(
	    monitor, text,
	    (struct request){
		.timeout_ns = timeout_ns, .respond = respond, .log = drop_log, .context = &answer},
	    &result);
	return answer;
}

/* Is a state component (SDM 1, 13.4) in its initial configuration? */
static bool is_initial(const uint8_t *extended, unsigned number)
{
	uint32_t size = 256, offset = 160, ecx, edx; /* XMM registers */
	if (number == 0) {
		/* The control word, then zero up to MXCSR; the registers. */
		if (extended[0] != 0x7f || extended[1] != 3)
			return false;
		for (size_t i = 2; i < 24; i++)
			if (extended[i])
				return false;
		size = 128;
		offset = 32;
	} else if (number > 1) {
		__cpuid_count(0xd, number, size, offset, ecx, edx);
	}
	for (size_t i = offset; i < (size_t)offset + size && i < STATE_EXTENDED_MAX; i++)
		if (extended[i])
			return false;
	return true;
}

/* Of a component in its initial configuration the processor may say that it is in use or that it
 * is not (SDM 1, 13.6), and that may change when the host runs something else in between. Then it
 * is not in use here: what the component holds is compared, too. */
static void forget_initial(struct processor_state *state)
{
	uint64_t in_use;
	memcpy(&in_use, state->extended + 512, sizeof(in_use));
	for (unsigned number = 0; number < 63; number++)
		if ((in_use | state->in_use) >> number & 1 && is_initial(state->extended, number)) {
			in_use &= ~(1UL << number);
			state->in_use &= ~(1UL << number);
		}
	memcpy(state->extended + 512, &in_use, sizeof(in_use));
}

static bool tell(struct processor_state *state)
{
	const struct answer answer = serve("tell", LIMIT_NS);
	if (!CHECK_NUMBER(answer.length, sizeof(*state)))
		return false;
	memcpy(state, answer.data, sizeof(*state));
	forget_initial(state);
	return true;
}

/* A machine on which nothing could be changed would pass everything. */
static void check_changes(void)
{
	struct state_changes changes = {0};
	const struct answer answer = serve("change", LIMIT_NS);
	if (!CHECK_NUMBER(answer.length, sizeof(changes)))
		return;
	memcpy(&changes, answer.data, sizeof(changes));
	fprintf(stderr,
		"of the state components %#lx, %#lx were changed; flags %#lx, selectors %#lx\n",
		changes.available, changes.components, changes.flags, changes.selectors);
	CHECK_NUMBER(changes.components & COMPONENTS_NEEDED, COMPONENTS_NEEDED);
	CHECK_NUMBER(changes.flags & FLAGS_NEEDED, FLAGS_NEEDED);
	CHECK(changes.selectors);
}

static void compare(const char *end, const struct processor_state *first,
		    const struct processor_state *now)
{
	for (size_t i = 0; i < sizeof(first->extended); i++)
		if (!CHECK_NUMBER(now->extended[i], first->extended[i])) {
			fprintf(stderr, "  after %s: byte %zu of XSAVE's area\n", end, i);
			break;
		}
	for (size_t i = 0; i < sizeof(first->x87_environment); i++)
		if (!CHECK_NUMBER(now->x87_environment[i], first->x87_environment[i])) {
			fprintf(stderr, "  after %s: byte %zu of the x87 environment\n", end, i);
			break;
		}
	const uint64_t *left = &first->flags, *right = &now->flags;
	for (size_t i = 0; i < (sizeof(*first) - offsetof(struct processor_state, flags)) / 8; i++)
		if (!CHECK_NUMBER(right[i], left[i]))
			fprintf(stderr, "  after %s: word %zu of flags, selectors, bases\n", end,
				i);
}

static void test_ends(void)
{
	static const char *const ends[] = {"page",	 "own-out", "string",	  "shadow",
					   "trap",	 "invalid", "privileged", "exception",
					   "page-fault", "call",    "spinning",	  "page"};
	static struct processor_state first, now;
	if (!tell(&first))
		return;
	check_changes();
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		char text[64];
		snprintf(text, sizeof(text), "leave %s", ends[i]);
		serve(text, strcmp(ends[i], "spinning") ? LIMIT_NS : DEADLINE_NS);
		if (tell(&now))
			compare(ends[i], &first, &now);
	}
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: test_state ISOLATION PROGRAM\n");
		return EXIT_FAILURE;
	}
	int result = open_program(&monitor, argv[1], argv[2], NULL, MEMORY);
	if (result)
		return result;
	test_ends();
	monitor_close(monitor);
	result = open_program(&monitor, argv[1], argv[2], "restarts", MEMORY);
	if (result)
		return result;
	serve("nothing", LIMIT_NS); /* the set-up, which ends */
	test_ends();
	monitor_close(monitor);
	return check_status();
}

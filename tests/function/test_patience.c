/* A front that is slow itself, and its patience with a monitor; usage: test_patience ISOLATION GUEST */
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "client.h"
#include "util/clock.h"

static const char *isolation, *guest;

static void describe(struct mayfly_description *description)
{
	mayfly_description_init(description, sizeof(*description));
	description->program = guest;
	description->isolation = isolation;
	description->log = STDERR_FILENO;
}

/* A front that looks away for longer than a request and a monitor have: the monitor waits for the
 * second part of the request meanwhile. Then it is not dead, and the request ends as its deadline
 * says. */
static void test_slow_front(struct client *client)
{
	static char data[2 << 20];
	const uint64_t timeout_ns = NANOSECONDS_PER_SECOND / 2;
	struct call call = {0};
	struct mayfly_statistics statistics = {.size = sizeof(statistics)};
	/* A slot is open and idle. */
	CHECK(client_answers(client, "x", NULL, "x"));
	mayfly_request_init(&call.request, sizeof(call.request));
	call.request.timeout_ns = timeout_ns;
	CHECK_NUMBER(call_begin(&call, client, data, sizeof(data)), 0);
	/* The library's patience is 5 s; and what makes a front a slow one. */
	const struct timespec until =
	    clock_timespec(clock_now_ns() + timeout_ns + 6 * NANOSECONDS_PER_SECOND);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	if (CHECK(call_finish(&call)) && !CHECK_NUMBER(call.result.outcome, MAYFLY_DEADLINE))
		fprintf(stderr, "  %s\n", call.text);
	call_release(&call);
	CHECK(client_answers(client, "x", NULL, "x"));
	mayfly_function_statistics(client->function, &statistics);
	CHECK_NUMBER(statistics.starts, 1);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 1;
	isolation = argv[1];
	guest = argv[2];
	struct client client = {0};
	struct mayfly_description description;
	describe(&description);
	const int status = client_begin(&client, &description);
	if (status)
		return status;
	test_slow_front(&client);
	client_close(&client);
	return check_status();
}

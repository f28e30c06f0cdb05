/* What fronts hand to libmayfly that makes no sense: an error and a sentence, never a crash or a
 * hang. Usage: test_bad_input ISOLATION GUEST LIBDIR */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "client.h"
#include "sizes/sizes.h"

static const char *isolation, *guest;

static void describe(struct mayfly_description *description)
{
	mayfly_description_init(description, sizeof(*description));
	description->program = guest;
	description->isolation = isolation;
}

/* ── descriptions ────────────────────────────────────────────────────────────────────────────── */

static void refuse(const struct mayfly_description *description, int code)
{
	struct mayfly_function *function = NULL;
	struct mayfly_error error = {0};
	CHECK_NUMBER(mayfly_function_open(&function, description, &error), code);
	CHECK(error.code == -code && *error.text && !function);
}

static void test_descriptions(void)
{
	const char *const variables[] = {"A=b", "nonsense", NULL};
	static const char *const devices[][2] = {
	    {"block", NULL},	       {"block:disk", NULL},
	    {"block:disk=", NULL},     {"block:=x", NULL},
	    {":disk=x", NULL},	       {"block=x:y", NULL},
	    {"net:service=@", NULL},   {"net:service=@1x", NULL},
	    {"net:service=@-1", NULL}, {"net:service=@99999999999", NULL},
	};
	struct mayfly_description good, bad;
	describe(&good);
	refuse(NULL, -EINVAL);
	CHECK_NUMBER(mayfly_function_open(NULL, &good, NULL), -EINVAL);
#define REFUSE(...)                                                                                \
	bad = good;                                                                                \
	__VA_ARGS__;                                                                               \
	refuse(&bad, -EINVAL);
	REFUSE(bad.size = 0)
	REFUSE(bad.size = sizeof(bad) + 8)
	REFUSE(bad.program = NULL)
	REFUSE(bad.program = "")
	REFUSE(bad.isolation = NULL)
	REFUSE(bad.environment = variables)
	REFUSE(bad.slots = 0)
	REFUSE(bad.slots = 100000)
	REFUSE(bad.warm_slots = 2)
	REFUSE(bad.memory = UINT64_MAX)
	REFUSE(bad.setup_timeout_ns = 0)
	REFUSE(bad.setup_timeout_ns = UINT64_MAX)
	REFUSE(bad.flags = 1U << 31)
	REFUSE(bad.reuse = 1UL << 32)
	REFUSE(bad.warm_up_length = 5)
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		REFUSE(bad.devices = devices[i])
	}
}

static void test_nothing(void)
{
	struct mayfly_request request;
	mayfly_request_init(&request, sizeof(request));
	mayfly_function_close(NULL);
	CHECK_NUMBER(mayfly_function_start(NULL, NULL), -EINVAL);
	CHECK_NUMBER(mayfly_function_fd(NULL), -EINVAL);
	CHECK_NUMBER(mayfly_function_process(NULL), -EINVAL);
	CHECK_NUMBER(mayfly_function_submit(NULL, &request, NULL, NULL), -EINVAL);
	CHECK_NUMBER(mayfly_function_cancel(NULL, 1), -EINVAL);
	CHECK_NUMBER(mayfly_function_set_slots(NULL, 1, 1), -EINVAL);
	CHECK_NUMBER(mayfly_function_drain(NULL), -EINVAL);
	CHECK_NUMBER(mayfly_function_stop(NULL), -EINVAL);
	CHECK(!*mayfly_function_isolation(NULL));
	mayfly_function_statistics(NULL, NULL);
}

/* What is only found out when it is started. */
static void fail_to_start(const struct mayfly_description *wanted, const char *word)
{
	struct client client = {0};
	struct mayfly_description description = *wanted;
	if (!CHECK_NUMBER(client_open(&client, &description, NULL), 0))
		return;
	CHECK_NUMBER(mayfly_function_start(client.function, NULL), 0);
	if (!CHECK(client_await_event(&client, MAYFLY_DOWN))) {
		fprintf(stderr, "  which was to say %s\n", word);
	} else {
		CHECK(client.events[0].error < 0);
		if (!CHECK(strstr(client.text, word)))
			fprintf(stderr, "  wanted %s: %s\n", word, client.text);
	}
	client_close(&client);
}

static void test_starts(void)
{
	struct mayfly_description good, bad;
	describe(&good);
#define FAIL(word, ...)                                                                            \
	bad = good;                                                                                \
	__VA_ARGS__;                                                                               \
	fail_to_start(&bad, word);
	FAIL("no function is called", bad.program = "nonesuch")
	FAIL("there is no file", bad.program = "/nowhere/program")
	FAIL("/etc/passwd", bad.program = "/etc/passwd")
	FAIL("/nowhere", bad.root = "/nowhere")
	FAIL("isolation", bad.isolation = "chains")
	FAIL("memory", bad.memory = 1)
	FAIL("only with a root", bad.directory = "/nowhere")
	FAIL("control group", bad.cgroup = "/nowhere")
}

/* ── requests ────────────────────────────────────────────────────────────────────────────────── */

static void refuse_request(struct mayfly_function *function, const struct mayfly_request *request,
			   int code)
{
	struct mayfly_error error = {0};
	CHECK_NUMBER(mayfly_function_submit(function, request, NULL, &error), code);
	CHECK(error.code == -code && *error.text);
}

static void test_requests(void)
{
	struct client client = {0};
	struct mayfly_description description;
	struct mayfly_request good, bad;
	describe(&description);
	description.queue_limit = 2;
	mayfly_request_init(&good, sizeof(good));
	if (!CHECK_NUMBER(client_open(&client, &description, NULL), 0))
		return;
	refuse_request(client.function, NULL, -EINVAL);
#define REFUSE_REQUEST(...)                                                                        \
	bad = good;                                                                                \
	__VA_ARGS__;                                                                               \
	refuse_request(client.function, &bad, -EINVAL);
	REFUSE_REQUEST(bad.size = 0)
	REFUSE_REQUEST(bad.size = sizeof(bad) + 8)
	REFUSE_REQUEST(bad.length = 1)
	REFUSE_REQUEST(bad.timeout_ns = 0)
	REFUSE_REQUEST(bad.timeout_ns = UINT64_MAX)
	REFUSE_REQUEST(bad.repeat = 0)
	REFUSE_REQUEST(bad.repeat = 2)
	REFUSE_REQUEST(bad.repeat = UINT64_MAX, bad.flags = MAYFLY_STREAMS)
	REFUSE_REQUEST(bad.flags = 64)
	REFUSE_REQUEST(bad.flags = MAYFLY_FIGURES)
	REFUSE_REQUEST(bad.flags = MAYFLY_STREAMS, bad.data = "x", bad.length = 1)
	CHECK_NUMBER(mayfly_function_submit(client.function, &good, NULL, NULL), 0);
	CHECK_NUMBER(mayfly_function_submit(client.function, &good, NULL, NULL), 0);
	refuse_request(client.function, &good, -EAGAIN);
	client_close(&client);
}

static void test_missing_monitor(const char *empty)
{
	struct mayfly_description description;
	describe(&description);
	setenv("MAYFLY_LIBDIR", empty, 1);
	fail_to_start(&description, "mayfly-monitor is missing");
}

int main(int argc, char **argv)
{
	char empty[] = "/tmp/mayfly-empty-XXXXXX";
	if (argc < 4 || !mkdtemp(empty))
		return 1;
	isolation = argv[1];
	guest = argv[2];
	setenv("MAYFLY_LIBDIR", argv[3], 1);
	test_descriptions();
	test_nothing();
	test_requests();
	test_starts();
	test_missing_monitor(empty);
	rmdir(empty);
	return check_status();
}

/* Variables of requests; usage: test_variables ISOLATION PYTHON_MODULES MAYFLY PROGRAM... */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "client.h"
#include "mayfly/guest_abi.h"
#include "sizes/sizes.h"

#define ROOM 8
#define TAIL "page 4096, tick 100\n"

static const char *isolation;

static void describe(struct mayfly_description *description, const char *program)
{
	static const char *const environment[] = {"GONE=1", "KEPT=2", NULL};
	mayfly_description_init(description, sizeof(*description));
	description->program = program;
	description->isolation = isolation;
	description->log = STDERR_FILENO;
	description->environment = environment;
	description->request_variables = ROOM;
}

static bool open_and_start(struct client *client, struct mayfly_description *description)
{
	struct mayfly_error error = {0};
	*client = (struct client){0};
	if (CHECK_NUMBER(client_open(client, description, &error), 0))
		return CHECK(client_start(client));
	fprintf(stderr, "  %s\n", error.text);
	return false;
}

static const char *const some[] = {"Http_Method=GET", "Http_Path=/a", NULL};

static void check_usual(struct client *client)
{
	CHECK(client_answers(
	    client, "Http_Method\n", some,
	    "value GET\nhas GONE=1\nhas KEPT=2\nhas Http_Method=GET\nhas Http_Path=/a\n" TAIL
	    "GONE=1\nKEPT=2\nHttp_Method=GET\nHttp_Path=/a\nGET"));
	CHECK(client_answers(client, "Http_Path\n", NULL,
			     "value (none)\nhas GONE=1\nhas KEPT=2\n" TAIL "GONE=1\nKEPT=2\n"));
}

/* As many as there is room for, and long ones between short ones. */
static void check_most(struct client *client)
{
	static char long_one[40000] = "LONG=", long_two[50000] = "TWO=", wanted[400000];
	const char *const most[] = {"A=",  long_one, "C==", long_two, "E=5",
				    "F=6", "G=7",    "H=8", NULL};
	memset(long_one + 5, 'l', sizeof(long_one) - 6);
	memset(long_two + 4, '2', sizeof(long_two) - 5);
	size_t length = (size_t)snprintf(wanted, sizeof(wanted), "value %s\n", long_one + 5);
	length +=
	    (size_t)snprintf(wanted + length, sizeof(wanted) - length, "has GONE=1\nhas KEPT=2\n");
	for (size_t i = 0; i < ROOM; i++)
		length +=
		    (size_t)snprintf(wanted + length, sizeof(wanted) - length, "has %s\n", most[i]);
	length +=
	    (size_t)snprintf(wanted + length, sizeof(wanted) - length, TAIL "GONE=1\nKEPT=2\n");
	for (size_t i = 0; i < ROOM; i++)
		length +=
		    (size_t)snprintf(wanted + length, sizeof(wanted) - length, "%s\n", most[i]);
	snprintf(wanted + length, sizeof(wanted) - length, "%s", long_one + 5);
	CHECK(client_answers(client, "LONG\n", most, wanted));
	check_usual(client);
}

static void test_errors(struct client *client)
{
	static char long_one[70000] = "LONG=";
	const char *const two[] = {long_one, long_one, NULL}, *const nameless[] = {"=x", NULL};
	const char *const valueless[] = {"x", NULL};
	const char *many[GUEST_VARIABLES_MAX + 2] = {NULL};
	struct call call = {0};
	mayfly_request_init(&call.request, sizeof(call.request));
	memset(long_one + 5, 'l', sizeof(long_one) - 6);
	const struct {
		const char *const *variables;
		int result;
	} cases[] = {{two, -E2BIG}, {nameless, -EINVAL}, {valueless, -EINVAL}, {many, -E2BIG}};
	for (size_t i = 0; i <= ROOM; i++)
		many[i] = "A=1";
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		call.request.variables = cases[i].variables;
		CHECK_NUMBER(call_begin(&call, client, "A\n", 2), cases[i].result);
	}
	for (size_t i = 0; i <= GUEST_VARIABLES_MAX; i++)
		many[i] = "A=1";
	CHECK_NUMBER(call_begin(&call, client, "A\n", 2), -E2BIG);
	call.request.variables = some;
	call.request.flags = MAYFLY_STREAMS;
	CHECK_NUMBER(call_begin(&call, client, NULL, 0), -EINVAL);
}

/* A request that is submitted before anybody knows how much room there is. */
static void test_early(const char *program)
{
	struct client client = {0};
	struct mayfly_description description;
	struct call fits = {0}, too_many = {0};
	describe(&description, program);
	description.request_variables = 1;
	CHECK_NUMBER(client_open(&client, &description, NULL), 0);
	mayfly_request_init(&too_many.request, sizeof(too_many.request));
	too_many.request.variables = some;
	mayfly_request_init(&fits.request, sizeof(fits.request));
	fits.request.variables = some + 1;
	CHECK_NUMBER(call_begin(&too_many, &client, "A\n", 2), 0);
	CHECK_NUMBER(call_begin(&fits, &client, "A\n", 2), 0);
	CHECK(client_start(&client));
	CHECK(call_finish(&too_many) && call_finish(&fits));
	CHECK_NUMBER(too_many.result.outcome, MAYFLY_FAILED);
	CHECK_NUMBER(too_many.result.error, -E2BIG);
	CHECK_NUMBER(fits.result.outcome, MAYFLY_EXITED);
	call_release(&too_many);
	call_release(&fits);
	client_close(&client);
	description.request_variables = GUEST_VARIABLES_MAX + 1;
	CHECK_NUMBER(client_open(&client, &description, NULL), -EINVAL);
}

/* Programs that changed their environment before they were frozen. */
static void test_changed(const char *program)
{
	const char *const changes[] = {"changes", NULL}, *const removes[] = {"removes", NULL};
	static char long_one[1000] = "LONG=";
	const char *const with_long[] = {"A=1", long_one, "B=2", NULL};
	struct client client;
	struct mayfly_description description;
	memset(long_one + 5, 'l', sizeof(long_one) - 6);
	describe(&description, program);
	/* A C library copies the list; entries of the copy stand for the same places. */
	description.arguments = changes;
	if (open_and_start(&client, &description)) {
		struct call call = {0};
		mayfly_request_init(&call.request, sizeof(call.request));
		call.request.variables = some;
		CHECK_NUMBER(call_begin(&call, &client, "Http_Path\n", 10), 0);
		CHECK(call_finish(&call));
		CHECK(call.length > 9 && !memcmp(call.response, "value /a\n", 9));
		call_release(&call);
	}
	client_close(&client);
	/* It moves entries in the list. */
	description.arguments = removes;
	if (open_and_start(&client, &description)) {
		char wanted[4096];
		snprintf(wanted, sizeof(wanted),
			 "value 2\nhas KEPT=2\nhas A=1\nhas %s\nhas B=2\n" TAIL
			 "KEPT=2\nA=1\n%s\nB=2\n2",
			 long_one, long_one);
		CHECK(client_answers(&client, "B\n", with_long, wanted));
	}
	client_close(&client);
}

/* A program that has no snapshot: it begins with its variables, each time. */
static void test_unread(const char *program)
{
	const char *const unread[] = {"unread", NULL};
	struct client client = {0};
	struct mayfly_description description;
	describe(&description, program);
	description.arguments = unread;
	CHECK_NUMBER(client_open(&client, &description, NULL), 0);
	CHECK_NUMBER(mayfly_function_start(client.function, NULL), 0);
	CHECK(client_await_event(&client, MAYFLY_FINISHED));
	CHECK_NUMBER(client.events[0].request_variables, ROOM);
	check_usual(&client);
	client_close(&client);
}

/* One that waits for its request, but is started anew for each all the same. */
static void test_fresh(const char *program)
{
	struct client client = {0};
	struct mayfly_description description;
	describe(&description, program);
	description.flags = MAYFLY_FRESH;
	CHECK_NUMBER(client_open(&client, &description, NULL), 0);
	CHECK_NUMBER(mayfly_function_start(client.function, NULL), 0);
	CHECK(client_await_event(&client, MAYFLY_FINISHED));
	CHECK_NUMBER(client.events[0].request_variables, ROOM);
	check_usual(&client);
	check_most(&client);
	client_close(&client);
	description.warm_up = "x";
	CHECK_NUMBER(client_open(&client, &description, NULL), -EINVAL);
	description.warm_up = NULL;
	description.save = STDERR_FILENO;
	CHECK_NUMBER(client_open(&client, &description, NULL), -EINVAL);
}

/* One that the command made. */
static void test_command(const char *mayfly, const char *program)
{
	char path[] = "/tmp/mayfly-variables-XXXXXX", command[4 * PATH_MAX];
	struct client client;
	struct mayfly_description description;
	const int file = mkstemp(path);
	CHECK(file >= 0);
	snprintf(command, sizeof(command),
		 "%s snapshot --isolation=%s --request-variables=2 -e GONE=1 -e KEPT=2 -o %s %s",
		 mayfly, isolation, path, program);
	CHECK_NUMBER(system(command), 0);
	mayfly_description_init(&description, sizeof(description));
	description.program = path;
	if (open_and_start(&client, &description))
		check_usual(&client);
	client_close(&client);
	close(file);
	unlink(path);
}

static void test_snapshot(const char *program)
{
	char path[] = "/tmp/mayfly-variables-XXXXXX";
	struct client client;
	struct mayfly_description description;
	describe(&description, program);
	description.save = mkstemp(path);
	if (!CHECK(description.save >= 0) || !open_and_start(&client, &description))
		return;
	check_usual(&client);
	client_close(&client);
	close(description.save);
	mayfly_description_init(&description, sizeof(description));
	description.program = path;
	if (open_and_start(&client, &description)) {
		CHECK_NUMBER(client.events[0].request_variables, ROOM);
		check_most(&client);
		test_errors(&client);
	}
	client_close(&client);
	unlink(path);
}

/* Without room nothing is there. */
static void test_no_room(const char *program)
{
	struct client client;
	struct mayfly_description description;
	struct call call = {0};
	describe(&description, program);
	description.request_variables = 0;
	if (open_and_start(&client, &description)) {
		CHECK(client_answers(&client, "A\n", NULL,
				     "value (none)\nhas GONE=1\nhas KEPT=2\n" TAIL
				     "GONE=1\nKEPT=2\n"));
		mayfly_request_init(&call.request, sizeof(call.request));
		call.request.variables = some;
		CHECK_NUMBER(call_begin(&call, &client, "A\n", 2), -E2BIG);
	}
	client_close(&client);
}

/* ── programs that copy their environment when they start ────────────────────────────────────── */

/* `reads`: it waits for its request. */
static void check_shell(const char *program, const char *const *arguments, bool reads,
			const char *wanted)
{
	struct client client = {0};
	struct mayfly_description description;
	if (access(program, X_OK)) {
		fprintf(stderr, "  there is no %s\n", program);
		return;
	}
	describe(&description, program);
	description.root = "/";
	description.environment = NULL;
	description.arguments = arguments;
	if (CHECK_NUMBER(client_open(&client, &description, NULL), 0) &&
	    CHECK_NUMBER(mayfly_function_start(client.function, NULL), 0) &&
	    CHECK(client_await_event(&client, reads ? MAYFLY_PREPARED : MAYFLY_FINISHED)))
		CHECK(client_answers(&client, "a\n", some, wanted));
	client_close(&client);
}

#define READ_AND_ECHO "read line; echo \"$line [$Http_Method]\""
#define READ_ALL                                                                                   \
	"; while IFS= read -r -d '' v; do [[ $v = Http_* ]] && declare \"$v\"; done "              \
	"</proc/self/environ; echo \"[$Http_Path]\""
#define PYTHON                                                                                     \
	"import ctypes, os, sys\n"                                                                 \
	"line = sys.stdin.readline()\n"                                                            \
	"print(os.environ.get('Http_Method'), ctypes.CDLL(None).getenv(b'Http_Method') != 0)\n"    \
	"print([v for v in open('/proc/self/environ').read().split('\\0') if 'Http' in v])\n"
#define PYTHON_UNREAD "import os; print(os.environ['Http_Method'], os.sysconf('SC_CLK_TCK'))"
#define PERL                                                                                       \
	"<STDIN>; open F, '</proc/self/environ'; $all = <F>;"                                      \
	"print \"[$ENV{Http_Method}] \", $all =~ /Http_Method=GET/, \"\\n\""

/* Those that read see nothing but by /proc. */
static void test_readers(const char *modules)
{
	char script[4096];
	const char *const with_module[] = {"-ISc", script, NULL};
	snprintf(script, sizeof(script),
		 "import sys; sys.path.append('%s'); import mayfly\n"
		 "def handle(request):\n"
		 "    variables = mayfly.environment()\n"
		 "    return variables['Http_Method'] + variables['Http_Path'] + '\\n'\n"
		 "mayfly.serve(handle)",
		 modules);
	check_shell("/usr/bin/python3", with_module, true, "GET/a\n");
	const char *const read_and_echo[] = {"-c", READ_AND_ECHO, NULL};
	const char *const of_busybox[] = {"sh", "-c", READ_AND_ECHO, NULL};
	const char *const all[] = {"-c", READ_AND_ECHO READ_ALL, NULL};
	const char *const python[] = {"-ISc", PYTHON, NULL};
	const char *const perl[] = {"-e", PERL, NULL};
	check_shell("/bin/sh", read_and_echo, true, "a []\n");
	check_shell("/bin/busybox", of_busybox, true, "a []\n");
	check_shell("/bin/bash", all, true, "a []\n[/a]\n");
	check_shell("/usr/bin/perl", perl, true, "[] 1\n");
	check_shell("/usr/bin/python3", python, true,
		    "None True\n['Http_Method=GET', 'Http_Path=/a']\n");
}

/* Those that do not begin with all. */
static void test_others(void)
{
	const char *const echo[] = {"-c", "echo \"[$Http_Method]\"", NULL};
	const char *const of_busybox[] = {"env", NULL}, *const none[] = {NULL};
	const char *const python[] = {"-ISc", PYTHON_UNREAD, NULL};
	check_shell("/bin/sh", echo, false, "[GET]\n");
	check_shell("/bin/bash", echo, false, "[GET]\n");
	check_shell("/usr/bin/env", none, false, "Http_Method=GET\nHttp_Path=/a\n");
	check_shell("/bin/busybox", of_busybox, false, "Http_Method=GET\nHttp_Path=/a\n");
	check_shell("/usr/bin/python3", python, false, "GET 100\n");
}

int main(int argc, char **argv)
{
	if (argc < 5)
		return 1;
	isolation = argv[1];
	for (int i = 4; i < argc; i++) {
		const char *program = argv[i];
		struct client client = {0};
		struct mayfly_description description;
		describe(&description, program);
		const int status = client_begin(&client, &description);
		if (status)
			return status;
		CHECK_NUMBER(client.events[0].request_variables, ROOM);
		check_usual(&client);
		check_most(&client);
		test_errors(&client);
		client_close(&client);
		test_early(program);
		test_changed(program);
		test_unread(program);
		test_fresh(program);
		test_snapshot(program);
		test_no_room(program);
	}
	test_command(argv[3], argv[4]);
	test_readers(argv[2]);
	test_others();
	return check_status();
}

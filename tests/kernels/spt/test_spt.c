/* Images of Solo5 for spt, in guest processes. The images are tests/kernels/spt/; usage:
 * test_spt PLAIN DEVICES REQUEST */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "accel_client/accel_client.h"
#include "monitor/guests/recognise.h"
#include "monitor/monitor_internal.h"
#include "monitor/serving.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"

#define LIMIT_NS   (20 * NANOSECONDS_PER_SECOND)
#define MEMORY	   (16UL << 20)
#define NUMBERS	   470 /* system calls */
#define DISK_SIZE  8192
#define HEARD_ROOM (256UL << 10)

static const char *plain, *with_devices, *with_request;

struct heard {
	char text[HEARD_ROOM + 1];
	size_t length;
};
static struct heard heard;

static int respond(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	if (!CHECK(length <= HEARD_ROOM - heard.length))
		return 0;
	memcpy(heard.text + heard.length, data, length);
	heard.length += length;
	heard.text[heard.length] = 0;
	return 0;
}

static const struct request usual = {
    .fd = -1, .timeout_ns = LIMIT_NS, .respond = respond, .log = drop_log};

/* `command`: the command line, one argument. */
static struct monitor_options options_for(const char *image, const char **arguments,
					  const char *const *devices)
{
	static const char *const environment[] = {NULL};
	return (struct monitor_options){
	    .dialer = &accel_dialer_own,
	    .guest.program = image,
	    .guest.arguments = arguments,
	    .guest.environment = environment,
	    .guest.memory = MEMORY,
	    .guest.devices = devices,
	    .isolation = "auto",
	};
}

static struct monitor *open_image(const char *image, const char *command,
				  const char *const *devices)
{
	const char *arguments[] = {image, command, NULL};
	const struct monitor_options options = options_for(image, arguments, devices);
	struct monitor *monitor = NULL;
	struct error error = {0};
	if (!CHECK_NUMBER(monitor_open(&monitor, &options, &error), 0))
		fprintf(stderr, "  %s\n", error.text);
	else
		CHECK_TEXT(monitor_isolation(monitor), "process");
	return monitor;
}

static bool serve(struct monitor *monitor, const char *text, struct request request,
		  struct request_result *result)
{
	heard.length = 0;
	heard.text[0] = 0;
	return serve_text(monitor, text, request, result);
}

static void expect(struct monitor *monitor, const char *text, const char *response,
		   enum outcome outcome, int status)
{
	struct request_result result;
	struct request request = usual;
	if (outcome == OUTCOME_DEADLINE)
		request.timeout_ns = NANOSECONDS_PER_SECOND / 10;
	if (!serve(monitor, text, request, &result))
		return;
	bool good = CHECK_TEXT(heard.text, response);
	good &= CHECK_NUMBER(result.outcome, outcome);
	if (outcome != OUTCOME_DEADLINE)
		good &= CHECK_NUMBER(result.status, status);
	if (outcome == OUTCOME_CRASHED)
		good &= CHECK(strstr(result.report, " crashed: ") || status == SIGXFSZ);
	if (!good)
		fprintf(stderr, "  for '%s': %s\n", text, result.report);
}

/* ── what it says and how it ends ────────────────────────────────────────────────────────────── */

static void test_command_line(void)
{
	const char *const commands[] = {"hello from the command line", ""};
	const char *const responses[] = {"Hello, from the command line\n", "no such command: \n"};
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct monitor *monitor = open_image(plain, commands[i], NULL);
		if (monitor)
			expect(monitor, "", responses[i], OUTCOME_EXITED, i ? 6 : 0);
		monitor_close(monitor);
	}
}

/* Requests by the device; each in a machine that has seen none before. */
static void test_requests(struct monitor *monitor)
{
	static const struct {
		const char *request, *response;
		enum outcome outcome;
		int status;
	} table[] = {
	    {"hello you", "Hello, you\n", OUTCOME_EXITED, 0},
	    {"exit 7", "", OUTCOME_EXITED, 7},
	    {"exit 255", "", OUTCOME_EXITED, 255},
	    {"begin", "16 MiB\n", OUTCOME_EXITED, 0},
	    {"begin", "16 MiB\n", OUTCOME_EXITED, 0},
	    {"poll", "20 ms\n", OUTCOME_EXITED, 0},
	    {"tls", "local\n", OUTCOME_EXITED, 0},
	    {"hang", "", OUTCOME_DEADLINE, 0},
	    {"spin", "spinning\n", OUTCOME_DEADLINE, 0},
	    {"zero", "reading\n", OUTCOME_CRASHED, SIGSEGV},
	    {"write-text", "", OUTCOME_CRASHED, SIGSEGV},
	    {"write-constant", "", OUTCOME_CRASHED, SIGSEGV},
	    {"run-data", "", OUTCOME_CRASHED, SIGSEGV},
	    {"run-heap", "", OUTCOME_CRASHED, SIGSEGV},
	    {"illegal", "", OUTCOME_CRASHED, SIGILL},
	    {"divide", "", OUTCOME_CRASHED, SIGFPE},
	    {"hello again", "Hello, again\n", OUTCOME_EXITED, 0},
	};
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		expect(monitor, table[i].request, table[i].response, table[i].outcome,
		       table[i].status);
}

static void test_time(struct monitor *monitor)
{
	struct request_result result;
	struct timespec before, after; /* time() lags behind what the guest asks */
	clock_gettime(CLOCK_REALTIME, &before);
	if (!serve(monitor, "time", usual, &result))
		return;
	long told = 0;
	CHECK(sscanf(heard.text, "on %ld", &told) == 1);
	clock_gettime(CLOCK_REALTIME, &after);
	CHECK(told >= before.tv_sec && told <= after.tv_sec);
}

/* All of a long response arrives; beyond the limit the guest is stopped. */
static void test_output(struct monitor *monitor)
{
	struct request_result result;
	struct request request = usual;
	if (serve(monitor, "flood 200", usual, &result)) {
		CHECK_NUMBER(result.outcome, OUTCOME_EXITED);
		CHECK_NUMBER(heard.length, 200 * 1024);
	}
	request.response_limit = 10000;
	if (!serve(monitor, "flood 200", request, &result))
		return;
	CHECK_NUMBER(result.outcome, OUTCOME_CRASHED);
	CHECK_NUMBER(result.status, SIGXFSZ);
	CHECK_NUMBER(heard.length, 10000);
}

/* Every system call, tried by a guest: with arguments like these all but exit_group end it. */
static void test_calls(struct monitor *monitor)
{
	for (int number = 0; number < NUMBERS; number++) {
		char request[64];
		struct request_result result;
		/* The kernel's own probes make these, and it lets no filter see them. */
		if (number == 335 || number == 336 || number == SYS_exit_group)
			continue;
		snprintf(request, sizeof(request), "call %d -1 -1 -1 -1 -1 -1", number);
		if (!serve(monitor, request, usual, &result))
			return;
		if (!CHECK(result.outcome == OUTCOME_CRASHED && result.status == SIGSYS &&
			   !heard.length))
			fprintf(stderr, "  system call %d: %s\n", number, heard.text);
	}
}

/* Other ways into the kernel: numbers of the ABI x32, those of 32 bits, and the page with old calls,
 * which are not there on every machine. */
static void test_other_ways(struct monitor *monitor)
{
	static const char *const requests[] = {
	    "call 1073741825 1 0 0 0 0 0", /* x32: write */
	    "call 1073742055 1 0 0 0 0 0", /* x32: exit_group */
	    "call 4294967295 1 0 0 0 0 0", "call32 4", "call32 252", "vsyscall",
	};
	struct request_result result;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		if (serve(monitor, requests[i], usual, &result) &&
		    !CHECK(result.outcome == OUTCOME_CRASHED && !heard.length))
			fprintf(stderr, "  for '%s': %s\n", requests[i], heard.text);
	/* The kernel looks at 32 bits of a number: this is write. */
	expect(monitor, "call 4294967297 1 0 0 0 0 0", "passed\n", OUTCOME_EXITED, 0);
}

/* ── devices ─────────────────────────────────────────────────────────────────────────────────── */

/* A file of `size` bytes that begins with "Mayfly", without a name. */
static int make_disk(char path[64], off_t size)
{
	const int disk = memfd_create("disk", 0);
	CHECK(!ftruncate(disk, size) && pwrite(disk, "Mayfly", 6, 0) == 6);
	snprintf(path, 64, "/proc/self/fd/%d", disk);
	return disk;
}

/* A number of this process that a monitor may take over. */
static int make_wire(char text[64], int *other)
{
	int ends[2];
	if (!CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends)))
		exit(1);
	snprintf(text, 64, "net:wire=@%d", ends[0]);
	*other = ends[1];
	return ends[0];
}

static void try_disk(const char *command, const char *sector, const char *response,
		     enum outcome outcome, int status)
{
	char path[64], block[96], wire[64];
	int other;
	cleanup_close int disk = make_disk(path, DISK_SIZE);
	CHECK(disk >= 0);
	make_wire(wire, &other);
	snprintf(block, sizeof(block), "block:disk=%s", path);
	const char *const devices[] = {block, wire, sector, NULL};
	struct monitor *monitor = open_image(with_devices, command, devices);
	if (monitor) {
		expect(monitor, "", response, outcome, status);
		expect(monitor, "", response, outcome, status);
	}
	monitor_close(monitor);
	close(other);
}

static void test_disk(void)
{
	try_disk("disk", NULL, "16 blocks of 512: Mayfly ok\n", OUTCOME_EXITED, 0);
	try_disk("disk", "block-sector-size:disk=4096", "2 blocks of 4096: Mayfly ok\n",
		 OUTCOME_EXITED, 0);
	try_disk("access 15 512", NULL, "passed\n", OUTCOME_EXITED, 0);
	try_disk("access 16 512", NULL, "", OUTCOME_CRASHED, SIGSYS);
	try_disk("access -1 512", NULL, "", OUTCOME_CRASHED, SIGSYS);
	try_disk("access 0 511", NULL, "", OUTCOME_CRASHED, SIGSYS);
	try_disk("access 0 1024", NULL, "", OUTCOME_CRASHED, SIGSYS);
}

struct echo {
	int wire;
	bool sent;
	char answer[16];
	ssize_t length;
};

/* The guest says the MTU when it is there. */
static int send_frames(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	struct echo *echo = context;
	if (echo->sent)
		return 0;
	echo->sent = true;
	CHECK(send(echo->wire, "a frame", 7, 0) == 7);
	if (!file_wait_ready(echo->wire, POLLIN, clock_now_ns() + LIMIT_NS))
		echo->length = recv(echo->wire, echo->answer, sizeof(echo->answer), 0);
	CHECK(send(echo->wire, "\0", 1, 0) == 1);
	return 0;
}

static void test_network(void)
{
	char path[64], block[96], wire[64];
	struct echo echo = {0};
	struct request_result result;
	cleanup_close int disk = make_disk(path, DISK_SIZE);
	CHECK(disk >= 0);
	make_wire(wire, &echo.wire);
	snprintf(block, sizeof(block), "block:disk=%s", path);
	const char *const devices[] = {block, wire, "net-mac:wire=02:00:00:00:00:07", NULL};
	struct monitor *monitor = open_image(with_devices, "echo", devices);
	struct request request = usual;
	request.respond = send_frames;
	request.context = &echo;
	/* This one came too early: no guest sees it. */
	CHECK(send(echo.wire, "stale", 5, 0) == 5);
	if (monitor && serve(monitor, "", request, &result)) {
		CHECK_NUMBER(result.outcome, OUTCOME_EXITED);
		CHECK_NUMBER(result.status, 0);
		CHECK(echo.length == 7 && !memcmp(echo.answer, "a frame", 7));
	}
	if (monitor) {
		/* One machine at a time is connected. */
		struct slot *second = NULL;
		struct error error = {0};
		CHECK_NUMBER(slot_open(&second, monitor, &error), -EBUSY);
		CHECK(strstr(error.text, "another of its machines is connected"));
	}
	monitor_close(monitor);
	close(echo.wire);
}

/* ── refusals ────────────────────────────────────────────────────────────────────────────────── */

static void expect_refusal(const struct monitor_options *options, int code, const char *words)
{
	struct monitor *monitor = NULL;
	struct error error = {0};
	if (!CHECK_NUMBER(monitor_open(&monitor, options, &error), code) ||
	    !CHECK(strstr(error.text, words)))
		fprintf(stderr, "  wanted '%s', got: %s\n", words, error.text);
	monitor_close(monitor);
}

static void test_refusals(void)
{
	char path[64], block[96];
	const char *arguments[] = {plain, NULL};
	struct monitor_options options = options_for(plain, arguments, NULL);
	options.isolation = "kvm";
	struct error error = {0};
	if (!isolation_kvm.probe(&error))
		expect_refusal(&options, -ENOTSUP, "isolation kvm cannot run it, process can");
	options = options_for(plain, arguments, NULL);
	options.guest.memory = 1UL << 20;
	expect_refusal(&options, -ENOEXEC, "of memory: give more with --memory");
	options.guest.memory = 65UL << 30;
	expect_refusal(&options, -EINVAL, "64 GiB of memory at most");
	options = options_for(plain, arguments, NULL);
	options.warm_up = "x";
	options.warm_up_length = 1;
	expect_refusal(&options, -EINVAL, "there is nothing to warm up");
	options = options_for(with_devices, arguments, NULL);
	expect_refusal(&options, -EINVAL, "say what is behind it by --block:disk=FILE");
	cleanup_close int disk = make_disk(path, DISK_SIZE + 1);
	snprintf(block, sizeof(block), "block:disk=%s", path);
	const char *const odd[] = {block, "net:wire=user", NULL};
	options = options_for(with_devices, arguments, odd);
	expect_refusal(&options, -EINVAL, "no whole blocks of 512");
	CHECK(!ftruncate(disk, DISK_SIZE));
	expect_refusal(&options, -ENOTSUP, "its network device wire can only be a tap interface");
	char *words = malloc(9000);
	memset(words, 'a', 8999);
	words[8999] = 0;
	const char *many[] = {plain, words, NULL};
	options = options_for(plain, many, NULL);
	expect_refusal(&options, -E2BIG, "characters together");
	free(words);
}

static void test_snapshot(void)
{
	struct error error = {0};
	struct monitor *monitor = open_image(plain, "hello", NULL);
	if (!monitor)
		return;
	bool finished = false;
	struct request_result result;
	struct request request = text_request("", usual);
	CHECK_NUMBER(monitor_plan_save(monitor, &error), 0);
	CHECK_NUMBER(monitor_prepare(monitor, &request, &finished, &result, &error), 0);
	CHECK(finished && strstr(result.report, "which starts afresh for each request"));
	monitor_close(monitor);
}

int main(int count, char **words)
{
	struct error error = {0};
	if (count != 4) {
		fprintf(stderr, "usage: test_spt PLAIN DEVICES REQUEST\n");
		return 2;
	}
	if (isolation_process.probe(&error)) {
		fprintf(stderr, "skipped: %s\n", error.text);
		return CHECK_SKIPPED;
	}
	plain = words[1];
	with_devices = words[2];
	with_request = words[3];
	const struct guest_format *format = guest_format_of(plain);
	CHECK(format && format->kind && !strcmp(format->kind, "solo5-spt"));
	test_command_line();
	struct monitor *monitor = open_image(with_request, NULL, NULL);
	if (monitor) {
		test_requests(monitor);
		test_time(monitor);
		test_output(monitor);
		test_calls(monitor);
		test_other_ways(monitor);
	}
	monitor_close(monitor);
	test_disk();
	test_network();
	test_refusals();
	test_snapshot();
	return check_status();
}

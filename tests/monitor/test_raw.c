/* Raw images: guests that talk to devices, and whose virtual CPU is in their snapshot. The image is
 * raw_guest.S; usage: test_raw IMAGE */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "accel_client/accel_client.h"
#include "mayfly/raw_image.h"
#include "monitor/guests/recognise.h"
#include "serving.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define LIMIT_NS     (20 * NANOSECONDS_PER_SECOND)
#define LONG_REQUEST 5000 /* bytes: more than the console gathers */
#define IMAGE_MAX    (64UL << 10)

struct heard {
	char text[2 * LONG_REQUEST];
	size_t length;
	unsigned parts;
};

static int respond(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	struct heard *heard = context;
	(void)deadline_ns;
	if (!CHECK(length < sizeof(heard->text) - heard->length))
		return 0;
	memcpy(heard->text + heard->length, data, length);
	heard->length += length;
	heard->text[heard->length] = 0;
	heard->parts++;
	return 0;
}

static struct request request_for(struct heard *heard)
{
	heard->length = heard->parts = 0;
	heard->text[0] = 0;
	return (struct request){.fd = -1,
				.timeout_ns = LIMIT_NS,
				.respond = respond,
				.log = drop_log,
				.context = heard};
}

static void expect(struct monitor *monitor, const char *text, const char *response,
		   enum outcome outcome, int status)
{
	struct heard heard;
	struct request_result result;
	struct request request = request_for(&heard);
	if (outcome == OUTCOME_DEADLINE)
		request.timeout_ns = NANOSECONDS_PER_SECOND / 20;
	if (!serve_text(monitor, text, request, &result))
		return;
	CHECK_TEXT(heard.text, response);
	CHECK_NUMBER(result.outcome, outcome);
	CHECK_NUMBER(result.status, status);
	if (outcome == OUTCOME_CRASHED && !CHECK(strstr(result.report, "crashed: ")))
		fprintf(stderr, "  %s\n", result.report);
}

/* "hh:mm" in UTC. */
static void tell_time(char text[16], time_t at)
{
	struct tm tm;
	gmtime_r(&at, &tm);
	strftime(text, 16, "<0>%H:%M", &tm);
}

static void test_time(struct monitor *monitor)
{
	struct heard heard;
	struct request_result result;
	char before[16], after[16];
	tell_time(before, time(NULL));
	if (!serve_text(monitor, "t", request_for(&heard), &result))
		return;
	tell_time(after, time(NULL));
	CHECK(!strcmp(heard.text, before) || !strcmp(heard.text, after));
}

/* Each request finds what the set-up left: in memory, registers and devices. */
static void test_requests(struct monitor *monitor)
{
	for (int round = 0; round < 3; round++) {
		expect(monitor, "e", "<0>", OUTCOME_EXITED, 0);
		expect(monitor, "e, Ada!", "<0>, Ada!", OUTCOME_EXITED, 0);
		expect(monitor, "m", "<0>2SX", OUTCOME_EXITED, 0);
		expect(monitor, "r", "<0>ABCDEFGH12345678", OUTCOME_EXITED, 0);
		expect(monitor, "s12345", "<0>12345", OUTCOME_EXITED, 0);
		expect(monitor, "x", "<0>", OUTCOME_EXITED, 7);
		expect(monitor, "", "<0>", OUTCOME_EXITED, 7);
		/* No device, other guests' hypercalls, its own code: and what it wrote before. */
		expect(monitor, "p", "<0>p", OUTCOME_CRASHED, SIGSEGV);
		expect(monitor, "h", "<0>", OUTCOME_CRASHED, SIGSEGV);
		expect(monitor, "w", "<0>", OUTCOME_CRASHED, SIGSEGV);
		expect(monitor, "l", "<0>", OUTCOME_DEADLINE, 0);
	}
	test_time(monitor);
}

static void test_long(struct monitor *monitor)
{
	static char text[LONG_REQUEST + 1], wanted[LONG_REQUEST + 3];
	struct heard heard;
	struct request_result result;
	memset(text, 'z', LONG_REQUEST);
	text[0] = 'e';
	snprintf(wanted, sizeof(wanted), "<0>%s", text + 1);
	expect(monitor, text, wanted, OUTCOME_EXITED, 0);
	struct request request = request_for(&heard);
	request.response_limit = 100;
	if (!serve_text(monitor, text, request, &result))
		return;
	CHECK_NUMBER(heard.length, 100);
	CHECK(!strncmp(heard.text, wanted, 100));
	CHECK_NUMBER(result.outcome, OUTCOME_CRASHED);
	CHECK_NUMBER(result.status, SIGXFSZ);
}

/* What the set-up wrote, two lines, and what does not end in one. */
static void test_lines(struct monitor *monitor)
{
	for (int unbuffered = 0; unbuffered < 2; unbuffered++) {
		struct heard heard;
		struct request_result result;
		struct request request = request_for(&heard);
		request.unbuffered = unbuffered;
		if (!serve_text(monitor, "eone\ntwo\nrest", request, &result))
			return;
		CHECK_TEXT(heard.text, "<0>one\ntwo\nrest");
		CHECK_NUMBER(heard.parts, unbuffered ? 4 : 2);
	}
}

static void test_snapshot(struct monitor *monitor)
{
	char path[] = "/tmp/mayfly-test-raw-XXXXXX";
	struct error error = {0};
	struct monitor *later;
	cleanup_close int fd = mkstemp(path);
	const struct monitor_options options = {
	    .guest.program = path, .isolation = "auto", .dialer = &accel_dialer_own};
	CHECK_NUMBER(monitor_save(monitor, fd, &error), 0);
	if (CHECK(guest_format_of(path) == &guest_format_snapshot) &&
	    CHECK_NUMBER(monitor_open_snapshot(&later, &options, &error), 0)) {
		test_requests(later);
		monitor_close(later);
	}
	if (error.code)
		fprintf(stderr, "  %s\n", error.text);
	unlink(path);
}

/* The image with `length` bytes at `offset` changed is refused with these words. */
static void expect_refusal(const char *image, size_t offset, const void *bytes, size_t length,
			   const char *words)
{
	static char data[IMAGE_MAX];
	char path[] = "/tmp/mayfly-test-raw-XXXXXX";
	struct error error = {0};
	struct monitor *monitor = NULL;
	cleanup_close int from = open(image, O_RDONLY | O_CLOEXEC);
	cleanup_close int fd = mkstemp(path);
	ssize_t size = read(from, data, sizeof(data));
	const struct monitor_options options = {
	    .guest.program = path, .isolation = "kvm", .dialer = &accel_dialer_own};
	if (!CHECK(size > 0 && offset + length <= (size_t)size))
		return;
	memcpy(data + offset, bytes, length);
	CHECK(write(fd, data, (size_t)size) == size);
	if (CHECK(monitor_open(&monitor, &options, &error) < 0) &&
	    !CHECK(strstr(error.text, words)))
		fprintf(stderr, "  %s\n", error.text);
	unlink(path);
}

static void test_refusals(const char *image)
{
	const struct {
		size_t offset;
		uint64_t value;
		const char *words;
	} changes[] = {
#define CHANGE(member, value, words) {offsetof(struct raw_header, member), (value), (words)}
	    CHANGE(version, 2, "a raw image of version 2"),
	    CHANGE(entry, 0x3fffff, "starts at 0x3fffff, where it has no code"),
	    CHANGE(code_size, 0, "header is not sound"),
	    CHANGE(code_size, UINT64_MAX, "header is not sound"),
	    CHANGE(code_offset, 1UL << 40, "header is not sound"),
	    CHANGE(code_address, 0x1000, "header is not sound"),
	    CHANGE(code_address, 0x400001, "header is not sound"),
	    CHANGE(data_address, 0x400000, "guest regions overlap"),
	    CHANGE(data_address, 0x700000000000, "header is not sound"),
	    CHANGE(data_memory, 1UL << 50, "header is not sound"),
	    CHANGE(data_memory, 0, "header is not sound"),
#undef CHANGE
	};
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++)
		expect_refusal(image, changes[i].offset, &changes[i].value,
			       sizeof(changes[i].value), changes[i].words);
	const size_t power = offsetof(struct raw_header, devices[1]);
	expect_refusal(image, power, "teapot", 7, "there is no device called 'teapot'");
	expect_refusal(image, power + RAW_NAME_SIZE, "port=0xe8", 10, "both want ports");
	expect_refusal(image, power + RAW_NAME_SIZE, "port=0x3f", 10, "that the monitor uses");
	expect_refusal(image, power + RAW_NAME_SIZE, "port=0x0f", 10, "that the monitor uses");
	expect_refusal(image, power + RAW_NAME_SIZE - 1, "x", 1, "header is not sound");
}

int main(int count, char **words)
{
	if (count != 2) {
		fprintf(stderr, "usage: test_raw IMAGE\n");
		return 2;
	}
	struct monitor *monitor;
	struct heard heard;
	struct error error = {0};
	int status = open_program(&monitor, "kvm", words[1], NULL, 0);
	if (status)
		return status;
	CHECK_NUMBER(monitor_plan_save(monitor, &error), 0);
	if (prepare(monitor, request_for(&heard))) {
		test_requests(monitor);
		test_long(monitor);
		test_lines(monitor);
		test_snapshot(monitor);
	}
	monitor_close(monitor);
	test_refusals(words[1]);
	return check_status();
}

/* The text of traced system calls, and records that a guest has spoilt. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "mayfly/guest_abi.h"
#include "monitor/trace/line.h"

#define SPOILT_ROUNDS 20000

struct built {
	struct guest_trace_record record;
	uint8_t behind[512];
};

static struct built build(uint64_t number, int64_t result)
{
	return (struct built){.record = {
				  .size = sizeof(struct guest_trace_record),
				  .kind = GUEST_TRACE_RETURNED,
				  .begin_ns = 1001500,
				  .end_ns = 1003750,
				  .thread = 2,
				  .number = number,
				  .result = result,
			      }};
}

static void add(struct built *built, uint32_t argument, const void *bytes, uint16_t length,
		bool more)
{
	const struct guest_trace_data data = {argument, length, more};
	uint8_t *place = (uint8_t *)built + built->record.size;
	memcpy(place, &data, sizeof(data));
	memcpy(place + sizeof(data), bytes, length);
	built->record.size += (uint32_t)sizeof(data) + ((length + 7U) & ~7U);
}

static const char *text_of(const struct built *built)
{
	static char line[TRACE_LINE_MAX];
	line[0] = 0;
	CHECK_NUMBER(
	    trace_line((const uint8_t *)built, sizeof(*built), 1000000, line, sizeof(line)),
	    built->record.size);
	return line;
}

static void test_texts(void)
{
	struct built open = build(SYS_openat, 3);
	open.record.arguments[0] = (uint32_t)AT_FDCWD;
	open.record.arguments[2] = O_RDONLY | O_CLOEXEC;
	open.record.arguments[3] = 0644;
	add(&open, 1, "/etc/hosts", 10, false);
	CHECK_TEXT(text_of(&open),
		   "       1.5 openat(AT_FDCWD, \"/etc/hosts\", O_RDONLY|O_CLOEXEC) "
		   "= 3 <2.2>\n");
	open.record.arguments[2] = O_WRONLY | O_CREAT | O_TRUNC;
	open.record.result = -EACCES;
	CHECK_TEXT(text_of(&open),
		   "       1.5 openat(AT_FDCWD, \"/etc/hosts\", O_WRONLY|O_CREAT|O_TRUNC, 0644) "
		   "= -1 EACCES (Permission denied) <2.2>\n");

	struct built map = build(SYS_mmap, (int64_t)GUEST_POOL_BASE);
	const uint64_t arguments[6] = {
	    0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0};
	memcpy(map.record.arguments, arguments, sizeof(arguments));
	CHECK_TEXT(text_of(&map), "       1.5 mmap(NULL, 4096, PROT_READ|PROT_WRITE, "
				  "MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x6c0000000000 <2.2>\n");

	struct built write = build(SYS_write, 40);
	write.record.arguments[0] = 1;
	write.record.arguments[2] = 40;
	add(&write, 1, "a\n\t\"\\\x1b\xff", 7, true);
	CHECK_TEXT(text_of(&write), "       1.5 write(1, \"a\\n\\t\\\"\\\\\\x1b\\xff\"..., 40) "
				    "= 40 <2.2>\n");

	struct built ended = build(SYS_exit_group, 0);
	ended.record.kind = GUEST_TRACE_CALLED;
	ended.record.arguments[0] = 7;
	CHECK_TEXT(text_of(&ended), "       1.5 exit_group(7) ...\n");

	struct built resumed = build(SYS_nanosleep, 0);
	const struct timespec pause = {1, 5};
	resumed.record.kind = GUEST_TRACE_RESUMED;
	add(&resumed, 0, &pause, sizeof(pause), false);
	CHECK_TEXT(text_of(&resumed), "       3.8 ... nanosleep({1.000000005}, NULL) = 0 <2.2>\n");

	/* The library OS does not have it, the trace names it all the same. */
	struct built unknown = build(SYS_io_uring_setup, -ENOSYS);
	CHECK_TEXT(text_of(&unknown), "       1.5 io_uring_setup(0, 0, 0, 0, 0, 0) = -1 ENOSYS "
				      "(Function not implemented) <2.2>\n");
	struct built nonsense = build(UINT64_MAX, -ENOSYS);
	CHECK(strstr(text_of(&nonsense), "call_18446744073709551615(") != NULL);
	struct built second = build(SYS_gettid, 3);
	second.record.thread = 3;
	CHECK_TEXT(text_of(&second), "       1.5 [3] gettid() = 3 <2.2>\n");
	struct built own = build(MAYFLY_SYS_READY, 0);
	CHECK_TEXT(text_of(&own), "       1.5 mayfly_ready() = 0 <2.2>\n");
}

static void test_longest(void)
{
	char line[TRACE_LINE_MAX], path[GUEST_TRACE_STRING_MAX];
	struct {
		struct guest_trace_record record;
		uint8_t behind[2048];
	} longest = {.record = build(SYS_renameat2, -ENAMETOOLONG).record};
	memset(path, 1, sizeof(path));
	for (uint32_t i = 1; i < 4; i += 2)
		add((struct built *)&longest, i, path, sizeof(path), true);
	CHECK_NUMBER(trace_line((const uint8_t *)&longest, sizeof(longest), 0, line, sizeof(line)),
		     longest.record.size);
	CHECK_TEXT(line + strlen(line) - 1, "\n");
	/* Where there is no room the line is cut, and is a line still. */
	CHECK(trace_line((const uint8_t *)&longest, sizeof(longest), 0, line, 50) > 0);
	CHECK_NUMBER(strlen(line), 49);
	CHECK_NUMBER(line[48], '\n');
}

static void test_refused(void)
{
	char line[TRACE_LINE_MAX];
	struct built good = build(SYS_getpid, 2);
	const uint8_t *data = (const uint8_t *)&good;
	CHECK_NUMBER(trace_line(data, sizeof(good.record) - 1, 0, line, sizeof(line)), 0);
	struct built bad = good;
	bad.record.size = 0;
	CHECK_NUMBER(trace_line((uint8_t *)&bad, sizeof(bad), 0, line, sizeof(line)), 0);
	bad.record.size = sizeof(bad) + 8;
	CHECK_NUMBER(trace_line((uint8_t *)&bad, sizeof(bad), 0, line, sizeof(line)), 0);
	bad = good;
	bad.record.kind = 3;
	CHECK_NUMBER(trace_line((uint8_t *)&bad, sizeof(bad), 0, line, sizeof(line)), 0);
	bad = good;
	add(&bad, 6, "x", 1, false);
	CHECK_NUMBER(trace_line((uint8_t *)&bad, sizeof(bad), 0, line, sizeof(line)), 0);
	bad = good;
	add(&bad, 0, "x", 1, false);
	bad.record.size -= 8;
	CHECK_NUMBER(trace_line((uint8_t *)&bad, sizeof(bad), 0, line, sizeof(line)), 0);
}

/* Whatever stands there: no more is read than there is, and only printable text comes out. */
static void test_spoilt(void)
{
	char line[TRACE_LINE_MAX];
	uint32_t state = 1;
	for (int round = 0; round < SPOILT_ROUNDS; round++) {
		struct built *spoilt = malloc(sizeof(*spoilt));
		if (!CHECK(spoilt))
			return;
		*spoilt = build((uint64_t)round % 340, round);
		add(spoilt, (uint32_t)round % 6, "0123456789abcdef", 16, false);
		add(spoilt, (uint32_t)round % 5, "0123", 4, true);
		for (int i = 0; i < 1 + round % 4; i++) {
			state = state * 1664525 + 1013904223;
			((uint8_t *)spoilt)[(state >> 8) % (sizeof(spoilt->record) + 48)] =
			    (uint8_t)(state >> 24);
		}
		size_t size = trace_line((uint8_t *)spoilt, sizeof(*spoilt), 0, line, sizeof(line));
		if (!CHECK(size <= sizeof(*spoilt)))
			printf("round %d\n", round);
		for (const char *next = line; size && *next != '\n'; next++)
			if (*next < ' ' || *next > '~')
				CHECK(*next >= ' ' && *next <= '~');
		free(spoilt);
	}
}

int main(void)
{
	test_texts();
	test_longest();
	test_refused();
	test_spoilt();
	return check_status();
}

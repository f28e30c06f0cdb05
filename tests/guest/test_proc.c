/* Files that are made when they are opened: /proc. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "guest/kernel/calls.h"
#include "guest/machine/clock.h"
#include "guest/machine/hypercall.h"
#include "guest/mm/pool.h"
#include "guest/sched/process.h"
#include "guest/sched/processor_time.h"
#include "host_machine.h"
#include "tests/check.h"

#define TEXT_SIZE 32768

static char *text;

/* Reads all of a file, `part` bytes at a time. The length, or a negative errno. */
static int64_t read_all(const char *path, uint64_t part)
{
	int64_t length = 0, got;
	int64_t file = SYSTEM(open, host_text(path), O_RDONLY);
	if (file < 0)
		return file;
	memset(text, 0, TEXT_SIZE);
	while ((got = SYSTEM(read, (uint64_t)file, ADDRESS(text) + (uint64_t)length, part)) > 0)
		length += got;
	CHECK_NUMBER(got, 0);
	CHECK_NUMBER(SYSTEM(close, (uint64_t)file), 0);
	return length;
}

static bool has(const char *path, const char *wanted)
{
	return read_all(path, 4096) > 0 && strstr(text, wanted);
}

static void test_machine(void)
{
	char line[64];
	uint64_t kib = pool_total_pages() * GUEST_PAGE_SIZE / 1024;
	snprintf(line, sizeof(line), "MemTotal: %lu kB\n", kib);
	CHECK(has("/proc/meminfo", line));
	CHECK(has("/proc/cpuinfo", "processor\t: 0\n"));
	CHECK(has("/proc/cpuinfo", "cpu cores\t: 1\n"));
	CHECK(has("/proc/cpuinfo", " sse2 "));
	CHECK(has("/proc/version", "Linux version 6.1.0-mayfly"));
	CHECK(has("/proc/stat", "\nbtime 1699999995\n"));
	CHECK(has("/proc/sys/kernel/hostname", "mayfly\n"));
	CHECK(has("/etc/hosts", "mayfly"));
	struct guest_clock *clock = (struct guest_clock *)&machine_control()->clock;
	struct guest_clock saved = *clock;
	*clock = (struct guest_clock){.monotonic_ns = 12345 * NANOSECONDS / 100};
	clock_start();
	processor_time_start();
	CHECK(has("/proc/uptime", "123.45 123.45\n"));
	clock->monotonic_ns += NANOSECONDS;
	CHECK(has("/proc/uptime", "124.45 123.45\n"));
	CHECK(has("/proc/stat", "cpu  100 0 0 12345 "));
	CHECK(has("/proc/self/stat", " 100 0 0 0 20 0 1 0 12345 "));
	*clock = saved;
}

static void test_process(void)
{
	uint64_t *stack = host_memory(12 * sizeof(*stack));
	uint64_t words[12] = {2,
			      host_text("program"),
			      host_text("an argument"),
			      0,
			      host_text("A=b"),
			      0,
			      6 /* AT_PAGESZ */,
			      4096,
			      33,
			      0x6e0000010000,
			      0,
			      0};
	memcpy(stack, words, sizeof(words));
	process_first.start.stack = ADDRESS(stack);
	process_first.start.auxiliary = ADDRESS(stack + 6);
	CHECK_NUMBER(read_all("/proc/self/cmdline", 5), 20);
	CHECK(!memcmp(text, "program\0an argument", 20));
	CHECK_NUMBER(read_all("/proc/self/environ", 4096), 4);
	CHECK_TEXT(text, "A=b");
	CHECK_NUMBER(read_all("/proc/self/auxv", 4096), 48);
	CHECK(!memcmp(text, &words[6], 48));
	CHECK(has("/proc/self/maps", "6e0000010000-6e0000011000 r-xp 00000000 00:00 0 [vdso]\n"));
	CHECK(has("/proc/self/maps", "10000000-14000000 rw-p "));
	CHECK(has("/proc/2/stat", "2 (program) R 1 2 2 0 "));
	CHECK(has("/proc/self/status", "Name:\tprogram\n"));
	CHECK(has("/proc/self/stat", " 0 0 0 20 0 1 0 "));
	CHECK_NUMBER(SYSTEM(setpriority, 0, 0, 5), 0);
	CHECK(has("/proc/self/stat", " 0 0 0 25 5 1 0 "));
	CHECK(has("/proc/self/task/2/stat", " 0 0 0 25 5 1 0 "));
	CHECK_NUMBER(SYSTEM(setuid, 7), 0);
	CHECK(has("/proc/self/status", "Uid:\t7\t7\t7\t7\n"));
	/* What the program wrote over its vectors is no fault of the library OS. */
	stack[1] = 1;
	stack[4] = UINT64_MAX - 2;
	CHECK(read_all("/proc/self/cmdline", 4096) >= 0);
	CHECK(read_all("/proc/self/environ", 4096) >= 0);
	process_first.start.stack = process_first.start.auxiliary = 8;
	CHECK_NUMBER(read_all("/proc/self/cmdline", 4096), 0);
	CHECK_NUMBER(read_all("/proc/self/auxv", 4096), 0);
}

/* Pages of other permissions are lines of their own, and what is gone is gone. */
static void test_pool_maps(void)
{
	char line[64];
	int64_t address = SYSTEM(mmap, 0, 3 * GUEST_PAGE_SIZE, 3, 0x22, (uint64_t)-1, 0);
	CHECK(address > 0);
	CHECK_NUMBER(SYSTEM(mprotect, (uint64_t)address + GUEST_PAGE_SIZE, GUEST_PAGE_SIZE, 1), 0);
	uint64_t middle = (uint64_t)address + GUEST_PAGE_SIZE;
	snprintf(line, sizeof(line), "%lx-%lx r--p ", middle, middle + GUEST_PAGE_SIZE);
	CHECK(has("/proc/self/maps", line));
	CHECK_NUMBER(SYSTEM(munmap, (uint64_t)address, 3 * GUEST_PAGE_SIZE), 0);
	CHECK(!has("/proc/self/maps", line));
}

static void test_files(void)
{
	uint64_t path = host_text("/proc/uptime");
	uint64_t free_before = pool_free_pages();
	int64_t file = SYSTEM(open, path, O_RDWR);
	CHECK(file >= 0);
	CHECK_NUMBER(SYSTEM(write, (uint64_t)file, path, 3), -EIO);
	CHECK(pool_free_pages() < free_before);
	/* The text stays what it was when the file was opened. */
	int64_t first = SYSTEM(read, (uint64_t)file, ADDRESS(text), 100);
	CHECK(first > 4);
	((struct guest_clock *)&machine_control()->clock)->monotonic_ns += 100 * NANOSECONDS;
	CHECK_NUMBER(SYSTEM(pread64, (uint64_t)file, ADDRESS(text) + 200, 100, 0), first);
	CHECK(!memcmp(text, text + 200, (size_t)first));
	CHECK_NUMBER(SYSTEM(close, (uint64_t)file), 0);
	CHECK_NUMBER(pool_free_pages(), free_before);
	/* Neither cutting nor removing it does harm. */
	CHECK_NUMBER(SYSTEM(truncate, path, 5), 0);
	CHECK(read_all("/proc/uptime", 4096) > 4);
	CHECK_NUMBER(SYSTEM(unlink, path), 0);
	CHECK_NUMBER(read_all("/proc/uptime", 4096), -ENOENT);
}

/* The process is listed and found under the id that it has, and found under the one it had. */
static void test_new_id(void)
{
	char path[64], id[16];
	for (int i = 0; i < 2; i++) {
		process_renew_id(4711);
		const int length = snprintf(id, sizeof(id), "%u", process_id());
		CHECK_NUMBER(SYSTEM(readlink, host_text("/proc/self"), ADDRESS(text), 100), length);
		CHECK(!memcmp(text, id, (size_t)length));
		snprintf(path, sizeof(path), "/proc/%s/stat", id);
		CHECK(has(path, id));
		CHECK(has("/proc/2/stat", id));
		CHECK(has("/proc/self/stat", id));
		int64_t proc = SYSTEM(open, host_text("/proc"), O_RDONLY | O_DIRECTORY);
		int64_t listed = SYSTEM(getdents64, (uint64_t)proc, ADDRESS(text), TEXT_SIZE);
		CHECK(listed > 0 && memmem(text, (size_t)listed, id, (size_t)length + 1));
		SYSTEM(close, (uint64_t)proc);
		snprintf(path, sizeof(path), "/proc/%s", id);
		CHECK_NUMBER(SYSTEM(chdir, host_text("/proc/self")), 0);
		CHECK_NUMBER(SYSTEM(getcwd, ADDRESS(text), 100), length + 7);
		CHECK_TEXT(text, path);
		CHECK_NUMBER(SYSTEM(chdir, host_text("/")), 0);
	}
	CHECK_NUMBER(read_all("/proc/3/stat", 4096), -ENOENT);
}

static void test_no_memory(void)
{
	/* Takes all that is left, in pieces that get smaller. */
	for (uint64_t pages = pool_free_pages(); pages; pages /= 2)
		while (SYSTEM(mmap, 0, pages * GUEST_PAGE_SIZE, 3, 0x22, (uint64_t)-1, 0) > 0)
			continue;
	CHECK_NUMBER(read_all("/proc/meminfo", 4096), -ENOMEM);
}

int main(void)
{
	host_start(256);
	text = host_memory(TEXT_SIZE);
	test_machine();
	test_process();
	test_pool_maps();
	test_files();
	test_new_id();
	test_no_memory();
	return check_status();
}

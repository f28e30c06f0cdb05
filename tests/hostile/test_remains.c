/* Nothing stays: one request fills memory, registers, files and the window with a pattern; the next
 * one looks for it from within, and this test from outside: in the slot's memory, in the window, in
 * the registers of the virtual CPU, and in the rest of the monitor.
 *
 * usage: test_remains ISOLATION PROGRAM */
#include <dirent.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "check.h"
#include "mayfly/guest_abi.h"
#include "monitor/serving.h"
#include "monitor/slot/slot.h"
#include "remains.h"
#include "util/cleanup.h"
#include "util/clock.h"

/* Larger mappings are a sanitizer's own. */
#define LARGEST (1UL << 30)

#define LATE_NS (100 * 1000000ULL)
#define LONG_NS (60 * NANOSECONDS_PER_SECOND)

/* Only its complement is kept, so that the pattern is nowhere because of the test. */
static volatile uint64_t complement;

static struct monitor *monitor;
static unsigned looked; /* how often this test looked from outside */

/* ── searching ───────────────────────────────────────────────────────────────────────────────── */

static bool is_pattern(uint64_t word)
{
	__asm__("notq %0" : "+r"(word));
	return word == complement;
}

static bool has_pattern(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	for (size_t i = 0; i + 8 <= size; i += 8) {
		uint64_t word;
		memcpy(&word, bytes + i, sizeof(word));
		if (is_pattern(word))
			return true;
	}
	return false;
}

#define PAGES_AT_ONCE 512

/* Searches the pages of [start, end) that the process has in memory. */
static bool search_pages(int memory, int pagemap, uint64_t start, uint64_t end, const char *name)
{
	uint64_t entries[PAGES_AT_ONCE];
	uint8_t page[GUEST_PAGE_SIZE];
	for (uint64_t at = start; at < end; at += GUEST_PAGE_SIZE) {
		uint64_t index = (at - start) / GUEST_PAGE_SIZE % PAGES_AT_ONCE;
		if (!index && pread(pagemap, entries, sizeof(entries),
				    (off_t)(at / GUEST_PAGE_SIZE * 8)) != sizeof(entries))
			return false; /* beyond what a process has */
		if (!(entries[index] >> 62) ||
		    pread(memory, page, sizeof(page), (off_t)at) != sizeof(page))
			continue;
		bool found = has_pattern(page, sizeof(page));
		memset(page, 0, sizeof(page));
		if (found) {
			fprintf(stderr, "  the pattern is at %#lx (%s)\n", at, name);
			return true;
		}
	}
	return false;
}

/* ThreadSanitizer puts signals off, and keeps what registers held when they came in memory of its own: also
 * those by which the monitor copied a guest's. Other builds look there, too. */
static bool is_sanitizers(const char *line)
{
#ifdef __SANITIZE_THREAD__
	return strstr(line, " 00:00 0") && !strchr(line, '[');
#else
	(void)line;
	return false;
#endif
}

/* Everything that a process has in memory but its stack, where the search itself is. */
static bool search_process(pid_t pid)
{
	char path[64], line[512];
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	cleanup_fclose FILE *maps = fopen(path, "re");
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	cleanup_close int memory = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	cleanup_close int pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (!CHECK(maps && memory >= 0 && pagemap >= 0))
		return false;
	while (fgets(line, sizeof(line), maps)) {
		uint64_t start, end;
		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, "%lx-%lx", &start, &end) != 2 || end - start > LARGEST ||
		    strstr(line, "[stack]") || strstr(line, "[v") ||
		    strstr(line, "mayfly-window") || is_sanitizers(line))
			continue;
		if (search_pages(memory, pagemap, start, end, line))
			return true;
	}
	return false;
}

/* The window's file: also what the monitor has not mapped. */
static bool search_window(const struct window *window)
{
	uint8_t page[4096];
	for (off_t at = 0; at < (off_t)WINDOW_SIZE; at += (off_t)sizeof(page)) {
		at = lseek(window->memfd, at, SEEK_DATA);
		if (at < 0)
			return false;
		if (pread(window->memfd, page, sizeof(page), at) != sizeof(page) ||
		    has_pattern(page, sizeof(page)))
			return true;
	}
	return false;
}

/* The descriptor of this process that is a virtual CPU. */
static int find_virtual_cpu(void)
{
	cleanup_closedir DIR *directory = opendir("/proc/self/fd");
	for (struct dirent *entry; directory && (entry = readdir(directory));) {
		char path[300], target[64] = "";
		snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
		if (readlink(path, target, sizeof(target) - 1) > 0 && strstr(target, "kvm-vcpu"))
			return atoi(entry->d_name);
	}
	return -1;
}

static void check_virtual_cpu(void)
{
	int vcpu = find_virtual_cpu();
	static uint8_t extended[16384]; /* struct kvm_xsave and what lies behind it */
	struct kvm_regs general;
	struct kvm_sregs system;
	struct kvm_debugregs debug;
	struct kvm_vcpu_events events;
	if (!CHECK(vcpu >= 0))
		return;
	CHECK(!ioctl(vcpu, KVM_GET_REGS, &general));
	CHECK(!has_pattern(&general, sizeof(general)));
	CHECK(!ioctl(vcpu, KVM_GET_SREGS, &system));
	CHECK(!has_pattern(&system, sizeof(system)));
	CHECK(!ioctl(vcpu, KVM_GET_DEBUGREGS, &debug));
	CHECK(!has_pattern(&debug, sizeof(debug)));
	CHECK(!debug.db[0] && !debug.db[1] && !debug.db[2] && !debug.db[3]);
	CHECK(!ioctl(vcpu, KVM_GET_VCPU_EVENTS, &events));
	CHECK(!events.exception.pending && !events.interrupt.injected && !events.nmi.injected);
	if (ioctl(vcpu, KVM_GET_XSAVE2, extended))
		CHECK(!ioctl(vcpu, KVM_GET_XSAVE, extended));
	CHECK(!has_pattern(extended, sizeof(extended)));
	struct {
		struct kvm_msrs header;
		struct kvm_msr_entry entries[3];
	} msrs = {.header.nmsrs = 3,
		  .entries = {{.index = 0xc0000100}, {.index = 0xc0000101}, {.index = 0xc0000102}}};
	CHECK(ioctl(vcpu, KVM_GET_MSRS, &msrs) >= 0); /* bases of FS and GS, and GS' other one */
	CHECK(!has_pattern(&msrs, sizeof(msrs)));
}

static void check_children(void)
{
	char path[64];
	int child;
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	cleanup_fclose FILE *file = fopen(path, "re");
	while (file && fscanf(file, "%d", &child) == 1)
		CHECK(!search_process(child));
}

/* ── requests ────────────────────────────────────────────────────────────────────────────────── */

struct answer {
	char text[128];
	size_t length, nonzero;
};

static int respond(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	struct answer *answer = context;
	const uint8_t *bytes = data;
	size_t room = sizeof(answer->text) - 1;
	if (!answer->length)
		memcpy(answer->text, data, length < room ? length : room);
	for (size_t i = 0; i < length; i++)
		answer->nonzero += bytes[i] != 0;
	answer->length += length;
	return 0;
}

/* The guest waits in the middle of its request: its registers are those that it runs with. */
static void look_from_outside(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	const struct slot *slot = monitor_first_slot(monitor);
	looked++;
	CHECK(!search_window(&slot->window));
	CHECK(!search_process(getpid()));
	if (!strcmp(monitor_isolation(monitor), "kvm"))
		check_virtual_cpu();
	else
		check_children();
}

static void serve(const char *text, uint64_t timeout_ns, struct request_result *result,
		  struct answer *answer)
{
	*answer = (struct answer){0};
	serve_text(monitor, text,
		   (struct request){.timeout_ns = timeout_ns,
				    .respond = respond,
				    .log = look_from_outside,
				    .context = answer},
		   result);
}

/* A pattern that can be a segment's base, too, and is never twice the same. */
static void choose_pattern(void)
{
	uint64_t random;
	CHECK(getrandom(&random, sizeof(random), 0) == sizeof(random));
	complement = ~(random % (1UL << 40) | 1UL << 45);
}

static void test_request(uint64_t size, const char *end, enum outcome outcome)
{
	struct request_result result;
	struct answer answer;
	char text[64];
	choose_pattern();
	snprintf(text, sizeof(text), "leave %lu %s %lx", size, end, complement);
	serve(text, outcome == OUTCOME_DEADLINE ? LATE_NS + size * 8 : LONG_NS, &result, &answer);
	if (!CHECK_NUMBER(result.outcome, outcome))
		fprintf(stderr, "  %s: %s\n", text, result.report);
	/* Between the requests: the slot is clean before anybody comes. A virtual CPU's registers
	 * are replaced when the next one begins. */
	CHECK(!search_window(&monitor_first_slot(monitor)->window));
	unsigned before = looked;
	snprintf(text, sizeof(text), "look %lx", complement);
	serve(text, LONG_NS, &result, &answer);
	if (!CHECK_TEXT(answer.text, REMAINS_CLEAN))
		fprintf(stderr, "  after %lu bytes, %s: %s\n", size, end, result.report);
	CHECK_NUMBER(looked, before + 1);
}

/* A response that was never written is nobody's. */
static void test_claimed_response(void)
{
	struct request_result result;
	struct answer answer;
	char text[64];
	choose_pattern();
	snprintf(text, sizeof(text), "leave %lu exit %lx", 16384UL, complement);
	serve(text, LONG_NS, &result, &answer);
	serve("claim", LONG_NS, &result, &answer);
	CHECK_NUMBER(answer.length, WINDOW_RESPONSE_SIZE);
	CHECK_NUMBER(answer.nonzero, 0);
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: test_remains ISOLATION PROGRAM\n");
		return EXIT_FAILURE;
	}
	int failed = open_program(&monitor, argv[1], argv[2], NULL, 56UL << 20);
	if (failed)
		return failed;
	/* Little, which is copied back and zeroed;
	 * and so much that it is dropped and given back. */
	static const uint64_t small = 16 << 10, large = 34 << 20;
	test_request(small, "exit", OUTCOME_EXITED);
	test_request(small, "crash", OUTCOME_CRASHED);
	test_request(small, "deadline", OUTCOME_DEADLINE);
	test_request(large, "exit", OUTCOME_EXITED);
	test_request(small, "exit", OUTCOME_EXITED);
	test_claimed_response();
	monitor_close(monitor);
	return check_status();
}

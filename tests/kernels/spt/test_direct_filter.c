/* The filter of guests with direct calls, from the table of Solo5 spt guests: what is in the table
 * passes; with any one argument other than the table says, the call ends the process; so does each
 * call that is not there. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "monitor/guests/solo5/spt_calls.h"
#include "monitor/process/direct_filter.h"
#include "monitor/process/guest.h"
#include "sizes/sizes.h"

#define NUMBERS	   500 /* also calls that Linux may have one day */
#define BLOCK	   512UL
#define CAPACITY   (8 * BLOCK)
#define DESCRIPTOR DIRECT_FIRST /* of the first device */

struct filter {
	struct sock_filter code[PROCESS_DIRECT_FILTER_MAX];
	uint16_t length;
};

static const struct spt_device devices[] = {
    {.capacity = CAPACITY, .block_size = BLOCK},
    {.capacity = 3 * 4096UL, .block_size = 4096, .read_only = true},
    {.is_network = true},
};

static struct direct_call calls[SPT_CALLS_MAX];

/* What a sanitizer calls between the lines would change registers, and have calls of its own. */
#define NOT_SANITIZED __attribute__((no_sanitize("address", "thread", "undefined")))

NOT_SANITIZED static long raw_call(long number, const long arguments[6])
{
	long result;
	register long fourth __asm__("r10") = arguments[3];
	register long fifth __asm__("r8") = arguments[4];
	register long sixth __asm__("r9") = arguments[5];
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(arguments[0]), "S"(arguments[1]), "d"(arguments[2]),
			   "r"(fourth), "r"(fifth), "r"(sixth)
			 : "rcx", "r11", "memory");
	return result;
}

/* Makes the call in a child, under the filter, with no descriptor open. Whether the filter let it
 * through: what the call then does is the kernel's affair. */
NOT_SANITIZED static bool passes(const struct filter *filter, long number, const long arguments[6])
{
	static const long end[6] = {0};
	const struct sock_fprog program = {filter->length, (struct sock_filter *)filter->code};
	int status = 0;
	pid_t pid = fork();
	if (!pid) {
		const long seccomp[6] = {SECCOMP_SET_MODE_FILTER, 0, (long)&program};
		alarm(5);
		close_range(0, ~0U, 0);
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || raw_call(SYS_seccomp, seccomp))
			_exit(3);
		raw_call(number, arguments);
		raw_call(SYS_exit_group, end);
	}
	if (!CHECK(pid > 0 && waitpid(pid, &status, 0) == pid))
		return false;
	CHECK(!(WIFEXITED(status) && WEXITSTATUS(status) == 3));
	return !(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static bool holds(const struct direct_condition *condition, long argument)
{
	const uint64_t value = (uint64_t)argument;
	return condition->comparison == DIRECT_EQUAL ? value == condition->value
						     : value <= condition->value;
}

/* What the table says of a call, told another way than the filter is made. */
static bool is_allowed(size_t count, long number, const long arguments[6])
{
	for (size_t i = 0; i < count; i++) {
		bool all = calls[i].number == number;
		for (size_t j = 0; j < calls[i].condition_count; j++)
			all &= holds(&calls[i].conditions[j],
				     arguments[calls[i].conditions[j].argument - 1]);
		if (all)
			return true;
	}
	return false;
}

static void check_call(const struct filter *filter, size_t count, long number,
		       const long arguments[6])
{
	const bool wanted = is_allowed(count, number, arguments);
	if (!CHECK(passes(filter, number, arguments) == wanted))
		fprintf(stderr, "  call %ld(%#lx, %#lx, %#lx, %#lx): should %s\n", number,
			arguments[0], arguments[1], arguments[2], arguments[3],
			wanted ? "pass" : "be stopped");
}

/* Each entry as it stands, and with one of its arguments changed. The changes lie beside the limits,
 * above 32 bits, and below zero. */
static void check_entry(const struct filter *filter, size_t count, const struct direct_call *call)
{
	long arguments[6] = {0};
	for (size_t i = 0; i < call->condition_count; i++)
		arguments[call->conditions[i].argument - 1] = (long)call->conditions[i].value;
	CHECK(is_allowed(count, call->number, arguments));
	check_call(filter, count, call->number, arguments);
	for (size_t i = 0; i < call->condition_count; i++) {
		const struct direct_condition *condition = &call->conditions[i];
		const long value = (long)condition->value;
		const long changes[] = {value + 1, value - 1, -1, value | 1L << 32,
					value | INT64_MIN};
		for (size_t j = 0; j < ARRAY_SIZE(changes); j++) {
			arguments[condition->argument - 1] = changes[j];
			check_call(filter, count, call->number, arguments);
		}
		arguments[condition->argument - 1] = value;
	}
}

/* uretprobe and uprobe: the kernel's own probes make them, and it lets no filter see them. They do
 * nothing for anybody else. */
static bool is_beyond_filters(long number)
{
	return number == 335 || number == 336;
}

static void check_numbers(const struct filter *filter, size_t count)
{
	static const long nothing[6] = {-1, -1, -1, -1, -1, -1};
	for (long number = 0; number < NUMBERS; number++)
		if (!is_beyond_filters(number))
			check_call(filter, count, number, nothing);
}

static bool build(struct filter *filter, const struct spt_device *which, size_t device_count,
		  size_t *count)
{
	struct error error = {0};
	*count = spt_calls_list(which, device_count, calls);
	const struct direct_start start = {.calls = calls, .call_count = *count};
	if (CHECK_NUMBER(process_direct_filter_build(&start, filter->code,
						     PROCESS_DIRECT_FILTER_MAX, &filter->length,
						     &error),
			 0))
		return true;
	fprintf(stderr, "  %s\n", error.text);
	return false;
}

/* As many devices as a manifest can have fit into what Linux takes. */
static void test_many(void)
{
	static struct filter filter;
	struct spt_device many[DIRECT_DESCRIPTORS_MAX - 1];
	size_t count;
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = i % 2 ? (struct spt_device){.is_network = true}
				: (struct spt_device){.capacity = CAPACITY, .block_size = BLOCK};
	if (!build(&filter, many, ARRAY_SIZE(many), &count))
		return;
	const long last = DIRECT_FIRST + (long)ARRAY_SIZE(many) - 1;
	const long within[6] = {last, 0, BLOCK, 0}, beyond[6] = {last + 1, 0, BLOCK, 0};
	check_call(&filter, count, SYS_pread64, within);
	check_call(&filter, count, SYS_pread64, beyond);
}

int main(void)
{
	static struct filter filter;
	size_t count;
	if (build(&filter, devices, ARRAY_SIZE(devices), &count)) {
		for (size_t i = 0; i < count; i++)
			check_entry(&filter, count, &calls[i]);
		check_numbers(&filter, count);
	}
	if (build(&filter, NULL, 0, &count))
		check_numbers(&filter, count);
	test_many();
	return check_status();
}

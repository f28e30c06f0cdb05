/* What a monitor keeps when it gives up its rights; see rights.h. */
#include "rights.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "monitor/sandbox/prepared.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

/* Descriptors of slots come and go; a monitor has few others open. */
#define DESCRIPTORS_MAX 65536

static const struct confine_call common_calls[] = {
    CONFINE_CALL(read, "requests from standard input"),
    CONFINE_CALL(write, "responses, the log, traces, statistics, snapshot files"),
    CONFINE_CALL(close, "descriptors of slots that end"),
    CONFINE_CALL(lseek, "which pages of a window or snapshot exist; places in a snapshot file"),
    CONFINE_CALL_WHERE(newfstatat, 4, UINT32_MAX, AT_EMPTY_PATH,
		       "the size of an open file; the flags are AT_EMPTY_PATH"),
    CONFINE_CALL(memfd_create, "windows, and the copy of the image for the set-up"),
    CONFINE_CALL(ftruncate, "their size, and that of a snapshot file"),
    CONFINE_CALL_WHERE(fcntl, 2, UINT32_MAX, F_ADD_SEALS,
		       "their seals; the command is F_ADD_SEALS"),
    CONFINE_CALL(fallocate, "giving a large window's memory back"),
    CONFINE_CALL_SELDOM(brk, "memory of the monitor's own"),
    CONFINE_CALL(munmap, "memory of slots that end"),
    CONFINE_CALL(madvise, "memory that a slot gives back or wants at once"),
    CONFINE_CALL(getrandom, "randomness for clones"),
    CONFINE_CALL_SELDOM(clock_gettime, "the time, where the processor cannot tell it"),
    CONFINE_CALL(clock_nanosleep, "guests that sleep"),
    CONFINE_CALL(ppoll, "guests that wait for their request, and guest processes"),
    CONFINE_CALL_SELDOM(restart_syscall, "going on after a stop by job control"),
    CONFINE_CALL(sendmsg, "answers to the front, the accelerator host, guest processes"),
    CONFINE_CALL(sendto, "questions to the server of a root directory"),
    CONFINE_CALL(recvmsg, "what the front says, and connections that it sends"),
    CONFINE_CALL(recvfrom, "answers of the accelerator host and of the server"),
    CONFINE_CALL_WHERE(setsockopt, 3, UINT32_MAX, SO_RCVTIMEO,
		       "how long to wait for them; the option is SO_RCVTIMEO"),
    CONFINE_CALL_WHERE(
	clone, 1, CLONE_THREAD, CLONE_THREAD,
	"a thread for each slot, and one for calls of Solo5 guests; the flag is CLONE_THREAD"),
    {.name = "clone3",
     .number = SYS_clone3,
     .purpose = "a filter cannot see its flags; the C library takes clone then",
     .absent = true},
    CONFINE_CALL_SELDOM(sysinfo, "qsort() of many pages"),
    CONFINE_CALL(rt_sigprocmask, "threads"),
    CONFINE_CALL(set_robust_list, "threads"),
    CONFINE_CALL(rseq, "threads"),
    CONFINE_CALL_SELDOM(futex, "threads that wait for each other"),
    CONFINE_CALL_SELDOM(exit, "the thread of a slot that ends"),
    CONFINE_CALL_SELDOM(exit_group, "the end, where the front has gone; else it is killed"),
};

struct confine_call *rights_calls(const struct isolation *isolation, const struct guest_kind *kind,
				  size_t *count)
{
	const struct machine_rights common = {.calls = common_calls,
					      .call_count = ARRAY_SIZE(common_calls)};
	/* A kernel's first registers are set as saved ones are. */
	const bool sets_state = kind && (kind->keeps_machine || kind->needs_kernels);
	const struct machine_rights *const parts[] = {
	    &common,
	    isolation->rights,
	    sets_state ? isolation->state_rights : NULL,
	    kind && kind->needs_kernels ? isolation->kernel_rights : NULL,
	    kind && kind->needs_direct ? isolation->direct_rights : NULL,
	    kind ? kind->rights : NULL,
	};
	*count = 0;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		*count += parts[i] ? parts[i]->call_count : 0;
	struct confine_call *calls = calloc(*count, sizeof(*calls)), *next = calls;
	for (size_t i = 0; calls && i < ARRAY_SIZE(parts); i++) {
		if (!parts[i])
			continue;
		memcpy(next, parts[i]->calls, parts[i]->call_count * sizeof(*next));
		next += parts[i]->call_count;
	}
	return calls;
}

int rights_give_up(const struct isolation *isolation, const struct isolation_host *host,
		   const struct guest_kind *kind, struct confine_report *report,
		   struct error *error)
{
	/* What a request has in memory is not to end up on a disk. Not 0: that would still feed a
	 * core_pattern that is a program (core(5)). */
	static const struct confine_limit limits[] = {
	    {RLIMIT_CORE, 1},
	    {RLIMIT_NOFILE, DESCRIPTORS_MAX},
	    {RLIMIT_MEMLOCK, 0},
	    {RLIMIT_MSGQUEUE, 0},
	};
	size_t count = 0;
	cleanup_free struct confine_call *calls = rights_calls(isolation, kind, &count);
	if (!calls)
		return error_set(error, ENOMEM, "no memory for the list of system calls");
	struct confine_path helper = {.access = CONFINE_EXECUTE};
	if (isolation->helper)
		helper.fd = isolation->helper(host);
	const struct confine_prepared_filter *prepared = confine_prepared_find(
	    rights_prepared, rights_prepared_count, calls, count, CONFINE_KILL);
	const struct confine_policy policy = {
	    .limits = limits,
	    .limit_count = ARRAY_SIZE(limits),
	    .paths = &helper,
	    .path_count = isolation->helper ? 1 : 0,
	    .calls = calls,
	    .call_count = count,
	    .refusal = CONFINE_KILL,
	    .filter = prepared ? prepared->filter : NULL,
	    .filter_length = prepared ? prepared->length : 0,
	};
	confine_self(&policy, report);
	confine_log(report, isolation->rights->role);
	return 0;
}

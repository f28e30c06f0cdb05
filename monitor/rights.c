/* What a monitor keeps when it gives up its rights; see rights.h. */
#include "rights.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allowance.h"
#include "process_host.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "written_pages.h"

/* Slots may come and go; what a monitor has open beside them is little. */
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
    CONFINE_CALL(brk, "memory of the monitor's own"),
    CONFINE_CALL(munmap, "memory of slots that end"),
    CONFINE_CALL(madvise, "memory that a slot gives back or wants at once"),
    CONFINE_CALL(getrandom, "randomness for clones"),
    CONFINE_CALL_SELDOM(clock_gettime, "the time, where the processor cannot tell it"),
    CONFINE_CALL(clock_nanosleep, "guests that sleep"),
    CONFINE_CALL(ppoll, "guests that wait for their request, and guest processes"),
    CONFINE_CALL_SELDOM(restart_syscall, "going on after a stop by job control"),
    CONFINE_CALL(sendmsg, "the accelerator host, the keeper, guest processes"),
    CONFINE_CALL(sendto, "questions to the server of a root directory"),
    CONFINE_CALL(recvmsg, "a connection from the keeper"),
    CONFINE_CALL(recvfrom, "answers of the accelerator host and of the server"),
    CONFINE_CALL_WHERE(setsockopt, 3, UINT32_MAX, SO_RCVTIMEO,
		       "how long to wait for them; the option is SO_RCVTIMEO"),
    CONFINE_CALL_SELDOM(sysinfo, "qsort() of many statistics"),
    CONFINE_CALL(exit_group, "the end"),
};

/* No memory is executable that was not when the monitor began. */
static const struct confine_call kvm_calls[] = {
    CONFINE_IOCTL(KVM_RUN, ""),
    CONFINE_IOCTL(WRITTEN_PAGES_SCAN, ": which pages a request wrote"),
    CONFINE_IOCTL(KVM_GET_SREGS, ""),
    CONFINE_IOCTL(KVM_GET_REGS, ""),
    CONFINE_IOCTL(KVM_GET_VCPU_EVENTS, ""),
    CONFINE_IOCTL(KVM_CREATE_VM, ""),
    CONFINE_IOCTL(KVM_SET_USER_MEMORY_REGION, ""),
    CONFINE_IOCTL(KVM_CREATE_VCPU, ""),
    CONFINE_IOCTL(KVM_SET_CPUID2, ""),
    CONFINE_IOCTL(KVM_SET_XCRS, ""),
    CONFINE_IOCTL(KVM_SET_MSRS, ""),
    CONFINE_IOCTL(KVM_SET_DEVICE_ATTR, ": the time stamp counter's offset"),
    CONFINE_CALL_WHERE(mmap, 3, PROT_EXEC, 0, "slots; nothing that may be executed"),
    CONFINE_CALL_WHERE(mprotect, 3, PROT_EXEC, 0, "permissions; nothing that may be executed"),
    CONFINE_CALL_SELDOM(mremap, "large allocations that grow"),
    CONFINE_CALL_SELDOM(pread64, "which pages a request wrote, before Linux 6.7"),
    CONFINE_CALL(gettid, "deadlines"),
    CONFINE_CALL(rt_sigaction, "deadlines"),
    CONFINE_CALL(rt_sigreturn, "deadlines"),
    CONFINE_CALL(timer_create, "deadlines"),
    CONFINE_CALL(timer_settime, "deadlines"),
    CONFINE_CALL(timer_delete, "deadlines"),
};

/* A guest process inherits this list, and adds its own, which is much shorter, when it has become a
 * guest (process_filter.c). */
static const struct confine_call process_calls[] = {
    CONFINE_CALL(mmap, "images and windows, in guest processes as well"),
    CONFINE_CALL(mprotect, "permissions, in guest processes as well"),
    /* Not a datagram socket, which could send to any other that it can name. */
    CONFINE_CALL_WHERE(socketpair, 2, UINT32_MAX, SOCK_SEQPACKET | SOCK_CLOEXEC,
		       "a guest process: its lifeline; the type is SOCK_SEQPACKET"),
    CONFINE_CALL_WHERE(fcntl, 2, UINT32_MAX, F_SETFL, "a guest process: its commands do not block"),
    CONFINE_CALL_WHERE(fcntl, 2, UINT32_MAX, F_SETSIG, "in a guest process: following the monitor"),
    CONFINE_CALL_WHERE(fcntl, 2, UINT32_MAX, F_SETOWN, "in a guest process: following the monitor"),
    CONFINE_CALL(pipe2, "a guest process: commands and events"),
    CONFINE_CALL_SELDOM(mremap, "large allocations that grow; pages that move, in guest processes"),
    CONFINE_CALL(pread64, "the filter of guest processes"),
    CONFINE_CALL(kill, "a guest process: ticks, and its end"),
    CONFINE_CALL(wait4, "a guest process: how it ended"),
    CONFINE_CALL_WHERE(clone, 1, UINT32_MAX, CLONE_VM | CLONE_VFORK | SIGCHLD,
		       "a guest process; the flags are those of vfork(2)"),
    CONFINE_CALL(rt_sigprocmask, "starting a guest process"),
    CONFINE_CALL(setpgid, "starting a guest process"),
    CONFINE_CALL(dup2, "starting a guest process"),
    CONFINE_CALL(close_range, "starting a guest process"),
    CONFINE_CALL_WHERE(execveat, 5, UINT32_MAX, AT_EMPTY_PATH,
		       "starting a guest process; the flags are AT_EMPTY_PATH"),
    CONFINE_CALL(rt_sigaction, "in a guest process: handlers"),
    CONFINE_CALL(sigaltstack, "in a guest process: handlers"),
    CONFINE_CALL(getpid, "in a guest process: following the monitor"),
    CONFINE_CALL(setrlimit, "in a guest process: no core, no descriptors"),
    CONFINE_CALL_WHERE(prctl, 1, UINT32_MAX, PR_SET_NO_NEW_PRIVS, "in a guest process"),
    CONFINE_CALL_WHERE(prctl, 1, UINT32_MAX, PR_SET_SYSCALL_USER_DISPATCH, "in a guest process"),
    CONFINE_CALL_WHERE(seccomp, 1, UINT32_MAX, SECCOMP_SET_MODE_FILTER,
		       "in a guest process: its own filter"),
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

const struct rights rights_kvm = {
    .role = "monitor of virtual machines",
    .common = common_calls,
    .common_count = COUNT(common_calls),
    .own = kvm_calls,
    .own_count = COUNT(kvm_calls),
};

const struct rights rights_process = {
    .role = "monitor of guest processes",
    .common = common_calls,
    .common_count = COUNT(common_calls),
    .own = process_calls,
    .own_count = COUNT(process_calls),
};

const struct rights *rights_of(const struct isolation *isolation)
{
	return isolation == &isolation_kvm ? &rights_kvm : &rights_process;
}

struct confine_call *rights_calls(const struct rights *rights, size_t *count)
{
	struct confine_call *calls =
	    calloc(rights->common_count + rights->own_count, sizeof(*calls));
	if (!calls)
		return NULL;
	memcpy(calls, rights->common, rights->common_count * sizeof(*calls));
	memcpy(calls + rights->common_count, rights->own, rights->own_count * sizeof(*calls));
	*count = rights->common_count + rights->own_count;
	return calls;
}

void rights_give_up(const struct isolation *isolation, const struct isolation_host *host,
		    struct confine_report *report)
{
	/* What a request has in memory is not to end up on a disk. Not 0: that would still feed a
	 * core_pattern that is a program (core(5)). */
	static const struct confine_limit limits[] = {
	    {RLIMIT_CORE, 1},
	    {RLIMIT_NOFILE, DESCRIPTORS_MAX},
	    {RLIMIT_MEMLOCK, 0},
	    {RLIMIT_MSGQUEUE, 0},
	};
	const struct rights *rights = rights_of(isolation);
	size_t count = 0;
	cleanup_free struct confine_call *calls = rights_calls(rights, &count);
	struct confine_path helper = {.access = CONFINE_EXECUTE};
	if (isolation == &isolation_process)
		helper.fd = process_host(host)->helper;
	const struct confine_policy policy = {
	    .limits = limits,
	    .limit_count = COUNT(limits),
	    .paths = &helper,
	    .path_count = isolation == &isolation_process ? 1 : 0,
	    .calls = calls,
	    .call_count = count,
	    .refusal = CONFINE_KILL,
	};
	confine_self(&policy, report);
	confine_log(report, rights->role);
}

int rights_try(const struct isolation *isolation, struct confine_report *report,
	       struct error *error)
{
	int ends[2];
	struct confine_report child;
	struct isolation_host *host = NULL;
	int result = isolation->open(&host, error);
	if (result)
		return result;
	if (pipe2(ends, O_CLOEXEC)) {
		isolation->close(host);
		return error_set_errno(error, errno, "cannot make a pipe");
	}
	cleanup_close int reader = ends[0];
	cleanup_close int writer = ends[1];
	struct confine_cgroup_limits limits;
	cleanup(confine_cgroup_remove) struct confine_cgroup group = CONFINE_CGROUP_NONE;
	allowance_of_nothing(&limits);
	confine_cgroup_make(&group, NULL, &limits, NULL);
	pid_t pid = confine_fork(&group, NULL, NULL, &child);
	if (!pid) {
		rights_give_up(isolation, host, &child);
		_exit(file_write_all(writer, &child, sizeof(child)) ? 1 : 0);
	}
	isolation->close(host);
	if (pid < 0)
		return error_set_errno(error, -pid, "cannot start a child");
	close(take_fd(&writer));
	if (file_read_full(reader, report, sizeof(*report)) != sizeof(*report))
		result = error_set(error, EPROTO, "giving up rights ended the child");
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return result;
}

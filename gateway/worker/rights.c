#include "worker/rights.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "sizes/sizes.h"

const struct confine_call worker_calls[] = {
    CONFINE_CALL(accept4, "clients"),
    CONFINE_CALL(recvfrom, "what clients send; messages of the supervisor"),
    CONFINE_CALL(sendto, "answers; messages to the supervisor"),
    CONFINE_CALL(sendmsg, "answers"),
    CONFINE_CALL_SELDOM(writev, "answers"),
    CONFINE_CALL_SELDOM(recvmsg, "what clients send, by TLS"),
    CONFINE_CALL(shutdown, "the end of a connection"),
    CONFINE_CALL(close, "the end of a connection"),
    /* Others would stay with the sockets that it listens on: a filter of packets, for example. */
    CONFINE_CALL_WHERE(setsockopt, 3, UINT32_MAX, TCP_NODELAY,
		       "packets are to go at once (TCP_NODELAY)"),
    CONFINE_CALL_WHERE(setsockopt, 3, UINT32_MAX, TCP_CORK, "packets are to be full (TCP_CORK)"),
    CONFINE_CALL(getsockopt, "what kind of socket it listens on, how much has come through"),
    CONFINE_CALL(getsockname, "what it listens on"),
    {.name = "ioctl",
     .number = SYS_ioctl,
     .purpose = "SIOCOUTQ: how much of an answer a client has not read",
     .argument = 2,
     .mask = UINT32_MAX,
     .value = SIOCOUTQ,
     .seldom = true}, /* once a second */
    CONFINE_CALL(epoll_create1, "waiting"),
    CONFINE_CALL(epoll_ctl, "waiting"),
    CONFINE_CALL(epoll_wait, "waiting"),
    CONFINE_CALL_SELDOM(epoll_pwait, "waiting, in other C libraries"),
    CONFINE_CALL(read, "one thread wakes another"),
    CONFINE_CALL(write, "one thread wakes another; the log of requests"),
    CONFINE_CALL(poll, "whether a client has gone; whether the log takes a line"),
    CONFINE_CALL_WHERE(fcntl, 2, UINT32_MAX, F_GETFL, "whether a descriptor blocks (F_GETFL)"),
    CONFINE_CALL_WHERE(mmap, 3, PROT_EXEC, 0, "memory, but no code; the bit is PROT_EXEC"),
    CONFINE_CALL_WHERE(mprotect, 3, PROT_EXEC, 0, "memory, but no code; the bit is PROT_EXEC"),
    CONFINE_CALL(munmap, "memory"),
    CONFINE_CALL_SELDOM(mremap, "memory"),
    CONFINE_CALL(madvise, "memory; that of large bodies goes back to the kernel"),
    CONFINE_CALL_SELDOM(brk, "memory"),
    CONFINE_CALL_WHERE(clone, 1, CLONE_THREAD, CLONE_THREAD, "threads; the flag is CLONE_THREAD"),
    {.name = "clone3",
     .number = SYS_clone3,
     .purpose = "a filter cannot see its flags; the C library takes clone then",
     .absent = true},
    CONFINE_CALL(set_robust_list, "threads"),
    CONFINE_CALL(rseq, "threads"),
    CONFINE_CALL(exit, "threads"),
    CONFINE_CALL(futex, "threads"),
    CONFINE_CALL_SELDOM(gettid, "threads"),
    CONFINE_CALL_SELDOM(sched_yield, "threads"),
    CONFINE_CALL_SELDOM(sched_getaffinity, "threads"),
    CONFINE_CALL(rt_sigprocmask, "signals, while a thread begins"),
    CONFINE_CALL(rt_sigaction, "signals of the C library's own"),
    CONFINE_CALL_SELDOM(rt_sigreturn, "signals"),
    CONFINE_CALL_SELDOM(restart_syscall, "a wait that was interrupted"),
    CONFINE_CALL_SELDOM(clock_gettime, "time, where the kernel has no vDSO for it"),
    CONFINE_CALL_SELDOM(clock_nanosleep, "time"),
    CONFINE_CALL(getrandom, "names of calls, keys of TLS"),
    CONFINE_CALL_SELDOM(getpid, "TLS: whether the process has been forked"),
    CONFINE_CALL(exit_group, "the end"),
};

const size_t worker_call_count = ARRAY_SIZE(worker_calls);

static const struct confine_limit limits[] = {
    {RLIMIT_CORE, 1}, /* not 0: that would still feed a core_pattern that is a program */
};

void worker_confine(struct confine_report *report)
{
	const struct confine_policy policy = {
	    .limits = limits,
	    .limit_count = ARRAY_SIZE(limits),
	    .calls = worker_calls,
	    .call_count = worker_call_count,
	    /* Libraries for HTTP and TLS may try things, and do without. */
	    .refusal = CONFINE_REFUSE,
	};
	confine_self(&policy, report);
}

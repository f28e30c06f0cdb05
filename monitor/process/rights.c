/* The system calls of a monitor of guest processes; see rights.h. */
#include "rights.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "confine/filter.h"
#include "sizes/sizes.h"

/* A guest process inherits this list, and adds its own, which is much shorter, when it has become a
 * guest (filter.c). */
static const struct confine_call process_calls[] = {
    CONFINE_CALL(mmap, "images and windows, in guest processes as well"),
    CONFINE_CALL(mprotect, "permissions, in guest processes as well"),
    /* No datagram sockets: they could send to any socket that they can name. */
    CONFINE_CALL_WHERE(socketpair, 2, UINT32_MAX, SOCK_SEQPACKET | SOCK_CLOEXEC,
		       "a guest process: its lifeline; the type is SOCK_SEQPACKET"),
    CONFINE_CALL_WHERE(fcntl, 2, UINT32_MAX, F_SETFL, "a guest process: its commands do not block"),
    CONFINE_CALL_WHERE(fcntl, 2, UINT32_MAX, F_SETSIG, "in a guest process: following the monitor"),
    CONFINE_CALL_WHERE(fcntl, 2, UINT32_MAX, F_SETOWN, "in a guest process: following the monitor"),
    CONFINE_CALL(pipe2, "a guest process: commands and events"),
    CONFINE_CALL_SELDOM(mremap, "large allocations that grow; pages that move, in guest processes"),
    CONFINE_CALL(pread64, "the filter of guest processes, and pages that a set-up shares"),
    CONFINE_CALL(kill, "a guest process: ticks, and its end"),
    CONFINE_CALL(wait4, "a guest process: how it ended"),
    CONFINE_CALL_WHERE(clone, 1, UINT32_MAX, CLONE_VM | CLONE_VFORK | SIGCHLD,
		       "a guest process; the flags are those of vfork(2)"),
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

const struct machine_rights process_rights = {
    .role = "monitor of guest processes",
    .calls = process_calls,
    .call_count = ARRAY_SIZE(process_calls),
};

/* Only of guests that ask for such work. */
#define RING_CALL(direction, why)                                                                  \
	{                                                                                          \
		.name = "ioctl", .number = SYS_ioctl,                                              \
		.purpose = "SECCOMP_IOCTL_NOTIF_" #direction ": " why, .argument = 2,              \
		.mask = UINT32_MAX, .value = SECCOMP_IOCTL_NOTIF_##direction, .seldom = true       \
	}

static const struct confine_call direct_calls[] = {
    CONFINE_CALL(epoll_create1, "in a guest process: what the guest waits for"),
    CONFINE_CALL_WHERE(epoll_ctl, 2, UINT32_MAX, EPOLL_CTL_ADD, "in a guest process: the same"),
    CONFINE_CALL(timerfd_create, "in a guest process: the same"),
    RING_CALL(RECV, "a guest process waits for an accelerated call"),
    RING_CALL(SEND, "and goes on"),
};

const struct machine_rights process_direct_rights = {
    .calls = direct_calls,
    .call_count = ARRAY_SIZE(direct_calls),
};

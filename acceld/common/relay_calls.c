/* The system calls of relays, and of a supervisor that listens for tenants; see rights.h. */
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "acceld/common/rights.h"
#include "sizes/sizes.h"

/* No file, no other process, no connection of its own making but to its worker. */
const struct confine_call acceld_relay_calls[] = {
    CONFINE_CALL(accept4, "clients"),
    CONFINE_CALL(poll, "clients"),
    CONFINE_CALL(ppoll, "clients"),
    CONFINE_CALL(recvfrom, "what clients send"),
    CONFINE_CALL(recvmsg, "what clients send, and windows"),
    CONFINE_CALL(sendto, "answers"),
    CONFINE_CALL(sendmsg, "answers, and connections for the worker"),
    CONFINE_CALL(shutdown, "the end of a connection"),
    CONFINE_CALL(getsockopt, "what a socket is"),
    CONFINE_CALL(setsockopt, "whether a client is still there"),
    CONFINE_CALL(getpeername, "who a client of a vsock is"),
    CONFINE_CALL_WHERE(socketpair, 1, UINT32_MAX, AF_UNIX, "to the worker; the domain is AF_UNIX"),
    CONFINE_CALL(close, "descriptors"),
    CONFINE_CALL(fcntl, "seals of windows"),
    CONFINE_CALL(memfd_create, "windows"),
    CONFINE_CALL(ftruncate, "windows"),
    CONFINE_CALL(fallocate, "windows: memory given back"),
    CONFINE_CALL(eventfd2, "threads"),
    CONFINE_CALL(read, "signals"),
    CONFINE_CALL(write, "the log"),
    CONFINE_CALL(fstat, "the log"),
    CONFINE_CALL(newfstatat, "the log"),
    CONFINE_CALL(mmap, "memory"),
    CONFINE_CALL(munmap, "memory"),
    CONFINE_CALL(mremap, "memory"),
    CONFINE_CALL(mprotect, "memory"),
    CONFINE_CALL(madvise, "memory"),
    CONFINE_CALL(brk, "memory"),
    CONFINE_CALL_WHERE(clone, 1, CLONE_THREAD, CLONE_THREAD, "threads; the flag is CLONE_THREAD"),
    {.name = "clone3",
     .number = SYS_clone3,
     .purpose = "a filter cannot see its flags; the C library takes clone then",
     .absent = true},
    CONFINE_CALL(futex, "threads"),
    CONFINE_CALL(set_robust_list, "threads"),
    CONFINE_CALL(rseq, "threads"),
    CONFINE_CALL(exit, "threads"),
    CONFINE_CALL(gettid, "threads"),
    CONFINE_CALL(sched_yield, "threads"),
    CONFINE_CALL(sched_getaffinity, "threads"),
    CONFINE_CALL(getcpu, "threads"),
    CONFINE_CALL(rt_sigprocmask, "signals"),
    CONFINE_CALL(rt_sigaction, "signals"),
    CONFINE_CALL(rt_sigreturn, "signals"),
    CONFINE_CALL(sigaltstack, "signals"),
    CONFINE_CALL(restart_syscall, "signals"),
    CONFINE_CALL(clock_gettime, "time"),
    CONFINE_CALL(clock_nanosleep, "time"),
    CONFINE_CALL(nanosleep, "time"),
    CONFINE_CALL(gettimeofday, "time"),
    CONFINE_CALL(time, "time"),
    CONFINE_CALL(getpid, "identity"),
    CONFINE_CALL(getrusage, "the machine"),
    CONFINE_CALL(sysinfo, "the machine"),
    CONFINE_CALL(getrandom, "randomness"),
    CONFINE_CALL_WHERE(prctl, 1, UINT32_MAX, PR_SET_NAME, "names of threads (PR_SET_NAME)"),
    CONFINE_CALL_WHERE(prctl, 1, UINT32_MAX, 0x53564d41, "names of memory (PR_SET_VMA)"),
    CONFINE_CALL(exit_group, "the end"),
};

const size_t acceld_relay_call_count = ARRAY_SIZE(acceld_relay_calls);

const struct confine_call acceld_metrics_calls[] = {
    CONFINE_CALL_WHERE(socket, 1, UINT32_MAX, AF_UNIX, "to the host; the domain is AF_UNIX"),
    CONFINE_CALL(connect, "to the host"),
    CONFINE_CALL(getsockname, "where it listens, for the HTTP server"),
    CONFINE_CALL(pread64, "the host's key"),
};

const size_t acceld_metrics_call_count = ARRAY_SIZE(acceld_metrics_calls);

const struct confine_call acceld_listening_calls[] = {
    CONFINE_CALL(socket, "sockets of tenants"),
    CONFINE_CALL(bind, "sockets of tenants"),
    CONFINE_CALL(listen, "sockets of tenants"),
    CONFINE_CALL(umask, "sockets of tenants"),
    CONFINE_CALL(chmod, "sockets of tenants"),
    CONFINE_CALL(connect, "whether somebody listens at a socket that was left behind"),
    CONFINE_CALL(inotify_init1, "sandboxes"),
    CONFINE_CALL(inotify_add_watch, "sandboxes"),
    CONFINE_CALL(inotify_rm_watch, "sandboxes that have gone elsewhere"),
    CONFINE_CALL(getsockname, "which addresses of the machine there are, for the C library"),
};

const size_t acceld_listening_call_count = ARRAY_SIZE(acceld_listening_calls);

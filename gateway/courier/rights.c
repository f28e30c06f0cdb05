/* What the courier gives up: see confine/confine.h. It goes on to look up names, to read certificates, to
 * connect by TCP, and to start the threads in which libcurl looks up names. It can open nothing else, listen
 * nowhere and start no program. */
#include "courier/rights.h"

#include <netinet/in.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "sizes/sizes.h"

#define DESCRIPTORS_MAX 1024

static const struct confine_limit limits[] = {
    /* 1 byte: with 0, a core_pattern that is a program would still get the core. */
    {RLIMIT_CORE, 1},
    {RLIMIT_NOFILE, DESCRIPTORS_MAX},
};

#define PROTECTION_NO_CODE(call, which)                                                            \
	CONFINE_CALL_WHERE(call, which, PROT_EXEC, 0, "memory, but no code; the bit is PROT_EXEC")

const struct confine_call courier_calls[] = {
    CONFINE_CALL(recvfrom, "messages, answers"),
    CONFINE_CALL(sendto, "messages, requests"),
    CONFINE_CALL(read, "files, TLS"),
    CONFINE_CALL_SELDOM(write, "the log, TLS"),
    CONFINE_CALL(poll, "waiting"),
    CONFINE_CALL(close, "what was opened"),
    CONFINE_CALL(fcntl, "sockets that do not block"),
    CONFINE_CALL_SELDOM(ioctl, "how much there is to read"),
    CONFINE_CALL_SELDOM(pread64, "files"),
    CONFINE_CALL_SELDOM(readv, "files"),
    CONFINE_CALL_SELDOM(writev, "the log"),
    CONFINE_CALL_SELDOM(lseek, "files"),
    /* Which files is Landlock's. */
    CONFINE_CALL(openat, "certificates, and how names are looked up"),
    CONFINE_CALL(newfstatat, "the same"),
    CONFINE_CALL_SELDOM(fstat, "the same"),
    CONFINE_CALL_SELDOM(stat, "the same"),
    CONFINE_CALL_SELDOM(access, "the same"),
    CONFINE_CALL_SELDOM(readlink, "the same"),
    CONFINE_CALL_SELDOM(getdents64, "certificates in a directory"),
    /* Sockets of the Internet, and the one that says which addresses this machine has. */
    CONFINE_CALL_WHERE(socket, 1, UINT32_MAX, AF_INET, "calls, names (AF_INET)"),
    CONFINE_CALL_WHERE(socket, 1, UINT32_MAX, AF_INET6, "calls, names (AF_INET6)"),
    {.name = "socket",
     .number = SYS_socket,
     .purpose = "which addresses there are (AF_NETLINK)",
     .argument = 1,
     .mask = UINT32_MAX,
     .value = AF_NETLINK,
     .seldom = true},
    CONFINE_CALL_WHERE(socketpair, 1, UINT32_MAX, AF_UNIX,
		       "libcurl's threads wake its loop (AF_UNIX)"),
    CONFINE_CALL(connect, "calls"),
    CONFINE_CALL_SELDOM(bind, "the netlink socket"),
    CONFINE_CALL_SELDOM(getsockname, "calls"),
    CONFINE_CALL_SELDOM(getpeername, "calls"),
    CONFINE_CALL(getsockopt, "whether a connection is made"),
    CONFINE_CALL(setsockopt, "connections"),
    CONFINE_CALL_SELDOM(recvmsg, "names"),
    CONFINE_CALL_SELDOM(sendmsg, "names"),
    CONFINE_CALL_SELDOM(sendmmsg, "names"),
    CONFINE_CALL_SELDOM(shutdown, "connections"),
    /* Threads. */
    CONFINE_CALL_WHERE(clone, 1, CLONE_THREAD, CLONE_THREAD,
		       "a thread looks up a name; the flag is CLONE_THREAD"),
    {.name = "clone3",
     .number = SYS_clone3,
     .purpose = "its flags cannot be seen: clone serves",
     .absent = true},
    CONFINE_CALL(set_robust_list, "threads"),
    CONFINE_CALL(rseq, "threads"),
    CONFINE_CALL(rt_sigprocmask, "threads"),
    CONFINE_CALL_SELDOM(rt_sigaction, "SIGPIPE"),
    CONFINE_CALL_SELDOM(rt_sigreturn, "signals"),
    CONFINE_CALL(futex, "threads"),
    CONFINE_CALL(exit, "threads"),
    CONFINE_CALL_SELDOM(gettid, "threads"),
    CONFINE_CALL_SELDOM(getpid, "random numbers"),
    CONFINE_CALL_SELDOM(getuid, "names"),
    CONFINE_CALL_SELDOM(geteuid, "names"),
    CONFINE_CALL_SELDOM(getgid, "names"),
    CONFINE_CALL_SELDOM(getegid, "names"),
    CONFINE_CALL_SELDOM(uname, "names"),
    CONFINE_CALL_SELDOM(getrandom, "TLS"),
    CONFINE_CALL_SELDOM(prlimit64, "the size of a thread's stack"),
    CONFINE_CALL_SELDOM(sched_getaffinity, "memory for threads"),
    CONFINE_CALL_SELDOM(sched_yield, "threads"),
    PROTECTION_NO_CODE(mmap, 3),
    PROTECTION_NO_CODE(mprotect, 3),
    CONFINE_CALL(munmap, "memory"),
    CONFINE_CALL_SELDOM(mremap, "memory"),
    CONFINE_CALL(madvise, "memory"),
    CONFINE_CALL(brk, "memory"),
    CONFINE_CALL_SELDOM(clock_gettime, "time"),
    CONFINE_CALL_SELDOM(clock_nanosleep, "time"),
    CONFINE_CALL_SELDOM(restart_syscall, "a wait that was interrupted"),
    CONFINE_CALL_SELDOM(exit_group, "the end, where it is not killed"),
};

const size_t courier_call_count = ARRAY_SIZE(courier_calls);

void courier_confine(const char *certificates)
{
	const struct confine_path paths[] = {
	    {"/etc/resolv.conf", -1, CONFINE_READ},
	    {"/etc/hosts", -1, CONFINE_READ},
	    {"/etc/host.conf", -1, CONFINE_READ},
	    {"/etc/nsswitch.conf", -1, CONFINE_READ},
	    {"/etc/gai.conf", -1, CONFINE_READ},
	    {"/etc/services", -1, CONFINE_READ},
	    {"/etc/localtime", -1, CONFINE_READ},
	    {"/run/systemd/resolve", -1, CONFINE_READ},
	    {"/run/resolvconf", -1, CONFINE_READ},
	    {"/run/NetworkManager", -1, CONFINE_READ},
	    {"/etc/ssl/certs", -1, CONFINE_READ},
	    {"/etc/ssl/openssl.cnf", -1, CONFINE_READ},
	    {"/etc/pki", -1, CONFINE_READ},
	    {"/etc/ca-certificates", -1, CONFINE_READ},
	    {"/usr/lib/ssl", -1, CONFINE_READ},
	    {"/usr/share/ca-certificates", -1, CONFINE_READ},
	    {"/usr/local/share/ca-certificates", -1, CONFINE_READ},
	    {"/dev/urandom", -1, CONFINE_READ},
	    {certificates ? certificates : "/etc/ssl/certs", -1, CONFINE_READ},
	};
	const struct confine_policy policy = {
	    .limits = limits,
	    .limit_count = ARRAY_SIZE(limits),
	    .paths = paths,
	    .path_count = ARRAY_SIZE(paths),
	    .network = CONFINE_CONNECTS,
	    .calls = courier_calls,
	    .call_count = courier_call_count,
	    /* libcurl, TLS and the resolver try things and do without. */
	    .refusal = CONFINE_REFUSE,
	};
	struct confine_report report = {0};
	confine_self(&policy, &report);
	confine_log(&report, "courier");
}

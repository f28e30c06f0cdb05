/* Every system call of include/mayfly/calls.def with bad addresses in place of each of its
 * pointers. The host says what must come of it: EFAULT, or what Linux has instead. A call that is
 * added to calls.def is covered by its letters; it only needs good arguments, below. Exits with 1
 * where they are missing. */
#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE	      4096
#define SET_SIZE      8 /* of a kernel's signal set */
#define ARGUMENTS     6
#define POINTER_KINDS "pswrtTD" /* letters of calls.def for addresses that are looked at */
#define HERE	      ((uint64_t)AT_FDCWD)

struct call {
	const char *name;
	long number;
	const char *letters;
	bool refused;
};

#define FULL	      false
#define PARTLY(text)  false
#define REFUSED(text) true
#define CALL(name, letters, refused)                                                               \
	{                                                                                          \
#name, SYS_##name, letters, refused                                                \
	}
static const struct call calls[] = {
#include "include/mayfly/calls.def"
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* These take addresses as numbers, and do not look what is there;
 * or they would end this program. */
static const long numbers_only[] = {
    SYS_brk,
    SYS_mmap,
    SYS_munmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_madvise,
    SYS_msync,
    SYS_mlock,
    SYS_munlock,
    SYS_set_tid_address,
    SYS_set_robust_list,
    SYS_clone,
    SYS_getgroups,
    SYS_setgroups, /* look only where the user is in groups, or is root */
};

/* Good arguments of a call. */
struct example {
	long number;
	uint64_t arguments[ARGUMENTS];
	/* Bits of arguments that are pointers here, although their letters do not say so; and of
	 * those that are none, although they do. */
	unsigned more, less;
	bool no_zeros; /* at the address: it would wait, or do another thing */
};

static char zeros[4 * PAGE] __attribute__((aligned(PAGE)));
static char path[64] = "/tmp/mayfly-pointers-XXXXXX";
static char text[64] = "/tmp/mayfly-pointers-XXXXXX"; /* may be executed, and is no program */
static uint64_t signal_set = 1UL << (SIGUSR1 - 1);

/* What is ready at once, so that no call waits where it finds no time to wait. */
static struct pollfd ready_poll;
static fd_set ready_set;

static const struct {
	const char *name;
	uint64_t address;
} fixed_addresses[] = {
    {"null", 0},
    {"page zero", 16},
    {"wrapping", UINT64_MAX - 3},
    {"kernel", 0xffff800000000000UL},
    {"not canonical", 0x0000900000000000UL},
    {"the window's", 0x6d0000000000UL},
    {"the library OS's", 0x6e0000000040UL},
    {"the hypercall's", 0x6e8000000000UL},
    {"the processor's", 0x6f0000000000UL},
    {"the root image's", 0x700000000000UL},
};

static int failed;

static void *map(int protection)
{
	void *page = mmap(NULL, PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return page;
}

static long make_call(const struct example *example, unsigned changed, uint64_t address)
{
	uint64_t arguments[ARGUMENTS];
	memcpy(arguments, example->arguments, sizeof(arguments));
	arguments[changed] = address;
	return syscall(example->number, arguments[0], arguments[1], arguments[2], arguments[3],
		       arguments[4], arguments[5]);
}

static void try_address(const struct call *call, const struct example *example, unsigned changed,
			const char *kind, uint64_t address)
{
	/* What the one before may have changed. */
	memset(zeros, 0, sizeof(zeros));
	raise(SIGUSR1);
	long result = make_call(example, changed, address);
	printf("%s %u %s: %s\n", call->name, changed, kind,
	       result == -1 ? strerror(errno) : "no error");
	syscall(SYS_close_range, 20, -1, 0);
}

static void try_pointer(const struct call *call, const struct example *example, unsigned changed)
{
	static char *none, *unreadable, *read_only, *edge;
	if (!none) {
		none = map(PROT_READ);
		unreadable = map(PROT_NONE);
		read_only = map(PROT_READ);
		/* A byte that is there, and behind it nothing. The byte is the path of nothing. */
		edge = mmap(NULL, 2UL * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
		edge += PAGE - 1;
		*edge = 'x';
		munmap(none, PAGE);
		munmap(edge + 1, PAGE);
	}
	for (size_t i = 0; i < COUNT(fixed_addresses); i++)
		if (fixed_addresses[i].address || !example->no_zeros)
			try_address(call, example, changed, fixed_addresses[i].name,
				    fixed_addresses[i].address);
	try_address(call, example, changed, "unmapped", (uint64_t)none);
	try_address(call, example, changed, "unreadable", (uint64_t)unreadable);
	if (!example->no_zeros)
		try_address(call, example, changed, "read-only", (uint64_t)read_only);
	/* How far reading and writing get is another question. */
	*edge = 'x';
	if (!strchr("rw", call->letters[changed]))
		try_address(call, example, changed, "last byte", (uint64_t)edge);
}

static bool is_numbers_only(long number)
{
	for (size_t i = 0; i < COUNT(numbers_only); i++)
		if (numbers_only[i] == number)
			return true;
	return false;
}

static struct example examples[200];
static size_t example_count;

static void try_call(const struct call *call)
{
	bool found = false;
	unsigned pointers = 0;
	for (unsigned k = 0; call->letters[k]; k++)
		if (strchr(POINTER_KINDS, call->letters[k]))
			pointers |= 1U << k;
	for (size_t i = 0; i < example_count; i++) {
		if (examples[i].number != call->number)
			continue;
		found = true;
		for (unsigned k = 0; k < ARGUMENTS; k++)
			if ((pointers | examples[i].more) & ~examples[i].less & 1U << k)
				try_pointer(call, &examples[i], k);
	}
	if (pointers && !found && !call->refused && !is_numbers_only(call->number)) {
		fprintf(stderr, "%s has pointers: give it good arguments in %s\n", call->name,
			__FILE__);
		failed = 1;
	}
}

/* For a mask that lets the signal through, which is pending for rt_sigtimedwait(). */
static void ignore(int signal)
{
	(void)signal;
}

static int opened(int descriptor)
{
	if (descriptor < 0) {
		perror("cannot open");
		exit(1);
	}
	return descriptor;
}

static void add(const struct example *list, size_t count)
{
	for (size_t i = 0; i < count && example_count < COUNT(examples); i++)
		examples[example_count++] = list[i];
}

/* What good arguments refer to. */
static uint64_t file, directory, null, endless, other, epoll, pipe_end, number, timer_file,
    connected, listening, own_process;
static struct sigevent silent = {.sigev_notify = SIGEV_NONE};
static const stack_t stack = {.ss_sp = zeros, .ss_size = sizeof(zeros)};
static uint32_t word;

static bool open_all(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	int ends[2], timer;
	file = (uint64_t)opened(mkstemp(path));
	directory = (uint64_t)opened(open("/tmp", O_RDONLY));
	null = (uint64_t)opened(open("/dev/null", O_RDWR));
	endless = (uint64_t)opened(open("/dev/zero", O_RDONLY));
	other = (uint64_t)opened(open("/tmp", O_RDWR | O_TMPFILE, 0600));
	epoll = (uint64_t)opened(epoll_create1(0));
	if (pipe(ends) || write(ends[1], "x", 1) != 1 || write((int)file, zeros, PAGE) != PAGE ||
	    epoll_ctl((int)epoll, EPOLL_CTL_ADD, ends[0], &event) ||
	    syscall(SYS_timer_create, CLOCK_MONOTONIC, &silent, &timer))
		return false;
	int pair[2], listener = opened(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
	const struct sockaddr automatic = {.sa_family = AF_UNIX};
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) ||
	    send(pair[1], "x", 1, 0) != 1 ||
	    bind(listener, &automatic, sizeof(automatic.sa_family)) || listen(listener, 1))
		return false;
	connected = (uint64_t)pair[0];
	listening = (uint64_t)listener;
	pipe_end = (uint64_t)ends[0];
	number = (uint64_t)timer;
	own_process = (uint64_t)opened((int)syscall(SYS_pidfd_open, getpid(), 0));
	timer_file = (uint64_t)opened(timerfd_create(CLOCK_MONOTONIC, 0));
	ready_poll = (struct pollfd){.fd = (int)null, .events = POLLOUT};
	FD_SET(null, &ready_set);
	return true;
}

/* Descriptors, and what waits for them. */
static void add_files(void)
{
	const uint64_t zero = (uint64_t)zeros, name = (uint64_t)path,
		       none = (uint64_t) "/tmp/none/x";
	const uint64_t set = (uint64_t)&signal_set, closed = UINT64_MAX;
	const struct example list[] = {
	    {SYS_open, {name, O_RDONLY}},
	    {SYS_openat, {HERE, name, O_RDONLY}},
	    {SYS_creat, {none, 0600}},
	    {SYS_fcntl, {file, F_GETLK, zero}, .more = 1 << 2},
	    {SYS_fcntl, {file, F_SETLK, zero}, .more = 1 << 2},
	    {SYS_read, {endless, zero, 8}},
	    {SYS_write, {file, zero, 8}},
	    {SYS_pread64, {file, zero, 8, 0}},
	    {SYS_pwrite64, {file, zero, 8, 0}},
	    {SYS_readv, {file, zero, 1}},
	    {SYS_writev, {file, zero, 1}},
	    {SYS_preadv, {file, zero, 1, 0}},
	    {SYS_pwritev, {file, zero, 1, 0}},
	    {SYS_sendfile, {null, file, zero, 8}},
	    {SYS_copy_file_range, {file, zero, other, zero + 8, 8, 0}},
	    {SYS_poll, {zero, 1, 0}},
	    {SYS_ppoll, {(uint64_t)&ready_poll, 1, zero, set, SET_SIZE}},
	    {SYS_select, {null + 1, zero, (uint64_t)&ready_set, zero, zero}},
	    {SYS_pselect6, {null + 1, zero, (uint64_t)&ready_set, zero, zero, zero}},
	    {SYS_epoll_ctl, {epoll, EPOLL_CTL_MOD, null, zero}},
	    {SYS_epoll_wait, {epoll, zero, 4, 0}},
	    {SYS_epoll_pwait, {epoll, zero, 4, 0, set, SET_SIZE}},
	    {SYS_ioctl, {pipe_end, FIONREAD, zero}, .more = 1 << 2},
	    {SYS_ioctl, {pipe_end, FIONBIO, zero}, .more = 1 << 2},
	    {SYS_timerfd_settime, {timer_file, 0, zero, zero}},
	    {SYS_timerfd_gettime, {timer_file, zero}},
	    {SYS_signalfd, {closed, zero, SET_SIZE}},
	    {SYS_signalfd4, {closed, zero, SET_SIZE, 0}},
	    {SYS_pipe, {zero}},
	    {SYS_pipe2, {zero, 0}},
	};
	add(list, COUNT(list));
}

/* Sockets: a datagram waits for the one that is connected. */
static void add_sockets(void)
{
	const uint64_t zero = (uint64_t)zeros, looks = MSG_PEEK | MSG_DONTWAIT;
	const struct example list[] = {
	    {SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, zero}},
	    {SYS_bind, {connected, zero, 16}},
	    {SYS_connect, {connected, zero, 16}},
	    {SYS_accept, {listening, zero, zero}},
	    {SYS_accept4, {listening, zero, zero, 0}},
	    {SYS_getsockname, {listening, zero, zero}},
	    {SYS_getpeername, {connected, zero, zero}},
	    {SYS_getsockopt, {connected, SOL_SOCKET, SO_TYPE, zero, zero}},
	    {SYS_setsockopt, {connected, SOL_SOCKET, SO_PRIORITY, zero, 4}},
	    {SYS_sendto, {connected, zero, 8, 0, zero, 16}},
	    {SYS_recvfrom, {connected, zero, 8, looks, zero, zero}},
	    {SYS_sendmsg, {connected, zero, 0}},
	    {SYS_recvmsg, {connected, zero, looks}},
	    {SYS_sendmmsg, {connected, zero, 1, 0}},
	    {SYS_recvmmsg, {connected, zero, 1, looks, zero}},
	};
	add(list, COUNT(list));
}

/* Directories and names. */
static void add_names(void)
{
	const uint64_t zero = (uint64_t)zeros, name = (uint64_t)path,
		       none = (uint64_t) "/tmp/none/x";
	const uint64_t set = (uint64_t)&signal_set, closed = UINT64_MAX;
	const struct example list[] = {
	    {SYS_getdents64, {directory, zero, PAGE}},
	    {SYS_mkdir, {none, 0700}},
	    {SYS_mkdirat, {HERE, none, 0700}},
	    {SYS_mknod, {none, S_IFIFO | 0600, 0}},
	    {SYS_mknodat, {HERE, none, S_IFIFO | 0600, 0}},
	    {SYS_rmdir, {none}},
	    {SYS_unlink, {none}},
	    {SYS_unlinkat, {HERE, none, 0}},
	    {SYS_symlink, {none, none}},
	    {SYS_symlinkat, {none, HERE, none}},
	    {SYS_link, {none, none}},
	    {SYS_linkat, {HERE, none, HERE, none, 0}},
	    {SYS_rename, {none, none}},
	    {SYS_renameat, {HERE, none, HERE, none}},
	    {SYS_renameat2, {HERE, none, HERE, none, 0}},
	    {SYS_readlink, {(uint64_t) "/proc/self/exe", zero, 8}},
	    {SYS_memfd_create, {(uint64_t) "memory", 0}},
	    {SYS_readlinkat, {HERE, (uint64_t) "/proc/self/exe", zero, 8}},
	    {SYS_chdir, {none}},
	    {SYS_getcwd, {zero, PAGE}},
	    {SYS_stat, {name, zero}},
	    {SYS_lstat, {name, zero}},
	    {SYS_newfstatat, {HERE, name, zero, 0}},
	    {SYS_fstat, {file, zero}},
	    {SYS_statx, {HERE, name, 0, 0, zero}},
	    {SYS_access, {name, 0}},
	    {SYS_faccessat, {HERE, name, 0}},
	    {SYS_faccessat2, {HERE, name, 0, 0}},
	    {SYS_truncate, {none, 0}},
	    {SYS_chmod, {none, 0600}},
	    {SYS_fchmodat, {HERE, none, 0600}},
	    {SYS_chown, {none, -1UL, -1UL}},
	    {SYS_lchown, {none, -1UL, -1UL}},
	    {SYS_fchownat, {HERE, none, -1UL, -1UL, 0}},
	    {SYS_utimensat, {HERE, name, zero, 0}},
	    {SYS_utime, {name, zero}},
	    {SYS_statfs, {name, zero}},
	    {SYS_fstatfs, {file, zero}},
	    /* Of what is not there: else the answer is the file system's. */
	    {SYS_setxattr, {none, name, zero, 8, 0}},
	    {SYS_getxattr, {none, name, zero, 8}},
	    {SYS_listxattr, {none, zero, 8}},
	    {SYS_removexattr, {none, name}},
	    {SYS_lsetxattr, {none, name, zero, 8, 0}},
	    {SYS_lgetxattr, {none, name, zero, 8}},
	    {SYS_llistxattr, {none, zero, 8}},
	    {SYS_lremovexattr, {none, name}},
	    {SYS_fsetxattr, {closed, name, zero, 8, 0}},
	    {SYS_fgetxattr, {closed, name, zero, 8}},
	    {SYS_flistxattr, {closed, zero, 8}},
	    {SYS_fremovexattr, {closed, name}},
	};
	add(list, COUNT(list));
}

/* What starts a program looks at all that it is given before it finds that this is none. */
static void write_text(void)
{
	int fd = mkstemp(text);
	if (fd < 0 || write(fd, "no program", 10) != 10 || fchmod(fd, 0700) || close(fd)) {
		perror(text);
		exit(1);
	}
}

static void add_programs(void)
{
	const uint64_t name = (uint64_t)text, zero = (uint64_t)zeros;
	const struct example list[] = {
	    {SYS_execve, {name, zero, zero}},
	    {SYS_execveat, {(uint64_t)AT_FDCWD, name, zero, zero, 0}},
	};
	write_text();
	add(list, COUNT(list));
}

/* Time, threads, the process and its signals. */
static void add_rest(void)
{
	const uint64_t zero = (uint64_t)zeros, name = (uint64_t)path,
		       none = (uint64_t) "/tmp/none/x";
	const uint64_t set = (uint64_t)&signal_set, closed = UINT64_MAX, self = (uint64_t)getpid();
	const struct example list[] = {
	    {SYS_clock_gettime, {CLOCK_MONOTONIC, zero}},
	    {SYS_clock_getres, {CLOCK_MONOTONIC, zero}},
	    {SYS_gettimeofday, {zero, zero}},
	    {SYS_time, {zero}},
	    {SYS_times, {zero}},
	    {SYS_nanosleep, {zero, zero}},
	    {SYS_clock_nanosleep, {CLOCK_MONOTONIC, 0, zero, zero}},
	    {SYS_getrandom, {zero, 8, 0}},
	    {SYS_get_robust_list, {0, zero, zero}},
	    {SYS_arch_prctl, {ARCH_GET_FS, zero}},
	    {SYS_prctl, {PR_SET_NAME, zero}, .more = 1 << 1},
	    {SYS_prctl, {PR_GET_NAME, zero}, .more = 1 << 1},
	    {SYS_futex, {(uint64_t)&word, FUTEX_WAIT_PRIVATE, 1, zero}, .less = 1 << 4},
	    {SYS_futex, {(uint64_t)&word, FUTEX_WAKE_PRIVATE, 1}, .less = 1 << 3 | 1 << 4},
	    {SYS_futex,
	     {(uint64_t)&word, FUTEX_WAKE, 1},
	     .less = 1 << 3 | 1 << 4,
	     .no_zeros = true},
	    {SYS_futex,
	     {(uint64_t)&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, 1, (uint64_t)&word, 0},
	     .less = 1 << 3},
	    {SYS_getresuid, {zero, zero, zero}},
	    {SYS_getresgid, {zero, zero, zero}},
	    {SYS_uname, {zero}},
	    {SYS_getrlimit, {4, zero}},
	    {SYS_setrlimit, {4, zero}},
	    {SYS_prlimit64, {0, 4, 0, zero}},
	    {SYS_getrusage, {0, zero}},
	    {SYS_wait4, {UINT64_MAX, zero, WNOHANG, zero}},
	    {SYS_waitid, {P_ALL, 0, zero, WEXITED | WNOHANG, zero}},
	    {SYS_pidfd_send_signal, {own_process, 0, zero, 0}},
	    {SYS_clone3, {zero, 64}, .no_zeros = true},
	    {SYS_sysinfo, {zero}},
	    {SYS_sched_getaffinity, {0, 8, zero}},
	    {SYS_sched_setaffinity, {0, 8, zero}},
	    {SYS_sched_setscheduler, {0, SCHED_OTHER, zero}},
	    {SYS_sched_setparam, {0, zero}},
	    {SYS_sched_getparam, {0, zero}},
	    {SYS_sched_setattr, {0, zero, 0}},
	    {SYS_sched_getattr, {0, zero, 48, 0}},
	    {SYS_sched_rr_get_interval, {0, zero}},
	    {SYS_getcpu, {zero, zero, zero}},
	    {SYS_rt_sigaction, {SIGUSR2, zero, zero, SET_SIZE}},
	    {SYS_rt_sigprocmask, {SIG_BLOCK, zero, zero, SET_SIZE}},
	    {SYS_rt_sigqueueinfo, {self, 0, zero}},
	    {SYS_rt_tgsigqueueinfo, {self, self, 0, zero}},
	    {SYS_rt_sigpending, {zero, SET_SIZE}},
	    {SYS_rt_sigtimedwait, {set, zero, zero, SET_SIZE}},
	    {SYS_rt_sigsuspend, {zero, SET_SIZE}, .no_zeros = true},
	    {SYS_sigaltstack, {(uint64_t)&stack, zero}, .no_zeros = true},
	    {SYS_setitimer, {0, zero, zero}},
	    {SYS_getitimer, {0, zero}},
	    {SYS_timer_create, {CLOCK_MONOTONIC, (uint64_t)&silent, zero}},
	    {SYS_timer_settime, {number, 0, zero, zero}},
	    {SYS_timer_gettime, {number, zero}},
	};
	add(list, COUNT(list));
}

int main(void)
{
	if (!open_all())
		return 1;
	add_files();
	add_sockets();
	add_names();
	add_programs();
	add_rest();
	signal(SIGUSR1, ignore);
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &signal_set, NULL, SET_SIZE);
	for (size_t i = 0; i < COUNT(calls); i++)
		try_call(&calls[i]);
	unlink(path);
	unlink(text);
	return failed;
}

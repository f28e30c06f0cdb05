/* Processes that come and go in many ways, as in a server that runs for long: they end, are killed
 * wherever they wait, or become programs that cannot start. Nothing of them may stay: after the first
 * rounds there is as much free memory as before. Says what did not come back and exits with 1, or says
 * that nothing did.
 *
 * usage: processes_leave_nothing SECONDS */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* linux/futex.h is not everywhere. */
#define WAIT_FOR_WORD  0
#define WAIT_FOR_OWNER 6

#define PROGRAM	     "/proc/self/exe"
#define PAGE	     4096
#define CHILDREN     20 /* of each way, in a round */
#define FIRST_ROUNDS 2	/* the library OS keeps some memory for what comes often */
#define SLACK	     8	/* pages */

static int empty_pipe[2], listener;
static uint32_t *shared;
static char folder[] = "/tmp/leave-XXXXXX";

static void *wait_for_ever(void *none)
{
	for (;;)
		pause();
	return none;
}

static void make_threads(void)
{
	pthread_t thread;
	for (int i = 0; i < 3; i++)
		pthread_create(&thread, NULL, wait_for_ever, NULL);
}

/* ── what children do until they are killed, or end ──────────────────────────────────────────── */

static void end(void)
{
	_exit(0);
}

static void leave_orphan(void)
{
	if (!fork())
		sched_yield();
	_exit(0);
}

static void begin_program(void)
{
	char *const arguments[] = {"name", "ends", NULL};
	execv(PROGRAM, arguments);
	_exit(1);
}

static void begin_beside_threads(void)
{
	make_threads();
	begin_program();
}

static void begin_after_vfork(void)
{
	char *const arguments[] = {"name", "ends", NULL};
	const pid_t child = vfork();
	if (!child) {
		execv(PROGRAM, arguments);
		_exit(1);
	}
	waitpid(child, NULL, 0);
	_exit(0);
}

/* There is not as much memory as its code takes: what called is gone by then. */
static void begin_too_large(void)
{
	char *const arguments[] = {"large", NULL};
	execv("large", arguments);
	_exit(1);
}

static void look_at_processes(void)
{
	char path[64];
	struct stat status;
	snprintf(path, sizeof(path), "/proc/%d/task/%d", getpid(), getpid());
	open(path, O_RDONLY | O_DIRECTORY);
	snprintf(path, sizeof(path), "/proc/%d/fd/0", getppid());
	stat(path, &status);
	_exit(0);
}

static void read_pipe(void)
{
	char byte;
	read(empty_pipe[0], &byte, 1);
}

static void fill_pipe(void)
{
	static const char bytes[PAGE];
	int ends[2];
	pipe(ends);
	while (write(ends[1], bytes, sizeof(bytes)) > 0)
		;
}

static void poll_pipe(void)
{
	struct pollfd entry = {.fd = empty_pipe[0], .events = POLLIN};
	poll(&entry, 1, -1);
}

static void wait_for_events(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	const int epoll = epoll_create1(0);
	epoll_ctl(epoll, EPOLL_CTL_ADD, empty_pipe[0], &event);
	epoll_wait(epoll, &event, 1, -1);
}

static void wait_for_futex(void)
{
	syscall(SYS_futex, shared, WAIT_FOR_WORD, 0, NULL, NULL, 0);
}

static void wait_for_owner(void)
{
	syscall(SYS_futex, shared + 1, WAIT_FOR_OWNER, 0, NULL, NULL, 0);
}

static void wait_for_connection(void)
{
	accept(listener, NULL, NULL);
}

static void wait_for_lock(void)
{
	flock(open("locked", O_RDWR), LOCK_EX);
}

static void wait_for_record(void)
{
	struct flock lock = {.l_type = F_WRLCK};
	fcntl(open("locked", O_RDWR), F_SETLKW, &lock);
}

static void wait_for_child(void)
{
	if (!fork())
		wait_for_ever(NULL);
	wait(NULL);
}

static void wait_for_memory(void)
{
	if (!vfork()) {
		for (;;)
			syscall(SYS_pause);
	}
}

static void open_fifo_to_read(void)
{
	open("fifo", O_RDONLY);
}

static void open_fifo_to_write(void)
{
	open("fifo", O_WRONLY);
}

static void wait_in_threads(void)
{
	make_threads();
	wait_for_ever(NULL);
}

static void wait_with_memory(void)
{
	const int flags = MAP_ANONYMOUS;
	memset(mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | flags, -1, 0), 1, 1 << 20);
	memset(mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | flags, -1, 0), 1, 1 << 20);
	const int file = open("unlinked", O_CREAT | O_RDWR, 0600);
	unlink("unlinked");
	ftruncate(file, 1 << 20);
	memset(mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), 1, 1 << 20);
	wait_for_ever(NULL);
}

static void wait_with_signals(void)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (int i = SIGRTMIN; i <= SIGRTMAX; i++)
		raise(i);
	wait_for_ever(NULL);
}

static void wait_for_timer(void)
{
	const struct itimerspec late = {.it_value = {.tv_sec = 1000}};
	uint64_t count;
	timer_t timer;
	timer_create(CLOCK_MONOTONIC, NULL, &timer);
	timer_settime(timer, 0, &late, NULL);
	const int file = timerfd_create(CLOCK_MONOTONIC, 0);
	timerfd_settime(file, 0, &late, NULL);
	read(file, &count, sizeof(count));
}

/* With a descriptor on its way to nobody. */
static void wait_for_message(void)
{
	int ends[2], pipe_ends[2];
	char byte = 'b', control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	pipe(pipe_ends);
	*header = (struct cmsghdr){
	    .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(header), &pipe_ends[0], sizeof(int));
	sendmsg(ends[0], &message, 0);
	write(pipe_ends[1], "bytes", 5);
	read(ends[0], &byte, 1);
}

static void stop(void)
{
	raise(SIGSTOP);
}

#define WAY(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}

/* Those that end by themselves come first. */
static const struct way {
	const char *name;
	void (*live)(void);
} ways[] = {
    WAY(end),
    WAY(leave_orphan),
    WAY(begin_program),
    WAY(begin_beside_threads),
    WAY(begin_after_vfork),
    WAY(look_at_processes),
    WAY(begin_too_large),
    WAY(read_pipe),
    WAY(fill_pipe),
    WAY(poll_pipe),
    WAY(wait_for_events),
    WAY(wait_for_futex),
    WAY(wait_for_owner),
    WAY(wait_for_connection),
    WAY(wait_for_lock),
    WAY(wait_for_record),
    WAY(wait_for_child),
    WAY(wait_for_memory),
    WAY(open_fifo_to_read),
    WAY(open_fifo_to_write),
    WAY(wait_in_threads),
    WAY(wait_with_memory),
    WAY(wait_with_signals),
    WAY(wait_for_timer),
    WAY(wait_for_message),
    WAY(stop),
};
#define WAYS	   (sizeof(ways) / sizeof(*ways))
#define ENDS_BELOW 7

/* ── looking on ──────────────────────────────────────────────────────────────────────────────── */

static long free_pages(void)
{
	struct sysinfo information;
	sysinfo(&information);
	return (long)(information.freeram / PAGE);
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The child is killed with its own children, where it is by then. */
static int start_and_end(size_t way, int turns)
{
	const pid_t child = fork();
	if (!child) {
		setpgid(0, 0);
		ways[way].live();
		_exit(0);
	}
	if (child < 0)
		return errno;
	setpgid(child, child);
	for (; turns && way >= ENDS_BELOW; turns--)
		sched_yield();
	if (way >= ENDS_BELOW)
		kill(-child, SIGKILL);
	return waitpid(child, NULL, 0) == child ? 0 : errno;
}

/* Orphans end when nobody waits any more. */
static long settled_pages(long wanted)
{
	long pages = free_pages();
	for (int i = 0; i < 100 && pages < wanted; i++) {
		usleep(1000);
		pages = free_pages();
	}
	return pages;
}

/* How many failures there were. */
static int go_round(bool is_checked, long *pages)
{
	int failures = 0;
	for (size_t way = 0; way < WAYS; way++) {
		int error = 0;
		for (int i = 0; i < CHILDREN && !error; i++)
			error = start_and_end(way, i % 4);
		const long left = settled_pages(*pages);
		const bool failed = error || (is_checked && left < *pages - SLACK);
		if (failed)
			fprintf(stderr, "%s: %ld pages of %ld are free (errno %d)\n",
				ways[way].name, left, *pages, error);
		failures += failed;
		if (failed || !is_checked)
			*pages = left;
	}
	return failures;
}

static void make_large_program(void)
{
	const uint64_t size = 1UL << 30;
	const struct {
		Elf64_Ehdr header;
		Elf64_Phdr segment;
	} program = {
	    .header =
		{
		    .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				EV_CURRENT},
		    .e_type = ET_EXEC,
		    .e_machine = EM_X86_64,
		    .e_version = EV_CURRENT,
		    .e_entry = 0x400000,
		    .e_phoff = sizeof(Elf64_Ehdr),
		    .e_ehsize = sizeof(Elf64_Ehdr),
		    .e_phentsize = sizeof(Elf64_Phdr),
		    .e_phnum = 1,
		},
	    .segment =
		{
		    .p_type = PT_LOAD,
		    .p_flags = PF_R | PF_X,
		    .p_vaddr = 0x400000,
		    .p_filesz = size,
		    .p_memsz = size,
		    .p_align = PAGE,
		},
	};
	const int file = open("large", O_CREAT | O_WRONLY, 0700);
	if (write(file, &program, sizeof(program)) != sizeof(program) || ftruncate(file, size))
		perror("large");
	close(file);
}

static void make_what_is_waited_for(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
	struct flock lock = {.l_type = F_WRLCK};
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	shared[1] = (uint32_t)syscall(SYS_gettid);
	const int locked = open("locked", O_CREAT | O_RDWR, 0600);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (pipe(empty_pipe) || mkfifo("fifo", 0600) || flock(locked, LOCK_EX) ||
	    fcntl(locked, F_SETLK, &lock) ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1))
		perror("what is waited for");
	make_large_program();
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	if (!strcmp(argv[1], "ends"))
		return 0;
	const double stop_at = now() + atof(argv[1]);
	if (!mkdtemp(folder) || chdir(folder)) {
		perror(folder);
		return 1;
	}
	make_what_is_waited_for();
	long pages = 0;
	int failures = 0;
	for (int i = 0; i <= FIRST_ROUNDS || (now() < stop_at && !failures); i++)
		failures += go_round(i >= FIRST_ROUNDS, &pages);
	printf("%d failures\n", failures);
	return failures != 0;
}

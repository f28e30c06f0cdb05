/* A library to be preloaded: makes one call of the C library fail, the Nth that the chosen program
 * makes, with an error that fits it. Only calls from Mayfly's own files count, not those that other
 * libraries make.
 *
 *     MAYFLY_FAIL=PROGRAM:N      that call fails as it may where memory, descriptors or space end
 *     MAYFLY_FAIL=PROGRAM:Ni     it is interrupted by a signal, where it can be
 *     MAYFLY_FAIL=PROGRAM:0      none fails
 *     MAYFLY_FAIL_LOG=FILE       takes a line for each call that counts where N is 0, else for the
 *                                one that fails: program, number, whether it can be interrupted,
 *                                name, file and offset of the caller
 *     MAYFLY_FAIL_OWN=DIRECTORY  where Mayfly's shared objects lie
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/kvm.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* Written by the constructor only, but for the count, which the program shares with what it forks:
 * each number is one call of one process. */
static struct {
	bool active, interrupt;
	long target; /* 0: none */
	int log;
	char own[4096];
	atomic_long *count;
} plan = {.log = -1};

__attribute__((constructor)) static void read_plan(void)
{
	const char *wanted = getenv("MAYFLY_FAIL"), *log = getenv("MAYFLY_FAIL_LOG");
	const char *own = getenv("MAYFLY_FAIL_OWN"), *colon = wanted ? strchr(wanted, ':') : NULL;
	const char *name = program_invocation_short_name;
	if (!colon || !log || !own || (size_t)(colon - wanted) != strlen(name) ||
	    strncmp(wanted, name, strlen(name)) != 0)
		return;
	char *end;
	plan.target = strtol(colon + 1, &end, 10);
	plan.interrupt = *end == 'i';
	snprintf(plan.own, sizeof(plan.own), "%s", own);
	plan.log = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	plan.count =
	    (atomic_long *)syscall(SYS_mmap, NULL, sizeof(*plan.count), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	plan.active = plan.log >= 0 && plan.count != MAP_FAILED;
}

/* Which file the caller is in; faster than dladdr(), which also finds the symbol. */
static bool is_own(void *caller, struct dl_find_object *file)
{
	if (_dl_find_object(caller, file))
		return false;
	const char *name = file->dlfo_link_map->l_name; /* the program has none */
	return !*name || !strncmp(name, plan.own, strlen(plan.own));
}

/* Files in memory and short random numbers are not interrupted, nor are most requests of KVM. */
enum { HARD, INTERRUPTIBLE };

/* Counts the call; true where it is to fail, with errno set. */
static bool fails(const char *call, int code, int kind, void *caller)
{
	struct dl_find_object file;
	int saved_errno = errno;
	if (!plan.active || !is_own(caller, &file)) {
		errno = saved_errno;
		return false;
	}
	long number = 1 + atomic_fetch_add(plan.count, 1);
	bool chosen = number == plan.target && (kind == INTERRUPTIBLE || !plan.interrupt);
	if (chosen || !plan.target) {
		char line[512];
		int length = snprintf(line, sizeof(line), "%s %ld %d %s %s+%#tx\n",
				      program_invocation_short_name, number, kind, call,
				      *file.dlfo_link_map->l_name ? file.dlfo_link_map->l_name
								  : program_invocation_name,
				      (const char *)caller - (const char *)file.dlfo_map_start - 1);
		/* Not write(), which is one of those that count. */
		syscall(SYS_write, plan.log, line, (size_t)length);
	}
	errno = chosen ? plan.interrupt ? EINTR : code : saved_errno;
	return chosen;
}

/* A function of the C library that fails with `code` by returning `failed`. */
#define WRAP(type, name, parameters, arguments, failed, code, kind)                                \
	EXPORT type name parameters                                                                \
	{                                                                                          \
		static type(*real) parameters;                                                     \
		if (!real)                                                                         \
			real = (type(*) parameters)dlsym(RTLD_NEXT, #name);                        \
		if (fails(#name, code, kind, __builtin_return_address(0)))                         \
			return failed;                                                             \
		return real arguments;                                                             \
	}

/* ── memory ──────────────────────────────────────────────────────────────────────────────────── */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

/* dlsym() may allocate: these have names of their own. */
EXPORT void *malloc(size_t size)
{
	return fails("malloc", ENOMEM, HARD, __builtin_return_address(0)) ? NULL
									  : __libc_malloc(size);
}

EXPORT void *calloc(size_t count, size_t size)
{
	return fails("calloc", ENOMEM, HARD, __builtin_return_address(0))
		   ? NULL
		   : __libc_calloc(count, size);
}

EXPORT void *realloc(void *old, size_t size)
{
	return fails("realloc", ENOMEM, HARD, __builtin_return_address(0))
		   ? NULL
		   : __libc_realloc(old, size);
}

EXPORT int asprintf(char **text, const char *format, ...)
{
	if (fails("asprintf", ENOMEM, HARD, __builtin_return_address(0)))
		return -1;
	va_list arguments;
	va_start(arguments, format);
	int length = vasprintf(text, format, arguments);
	va_end(arguments);
	return length;
}

WRAP(void *, reallocarray, (void *old, size_t count, size_t size), (old, count, size), NULL, ENOMEM,
     HARD)
WRAP(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size), NULL, ENOMEM, HARD)
WRAP(char *, strdup, (const char *text), (text), NULL, ENOMEM, HARD)
WRAP(FILE *, open_memstream, (char **text, size_t *size), (text, size), NULL, ENOMEM, HARD)
WRAP(void *, mmap, (void *at, size_t length, int protection, int flags, int fd, off_t offset),
     (at, length, protection, flags, fd, offset), MAP_FAILED, ENOMEM, HARD)
WRAP(int, mprotect, (void *at, size_t length, int protection), (at, length, protection), -1, ENOMEM,
     HARD)
WRAP(int, madvise, (void *at, size_t length, int advice), (at, length, advice), -1, ENOMEM, HARD)

/* ── files and descriptors ───────────────────────────────────────────────────────────────────── */

static bool makes_a_file(int flags)
{
	return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

EXPORT int open(const char *path, int flags, ...)
{
	va_list more;
	va_start(more, flags);
	mode_t mode = makes_a_file(flags) ? va_arg(more, mode_t) : 0;
	va_end(more);
	return fails("open", EMFILE, HARD, __builtin_return_address(0))
		   ? -1
		   : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

EXPORT int openat(int folder, const char *path, int flags, ...)
{
	va_list more;
	va_start(more, flags);
	mode_t mode = makes_a_file(flags) ? va_arg(more, mode_t) : 0;
	va_end(more);
	return fails("openat", EMFILE, HARD, __builtin_return_address(0))
		   ? -1
		   : (int)syscall(SYS_openat, folder, path, flags, mode);
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	va_list more;
	va_start(more, request);
	void *argument = va_arg(more, void *);
	va_end(more);
	bool interruptible = request == KVM_RUN || request == KVM_CREATE_VM;
	return fails("ioctl", ENOMEM, interruptible ? INTERRUPTIBLE : HARD,
		     __builtin_return_address(0))
		   ? -1
		   : (int)syscall(SYS_ioctl, fd, request, argument);
}

EXPORT int fcntl(int fd, int command, ...)
{
	va_list more;
	va_start(more, command);
	void *argument = va_arg(more, void *);
	va_end(more);
	return fails("fcntl", EBUSY, HARD, __builtin_return_address(0))
		   ? -1
		   : (int)syscall(SYS_fcntl, fd, command, argument);
}

WRAP(FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL, EMFILE, HARD)
WRAP(FILE *, fdopen, (int fd, const char *mode), (fd, mode), NULL, ENOMEM, HARD)
WRAP(DIR *, opendir, (const char *path), (path), NULL, EMFILE, HARD)
WRAP(int, memfd_create, (const char *name, unsigned flags), (name, flags), -1, EMFILE, HARD)
WRAP(int, mkostemp, (char *path, int flags), (path, flags), -1, ENOSPC, HARD)
WRAP(int, dup2, (int from, int to), (from, to), -1, EMFILE, HARD)

/* All but the log, of which the program knows nothing. */
EXPORT int close_range(unsigned first, unsigned last, int flags)
{
	const unsigned log = (unsigned)plan.log;
	if (fails("close_range", ENOMEM, HARD, __builtin_return_address(0)))
		return -1;
	if (plan.log < 0 || log < first || log > last)
		return (int)syscall(SYS_close_range, first, last, flags);
	if (log > first && syscall(SYS_close_range, first, log - 1, flags))
		return -1;
	return log < last ? (int)syscall(SYS_close_range, log + 1, last, flags) : 0;
}

WRAP(int, pipe2, (int ends[2], int flags), (ends, flags), -1, EMFILE, HARD)
WRAP(int, eventfd, (unsigned value, int flags), (value, flags), -1, EMFILE, HARD)
WRAP(int, signalfd, (int fd, const sigset_t *set, int flags), (fd, set, flags), -1, EMFILE, HARD)
WRAP(int, ftruncate, (int fd, off_t length), (fd, length), -1, ENOSPC, HARD)
WRAP(int, fallocate, (int fd, int mode, off_t offset, off_t length), (fd, mode, offset, length), -1,
     ENOSPC, INTERRUPTIBLE)
WRAP(int, fstat, (int fd, struct stat *status), (fd, status), -1, EIO, HARD)
WRAP(int, stat, (const char *path, struct stat *status), (path, status), -1, EIO, HARD)
WRAP(int, lstat, (const char *path, struct stat *status), (path, status), -1, EIO, HARD)
WRAP(off_t, lseek, (int fd, off_t offset, int whence), (fd, offset, whence), -1, EIO, HARD)
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), -1, ENOSPC, HARD)
WRAP(int, rename, (const char *from, const char *to), (from, to), -1, ENOSPC, HARD)
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode), -1, EPERM, HARD)
WRAP(int, flock, (int fd, int operation), (fd, operation), -1, ENOLCK, INTERRUPTIBLE)
WRAP(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size), -1, EIO, INTERRUPTIBLE)
WRAP(ssize_t, pread, (int fd, void *data, size_t size, off_t offset), (fd, data, size, offset), -1,
     EIO, HARD)
WRAP(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size), -1, ENOSPC,
     INTERRUPTIBLE)
WRAP(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t offset),
     (fd, data, size, offset), -1, ENOSPC, INTERRUPTIBLE)

/* ── sockets ─────────────────────────────────────────────────────────────────────────────────── */

WRAP(int, socket, (int domain, int type, int protocol), (domain, type, protocol), -1, EMFILE, HARD)
WRAP(int, socketpair, (int domain, int type, int protocol, int pair[2]),
     (domain, type, protocol, pair), -1, EMFILE, HARD)
WRAP(int, bind, (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length),
     -1, ENOSPC, HARD)
WRAP(int, listen, (int fd, int backlog), (fd, backlog), -1, ENOBUFS, HARD)
WRAP(int, accept4, (int fd, struct sockaddr *address, socklen_t *length, int flags),
     (fd, address, length, flags), -1, EMFILE, INTERRUPTIBLE)
WRAP(int, connect, (int fd, const struct sockaddr *address, socklen_t length),
     (fd, address, length), -1, EAGAIN, INTERRUPTIBLE)
WRAP(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t length),
     (fd, level, name, value, length), -1, ENOMEM, HARD)
WRAP(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *length),
     (fd, level, name, value, length), -1, ENOMEM, HARD)
WRAP(ssize_t, send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags), -1,
     ENOBUFS, INTERRUPTIBLE)
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags), -1,
     ENOBUFS, flags &MSG_DONTWAIT ? HARD : INTERRUPTIBLE)
WRAP(ssize_t, recv, (int fd, void *data, size_t size, int flags), (fd, data, size, flags), -1,
     ENOMEM, INTERRUPTIBLE)
WRAP(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags), -1,
     ENOMEM, INTERRUPTIBLE)

/* ── processes, threads, time ────────────────────────────────────────────────────────────────── */

EXPORT int clone(int (*start)(void *), void *stack, int flags, void *argument, ...)
{
	static int (*real)(int (*)(void *), void *, int, void *, ...);
	if (!real)
		real =
		    (int (*)(int (*)(void *), void *, int, void *, ...))dlsym(RTLD_NEXT, "clone");
	return fails("clone", EAGAIN, HARD, __builtin_return_address(0))
		   ? -1
		   : real(start, stack, flags, argument);
}

WRAP(pid_t, fork, (void), (), -1, EAGAIN, HARD)
WRAP(int, posix_spawn,
     (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attributes, char *const arguments[], char *const variables[]),
     (pid, path, actions, attributes, arguments, variables), EAGAIN, EAGAIN, HARD)
WRAP(int, posix_spawnp,
     (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attributes, char *const arguments[], char *const variables[]),
     (pid, path, actions, attributes, arguments, variables), EAGAIN, EAGAIN, HARD)
WRAP(int, pthread_create,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument),
     (thread, attributes, start, argument), EAGAIN, EAGAIN, HARD)
WRAP(pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options), -1, ECHILD,
     INTERRUPTIBLE)
WRAP(int, poll, (struct pollfd * fds, nfds_t count, int timeout), (fds, count, timeout), -1, ENOMEM,
     INTERRUPTIBLE)
WRAP(int, ppoll,
     (struct pollfd * fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask),
     (fds, count, timeout, mask), -1, ENOMEM, INTERRUPTIBLE)
WRAP(int, clock_nanosleep,
     (clockid_t clock, int flags, const struct timespec *until, struct timespec *left),
     (clock, flags, until, left), EINTR, EINTR, INTERRUPTIBLE)
WRAP(int, timer_create, (clockid_t clock, struct sigevent *event, timer_t *timer),
     (clock, event, timer), -1, EAGAIN, HARD)
WRAP(int, timer_settime,
     (timer_t timer, int flags, const struct itimerspec *value, struct itimerspec *old),
     (timer, flags, value, old), -1, EINVAL, HARD)
WRAP(int, sigaction, (int number, const struct sigaction *action, struct sigaction *old),
     (number, action, old), -1, EINVAL, HARD)
WRAP(ssize_t, getrandom, (void *data, size_t size, unsigned flags), (data, size, flags), -1, ENOSYS,
     HARD)
WRAP(void *, dlopen, (const char *path, int flags), (path, flags), NULL, ENOMEM, HARD)

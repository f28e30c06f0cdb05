/* What a process that has been taken over might try; see attack.h. */
#include "attack.h"
#include "sizes/sizes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* A file that everybody may read, and a place where everybody may write. */
#define FILE_NAME "/etc/passwd"
#define NEW_NAME  "/var/tmp/mayfly-attack"

#define DESCRIPTORS 1024

/* Of recvmsg(2), which every worker may call: EBADF is no descriptor, all else is one. */
static int count_descriptors(void)
{
	int count = 0;
	for (int fd = 0; fd < DESCRIPTORS; fd++) {
		struct msghdr nothing = {0};
		count += recvmsg(fd, &nothing, MSG_DONTWAIT) >= 0 || errno != EBADF;
	}
	return count;
}

struct attempt {
	const char *name;
	long number;
	long arguments[6];
};

#define ADDRESS(pointer) ((long)(uintptr_t)(pointer))

/* Tries all; none of them has a lasting effect on others but the files NEW_NAME. */
static size_t try_all(char *text, size_t size)
{
	static struct stat status;
	static char buffer[4096];
	static int pair[2];
	static struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
	static cpu_set_t processors;
	static char *const arguments[] = {"/bin/true", NULL};
	struct open_how how = {.flags = O_RDONLY};
	struct iovec part = {buffer, sizeof(buffer)};
	memset(&processors, 0xff, sizeof(processors));
	/* Memory that grows like a stack is none that RLIMIT_DATA counts. */
	const long uncounted = MAP_PRIVATE | MAP_GROWSDOWN;
	const long here = AT_FDCWD, file = ADDRESS(FILE_NAME), parent = getppid();
	const struct attempt attempts[] = {
	    {"open", SYS_open, {file, O_RDONLY}},
	    {"openat", SYS_openat, {here, file, O_RDONLY}},
	    {"openat-path", SYS_openat, {here, file, O_PATH}},
	    {"openat2", SYS_openat2, {here, file, ADDRESS(&how), sizeof(how)}},
	    {"open-directory", SYS_openat, {here, ADDRESS("/"), O_RDONLY | O_DIRECTORY}},
	    {"open-proc", SYS_openat, {here, ADDRESS("/proc/self/mem"), O_RDWR}},
	    {"open-null", SYS_openat, {here, ADDRESS("/dev/null"), O_RDWR}},
	    {"creat", SYS_creat, {ADDRESS(NEW_NAME), 0600}},
	    {"create", SYS_openat, {here, ADDRESS(NEW_NAME), O_CREAT | O_RDWR, 0600}},
	    {"open_by_handle_at", SYS_open_by_handle_at, {here, ADDRESS(buffer), O_RDONLY}},
	    {"mkdir", SYS_mkdir, {ADDRESS(NEW_NAME), 0700}},
	    {"symlink", SYS_symlink, {file, ADDRESS(NEW_NAME)}},
	    {"link", SYS_link, {file, ADDRESS(NEW_NAME)}},
	    {"unlink", SYS_unlink, {ADDRESS(NEW_NAME)}},
	    {"rename", SYS_rename, {ADDRESS(NEW_NAME), ADDRESS(NEW_NAME)}},
	    {"truncate", SYS_truncate, {ADDRESS(NEW_NAME), 0}},
	    {"chmod", SYS_chmod, {ADDRESS(NEW_NAME), 0600}},
	    {"chdir", SYS_chdir, {ADDRESS("/")}},
	    {"chroot", SYS_chroot, {ADDRESS("/")}},
	    {"stat", SYS_stat, {file, ADDRESS(&status)}},
	    {"lstat", SYS_lstat, {file, ADDRESS(&status)}},
	    {"newfstatat", SYS_newfstatat, {here, file, ADDRESS(&status), 0}},
	    {"newfstatat-empty", SYS_newfstatat, {here, file, ADDRESS(&status), AT_EMPTY_PATH}},
	    {"statx", SYS_statx, {here, file, 0, STATX_ALL, ADDRESS(buffer)}},
	    {"access", SYS_access, {file, R_OK}},
	    {"faccessat", SYS_faccessat, {here, file, R_OK}},
	    {"readlink", SYS_readlink, {ADDRESS("/proc/self/exe"), ADDRESS(buffer), 100}},
	    {"getxattr", SYS_getxattr, {file, ADDRESS("user.x"), ADDRESS(buffer), 100}},
	    {"memfd_create", SYS_memfd_create, {ADDRESS("x"), 0}},
	    {"memfd_secret", SYS_memfd_secret, {0}},
	    {"shared-memory", SYS_mmap, {0, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1}},
	    {"stack", SYS_mmap, {0, 4096, PROT_READ, uncounted | MAP_ANONYMOUS, -1}},
	    {"file-stack", SYS_mmap, {0, 4096, PROT_READ, uncounted, 0}},
	    {"mremap", SYS_mremap, {0, 0, 0, 0}},
	    {"shmget", SYS_shmget, {0, 4096, 0600}},
	    {"msgget", SYS_msgget, {0, 0600}},
	    {"semget", SYS_semget, {0, 1, 0600}},
	    {"dup", SYS_dup, {0}},
	    {"fcntl", SYS_fcntl, {0, F_DUPFD, 0}},
	    {"pipe", SYS_pipe2, {ADDRESS(pair), 0}},
	    {"eventfd", SYS_eventfd2, {0, 0}},
	    {"inotify", SYS_inotify_init1, {0}},
	    {"ioctl", SYS_ioctl, {0, 0x5401, ADDRESS(buffer)}},
	    {"socket", SYS_socket, {AF_INET, SOCK_STREAM, 0}},
	    {"socket-unix", SYS_socket, {AF_UNIX, SOCK_STREAM, 0}},
	    {"socketpair", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, ADDRESS(pair)}},
	    {"socketpair-tcp", SYS_socketpair, {AF_INET, SOCK_STREAM, 0, ADDRESS(pair)}},
	    {"execve", SYS_execve, {ADDRESS("/bin/true"), ADDRESS(arguments), 0}},
	    {"execveat", SYS_execveat, {here, ADDRESS("/bin/true"), ADDRESS(arguments), 0, 0}},
	    {"thread", SYS_clone, {CLONE_THREAD}}, /* refused by the kernel, if nobody else does */
	    {"clone3", SYS_clone3, {0, 0}},
	    {"kill", SYS_kill, {parent, 0}},
	    {"tgkill", SYS_tgkill, {parent, parent, 0}},
	    {"tkill", SYS_tkill, {parent, 0}},
	    {"pidfd_open", SYS_pidfd_open, {parent, 0}},
	    {"ptrace", SYS_ptrace, {16, parent, 0, 0}},
	    {"process_vm_readv",
	     SYS_process_vm_readv,
	     {parent, ADDRESS(&part), 1, ADDRESS(&part), 1}},
	    {"process_madvise", SYS_process_madvise, {parent, ADDRESS(&part), 1, 0, 0}},
	    {"setpriority", SYS_setpriority, {PRIO_PROCESS, 0, 0}},
	    {"sched_setaffinity",
	     SYS_sched_setaffinity,
	     {0, sizeof(processors), ADDRESS(&processors)}},
	    {"sched_setscheduler", SYS_sched_setscheduler, {0, SCHED_OTHER, ADDRESS(buffer)}},
	    {"prlimit", SYS_prlimit64, {0, RLIMIT_DATA, ADDRESS(&limit), 0}},
	    {"prlimit-parent", SYS_prlimit64, {parent, RLIMIT_DATA, 0, ADDRESS(&limit)}},
	    {"setrlimit", SYS_setrlimit, {RLIMIT_DATA, ADDRESS(&limit)}},
	    {"dumpable", SYS_prctl, {PR_SET_DUMPABLE, 1}},
	    {"pdeathsig", SYS_prctl, {PR_SET_PDEATHSIG, 0}},
	    {"unshare", SYS_unshare, {CLONE_NEWUSER}},
	    {"setns", SYS_setns, {0, 0}},
	    {"mount", SYS_mount, {0, ADDRESS("/"), 0, 4096}},
	    {"io_uring", SYS_io_uring_setup, {1, ADDRESS(buffer)}},
	    {"bpf", SYS_bpf, {0, ADDRESS(buffer), sizeof(buffer)}},
	    {"perf_event_open", SYS_perf_event_open, {ADDRESS(buffer), 0, -1, -1, 0}},
	    {"userfaultfd", SYS_userfaultfd, {1}},
	    {"add_key", SYS_add_key, {ADDRESS("user"), ADDRESS("x"), ADDRESS("x"), 1, -2}},
	    {"seccomp", SYS_seccomp, {2, 0, ADDRESS(buffer)}},
	};
	size_t used = 0;
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		const long *a = attempts[i].arguments;
		long result = syscall(attempts[i].number, a[0], a[1], a[2], a[3], a[4], a[5]);
		/* EPERM is the filter's, EACCES Landlock's; what else a call says of its arguments,
		 * it has been let through to say. */
		if (result < 0 && (errno == EPERM || errno == EACCES || errno == ENOSYS))
			continue;
		int length = snprintf(text + used, size - used, " %s", attempts[i].name);
		if (length > 0 && (size_t)length < size - used)
			used += (size_t)length;
	}
	return used;
}

int attack_all(char *text, size_t size)
{
	int head = snprintf(text, size, "descriptors %d, succeeded:", count_descriptors());
	long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (!child)
		_exit(0);
	if (child > 0)
		head += snprintf(text + head, size - (size_t)head, " fork");
	try_all(text + head, size - (size_t)head);
	return 0;
}

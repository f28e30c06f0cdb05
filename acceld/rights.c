/* What the accelerator host keeps when it gives up its rights; see rights.h. */
#include "rights.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/paths.h"
#include "vaccel.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

const struct confine_call acceld_worker_calls[] = {
    /* Clients. */
    CONFINE_CALL(accept4, "clients"),
    CONFINE_CALL(getsockopt, "who a client is"),
    CONFINE_CALL(setsockopt, "how long to wait for it"),
    CONFINE_CALL(recvmsg, "its window"),
    CONFINE_CALL(recvfrom, "its messages"),
    CONFINE_CALL(sendto, "answers"),
    CONFINE_CALL(sendmsg, "answers"),
    CONFINE_CALL(shutdown, "the end of a connection"),
    CONFINE_CALL(poll, "whoever comes next"),
    CONFINE_CALL(ppoll, "whoever comes next"),
    /* Files: which ones, Landlock says. */
    CONFINE_CALL(openat, "models, libraries"),
    CONFINE_CALL(open, "models, libraries"),
    CONFINE_CALL(close, "models, libraries"),
    CONFINE_CALL(read, "models, libraries"),
    CONFINE_CALL(readv, "models, libraries"),
    CONFINE_CALL(pread64, "models, libraries"),
    CONFINE_CALL(lseek, "models, libraries"),
    CONFINE_CALL(stat, "models, libraries"),
    CONFINE_CALL(lstat, "models, libraries"),
    CONFINE_CALL(fstat, "models, libraries"),
    CONFINE_CALL(newfstatat, "models, libraries"),
    CONFINE_CALL(statx, "models, libraries"),
    CONFINE_CALL(statfs, "models, libraries"),
    CONFINE_CALL(fstatfs, "models, libraries"),
    CONFINE_CALL(access, "models, libraries"),
    CONFINE_CALL(faccessat, "models, libraries"),
    CONFINE_CALL(faccessat2, "models, libraries"),
    CONFINE_CALL(readlink, "models, libraries"),
    CONFINE_CALL(readlinkat, "models, libraries"),
    CONFINE_CALL(getdents64, "models, libraries"),
    CONFINE_CALL(getcwd, "models, libraries"),
    CONFINE_CALL(fadvise64, "models, libraries"),
    CONFINE_CALL(write, "the log, files of resources"),
    CONFINE_CALL(writev, "the log, files of resources"),
    CONFINE_CALL(pwrite64, "files of resources"),
    CONFINE_CALL(mkdir, "files of resources"),
    CONFINE_CALL(rmdir, "files of resources"),
    CONFINE_CALL(unlink, "files of resources"),
    CONFINE_CALL(unlinkat, "files of resources"),
    CONFINE_CALL(ftruncate, "files of resources"),
    CONFINE_CALL(rename, "optimised models"),
    CONFINE_CALL(fchmod, "optimised models"),
    CONFINE_CALL(fcntl, "descriptors, seals of windows"),
    CONFINE_CALL(dup, "descriptors"),
    CONFINE_CALL(eventfd2, "descriptors"),
    CONFINE_CALL(pipe2, "descriptors"),
    CONFINE_CALL(memfd_create, "descriptors"),
    CONFINE_CALL(epoll_create1, "descriptors"),
    CONFINE_CALL(epoll_ctl, "descriptors"),
    CONFINE_CALL(epoll_wait, "descriptors"),
    CONFINE_CALL(epoll_pwait, "descriptors"),
    /* Memory. */
    CONFINE_CALL(mmap, "memory"),
    CONFINE_CALL(munmap, "memory"),
    CONFINE_CALL(mremap, "memory"),
    CONFINE_CALL(mprotect, "memory"),
    CONFINE_CALL(madvise, "memory"),
    CONFINE_CALL(mincore, "memory"),
    CONFINE_CALL(brk, "memory"),
    CONFINE_CALL(mbind, "memory"),
    CONFINE_CALL(get_mempolicy, "memory"),
    /* Threads: none that is a process, and none in another namespace. */
    CONFINE_CALL_WHERE(clone, 1, CLONE_THREAD, CLONE_THREAD, "threads; the flag is CLONE_THREAD"),
    {.name = "clone3",
     .number = SYS_clone3,
     .purpose = "a filter cannot see its flags; the C library takes clone then",
     .absent = true},
    CONFINE_CALL(futex, "threads"),
    CONFINE_CALL(set_robust_list, "threads"),
    CONFINE_CALL(get_robust_list, "threads"),
    CONFINE_CALL(rseq, "threads"),
    CONFINE_CALL(arch_prctl, "threads"),
    CONFINE_CALL(set_tid_address, "threads"),
    CONFINE_CALL(exit, "threads"),
    CONFINE_CALL(gettid, "threads"),
    CONFINE_CALL(sched_yield, "threads"),
    CONFINE_CALL(sched_getaffinity, "threads"),
    CONFINE_CALL(sched_setaffinity, "threads"),
    CONFINE_CALL(sched_getparam, "threads"),
    CONFINE_CALL(sched_getscheduler, "threads"),
    CONFINE_CALL(getcpu, "threads"),
    CONFINE_CALL(membarrier, "threads"),
    /* Signals and time. */
    CONFINE_CALL(rt_sigprocmask, "signals"),
    CONFINE_CALL(rt_sigaction, "signals"),
    CONFINE_CALL(rt_sigreturn, "signals"),
    CONFINE_CALL(sigaltstack, "signals"),
    CONFINE_CALL(tgkill, "signals: abort()"),
    CONFINE_CALL(restart_syscall, "signals"),
    CONFINE_CALL(clock_gettime, "time"),
    CONFINE_CALL(clock_getres, "time"),
    CONFINE_CALL(clock_nanosleep, "time"),
    CONFINE_CALL(nanosleep, "time"),
    CONFINE_CALL(gettimeofday, "time"),
    CONFINE_CALL(time, "time"),
    /* What it is and where. */
    CONFINE_CALL(getpid, "identity"),
    CONFINE_CALL(getppid, "identity"),
    CONFINE_CALL(getuid, "identity"),
    CONFINE_CALL(geteuid, "identity"),
    CONFINE_CALL(getgid, "identity"),
    CONFINE_CALL(getegid, "identity"),
    CONFINE_CALL(uname, "the machine"),
    CONFINE_CALL(sysinfo, "the machine"),
    CONFINE_CALL(getrusage, "the machine"),
    CONFINE_CALL_WHERE(prlimit64, 3, UINT64_MAX, 0, "the machine; no new limit"),
    CONFINE_CALL(getrlimit, "the machine"),
    CONFINE_CALL(getrandom, "randomness"),
    CONFINE_CALL_WHERE(prctl, 1, UINT32_MAX, 15, "names of threads (PR_SET_NAME)"),
    CONFINE_CALL_WHERE(prctl, 1, UINT32_MAX, 0x53564d41, "names of memory (PR_SET_VMA)"),
    CONFINE_CALL(exit_group, "the end"),
};

const size_t acceld_worker_call_count = COUNT(acceld_worker_calls);

#define FORK_FLAGS (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD)

const struct confine_call acceld_supervisor_calls[] = {
    CONFINE_CALL_WHERE(clone, 1, UINT64_MAX, FORK_FLAGS,
		       "a worker; the flags are those of fork(2)"),
    CONFINE_CALL(kill, "its end"),
    CONFINE_CALL(wait4, "how it ended"),
    /* In a worker, until it has given up its own. */
    CONFINE_CALL_WHERE(prctl, 1, UINT32_MAX, PR_SET_PDEATHSIG,
		       "in a worker: ending with the supervisor (PR_SET_PDEATHSIG)"),
    CONFINE_CALL(signalfd4, "in a worker: its signals"),
    CONFINE_CALL_WHERE(prlimit64, 1, UINT64_MAX, 0, "in a worker: its limits"),
    CONFINE_CALL(capget, "in a worker: no capabilities"),
    CONFINE_CALL(capset, "in a worker: no capabilities"),
    CONFINE_CALL_WHERE(prctl, 1, UINT32_MAX, PR_CAP_AMBIENT,
		       "in a worker: no capabilities (PR_CAP_AMBIENT)"),
    CONFINE_CALL_WHERE(prctl, 1, UINT32_MAX, PR_SET_NO_NEW_PRIVS,
		       "in a worker: no new privileges (PR_SET_NO_NEW_PRIVS)"),
    CONFINE_CALL(landlock_create_ruleset, "in a worker: Landlock"),
    CONFINE_CALL(landlock_add_rule, "in a worker: Landlock"),
    CONFINE_CALL(landlock_restrict_self, "in a worker: Landlock"),
    CONFINE_CALL_WHERE(seccomp, 1, UINT32_MAX, SECCOMP_SET_MODE_FILTER,
		       "in a worker: its own filter"),
};

const size_t acceld_supervisor_call_count = COUNT(acceld_supervisor_calls);

/* An accelerator's driver is talked to by ioctls, whose numbers are its own. */
static const struct confine_call device_calls[] = {
    CONFINE_CALL(ioctl, "accelerators, where there are some"),
};

#define PATHS_MAX 64

struct path_list {
	struct confine_path paths[PATHS_MAX];
	char names[PATHS_MAX][PATH_MAX];
	size_t count;
};

/* What finds no room is not permitted. */
static void permit(struct path_list *list, unsigned access, const char *path)
{
	if (!path || !*path || list->count == PATHS_MAX)
		return;
	char *copy = list->names[list->count];
	if ((size_t)snprintf(copy, PATH_MAX, "%s", path) >= PATH_MAX)
		return;
	list->paths[list->count++] = (struct confine_path){.path = copy, .access = access};
}

static void permit_directory_of(struct path_list *list, unsigned access, const char *path)
{
	char copy[PATH_MAX];
	if (path && *path && (size_t)snprintf(copy, sizeof(copy), "%s", path) < sizeof(copy))
		permit(list, access, dirname(copy));
}

/* The parts of Mayfly, built or installed: a plugin that could not be loaded at the start is tried
 * again, and finds libraries beside libvaccel. */
static void permit_parts(struct path_list *list)
{
	char path[PATH_MAX];
	Dl_info library;
	permit(list, CONFINE_READ, getenv("MAYFLY_LIBDIR"));
	permit_directory_of(list, CONFINE_READ, getenv("MAYFLY_ONNXRUNTIME"));
	if (!dladdr((void *)vaccel_plugin_load, &library))
		return;
	permit_directory_of(list, CONFINE_READ, library.dli_fname);
	if ((size_t)snprintf(path, sizeof(path), "%s", library.dli_fname) < sizeof(path)) {
		const char *above = dirname(dirname(dirname(path)));
		char plugins[PATH_MAX];
		if ((size_t)snprintf(plugins, sizeof(plugins), "%s/plugins", above) <
		    sizeof(plugins))
			permit(list, CONFINE_READ, plugins);
	}
}

/* Returns whether there is any. */
static bool permit_accelerators(struct path_list *list)
{
	bool found = false;
	cleanup_closedir DIR *devices = opendir("/dev");
	for (const struct dirent *entry; devices && (entry = readdir(devices));) {
		char path[sizeof("/dev/") + NAME_MAX];
		if (strncmp(entry->d_name, "nvidia", strlen("nvidia")) != 0)
			continue;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		permit(list, CONFINE_READ | CONFINE_DEVICE, path);
		found = true;
	}
	const char *home = getenv("HOME");
	char path[PATH_MAX];
	/* Where CUDA keeps what it compiled. */
	if (found && home && (size_t)snprintf(path, sizeof(path), "%s/.nv", home) < sizeof(path))
		permit(list, CONFINE_READ | CONFINE_WRITE, path);
	return found;
}

/* Returns whether there are accelerators. */
static bool permit_all(struct path_list *list, const char *socket_path)
{
	static const char *const readable[] = {"/usr", "/lib",	"/lib64", "/opt",
					       "/etc", "/proc", "/sys"};
	static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/urandom"};
	char path[PATH_MAX];
	for (size_t i = 0; i < COUNT(readable); i++)
		permit(list, CONFINE_READ, readable[i]);
	for (size_t i = 0; i < COUNT(devices); i++)
		permit(list, CONFINE_READ | CONFINE_DEVICE, devices[i]);
	if (!paths_cache(path, sizeof(path), "", NULL))
		permit(list, CONFINE_READ, path);
	/* Models as the engine optimised them for this processor. */
	if (!paths_cache(path, sizeof(path), "optimized", NULL) &&
	    !file_make_directories(path, NULL))
		permit(list, CONFINE_READ | CONFINE_WRITE, path);
	if (!paths_runtime(path, sizeof(path), "", NULL))
		permit(list, CONFINE_READ | CONFINE_WRITE, path);
	permit_directory_of(list, CONFINE_READ | CONFINE_WRITE, socket_path);
	permit_parts(list);
	return permit_accelerators(list);
}

/* All that a role may call: the supervisor also what its workers may, since a filter is inherited.
 */
static size_t collect_calls(struct confine_call *calls, enum acceld_role role, bool accelerators)
{
	size_t count = acceld_worker_call_count;
	memcpy(calls, acceld_worker_calls, sizeof(acceld_worker_calls));
	if (accelerators) {
		memcpy(calls + count, device_calls, sizeof(device_calls));
		count += COUNT(device_calls);
	}
	if (role == ACCELD_SUPERVISOR) {
		memcpy(calls + count, acceld_supervisor_calls, sizeof(acceld_supervisor_calls));
		count += acceld_supervisor_call_count;
	}
	return count;
}

int acceld_give_up_rights(enum acceld_role role, const char *socket_path,
			  struct confine_report *report, struct error *error)
{
	static const struct confine_limit limits[] = {
	    {RLIMIT_CORE, 1}, /* not 0: that would still feed a core_pattern that is a program */
	};
	struct confine_call calls[COUNT(acceld_worker_calls) + COUNT(device_calls) +
				  COUNT(acceld_supervisor_calls)];
	cleanup_free struct path_list *list = calloc(1, sizeof(*list));
	if (!list)
		return error_set(error, ENOMEM, "no memory for the list of what may be opened");
	bool accelerators = permit_all(list, socket_path);
	/* VACCEL_PLUGINS may name plugins anywhere, with libraries of theirs. */
	if (role == ACCELD_SUPERVISOR)
		permit(list, CONFINE_READ, "/");
	const struct confine_policy policy = {
	    /* Root reads models of others as before; which, Landlock says. */
	    .capabilities = 1UL << CAP_DAC_OVERRIDE | 1UL << CAP_DAC_READ_SEARCH,
	    .limits = limits,
	    .limit_count = COUNT(limits),
	    .paths = list->paths,
	    .path_count = list->count,
	    .calls = calls,
	    .call_count = collect_calls(calls, role, accelerators),
	    .refusal = CONFINE_REFUSE,
	};
	confine_self(&policy, report);
	confine_log(report, role == ACCELD_SUPERVISOR ? "supervisor" : "worker");
	return 0;
}

/* What the accelerator host keeps when it gives up its rights; see rights.h. */
#include "acceld/common/rights.h"

#include <dirent.h>
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
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "accel/plugins/description.h"
#include "confine/sanitizers.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/host_settings.h"
#include "util/log.h"
#include "util/paths.h"

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
    CONFINE_CALL(write, "the log"),
    CONFINE_CALL(writev, "the log"),
    CONFINE_CALL(pwrite64, "models that clients send, in memory"),
    CONFINE_CALL(ftruncate, "memory files, a long log"),
    CONFINE_CALL(fcntl, "descriptors, seals of windows"),
    CONFINE_CALL(dup, "descriptors"),
    CONFINE_CALL(eventfd2, "descriptors"),
    CONFINE_CALL(pipe2, "descriptors"),
    CONFINE_CALL(memfd_create, "descriptors"),
    CONFINE_CALL_WHERE(socketpair, 1, UINT32_MAX, AF_UNIX,
		       "to a tenant's worker; the domain is AF_UNIX"),
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
    /* Threads only: no processes, and no other namespaces. */
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
    CONFINE_CALL_WHERE(sched_setattr, 1, UINT32_MAX, 0,
		       "threads: behind those of other tenants; the argument is the thread itself"),
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

const size_t acceld_worker_call_count = ARRAY_SIZE(acceld_worker_calls);

/* No file can be opened, whatever Landlock says: there is no call for it. Nor is there one that
 * reaches another process, or that makes memory which RLIMIT_DATA does not count. It counts no
 * stacks, however large: so no memory may grow down, and mremap, which would make the main thread's
 * stack larger, is missing (the C library copies where it is refused). */
const struct confine_call acceld_tenant_calls[] = {
    CONFINE_CALL(recvmsg, "requests, with memory and models"),
    CONFINE_CALL(sendto, "answers"),
    CONFINE_CALL(close, "descriptors of what has been mapped"),
    CONFINE_CALL_WHERE(mmap, 4, MAP_TYPE | MAP_ANONYMOUS | MAP_GROWSDOWN,
		       MAP_PRIVATE | MAP_ANONYMOUS,
		       "memory of its own, no stack; the bits are MAP_PRIVATE, MAP_ANONYMOUS and "
		       "not MAP_GROWSDOWN"),
    CONFINE_CALL_WHERE(mmap, 4, MAP_ANONYMOUS | MAP_GROWSDOWN, 0,
		       "memory of files, no stack; the bits are MAP_ANONYMOUS and MAP_GROWSDOWN"),
    CONFINE_CALL(munmap, "memory"),
    CONFINE_CALL(mprotect, "memory"),
    CONFINE_CALL(madvise, "memory"),
    CONFINE_CALL(brk, "memory"),
    CONFINE_CALL(futex, "threads, of which no more can be started"),
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
    CONFINE_CALL(restart_syscall, "signals"),
    CONFINE_CALL(clock_gettime, "time"),
    CONFINE_CALL(clock_nanosleep, "time"),
    CONFINE_CALL(nanosleep, "time"),
    CONFINE_CALL(getpid, "identity"),
    CONFINE_CALL(sysinfo, "the machine"),
    CONFINE_CALL(getrandom, "randomness"),
    CONFINE_CALL_WHERE(prctl, 1, UINT32_MAX, PR_SET_NAME, "names of threads (PR_SET_NAME)"),
    CONFINE_CALL_WHERE(prctl, 1, UINT32_MAX, PR_SET_VMA, "names of memory (PR_SET_VMA)"),
    CONFINE_CALL(exit_group, "the end"),
};

const size_t acceld_tenant_call_count = ARRAY_SIZE(acceld_tenant_calls);

/* To load what a client has sent, by the descriptors that came with it. There is still no call that
 * opens a file: what the dynamic linker asks for is answered in the process (library_files.h). */
const struct confine_call acceld_code_calls[] = {
    CONFINE_CALL_TRAPPED(openat, "libraries that the client sent"),
    CONFINE_CALL_TRAPPED(newfstatat, "libraries that the client sent"),
    CONFINE_CALL(dup, "libraries that the client sent"),
    CONFINE_CALL(fstat, "libraries that the client sent"),
    CONFINE_CALL(lseek, "libraries that the client sent"),
    CONFINE_CALL(pread64, "libraries that the client sent"),
    CONFINE_CALL(read, "libraries that the client sent"),
};

const size_t acceld_code_call_count = ARRAY_SIZE(acceld_code_calls);

#define FORK_FLAGS (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD)

const struct confine_call acceld_zygote_calls[] = {
    CONFINE_CALL(poll, "orders"),
    CONFINE_CALL(read, "signals"),
    CONFINE_CALL(write, "the log"),
    CONFINE_CALL(dup, "in a worker: libraries that the client sent"),
    CONFINE_CALL(fstat, "in a worker: libraries that the client sent"),
    CONFINE_CALL(lseek, "in a worker: libraries that the client sent"),
    CONFINE_CALL(pread64, "in a worker: libraries that the client sent"),
    CONFINE_CALL_WHERE(clone, 1, UINT64_MAX, FORK_FLAGS,
		       "a worker; the flags are those of fork(2)"),
    CONFINE_CALL_WHERE(clone, 1, CLONE_THREAD, CLONE_THREAD,
		       "in a worker: its threads; the flag is CLONE_THREAD"),
    {.name = "clone3",
     .number = SYS_clone3,
     .purpose = "a filter cannot see its flags; the C library takes clone then",
     .absent = true},
    CONFINE_CALL(kill, "its end"),
    CONFINE_CALL(wait4, "how it ended"),
    /* Kept for a worker, until it has given up its own rights. */
    CONFINE_CALL_WHERE(prctl, 1, UINT32_MAX, PR_SET_PDEATHSIG,
		       "in a worker: ending with its parent (PR_SET_PDEATHSIG)"),
    CONFINE_CALL(getppid, "in a worker: whether that has ended already"),
    CONFINE_CALL(dup2, "in a worker: its descriptors"),
    CONFINE_CALL(close_range, "in a worker: its descriptors"),
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

const size_t acceld_zygote_call_count = ARRAY_SIZE(acceld_zygote_calls);

const struct confine_call acceld_supervisor_calls[] = {
    CONFINE_CALL(unlink, "the socket"),
    CONFINE_CALL(getpriority, "in a worker: where its threads stand"),
    CONFINE_CALL(signalfd4, "in a worker: its signals"),
    CONFINE_CALL(mkdir, "where models are optimised: files in the cache"),
    CONFINE_CALL(unlinkat, "where models are optimised: files in the cache"),
    CONFINE_CALL(rename, "where models are optimised: files in the cache"),
    CONFINE_CALL(fchmod, "where models are optimised: files in the cache"),
    CONFINE_CALL_WHERE(setpriority, 1, UINT32_MAX, PRIO_PROCESS,
		       "in a zygote: its place behind others; the argument is PRIO_PROCESS"),
};

const size_t acceld_supervisor_call_count = ARRAY_SIZE(acceld_supervisor_calls);

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

/* Places for which there is no room are not permitted. */
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

static void permit_plugins(const char *path, void *list)
{
	permit(list, CONFINE_READ, path);
}

/* The parts of Mayfly, built or installed: a plugin that could not be loaded at the start is tried
 * again, and finds libraries beside libvaccel. */
static void permit_parts(struct path_list *list)
{
	permit(list, CONFINE_READ, host_setting(HOST_LIBDIR));
	permit_directory_of(list, CONFINE_READ, host_setting(HOST_ONNXRUNTIME));
	permit_directory_of(list, CONFINE_READ, host_setting(HOST_TFLITE));
	permit_directory_of(list, CONFINE_READ, host_setting(HOST_TENSORFLOW));
	permit_directory_of(list, CONFINE_READ, host_setting(HOST_TORCH));
	mayfly_plugin_directories(permit_plugins, list);
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

/* Models and the manifest; libraries of an engine that is not there yet. */
static void permit_cache(struct path_list *list)
{
	char path[PATH_MAX];
	if (!paths_cache(path, sizeof(path), "", NULL))
		permit(list, CONFINE_READ, path);
}

/* What plugins and engines need while they are loaded, or an accelerator at any time. */
static void permit_system(struct path_list *list)
{
	static const char *const readable[] = {"/usr", "/lib",	"/lib64", "/opt",
					       "/etc", "/proc", "/sys"};
	static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/urandom"};
	for (size_t i = 0; i < ARRAY_SIZE(readable); i++)
		permit(list, CONFINE_READ, readable[i]);
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		permit(list, CONFINE_READ | CONFINE_DEVICE, devices[i]);
	permit_parts(list);
}

/* VACCEL_PLUGINS may name plugins anywhere, with libraries of theirs. */
static void permit_supervisor(struct path_list *list, const char *socket_path)
{
	char path[PATH_MAX];
	permit(list, CONFINE_READ, "/");
	permit(list, CONFINE_DEVICE, "/proc"); /* a zygote's oom_score_adj */
	permit(list, CONFINE_READ | CONFINE_DEVICE, "/dev/null");
	/* Models as the engine optimised them for this processor. */
	if (!paths_cache(path, sizeof(path), "optimized", NULL) &&
	    !file_make_directories(path, NULL))
		permit(list, CONFINE_READ | CONFINE_WRITE, path);
	if (!paths_runtime(path, sizeof(path), "", NULL))
		permit(list, CONFINE_READ | CONFINE_WRITE, path);
	permit_directory_of(list, CONFINE_READ | CONFINE_WRITE, socket_path);
}

/* Returns whether there are accelerators. */
static bool permit_all(struct path_list *list, enum acceld_role role, const char *socket_path)
{
	if (role == ACCELD_ZYGOTE || role == ACCELD_RELAY || role == ACCELD_METRICS)
		return false;
	/* Sockets may be made anywhere. */
	if (role == ACCELD_SUPERVISOR_LISTENING)
		permit(list, CONFINE_READ | CONFINE_WRITE, "/");
	bool accelerators = permit_accelerators(list);
	permit_cache(list);
	if (role == ACCELD_SUPERVISOR || role == ACCELD_SUPERVISOR_LISTENING)
		permit_supervisor(list, socket_path);
	/* TensorFlow and libtorch look at the machine, and open parts of themselves, with the first
	 * model. */
	if (accelerators || role != ACCELD_WORKER || host_setting(HOST_TENSORFLOW) ||
	    host_setting(HOST_TORCH))
		permit_system(list);
	return accelerators;
}

#define RELAY_CALLS_MAX 128 /* and those for listening */

struct call_list {
	struct confine_call
	    calls[ARRAY_SIZE(acceld_worker_calls) + ARRAY_SIZE(acceld_tenant_calls) +
		  ARRAY_SIZE(acceld_zygote_calls) + ARRAY_SIZE(acceld_supervisor_calls) +
		  ARRAY_SIZE(device_calls) + RELAY_CALLS_MAX];
	size_t count;
};

static void add_calls(struct call_list *list, const struct confine_call *calls, size_t count)
{
	if (count > ARRAY_SIZE(list->calls) - list->count)
		count = ARRAY_SIZE(list->calls) - list->count;
	memcpy(list->calls + list->count, calls, count * sizeof(*calls));
	list->count += count;
}

/* All that a role may call: also what its children may, since a filter is inherited. */
static void collect_calls(struct call_list *list, enum acceld_role role, bool accelerators)
{
	bool listens = role == ACCELD_SUPERVISOR_LISTENING;
	bool relay = role == ACCELD_RELAY || role == ACCELD_METRICS;
	bool supervisor = role == ACCELD_SUPERVISOR || listens, zygote = role == ACCELD_ZYGOTE;
	list->count = 0;
	if (listens)
		add_calls(list, acceld_listening_calls, acceld_listening_call_count);
	if (listens || relay)
		add_calls(list, acceld_relay_calls, acceld_relay_call_count);
	if (role == ACCELD_METRICS)
		add_calls(list, acceld_metrics_calls, acceld_metrics_call_count);
	if (!zygote && !relay)
		add_calls(list, acceld_worker_calls, ARRAY_SIZE(acceld_worker_calls));
	if (supervisor || zygote)
		add_calls(list, acceld_tenant_calls, ARRAY_SIZE(acceld_tenant_calls));
	if (supervisor || zygote)
		add_calls(list, acceld_zygote_calls, ARRAY_SIZE(acceld_zygote_calls));
	if (supervisor)
		add_calls(list, acceld_supervisor_calls, ARRAY_SIZE(acceld_supervisor_calls));
	if (accelerators)
		add_calls(list, device_calls, ARRAY_SIZE(device_calls));
}

static const struct confine_limit limits[] = {
    {RLIMIT_CORE, 1}, /* not 0: that would still feed a core_pattern that is a program */
};

int acceld_give_up_rights(enum acceld_role role, const char *socket_path,
			  struct confine_report *report, struct error *error)
{
	static const char *const names[] = {[ACCELD_SUPERVISOR] = "supervisor",
					    [ACCELD_SUPERVISOR_LISTENING] = "supervisor",
					    [ACCELD_RELAY] = "relay",
					    [ACCELD_METRICS] = "metrics",
					    [ACCELD_WORKER] = "worker",
					    [ACCELD_WORKER_WAITING] = "worker without an engine",
					    [ACCELD_ZYGOTE] = "zygote"};
	struct call_list calls;
	cleanup_free struct path_list *list = calloc(1, sizeof(*list));
	if (!list)
		return error_set(error, ENOMEM, "no memory for the list of what may be opened");
	bool files = role != ACCELD_ZYGOTE && role != ACCELD_RELAY && role != ACCELD_METRICS;
	bool listens = role == ACCELD_SUPERVISOR_LISTENING;
	collect_calls(&calls, role, permit_all(list, role, socket_path));
	const struct confine_policy policy = {
	    /* Root may read models of other users as before; Landlock says which files. */
	    .capabilities = (files ? 1UL << CAP_DAC_OVERRIDE | 1UL << CAP_DAC_READ_SEARCH : 0) |
			    (listens ? 1UL << CAP_NET_BIND_SERVICE : 0),
	    .network = listens ? CONFINE_LISTENS : 0,
	    .limits = limits,
	    .limit_count = ARRAY_SIZE(limits),
	    .paths = list->paths,
	    .path_count = list->count,
	    .calls = calls.calls,
	    .call_count = calls.count,
	    .refusal = CONFINE_REFUSE,
	};
	confine_self(&policy, report);
	confine_log(report, names[role]);
	return 0;
}

void acceld_make_tenant_filter(struct acceld_tenant_filter *filter, bool runs_code)
{
	struct error error = {0};
	struct confine_call calls[ARRAY_SIZE(acceld_tenant_calls) + ARRAY_SIZE(acceld_code_calls)];
	memcpy(calls, acceld_tenant_calls, sizeof(acceld_tenant_calls));
	memcpy(calls + ARRAY_SIZE(acceld_tenant_calls), acceld_code_calls,
	       sizeof(acceld_code_calls));
	int length = confine_filter_build(
	    calls, runs_code ? ARRAY_SIZE(calls) : ARRAY_SIZE(acceld_tenant_calls), CONFINE_REFUSE,
	    filter->code, &error);
	filter->length = length > 0 ? (size_t)length : 0;
	if (length < 0)
		log_warn("no filter for tenants' workers: %s", error.text);
}

int acceld_give_up_tenant_rights(const struct acceld_tenant_filter *filter)
{
	struct confine_report report = {0};
	const struct confine_policy policy = {
	    .limits = limits,
	    .limit_count = ARRAY_SIZE(limits),
	    .filter = filter->code,
	    .filter_length = filter->length,
	};
	confine_self(&policy, &report);
	bool held = report.answers[CONFINE_SYSTEM_CALLS].state == CONFINE_IN_FORCE ||
		    report.answers[CONFINE_LANDLOCK].state == CONFINE_IN_FORCE;
	return held || CONFINE_SANITIZED ? 0 : -EPERM;
}

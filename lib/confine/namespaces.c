/* A child in namespaces of its own, with an empty file system; see confine.h. */
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/confine.h"
#include "confine/sanitizers.h"
#include "sizes/sizes.h"

#define NAMESPACES_WITHOUT_USER (CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC)
#define NAMESPACES_ALL		(NAMESPACES_WITHOUT_USER | CLONE_NEWUSER)

static const struct {
	enum confine_measure measure;
	uint64_t flag;
} namespaces[] = {
    {CONFINE_USER_NAMESPACE, CLONE_NEWUSER},   {CONFINE_PID_NAMESPACE, CLONE_NEWPID},
    {CONFINE_NETWORK_NAMESPACE, CLONE_NEWNET}, {CONFINE_IPC_NAMESPACE, CLONE_NEWIPC},
    {CONFINE_EMPTY_ROOT, CLONE_NEWNS},
};

/* `group`: a control group's directory, or -1 for the one that this process is in. `pidfd`: NULL
 * for a child; else it becomes one of our parent's, which reaps it. */
static pid_t fork_into(uint64_t flags, int group, int *pidfd)
{
	struct clone_args arguments = {.flags = flags, .exit_signal = pidfd ? 0 : SIGCHLD};
	if (group >= 0) {
		arguments.flags |= CLONE_INTO_CGROUP;
		arguments.cgroup = (uint64_t)group;
	}
	if (pidfd) {
		arguments.flags |= CLONE_PARENT | CLONE_PIDFD;
		arguments.pidfd = (uint64_t)(uintptr_t)pidfd;
	}
	long pid = syscall(SYS_clone3, &arguments, sizeof(arguments));
	return pid < 0 ? -errno : (pid_t)pid;
}

/* Where there is no clone3(2), and for builds with sanitizers, which know of fork(2). */
static pid_t fork_simply(int *pidfd)
{
	long pid = pidfd ? syscall(SYS_clone, CLONE_PARENT | CLONE_PIDFD | SIGCHLD, NULL, pidfd,
				   NULL, NULL)
			 : fork();
	return pid < 0 ? -errno : (pid_t)pid;
}

/* Forks into as many namespaces as may be had, which *flags tells. *refusal: why not into all. */
static pid_t fork_with_most(int group, int *pidfd, uint64_t *flags, int *refusal)
{
	*flags = NAMESPACES_ALL;
	pid_t pid = fork_into(*flags, group, pidfd);
	*refusal = pid < 0 ? -pid : 0;
	if (pid < 0) {
		*flags = NAMESPACES_WITHOUT_USER;
		pid = fork_into(*flags, group, pidfd);
	}
	if (pid < 0) {
		*flags = 0;
		pid = fork_into(*flags, group, pidfd);
	}
	return pid;
}

static const char *explain_refusal(int code)
{
	switch (code) {
	case EPERM:
		return "not permitted here (a container, a chroot, or the system's settings)";
	case ENOSPC:
	case EUSERS:
		return "no more of them may be made (user.max_*_namespaces)";
	case EINVAL:
		return "the kernel is built without it";
	case ENOSYS:
		return "a filter of system calls, or an old kernel, forbids clone3";
	default:
		return strerrordesc_np(code);
	}
}

/* Makes an empty file system the root. `private`: mounts must first be kept from propagating to
 * other namespaces; in a new user namespace they do not. EINVAL where that cannot be done, because
 * the root is no mount point.
 *
 * By chroot(2): pivot_root(2) would have the old root unmounted, for which the kernel waits, 0.1 to
 * 10 ms, until no processor looks at it any more. The way back out of a chroot is CAP_SYS_CHROOT or
 * the descriptor of a directory, and confine_self() leaves neither. */
static int empty_root(bool private)
{
	/* Any directory that exists will do: nobody else sees what is mounted on it. */
	static const char *const places[] = {"/proc", "/tmp", "/dev"};
	if (private && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	const char *place = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(places) && !place; i++)
		if (!mount("none", places[i], "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
			   "size=4k,mode=555"))
			place = places[i];
	return !place || chroot(place) || chdir("/") ? -errno : 0;
}

/* The child's part: says how it went, and keeps nothing of the group. */
static void note_group(struct confine_cgroup *group, struct confine_report *report)
{
	if (!group)
		return;
	if (group->group >= 0)
		confine_note_in_force(report, CONFINE_CGROUP_LIMITS);
	else
		confine_note_missing(report, CONFINE_CGROUP_LIMITS, "%s", group->missing.text);
	confine_cgroup_forget(group);
}

/* In its group, and with as many namespaces as may be had. */
static pid_t fork_as_wanted(struct confine_cgroup *group, int *pidfd, uint64_t *flags, int *refusal)
{
	pid_t pid = -EPERM;
	if (group && group->group >= 0) {
		pid = fork_with_most(group->group, pidfd, flags, refusal);
		if (pid >= 0 || group->required)
			return pid;
		error_set_errno(&group->missing, -pid, "no process can be started in %s",
				group->path);
		confine_cgroup_remove(group);
	}
	pid = fork_with_most(-1, pidfd, flags, refusal);
	if (pid >= 0)
		return pid;
	/* Where there is no clone3(2). */
	*flags = 0;
	return fork_simply(pidfd);
}

pid_t confine_fork(struct confine_cgroup *group, void (*open_files)(void *context), void *context,
		   struct confine_report *report)
{
	return confine_fork_sibling(group, open_files, context, NULL, report);
}

pid_t confine_fork_sibling(struct confine_cgroup *group, void (*open_files)(void *context),
			   void *context, int *pidfd, struct confine_report *report)
{
	*report = (struct confine_report){0};
	const char *reason = CONFINE_SANITIZED_TEXT;
	uint64_t flags = 0;
	pid_t pid;
	if (CONFINE_SANITIZED) {
		pid = fork_simply(pidfd);
	} else {
		int refusal = 0;
		pid = fork_as_wanted(group, pidfd, &flags, &refusal);
		reason = explain_refusal(refusal);
	}
	if (pid)
		return pid;
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		if (flags & namespaces[i].flag)
			confine_note_in_force(report, namespaces[i].measure);
		else
			confine_note_missing(report, namespaces[i].measure, "%s", reason);
	}
	note_group(group, report);
	if (open_files)
		open_files(context);
	if (!(flags & CLONE_NEWNS))
		return 0;
	int result = empty_root(!(flags & CLONE_NEWUSER));
	if (result)
		confine_note_missing(report, CONFINE_EMPTY_ROOT, "%s",
				     result == -EINVAL ? "the root is no mount point (a chroot)"
						       : strerrordesc_np(-result));
	return 0;
}

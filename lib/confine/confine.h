/* Giving up rights: what a process that handles strangers' data does before it looks at them.
 *
 *     confine_fork()    a child in namespaces of its own, with nothing in its file system
 *     confine_self()    this process, for good: privileges, limits, files by Landlock, system calls
 *
 * Machines differ in what they offer, and a container or an old kernel must not keep Mayfly from
 * working: a measure that cannot be had is left out, and the report tells which and why. No measure
 * can be undone, and children inherit all of them.
 */
#ifndef MAYFLY_CONFINE_H
#define MAYFLY_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "confine/cgroup.h"
#include "confine/filter.h"
#include "confine/landlock.h"

enum confine_measure {
	CONFINE_USER_NAMESPACE,
	CONFINE_PID_NAMESPACE,
	CONFINE_NETWORK_NAMESPACE,
	CONFINE_IPC_NAMESPACE,
	CONFINE_EMPTY_ROOT,
	CONFINE_NO_NEW_PRIVILEGES,
	CONFINE_CAPABILITIES,
	CONFINE_LIMITS,
	CONFINE_CGROUP_LIMITS,
	CONFINE_LANDLOCK,
	CONFINE_SYSTEM_CALLS,
	CONFINE_MEASURES
};

enum confine_state {
	CONFINE_UNWANTED, /* nobody asked for it */
	CONFINE_IN_FORCE,
	CONFINE_MISSING, /* asked for, and not to be had here */
};

struct confine_report {
	struct confine_answer {
		enum confine_state state;
		char why[200]; /* it is missing; else "" */
	} answers[CONFINE_MEASURES];
};

/* What a measure is called in messages. */
const char *confine_measure_name(enum confine_measure measure);

/* Notes how a measure went; why it is missing in printf() form. */
void confine_note_in_force(struct confine_report *report, enum confine_measure measure);
void confine_note_missing(struct confine_report *report, enum confine_measure measure,
			  const char *why, ...) __attribute__((format(printf, 3, 4)));

/* One line for each measure that somebody asked for, at debug level. */
void confine_log(const struct confine_report *report, const char *role);

struct confine_limit {
	int resource; /* RLIMIT_… */
	rlim_t value; /* soft and hard; a hard limit that is lower already stays */
};

/* What a role may keep. */
struct confine_policy {
	uint64_t capabilities; /* bits by number, of those that it has: usually 0 */
	const struct confine_limit *limits;
	size_t limit_count;
	/* The files it may still open, and how; no path at all: none. */
	const struct confine_path *paths;
	size_t path_count;
	unsigned network; /* of enum confine_network, as far as its system calls let it */
	/* The system calls it may still make. */
	const struct confine_call *calls;
	size_t call_count;
	enum confine_refusal refusal;
	/* Made by confine_filter_build() beforehand, in place of `calls`, for who cannot make it
	 * any more; NULL: none was. */
	const struct sock_filter *filter;
	size_t filter_length;
};

/* Confines the calling thread, and all that it starts from now on; so call it before there are
 * others. The calls of the policy must include what the caller does next. */
void confine_self(const struct confine_policy *policy, struct confine_report *report);

/* Forks a child: alone in a user, pid, mount, network and IPC namespace where that may be had, and
 * with an empty read-only file system as its root. Where a user namespace may not be had but
 * CAP_SYS_ADMIN is there, all the same without the former. Returns as fork(2) does, or a negative
 * errno; the report is the child's.
 *
 * The child starts in `group`, where that was made; where it cannot and group->required, there is
 * no child. NULL: nobody asked for one.
 *
 * Before the root is gone, the child calls `open_files` (may be NULL) with `context`, for what it
 * must open itself. Its result is noted nowhere: let it keep it in *context.
 *
 * To be called while there is one thread. The C library is not told of the fork: in the child,
 * raise() and abort() end it by another signal than wanted. */
pid_t confine_fork(struct confine_cgroup *group, void (*open_files)(void *context), void *context,
		   struct confine_report *report);

/* The same, but what it makes is a child of this process's parent, which is to reap it; *pidfd, its
 * descriptor, is the caller's. pidfd == NULL: a child as any other. */
pid_t confine_fork_sibling(struct confine_cgroup *group, void (*open_files)(void *context),
			   void *context, int *pidfd, struct confine_report *report);

#endif

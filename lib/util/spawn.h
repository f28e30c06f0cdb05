/* Starting other programs, and waiting for them.
 *
 * Whoever starts a program describes it and gets a descriptor of the process (pidfd), which can be
 * polled for its end. Only the guest processes of monitor/ are started by other means: that file
 * says why.
 */
#ifndef MAYFLY_UTIL_SPAWN_H
#define MAYFLY_UTIL_SPAWN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SPAWN_DESCRIPTORS_MAX 16
#define SPAWN_NULL	      (-1) /* among the descriptors: /dev/null, for reading and writing */

enum spawn_kind {
	/* Independent of its starter: no signal is blocked or ignored, whatever the calling thread
	 * has. */
	SPAWN_SERVER,
	SPAWN_SERVER_GROUP,   /* the same, in a process group of its own */
	SPAWN_SERVER_SESSION, /* the same, in a session of its own */
	SPAWN_JOB,	      /* part of what the caller does: signals and group are the caller's */
};

/* All that is pointed to is the caller's, and needed only while spawn_start() runs. */
struct spawn {
	const char *program; /* a path; SPAWN_JOB: a name without a slash is searched in PATH */
	const char *const *arguments;	/* the program's name first; ends with NULL */
	const char *const *environment; /* ends with NULL; NULL: the caller's */
	/* What the program has open: as descriptor i what is descriptors[i] here, or SPAWN_NULL. It
	 * has no others. Their numbers may be in any order, and one may be there several times;
	 * what is not open here is not open there. */
	const int *descriptors;
	size_t descriptor_count;
	enum spawn_kind kind;
	const sigset_t
	    *blocked; /* SPAWN_JOB: signals that are; NULL: those of the calling thread */
};

struct spawn_process {
	pid_t pid;
	int pidfd; /* readable at the process' end */
};

#define SPAWN_PROCESS_NONE ((struct spawn_process){.pid = 0, .pidfd = -1})

/* Starts the program. Returns 0, and *process is to be given to spawn_wait(), spawn_kill() or
 * spawn_release(); or a negative errno, also where the program cannot be executed. May be called
 * from any thread. */
int spawn_start(const struct spawn *spawn, struct spawn_process *process);

/* Takes a child that somebody else has started for this process, by the pidfd that he has sent; its
 * number comes from the kernel. 0, and the pidfd is the process'; -ECHILD, -EBADF or -EINVAL where
 * that is no descriptor of a child; -ESRCH where its number cannot be had: then it has been ended. */
int spawn_adopt(int pidfd, struct spawn_process *process);

/* Sends a signal, unless it has been taken away. */
void spawn_signal(const struct spawn_process *process, int signal);

/* Waits for the end, until `deadline_ns` of CLOCK_MONOTONIC at most (UINT64_MAX: without one), and
 * takes the process away. Returns 0 with a wait status in *status, -ETIMEDOUT (the process is still
 * there), or what waiting failed with. */
int spawn_wait(struct spawn_process *process, uint64_t deadline_ns, int *status);

/* Kills it and takes it away; does nothing where there is none. */
void spawn_kill(struct spawn_process *process);

/* Lets it go. Where this process lives on, somebody has to wait for it. */
void spawn_release(struct spawn_process *process);

/* Waits until the process of a pidfd has ended, without taking it away: 0, -ETIMEDOUT or another
 * negative errno. It need not be a child. */
int spawn_wait_end(int pidfd, uint64_t deadline_ns);

#endif

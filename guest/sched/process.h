/* Processes: what belongs to one, and what is never shared with another. */
#ifndef MAYFLY_GUEST_PROCESS_H
#define MAYFLY_GUEST_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "thread.h"

#define PROCESS_INIT_ID                                                                            \
	1 /* of the library OS, which adopts orphans and has the first process started */

/* Of the first thread, always, and of the process until its snapshot is taken. */
#define PROCESS_FIRST_ID 2

/* Linux' bound (PID_MAX_LIMIT): ids are below it. */
#define PROCESS_ID_MAX (1U << 22)

#define PROCESS_NAME_SIZE 16 /* of PR_SET_NAME, with its NUL */

/* How many there may be, with those that have ended and that nobody has waited for. */
#define PROCESSES_MAX 256

enum process_phase {
	PROCESS_LIVES,
	PROCESS_ENDS,  /* its threads go, each as soon as it comes by */
	PROCESS_ENDED, /* nobody has waited for it yet */
	PROCESS_GONE,  /* nobody will */
};

/* What the program found when it began, at addresses of its own memory: it may have overwritten it. */
struct program_start {
	uint64_t stack; /* the count of its arguments; above it are those, and its environment */
	uint64_t variables; /* the environment's first place for a variable of a request */
	uint64_t auxiliary, at_random;
};

#define PROCESS_LIMITS 16 /* RLIM_NLIMITS */

/* As setrlimit(2) set it, if it did. */
struct process_limit {
	bool set;
	uint64_t soft, hard;
};

/* Of a user or a group; see identity.c. */
struct process_ids {
	uint32_t real, effective, saved, files;
};

/* Groups that a process is in besides, in order; see setgroups(2). */
struct group_list {
	uint32_t count;
	uint32_t ids[];
};

struct process {
	struct process *next;	/* of all, from process_first on; NULL behind the last */
	struct process *parent; /* NULL: process 1, which the library OS is */
	enum process_phase phase;
	bool halted;	     /* its threads may not go on: it ends, or is stopped */
	int stopped_by;	     /* the signal; 0: it is not stopped */
	int wait_status;     /* as wait4(2) tells it, once it ends */
	int exit_signal;     /* that the parent gets then; 0: none */
	int death_signal;    /* that it gets when its parent ends; 0: none */
	bool adopts;	     /* orphans among its descendants (PR_SET_CHILD_SUBREAPER) */
	bool stop_is_news;   /* to who waits for it; so is */
	bool resume_is_news; /* that it goes on */
	bool
	    borrows_memory; /* of its parent, whose thread waits until it gives that back (vfork) */
	uint32_t group, session; /* ids of the processes that lead them, or did */
	struct address_space *memory;
	uint32_t id; /* of its first thread, too; see process_id() */
	char name[PROCESS_NAME_SIZE];
	char *executable;	/* the program's file; NULL: the machine's first program */
	uint32_t program_count; /* how many began after its first one */
	struct program_start start;

	struct thread *first_thread;  /* its place in the ring stays as long as the process */
	uint32_t thread_count;	      /* that have not ended */
	struct thread *goes_on_alone; /* the others end; NULL: they need not */

	uint64_t used_ns;     /* processor time, when it last stopped; see processor_time.c */
	uint64_t children_ns; /* of those that it waited for, and of theirs */
	uint64_t started_ns;  /* monotonic; 0: with the machine */
	struct process_limit limits[PROCESS_LIMITS]; /* see limits.c */
	bool hides_memory;			     /* PR_SET_DUMPABLE: it is only kept */
	struct process_ids users, groups;
	struct group_list *more_groups; /* NULL: none */
	uint64_t knowing, knowing_end;	/* code; see process_keep_id_for() */
	struct inode *watched;		/* by pidfds, all by this one; NULL: it has none */

	struct signal_queue signals; /* that were sent while all threads blocked them */

	/* What rooms above keep for a process, each in a struct of its own. */
	struct signal_actions *signal_actions;
	struct timer_table *timers;
	struct path_context *paths;
	struct descriptor_table *descriptors;
	struct transfer_counts *transfers;
};

/* The program that the monitor starts; in guest/kernel, where all of its parts are known. */
extern struct process process_first;

/* Whose thread runs. */
struct process *process_current(void);

/* What getpid() answers. A first process without children has another number in each clone, by which
 * libraries notice that they are in a copy of the process that they knew. */
uint32_t process_id(void);
uint32_t process_id_of(const struct process *process);

/* Of a group or a session: as programs know it. */
uint32_t process_group_id(uint32_t group);

/* Code that is asked nothing but whether this is still the process that it was: what it learns by
 * getpid() in a clone is the id from before the snapshot. There is one range, the last that was named. */
void process_keep_id_for(uint64_t start, uint64_t end);

/* What getpid() answers to code there. */
uint32_t process_id_for(uint64_t caller);

/* The process that the number names, NULL: none. It may have ended. That of the first one is its id,
 * or the one that it had before the snapshot. */
struct process *process_find(uint64_t id);

/* The number names the current process. */
bool process_has_id(uint64_t id);

/* An id that names no process, no thread, no group and no session. */
uint32_t process_take_id(void);

/* A clone begins: the first process gets an id that is made of `random`, and is nobody else's; but
 * where it has children, who know the one that it has. */
void process_renew_id(uint32_t random);

/* Another program begins: `executable`, its file's path without links, and the name that it
 * was called by. */
void process_start_program(const char *executable, const char *called);

/* Names the first process' program to the monitor, if it is not its first one; also where a clone
 * begins. */
void process_tell_executable(void);

/* The path of the program's file. */
const char *process_executable(void);

/* The name that PR_SET_NAME set; until then the program's file name, cut off. */
char *process_name(void);

/* ── several ─────────────────────────────────────────────────────────────────────────────────── */

/* How many there are, how many there ever were, and the id that was given last. */
uint32_t process_count(void);
uint32_t process_made(void);
uint32_t process_newest_id(void);

/* A child of the current process, with what it inherits but for what rooms above keep; in no list
 * yet. 0, -EAGAIN or -ENOMEM. */
int process_create(struct process **child);

/* It is one of all processes from now on; or it never was any. */
void process_join(struct process *process);
void process_discard(struct process *process);

/* The process has ended and its last thread has left: its memory goes. If nobody will wait for it,
 * all of it goes. */
void process_leave(struct process *process);

/* Somebody has waited for it. */
void process_forget(struct process *process);

/* Begins the end of a process: each of its threads goes as soon as it comes by. With the first
 * process the machine ends. The status is as wait4(2) tells it. */
void process_begin_end(struct process *process, int wait_status);

/* The current process borrows no memory any more: its parent goes on. */
void process_give_memory_back(void);

/* What is true of a process has changed: who waits for it looks. */
void process_tell_waiters(void);

/* Pidfds are in guest/ipc. The process has ended: who polls them is told; it is gone, or is none: they
 * stand for nobody any more. */
void process_tell_pidfds(struct process *process);
void process_leave_pidfds(struct process *process);

/* The process that a pidfd stands for; NULL: it is gone. `never_waits`: it was opened so. 0 or -EBADF. */
int process_of_pidfd(uint64_t descriptor, struct process **process, bool *never_waits);

/* A signal stops the process, or lets it go on. In guest/signal, as its parent is told. */
void process_stop(struct process *process, int signal);
void process_continue(struct process *process);

/* Whose child it becomes if its parent ends. */
struct process *process_heir(const struct process *process);

/* No member of the group has its parent outside of the group, in the same session: nobody could let
 * it go on if it stopped. */
bool process_group_is_orphaned(uint32_t group);

/* The current thread looks at another process for a while, in whose place it is: memory, files, all
 * but its turn and its time. NULL: no longer. It may not wait meanwhile. */
void process_look_as(struct process *process);

#endif

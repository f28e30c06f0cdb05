/* Processes: what belongs to one, and what is never shared with another. */
#ifndef MAYFLY_GUEST_PROCESS_H
#define MAYFLY_GUEST_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "thread.h"

/* Of the first thread, always, and of the process until its snapshot is taken; 1 is its parent. */
#define PROCESS_FIRST_ID 2

/* Linux' bound (PID_MAX_LIMIT): ids are below it. */
#define PROCESS_ID_MAX (1U << 22)

#define PROCESS_NAME_SIZE 16 /* of PR_SET_NAME, with its NUL */

enum process_phase {
	PROCESS_LIVES,
	PROCESS_ENDED, /* nobody has waited for it yet */
};

/* What the program found when it began, at addresses of its own memory: it may have overwritten it. */
struct program_start {
	uint64_t stack; /* the count of its arguments; above it are those, and its environment */
	uint64_t variables; /* the environment's first place for a variable of a request */
	uint64_t auxiliary, at_random;
};

struct process {
	struct process *next;	/* of all, from process_first on; NULL behind the last */
	struct process *parent; /* NULL: process 1, which the library OS is */
	enum process_phase phase;
	int wait_status;	 /* as wait4(2) tells it, once it has ended */
	int exit_signal;	 /* that the parent gets then; 0: none */
	uint32_t group, session; /* ids of the processes that lead them */
	struct address_space *memory;
	bool
	    borrows_memory; /* of its parent, whose thread waits until it gives that back (vfork) */
	uint32_t id;	    /* of its first thread, too; see process_id() */
	char name[PROCESS_NAME_SIZE];
	char *executable;	/* the program's file; NULL: the machine's first program */
	uint32_t program_count; /* how many began after its first one */
	struct program_start start;

	struct thread *first_thread; /* its place in the ring stays as long as the process */
	uint32_t thread_count;	     /* that have not ended */

	uint64_t used_ns; /* processor time, when it last stopped; see processor_time.c */
	uint32_t user, user_group;
	uint64_t knowing, knowing_end; /* code; see process_keep_id_for() */

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

/* What getpid() answers: in each clone another number, by which libraries notice that they are in a
 * copy of the process that they knew. */
uint32_t process_id(void);

/* Code that is asked nothing but whether this is still the process that it was: what it learns by
 * getpid() in a clone is the id from before the snapshot. There is one range, the last that was named. */
void process_keep_id_for(uint64_t start, uint64_t end);

/* What getpid() answers to code there. */
uint32_t process_id_for(uint64_t caller);

/* The number names the process: it is its id, or the one that it had before the snapshot. */
bool process_has_id(uint64_t id);

/* A clone begins: it gets an id that is made of `random`, and is no thread's. */
void process_renew_id(uint32_t random);

/* Another program begins: `executable`, its file's path without links, and the name that it
 * was called by. */
void process_start_program(const char *executable, const char *called);

/* Names the first process' program to the monitor, if it is not its first one; also where a clone
 * begins. */
void process_tell_executable(void);

/* The path of the program's file. */
const char *process_executable(void);

/* Another process cannot be had: -ENOSYS, and a line in the program's log. */
int64_t process_refuse(const char *call);

/* The name that PR_SET_NAME set; until then the program's file name, cut off. */
char *process_name(void);

#endif

/* /proc: what there is to know of the guest and of its processes. */
#ifndef MAYFLY_GUEST_PROC_H
#define MAYFLY_GUEST_PROC_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/fs/pseudo.h"

struct proc_file {
	const char *name;
	pseudo_function *generate;
	bool of_ended;	      /* also where its process has ended: it needs nothing of it */
	bool of_threads_only; /* it is in the directories of threads */
};

/* Of the machine, with a NULL behind the last one; the names have no directories in them. */
extern const struct proc_file proc_machine_files[], proc_kernel_files[], proc_memory_files[],
    proc_files_files[], proc_network_files[], proc_random_files[];

/* Of a process, which is the current one while a text is made; `subject` is a thread's id, or 0. */
extern const struct proc_file proc_process_files[];

/* Puts /proc into the tree. */
void proc_init(void);

#endif

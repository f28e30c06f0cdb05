/* /proc: what there is to know of the guest and of its one process. */
#ifndef MAYFLY_GUEST_PROC_H
#define MAYFLY_GUEST_PROC_H

#include "generated.h"

struct proc_file {
	const char *name;
	generated_function *generate;
};

/* Of the machine, with a NULL behind the last one; the names have no directories in them. */
extern const struct proc_file proc_machine_files[], proc_kernel_files[], proc_memory_files[];

/* Of the process. */
extern const struct proc_file proc_process_files[];

/* cpuinfo.c */
void proc_cpuinfo(struct generated_text *out);

#endif

/* The one process: its id, its name, and what it cannot have. */
#ifndef MAYFLY_GUEST_PROCESS_H
#define MAYFLY_GUEST_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* Of the first thread, always, and of the process until its snapshot is taken; 1 is its parent. */
#define PROCESS_FIRST_ID 2

/* Linux' bound (PID_MAX_LIMIT): ids are below it. */
#define PROCESS_ID_MAX (1U << 22)

/* What getpid() answers: in each clone another number, by which libraries notice that they are in a
 * copy of the process that they knew. */
uint32_t process_id(void);

/* The number names the process: it is its id, or the one that it had before the snapshot. */
bool process_has_id(uint64_t id);

/* A clone begins: it gets an id that is made of `random`, and is no thread's. */
void process_renew_id(uint32_t random);

/* Another process cannot be had: -ENOSYS, and a line in the program's log. */
int64_t process_refuse(const char *call);

/* The name that PR_SET_NAME set; until then the program's file name, cut off. */
char *process_name(void);

#endif

/* Who and where the program is. */
#ifndef MAYFLY_GUEST_IDENTITY_H
#define MAYFLY_GUEST_IDENTITY_H

#include <stdint.h>

struct process;
struct utsname;

/* Who the program is at its start. */
void identity_init(void);

/* A program begins: who it is now it can come back to. */
void identity_start_program(void);

/* The effective ids. */
uint32_t identity_user(void);
uint32_t identity_group(void);

/* The groups that a process is in besides: the current one's for a child of it, 0 or -ENOMEM; and they
 * go. */
int identity_copy(struct process *child);
void identity_release(struct process *process);

/* What uname(2) tells. */
const struct utsname *identity_names(void);

#endif

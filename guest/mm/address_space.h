/* Address spaces as they come and go; what they are, space.h says. */
#ifndef MAYFLY_GUEST_ADDRESS_SPACE_H
#define MAYFLY_GUEST_ADDRESS_SPACE_H

#include "space.h"

/* Gives back what a space has that is in no list. */
void address_space_release(struct address_space *space);

/* The current one, without what was marked to be left out; private pages are copied, shared ones
 * shared. 0; -ENOMEM; -EAGAIN: there are too many. */
int address_space_copy(struct address_space **copy);

/* Where the program's stack ends for the thread that runs; in guest/sched, which knows it. */
uint64_t process_stack_pointer(void);

/* One reference less: with the last one the space goes with all that it has. Where it is the current
 * one, the machine is in the first one then. */
void address_space_drop(struct address_space *space);

/* Another program begins, of that kind, in the current space, which is *own, or in a new one that takes
 * its place. Nothing is mapped there. If it is a new one, the monitor makes it when the first of the
 * program's memory is there (address_space_settle()): until then that can be seen by space_window() only.
 * 0; what came before stays: -ENOMEM, -EAGAIN; or the monitor's refusal. */
int address_space_renew(struct address_space **own, uint64_t kind);

/* Makes the space that a program begins in, so that what is mapped there can be touched. 0, or why that
 * cannot be: then the program cannot begin. */
int address_space_settle(void);

/* What is marked so is zero from now on, in all spaces; 0 or the monitor's refusal. */
int address_spaces_wipe_on_fork(void);

#endif

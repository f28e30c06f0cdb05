/* Address spaces as they come and go; what they are, space.h says. */
#ifndef MAYFLY_GUEST_ADDRESS_SPACE_H
#define MAYFLY_GUEST_ADDRESS_SPACE_H

#include "space.h"

/* The current one, without what was marked to be left out; private pages are copied, shared ones
 * shared. 0; -ENOMEM; -EAGAIN: there are too many. */
int address_space_copy(struct address_space **copy);

/* Where the program's stack ends for the thread that runs; in guest/sched, which knows it. */
uint64_t process_stack_pointer(void);

/* One reference less: with the last one the space goes with all that it has. Where it is the current
 * one, the machine is in the first one then. */
void address_space_drop(struct address_space *space);

/* Gives back what such a space has, when the monitor has nothing of it. */
void address_space_release(struct address_space *space);

/* Another program begins in the current space, which is *own, or in a new one where others go on in
 * it: then the reference to it is dropped. Nothing is mapped there. 0; what came before stays:
 * -ENOMEM, -EAGAIN; or the monitor's refusal. */
int address_space_renew(struct address_space **own);

/* What is marked so is zero from now on, in all spaces; 0 or the monitor's refusal. */
int address_spaces_wipe_on_fork(void);

#endif

/* Locks on files: of parts, which a process has or an open file, and of whole files (flock(2)).
 * They are advice: nobody is kept from reading or writing. */
#ifndef MAYFLY_GUEST_LOCKS_H
#define MAYFLY_GUEST_LOCKS_H

#include <stdbool.h>
#include <stdint.h>

enum lock_kind {
	LOCK_OF_PROCESS, /* its owner is a process' table of descriptors */
	LOCK_OF_OPENED,	 /* its owner is an open file */
	LOCK_OF_WHOLE,	 /* the same; neither of the others is in its way */
};

struct lock {
	enum lock_kind kind;
	const void *owner, *inode;
	uint32_t process;   /* the id of the process that asked for it */
	int type;	    /* F_RDLCK, F_WRLCK; F_UNLCK where one is asked for */
	int64_t start, end; /* both belong to it */
};

#define LOCK_END INT64_MAX /* of a lock that goes on behind any end of the file */

/* The lock that begins lowest of those that are in the way of that one; NULL: none is. */
const struct lock *lock_find_conflict(const struct lock *wanted);

/* Gives the owner that lock in place of what it has there, or takes away what it has (F_UNLCK). 0;
 * -EAGAIN: another one is in the way; -ENOLCK: no memory. */
int lock_set(const struct lock *wanted);

/* The same, but waits while another one is in the way. -EDEADLK: processes would wait for each other in
 * a circle; or what the call returns that waited. */
int64_t lock_set_waiting(const struct lock *wanted);

/* The owner closes the file: whichever locks it has on it are gone. */
void locks_release(const void *owner, const void *inode);

#endif

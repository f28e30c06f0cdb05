/* What memory is in a copy of the process, where the program said so by madvise(2). */
#ifndef MAYFLY_GUEST_FORK_MARK_H
#define MAYFLY_GUEST_FORK_MARK_H

enum fork_mark {
	FORK_WIPES,  /* zero in children and in clones */
	FORK_LEAVES, /* not there in children */
};

#endif

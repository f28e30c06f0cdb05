/* How many products at once; see turns.h. */
#include "turns.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "util/clock.h"
#include "util/lock.h"

/* What Debian's OpenBLAS 0.3.21 takes for a thread is 128 MiB; somewhat more, for all else. */
#define PIECE (160UL << 20)

static bool is_there_memory(void)
{
	void *piece = mmap(NULL, PIECE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return piece != MAP_FAILED && !munmap(piece, PIECE);
}

static int wait_for_room(struct turns *turns, uint64_t deadline_ns)
{
	const struct timespec until = clock_timespec(deadline_ns);
	return -(deadline_ns
		     ? pthread_cond_clockwait(&turns->left, &turns->lock, CLOCK_MONOTONIC, &until)
		     : pthread_cond_wait(&turns->left, &turns->lock));
}

int turns_enter(struct turns *turns, uint64_t deadline_ns)
{
	int result = 0;
	lock_scoped(&turns->lock);
	while (!result && turns->busy == turns->room) {
		if (is_there_memory())
			turns->room++;
		else
			result = turns->room ? wait_for_room(turns, deadline_ns) : -ENOMEM;
	}
	turns->busy += !result;
	return result;
}

void turns_leave(struct turns *turns)
{
	lock_scoped(&turns->lock);
	turns->busy--;
	pthread_cond_signal(&turns->left);
}

/* Who waits at which address; see futex_wait.h. */
#include "futex_wait.h"

#include "guest/mm/shared.h"
#include "thread.h"

struct thread *futex_first_waiter(const void *channel, uint64_t address, uint32_t bits)
{
	struct thread *self = thread_current(), *first = NULL;
	const uint64_t home = shared_home(address);
	for (struct thread *thread = self->next; thread != self; thread = thread->next)
		if (thread->state == THREAD_WAITING && thread->channel == channel &&
		    thread->futex_home == home && thread->futex_bits & bits &&
		    (!first || thread->futex_turn < first->futex_turn))
			first = thread;
	return first;
}

int futex_wait_at(const void *channel, uint64_t address, uint32_t bits, uint64_t deadline_ns)
{
	static uint64_t turns;
	struct thread *self = thread_current();
	self->futex = address;
	self->futex_home = shared_home(address);
	self->futex_bits = bits;
	self->futex_turn = ++turns;
	return thread_wait(channel, deadline_ns, "a futex");
}

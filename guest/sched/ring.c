/* Looking for threads in the ring of all. */
#include "process.h"
#include "thread.h"

struct thread *thread_find(int32_t id)
{
	struct thread *thread = thread_current();
	/* The first thread of all bears its process' id besides its own. */
	if (id && process_find((uint32_t)id) == &process_first)
		id = PROCESS_FIRST_ID;
	do {
		if (thread->id == id && thread->state != THREAD_ENDED)
			return thread;
		thread = thread->next;
	} while (thread != thread_current());
	return NULL;
}

struct thread *thread_next_of(const struct process *process, const struct thread *before)
{
	struct thread *const first = process->first_thread;
	struct thread *thread = before ? before->next : first;
	if (!first)
		return NULL;
	for (bool begun = before; !begun || thread != first; thread = thread->next, begun = true)
		if (thread->process == process && thread->state != THREAD_ENDED)
			return thread;
	return NULL;
}

uint32_t thread_count_runnable(void)
{
	uint32_t count = 0;
	const struct thread *thread = thread_current();
	do {
		count += thread->state == THREAD_RUNNABLE;
		thread = thread->next;
	} while (thread != thread_current());
	return count;
}

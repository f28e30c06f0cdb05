/* All processes: which there are, and who takes care of whom. The first one is there from the machine's
 * beginning to its end; the others are in the list behind it until somebody has waited for them. */
#include <errno.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "guest/lib/text.h"
#include "guest/machine/clock.h"
#include "guest/machine/machine.h"
#include "guest/mm/address_space.h"
#include "guest/mm/heap.h"
#include "identity.h"
#include "limits.h"
#include "process.h"
#include "processor_time.h"
#include "thread.h"
#include "wait.h"

static uint32_t count = 1, made = 1;

uint32_t process_count(void)
{
	return count;
}

uint32_t process_made(void)
{
	return made;
}

/* ── making one ──────────────────────────────────────────────────────────────────────────────── */

static int copy_executable(struct process *child, const struct process *parent)
{
	if (!parent->executable)
		return 0;
	const size_t size = strlen(parent->executable) + 1;
	child->executable = heap_allocate(size);
	if (!child->executable)
		return -ENOMEM;
	memcpy(child->executable, parent->executable, size);
	return 0;
}

static void free_process(struct process *process)
{
	identity_release(process);
	process_leave_pidfds(process);
	if (process->executable)
		heap_free(process->executable, strlen(process->executable) + 1);
	heap_free(process, sizeof(*process));
}

int process_create(struct process **created)
{
	struct process *self = process_current();
	if (count >= PROCESSES_MAX || count >= limit_of(self, RLIMIT_NPROC).soft)
		return -EAGAIN;
	struct process *child = heap_allocate(sizeof(*child));
	if (!child)
		return -ENOMEM;
	*child = (struct process){
	    .parent = self,
	    .group = self->group,
	    .session = self->session,
	    .id = process_take_id(),
	    .started_ns = clock_read_ns(false),
	    .start = self->start,
	    .users = self->users,
	    .groups = self->groups,
	    .knowing = self->knowing,
	    .knowing_end = self->knowing_end,
	};
	memcpy(child->limits, self->limits, sizeof(self->limits));
	child->hides_memory = self->hides_memory;
	memcpy(child->name, process_name(), PROCESS_NAME_SIZE);
	int error = copy_executable(child, self);
	if (!error)
		error = identity_copy(child);
	if (error)
		free_process(child);
	else
		*created = child;
	return error;
}

void process_discard(struct process *process)
{
	free_process(process);
}

void process_join(struct process *process)
{
	struct process *last = &process_first;
	while (last->next)
		last = last->next;
	last->next = process;
	count++;
	made++;
}

/* ── its end ─────────────────────────────────────────────────────────────────────────────────── */

static void remove_process(struct process *process)
{
	struct process *before = &process_first;
	while (before->next != process)
		before = before->next;
	before->next = process->next;
	count--;
	free_process(process);
}

void process_leave(struct process *process)
{
	address_space_drop(process->memory);
	process->memory = NULL;
	if (process->phase == PROCESS_GONE)
		remove_process(process);
}

void process_forget(struct process *process)
{
	struct process *parent = process->parent;
	if (parent && process->phase == PROCESS_ENDED)
		parent->children_ns += process->used_ns + process->children_ns;
	/* Its last thread may still have been in its memory. */
	thread_free_ended();
	remove_process(process);
}

void process_begin_end(struct process *process, int wait_status)
{
	if (process == &process_first && WIFSIGNALED(wait_status))
		machine_abort(WTERMSIG(wait_status));
	if (process == &process_first)
		machine_exit(WEXITSTATUS(wait_status));
	if (process->phase != PROCESS_LIVES)
		return;
	process->phase = PROCESS_ENDS;
	process->halted = true;
	process->stopped_by = 0;
	process->wait_status = wait_status;
	thread_end_all(process);
}

void process_give_memory_back(void)
{
	struct process *process = process_current();
	if (!process->borrows_memory)
		return;
	process->borrows_memory = false;
	thread_wake(process);
}

void process_tell_waiters(void)
{
	thread_wake(&process_wait_channel);
}

struct process *process_heir(const struct process *process)
{
	struct process *heir = process->parent;
	while (heir && (!heir->adopts || heir->phase != PROCESS_LIVES))
		heir = heir->parent;
	return heir;
}

bool process_group_is_orphaned(uint32_t group)
{
	for (const struct process *one = &process_first; one; one = one->next)
		if (one->group == group && one->phase == PROCESS_LIVES && one->parent &&
		    one->parent->group != group && one->parent->session == one->session)
			return false;
	return true;
}

/* /proc/PID/task: a directory for each thread, with the files of the process in it; those that
 * tell of a thread tell of this one. They are made when somebody looks, and go when somebody looks
 * after the thread's end. */
#include "tasks.h"

#include <errno.h>

#include "guest/fs/directory.h"
#include "guest/fs/inode.h"
#include "guest/lib/text.h"
#include "guest/mm/heap.h"
#include "guest/sched/process.h"
#include "guest/sched/thread.h"
#include "members.h"

#define NAME_SIZE 16

struct task {
	struct task *next;
	int32_t id;
	struct inode *directory;
	struct inode *parent; /* held: its process may be forgotten before the task is */
};

static struct task *tasks; /* those that somebody looked at */

static void free_task(struct task *task)
{
	proc_free_directory(task->directory);
	inode_drop(task->parent);
	heap_free(task, sizeof(*task));
}

static void forget_ended(void)
{
	struct task **place = &tasks;
	while (*place) {
		struct task *task = *place;
		if (thread_find(task->id)) {
			place = &task->next;
			continue;
		}
		*place = task->next;
		free_task(task);
	}
}

static struct task *make_task(int32_t id, struct inode *parent)
{
	struct task *task = heap_allocate(sizeof(*task));
	struct inode *directory = directory_create(0555, &directory_inode_operations);
	if (!task || !directory) {
		heap_free(task, sizeof(*task));
		if (directory)
			inode_drop(directory);
		return NULL;
	}
	directory->links = 1;
	directory->directory.parent = parent;
	inode_hold(parent);
	*task = (struct task){.next = tasks, .id = id, .directory = directory, .parent = parent};
	if (proc_add_files(directory, (uint32_t)id, true)) {
		free_task(task);
		return NULL;
	}
	tasks = task;
	return task;
}

static int find_task(struct inode *parent, const char *name, size_t length, struct inode **found)
{
	uint64_t id;
	const struct thread *thread = NULL;
	const struct process *process = proc_process_of(parent);
	if (text_parse_number(name, length, PROCESS_ID_MAX, &id) && id)
		thread = thread_find((int32_t)id);
	if (thread && thread->process != process)
		thread = NULL;
	*found = NULL;
	forget_ended();
	if (!thread)
		return process ? 0 : -ESRCH;
	struct task *task = tasks;
	while (task && task->id != thread->id)
		task = task->next;
	if (!task)
		task = make_task(thread->id, parent);
	if (!task)
		return -ENOMEM;
	*found = task->directory;
	return 0;
}

/* Threads by their ids, so that a listing can go on while they come and go. */
static bool list_tasks(const struct inode *directory, uint64_t cookie, struct dirent_info *info)
{
	static char name[NAME_SIZE];
	const struct process *process = proc_process_of(directory);
	const struct thread *next = NULL, *thread = NULL;
	while (process && (thread = thread_next_of(process, thread)))
		if ((uint64_t)thread->id + DIRECTORY_FIRST_COOKIE >= cookie &&
		    (!next || thread->id < next->id))
			next = thread;
	if (!next)
		return false;
	*info = (struct dirent_info){
	    .name = name,
	    .length = text_print(name, sizeof(name), "%d", next->id),
	    .number = (uint64_t)next->id,
	    .cookie = (uint64_t)next->id + DIRECTORY_FIRST_COOKIE,
	    .mode = S_IFDIR,
	};
	return true;
}

const struct inode_operations proc_tasks = {
    .lookup = find_task,
    .list = list_tasks,
    .synthetic = true,
};

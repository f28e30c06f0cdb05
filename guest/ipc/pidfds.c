/* pidfd_open(2): descriptors that stand for a process, also when it has ended and its number is another
 * one's. All of a process have one inode, which knows it until somebody has waited for it. */
#include "pidfds.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "guest/fs/descriptors.h"
#include "guest/fs/file.h"
#include "guest/fs/inode.h"
#include "guest/fs/pseudo.h"
#include "guest/lib/system_call.h"
#include "guest/sched/process.h"

static struct process *process_of(const struct file *file)
{
	return file->inode->private;
}

/* Ready to be waited for; and nobody will any more. */
static uint32_t poll_process(struct file *file)
{
	const struct process *process = process_of(file);
	if (!process || process->phase == PROCESS_GONE)
		return POLLIN | POLLRDNORM | POLLHUP;
	return process->phase == PROCESS_ENDED ? POLLIN | POLLRDNORM : 0;
}

static int64_t refuse_seek(struct file *file, int64_t offset, uint32_t whence)
{
	return -ESPIPE;
}

static void show_process(const struct file *file, struct pseudo_text *out)
{
	const struct process *process = process_of(file);
	const int32_t id = process ? (int32_t)process_id_of(process) : -1;
	pseudo_print(out, "Pid:\t%d\nNSpid:\t%d\n", id, id);
}

static void leave_process(struct inode *inode)
{
	struct process *process = inode->private;
	if (process)
		process->watched = NULL;
}

static const struct file_operations pidfd_operations = {
    .open = file_refuse_open,
    .seek = refuse_seek,
    .poll = poll_process,
    .show = show_process,
};

/* The caller holds it. NULL: no memory. */
static struct inode *inode_of(struct process *process)
{
	static const struct inode_operations inode_operations = {.free = leave_process};
	if (process->watched) {
		inode_hold(process->watched);
		return process->watched;
	}
	struct inode *inode = inode_create(0600, &inode_operations, &pidfd_operations);
	if (inode) {
		inode->private = process;
		process->watched = inode;
	}
	return inode;
}

int pidfd_install(struct process *process, int flags)
{
	struct inode *inode = inode_of(process);
	if (!inode)
		return -ENOMEM;
	struct file *file = file_open(inode, O_RDWR | (flags & O_NONBLOCK));
	inode_drop(inode);
	return file ? descriptor_install(file, 0, true) : -ENOMEM;
}

void process_tell_pidfds(struct process *process)
{
	if (process->watched)
		inode_signal(process->watched);
}

void process_leave_pidfds(struct process *process)
{
	struct inode *inode = process->watched;
	if (!inode)
		return;
	inode->private = NULL;
	process->watched = NULL;
	inode_signal(inode);
}

int process_of_pidfd(uint64_t descriptor, struct process **process, bool *never_waits)
{
	const struct file *file = descriptor_opened(descriptor);
	if (!file || file->operations != &pidfd_operations)
		return -EBADF;
	*process = process_of(file);
	*never_waits = file->flags & O_NONBLOCK;
	return 0;
}

/* PIDFD_THREAD is EINVAL, as on Linux before 6.9. */
SYSTEM_CALL(pidfd_open)
{
	const uint32_t flags = (uint32_t)arguments[1];
	if (flags & ~(uint32_t)O_NONBLOCK || (int32_t)arguments[0] <= 0)
		return -EINVAL;
	struct process *process = process_find(arguments[0]);
	if (process && process->phase != PROCESS_GONE)
		return pidfd_install(process, (int)flags);
	return thread_find((int32_t)arguments[0]) ? -ENOENT : -ESRCH;
}

SYSTEM_CALL(pidfd_getfd)
{
	struct process *process;
	bool never_waits;
	if ((uint32_t)arguments[2])
		return -EINVAL;
	int error = process_of_pidfd(arguments[0], &process, &never_waits);
	if (error)
		return error;
	if (!process || process->phase != PROCESS_LIVES)
		return -ESRCH;
	struct file *file = descriptor_file_of(process, arguments[1]);
	if (!file)
		return -EBADF;
	file_hold(file);
	return descriptor_install(file, 0, true);
}

/* Open files; see file.h. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <unistd.h>

#include "guest/locks/locks.h"
#include "guest/machine/clock.h"
#include "guest/mm/backing.h"
#include "guest/mm/heap.h"
#include "guest/sched/thread.h"
#include "inode.h"
#include "sizes/sizes.h"

struct file *file_of_backing(const struct backing *backing)
{
	return (struct file *)((char *)(uintptr_t)backing - offsetof(struct file, backing));
}

void file_hold_backing(struct backing *backing)
{
	file_hold(file_of_backing(backing));
}

void file_drop_backing(struct backing *backing)
{
	file_drop(file_of_backing(backing));
}

struct file *file_open(struct inode *inode, int flags)
{
	struct file *file = heap_allocate(sizeof(*file));
	if (!file)
		return NULL;
	inode_hold(inode);
	file->operations = inode->file_operations;
	file->inode = inode;
	file->references = 1;
	file->flags = flags;
	return file;
}

int file_start(struct file *file)
{
	static const struct file_operations none = {0};
	int error = file->operations->open ? file->operations->open(file) : 0;
	if (error)
		file->operations = &none; /* there is nothing to release */
	return error;
}

void file_set_directory(struct file *file, struct inode *directory)
{
	inode_hold(directory);
	file->directory = directory;
}

void file_hold(struct file *file)
{
	file->references++;
}

void file_drop(struct file *file)
{
	if (--file->references)
		return;
	locks_release(file, file->inode);
	if (file->forget)
		file->forget(file);
	if (file->operations->release)
		file->operations->release(file);
	if (file->directory)
		inode_drop(file->directory);
	inode_drop(file->inode);
	heap_free(file, sizeof(*file));
}

bool file_readable(const struct file *file)
{
	return !(file->flags & O_PATH) && (file->flags & O_ACCMODE) != O_WRONLY;
}

bool file_writable(const struct file *file)
{
	return !(file->flags & O_PATH) && (file->flags & O_ACCMODE) != O_RDONLY;
}

uint32_t file_poll(struct file *file, uint32_t wanted)
{
	thread_current()->watched |= inode_mark(file->inode);
	if (file->operations->glance && !(wanted & (POLLIN | POLLRDNORM)))
		return file->operations->glance(file);
	return file->operations->poll ? file->operations->poll(file)
				      : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

int64_t file_wait(struct file *file, const char *waiting_for, thread_look_function *look)
{
	return file->flags & O_NONBLOCK ? -EAGAIN
					: file_wait_until(file, NO_DEADLINE, waiting_for, look);
}

static int64_t wait_at(const void *channel, struct file *file, uint64_t deadline_ns,
		       const char *waiting_for)
{
	/* Another thread may close it meanwhile. */
	file_hold(file);
	int error = thread_wait(channel, deadline_ns, waiting_for);
	bool closed = file->references == 1;
	file_drop(file);
	if (closed)
		return -EBADF;
	if (error == -ETIMEDOUT)
		return -EAGAIN;
	return error == -EINTR && deadline_ns == NO_DEADLINE ? -RESTART_CALL : error;
}

int64_t file_wait_until(struct file *file, uint64_t deadline_ns, const char *waiting_for,
			thread_look_function *look)
{
	thread_current()->look = look;
	thread_current()->watched = UINT64_MAX;
	return wait_at(&thread_files_channel, file, deadline_ns, waiting_for);
}

int64_t file_wait_for_inode(struct file *file, const char *waiting_for)
{
	return file->flags & O_NONBLOCK ? -EAGAIN
					: wait_at(file->inode, file, NO_DEADLINE, waiting_for);
}

int file_refuse_open(struct file *file)
{
	return -ENXIO;
}

int64_t file_set_position(struct file *file, int64_t start, int64_t offset)
{
	int64_t result;
	if (add_overflows(start, offset, &result) || result < 0)
		return -EINVAL;
	file->offset = (uint64_t)result;
	return result;
}

int64_t file_seek_position(struct file *file, int64_t offset, uint32_t whence)
{
	if (whence > SEEK_CUR)
		return -EINVAL;
	return file_set_position(file, whence == SEEK_CUR ? (int64_t)file->offset : 0, offset);
}

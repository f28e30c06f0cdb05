/* Pipes: what is written at one end can be read at the other. Only another thread can fill or empty a
 * pipe: for the only one, a call that would wait for that is a deadlock. */
#include "pipes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <poll.h>
#include <signal.h>

#include "guest/fs/descriptors.h"
#include "guest/fs/file.h"
#include "guest/fs/inode.h"
#include "guest/lib/system_call.h"
#include "guest/lib/text.h"
#include "guest/mm/heap.h"
#include "guest/mm/pool.h"
#include "guest/mm/user_memory.h"
#include "guest/signal/signals.h"

#define PIPE_PAGES 16
#define PIPE_SIZE  (PIPE_PAGES * GUEST_PAGE_SIZE) /* as Linux */

struct pipe {
	char *buffer;	 /* a ring; no pages before the first write */
	uint64_t start;	 /* first byte that is not read yet */
	uint64_t length; /* bytes that are not read yet */
	uint32_t readers, writers;
	bool named;
	uint32_t readers_ever, writers_ever; /* of a named one */
};

static void add_ends(struct pipe *pipe, const struct file *file)
{
	pipe->readers += file_readable(file);
	pipe->writers += file_writable(file);
	pipe->readers_ever += file_readable(file);
	pipe->writers_ever += file_writable(file);
}

/* What nobody can read any more is gone. */
static void remove_ends(struct pipe *pipe, struct file *file)
{
	pipe->readers -= file_readable(file);
	pipe->writers -= file_writable(file);
	if (!pipe->readers && !pipe->writers && pipe->buffer) {
		pool_release(pipe->buffer, PIPE_PAGES);
		pipe->buffer = NULL;
		pipe->start = pipe->length = 0;
	}
	inode_signal(file->inode);
}

/* Until another one has opened the other end; it may have closed it again. */
static int wait_for_end(struct file *file, const uint32_t *ever)
{
	const uint32_t before = *ever;
	int64_t error = 0;
	while (!error && *ever == before)
		error = file_wait_for_inode(file, "the other end of a named pipe");
	return (int)error;
}

static int wait_for_other_end(const struct pipe *pipe, struct file *file)
{
	if (file->flags & O_NONBLOCK)
		return 0;
	if (!pipe->writers)
		return wait_for_end(file, &pipe->writers_ever);
	return pipe->readers ? 0 : wait_for_end(file, &pipe->readers_ever);
}

/* Each file on a pipe is one end of it, or both, as its access mode says. */
static int pipe_open(struct file *file)
{
	struct pipe *pipe = file->inode->private;
	if (pipe->named && file->flags & O_NONBLOCK && !file_readable(file) && !pipe->readers)
		return -ENXIO;
	/* Writers that were there before are no end of what it reads; see pipe_poll(). */
	file->private = (void *)(pipe->writers ? 0 : pipe->writers_ever + 1UL);
	add_ends(pipe, file);
	if (!pipe->named)
		return 0;
	inode_signal(file->inode);
	int error = wait_for_other_end(pipe, file);
	if (error)
		remove_ends(pipe, file);
	return error;
}

static void pipe_release(struct file *file)
{
	remove_ends(file->inode->private, file);
}

static int64_t pipe_read(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	struct pipe *pipe = file->inode->private;
	if (!length)
		return 0;
	while (!pipe->length) {
		if (!pipe->writers)
			return 0;
		int64_t error = file_wait_for_inode(file, "data in a pipe");
		if (error)
			return error;
		/* Others ran meanwhile. */
		if (!user_writable((uint64_t)out, length))
			return -EFAULT;
	}
	if (length > pipe->length)
		length = pipe->length;
	uint64_t part = PIPE_SIZE - pipe->start;
	if (part > length)
		part = length;
	memcpy(out, pipe->buffer + pipe->start, part);
	memcpy((char *)out + part, pipe->buffer, length - part);
	pipe->start = (pipe->start + length) % PIPE_SIZE;
	pipe->length -= length;
	inode_signal(file->inode);
	return (int64_t)length;
}

/* Writes what there is room for. */
static int64_t write_part(struct file *file, const void *in, uint64_t length)
{
	struct pipe *pipe = file->inode->private;
	if (!pipe->buffer)
		pipe->buffer = pool_allocate(PIPE_PAGES);
	if (!pipe->buffer)
		return -ENOMEM;
	for (;;) {
		if (!pipe->readers) {
			signal_raise(SIGPIPE);
			return -EPIPE;
		}
		uint64_t room = PIPE_SIZE - pipe->length;
		/* What fits into PIPE_BUF is written whole or not at all. */
		if (room && (length > PIPE_BUF || length <= room))
			break;
		int64_t error = file_wait_for_inode(file, "room in a pipe");
		if (error)
			return error;
		if (!user_readable((uint64_t)in, length))
			return -EFAULT;
	}
	uint64_t room = PIPE_SIZE - pipe->length;
	if (length > room)
		length = room;
	uint64_t end = (pipe->start + pipe->length) % PIPE_SIZE;
	uint64_t part = PIPE_SIZE - end;
	if (part > length)
		part = length;
	memcpy(pipe->buffer + end, in, part);
	memcpy(pipe->buffer, (const char *)in + part, length - part);
	pipe->length += length;
	inode_signal(file->inode);
	return (int64_t)length;
}

static int64_t pipe_write(struct file *file, const void *in, uint64_t length, uint64_t offset)
{
	uint64_t done = 0;
	while (done < length) {
		int64_t part = write_part(file, (const char *)in + done, length - done);
		if (part < 0)
			return done ? (int64_t)done : part;
		done += (uint64_t)part;
		if (file->flags & O_NONBLOCK)
			break;
	}
	return (int64_t)done;
}

static uint32_t pipe_poll(struct file *file)
{
	const struct pipe *pipe = file->inode->private;
	uint32_t ready = 0;
	/* Before the first writer came there is no end of the file. */
	const bool waits_for_first =
	    pipe->named && (uintptr_t)file->private == pipe->writers_ever + 1UL;
	if (file_readable(file))
		ready |= (pipe->length ? POLLIN | POLLRDNORM : 0u) |
			 (pipe->writers || waits_for_first ? 0u : POLLHUP);
	if (file_writable(file))
		ready |= (PIPE_SIZE - pipe->length >= PIPE_BUF ? POLLOUT | POLLWRNORM : 0u) |
			 (pipe->readers ? 0u : POLLERR);
	return ready;
}

static uint64_t pipe_available(struct file *file)
{
	const struct pipe *pipe = file->inode->private;
	return pipe->length;
}

static const struct file_operations pipe_operations = {
    .read = pipe_read,
    .write = pipe_write,
    .poll = pipe_poll,
    .available = pipe_available,
    .open = pipe_open,
    .release = pipe_release,
};

static void pipe_free(struct inode *inode)
{
	struct pipe *pipe = inode->private;
	if (pipe && pipe->buffer)
		pool_release(pipe->buffer, PIPE_PAGES);
	heap_free(pipe, sizeof(*pipe));
}

struct inode *pipe_create(uint32_t permissions, bool named)
{
	static const struct inode_operations inode_operations = {.free = pipe_free};
	struct inode *inode =
	    inode_create(S_IFIFO | permissions, &inode_operations, &pipe_operations);
	if (!inode)
		return NULL;
	struct pipe *pipe = heap_allocate(sizeof(*pipe));
	if (!pipe) {
		inode_drop(inode);
		return NULL;
	}
	pipe->named = named;
	inode->private = pipe;
	return inode;
}

SYSTEM_CALL(pipe2)
{
	uint64_t flags = arguments[1];
	if (flags & ~(uint64_t)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	if (!user_writable(arguments[0], 2 * sizeof(int)))
		return -EFAULT;
	struct inode *inode = pipe_create(0600, false);
	if (!inode)
		return -ENOMEM;
	int numbers[2];
	for (int end = 0; end < 2; end++) {
		int mode = (int)(flags & O_NONBLOCK) | (end ? O_WRONLY : O_RDONLY);
		struct file *file = file_open(inode, mode);
		numbers[end] = -ENFILE;
		if (file) {
			file_start(file);
			numbers[end] = descriptor_install(file, 0, flags & O_CLOEXEC);
		}
		if (numbers[end] < 0) {
			if (end)
				descriptor_close((uint64_t)numbers[0]);
			inode_drop(inode);
			return numbers[end];
		}
	}
	inode_drop(inode);
	return user_copy_out(arguments[0], numbers, sizeof(numbers));
}

SYSTEM_CALL(pipe)
{
	const uint64_t without_flags[6] = {arguments[0]};
	return call_pipe2(without_flags);
}

/* Pipes of one process: what it writes at one end it can read at the other. Only another thread can
 * fill or empty a pipe: for the only one, a call that would wait for that is a deadlock. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "calls.h"
#include "files.h"
#include "libos.h"
#include "text.h"
#include "thread.h"

#define PIPE_PAGES 16
#define PIPE_SIZE  (PIPE_PAGES * GUEST_PAGE_SIZE) /* as Linux */

struct pipe {
	char *buffer;	 /* a ring; no pages before the first write */
	uint64_t start;	 /* first byte that is not read yet */
	uint64_t length; /* bytes that are not read yet */
	uint32_t readers, writers;
};

static const struct file_operations pipe_operations;

struct node *pipe_create(void)
{
	struct node *node = node_create(S_IFIFO | 0600, &pipe_operations);
	if (!node)
		return NULL;
	node->pipe = heap_allocate(sizeof(*node->pipe));
	if (!node->pipe) {
		node_drop(node);
		return NULL;
	}
	return node;
}

void pipe_free(struct pipe *pipe)
{
	if (!pipe)
		return;
	if (pipe->buffer)
		memory_free_pages(pipe->buffer, PIPE_PAGES);
	heap_free(pipe, sizeof(*pipe));
}

void pipe_open(struct file *file)
{
	file->node->pipe->readers += file_readable(file);
	file->node->pipe->writers += file_writable(file);
}

static void pipe_release(struct file *file)
{
	file->node->pipe->readers -= file_readable(file);
	file->node->pipe->writers -= file_writable(file);
	node_signal(file->node);
}

static int64_t pipe_read(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	struct pipe *pipe = file->node->pipe;
	if (!length)
		return 0;
	while (!pipe->length) {
		if (!pipe->writers)
			return 0;
		int64_t error = file_wait(file, "data in a pipe");
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
	node_signal(file->node);
	return (int64_t)length;
}

/* Writes what there is room for. */
static int64_t write_part(struct file *file, const void *in, uint64_t length)
{
	struct pipe *pipe = file->node->pipe;
	if (!pipe->buffer)
		pipe->buffer = memory_allocate_pages(PIPE_PAGES);
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
		int64_t error = file_wait(file, "room in a pipe");
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
	node_signal(file->node);
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
		/* A lone thread is told how far it came: nobody else will make room. */
		if (file->flags & O_NONBLOCK || thread_count() == 1)
			break;
	}
	return (int64_t)done;
}

static uint32_t pipe_ready(struct file *file)
{
	const struct pipe *pipe = file->node->pipe;
	uint32_t ready = 0;
	if (file_readable(file))
		ready |= (pipe->length ? POLLIN : 0u) | (pipe->writers ? 0u : POLLHUP);
	if (file_writable(file))
		ready |= (PIPE_SIZE - pipe->length >= PIPE_BUF ? POLLOUT : 0u) |
			 (pipe->readers ? 0u : POLLERR);
	return ready;
}

static uint64_t pipe_available(struct file *file)
{
	return file->node->pipe->length;
}

static const struct file_operations pipe_operations = {
    .read = pipe_read,
    .write = pipe_write,
    .ready = pipe_ready,
    .available = pipe_available,
    .release = pipe_release,
};

int64_t call_pipe2(const uint64_t arguments[6])
{
	uint64_t flags = arguments[1];
	if (flags & ~(uint64_t)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	if (!user_writable(arguments[0], 2 * sizeof(int)))
		return -EFAULT;
	struct node *node = pipe_create();
	if (!node)
		return -ENOMEM;
	int numbers[2];
	for (int end = 0; end < 2; end++) {
		int mode = (int)(flags & O_NONBLOCK) | (end ? O_WRONLY : O_RDONLY);
		struct file *file = file_open(node, mode);
		numbers[end] = -ENFILE;
		if (file) {
			pipe_open(file);
			numbers[end] = descriptor_install(file, 0, flags & O_CLOEXEC);
		}
		if (numbers[end] < 0) {
			if (end)
				descriptor_close((uint64_t)numbers[0]);
			node_drop(node);
			return numbers[end];
		}
	}
	node_drop(node);
	return user_copy_out(arguments[0], numbers, sizeof(numbers));
}

int64_t call_pipe(const uint64_t arguments[6])
{
	const uint64_t without_flags[6] = {arguments[0]};
	return call_pipe2(without_flags);
}

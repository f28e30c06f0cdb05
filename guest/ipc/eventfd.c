/* eventfd(2): a counter that threads add to, and wait for. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "guest/fs/descriptors.h"
#include "guest/fs/file.h"
#include "guest/fs/inode.h"
#include "guest/fs/pseudo.h"
#include "guest/lib/system_call.h"
#include "guest/mm/heap.h"
#include "guest/mm/user_memory.h"

#define COUNT_MAX (UINT64_MAX - 1)

struct counter {
	uint64_t count;
	bool semaphore;
};

static int64_t read_counter(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	struct inode *inode = file->inode;
	struct counter *counter = inode->private;
	uint64_t value;
	if (length < sizeof(value))
		return -EINVAL;
	while (!counter->count) {
		int64_t error = file_wait_for_inode(file, "an event");
		if (error)
			return error;
	}
	value = counter->semaphore ? 1 : counter->count;
	counter->count -= value;
	inode_signal(inode);
	int error = user_copy_out((uint64_t)out, &value, sizeof(value));
	return error ? error : (int64_t)sizeof(value);
}

static int64_t write_counter(struct file *file, const void *in, uint64_t length, uint64_t offset)
{
	struct inode *inode = file->inode;
	struct counter *counter = inode->private;
	uint64_t value;
	if (length < sizeof(value))
		return -EINVAL;
	int error = user_copy_in(&value, (uint64_t)in, sizeof(value));
	if (error)
		return error;
	if (value > COUNT_MAX)
		return -EINVAL;
	while (value > COUNT_MAX - counter->count) {
		int64_t waited = file_wait_for_inode(file, "room in an event's counter");
		if (waited)
			return waited;
	}
	counter->count += value;
	inode_signal(inode);
	return sizeof(value);
}

static uint32_t poll_counter(struct file *file)
{
	const struct counter *counter = file->inode->private;
	return (counter->count ? POLLIN : 0u) | (counter->count < COUNT_MAX ? POLLOUT : 0u);
}

static void show_counter(const struct file *file, struct pseudo_text *out)
{
	const struct counter *counter = file->inode->private;
	pseudo_print(out, "eventfd-count: %16lx\n", counter->count);
}

static void free_counter(struct inode *inode)
{
	heap_free(inode->private, sizeof(struct counter));
}

static const struct inode_operations eventfd_inode_operations = {.free = free_counter};

static const struct file_operations eventfd_operations = {
    .read = read_counter,
    .write = write_counter,
    .open = file_refuse_open,
    .poll = poll_counter,
    .show = show_counter,
    .ignores_out = true, /* read and write check the length before they use the buffer */
    .ignores_in = true,
    .refuses_splice = true,
};

SYSTEM_CALL(eventfd2)
{
	uint32_t flags = (uint32_t)arguments[1];
	if (flags & ~(uint32_t)(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE))
		return -EINVAL;
	struct inode *inode = inode_create(0600, &eventfd_inode_operations, &eventfd_operations);
	if (!inode)
		return -ENOMEM;
	struct counter *counter = heap_allocate(sizeof(*counter));
	inode->private = counter;
	struct file *file = counter ? file_open(inode, O_RDWR | (int)(flags & EFD_NONBLOCK)) : NULL;
	inode_drop(inode);
	if (!file)
		return -ENOMEM;
	counter->count = (uint32_t)arguments[0];
	counter->semaphore = flags & EFD_SEMAPHORE;
	return descriptor_install(file, 0, flags & EFD_CLOEXEC);
}

SYSTEM_CALL(eventfd)
{
	const uint64_t without_flags[6] = {arguments[0]};
	return call_eventfd2(without_flags);
}

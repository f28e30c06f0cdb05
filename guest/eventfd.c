/* eventfd(2): a counter that threads add to, and wait for. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "calls.h"
#include "files.h"
#include "libos.h"
#include "thread.h"

#define COUNT_MAX (UINT64_MAX - 1)

static int64_t counter_read(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	struct node *node = file->node;
	uint64_t value;
	if (length < sizeof(value))
		return -EINVAL;
	while (!node->counter.count) {
		int64_t error = file_wait(file, "an event");
		if (error)
			return error;
	}
	value = node->counter.semaphore ? 1 : node->counter.count;
	node->counter.count -= value;
	node_signal(node);
	int error = user_copy_out((uint64_t)out, &value, sizeof(value));
	return error ? error : (int64_t)sizeof(value);
}

static int64_t counter_write(struct file *file, const void *in, uint64_t length, uint64_t offset)
{
	struct node *node = file->node;
	uint64_t value;
	if (length < sizeof(value))
		return -EINVAL;
	int error = user_copy_in(&value, (uint64_t)in, sizeof(value));
	if (error)
		return error;
	if (value > COUNT_MAX)
		return -EINVAL;
	while (value > COUNT_MAX - node->counter.count) {
		int64_t waited = file_wait(file, "room in an event's counter");
		if (waited)
			return waited;
	}
	node->counter.count += value;
	node_signal(node);
	return sizeof(value);
}

static uint32_t counter_ready(struct file *file)
{
	uint64_t count = file->node->counter.count;
	return (count ? POLLIN : 0u) | (count < COUNT_MAX ? POLLOUT : 0u);
}

static const struct file_operations eventfd_operations = {
    .read = counter_read,
    .write = counter_write,
    .ready = counter_ready,
};

int64_t call_eventfd2(const uint64_t arguments[6])
{
	uint32_t flags = (uint32_t)arguments[1];
	if (flags & ~(uint32_t)(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE))
		return -EINVAL;
	struct node *node = node_create(0600, &eventfd_operations);
	if (!node)
		return -ENOMEM;
	node->counter.count = (uint32_t)arguments[0];
	node->counter.semaphore = flags & EFD_SEMAPHORE;
	struct file *file = file_open(node, O_RDWR | (int)(flags & EFD_NONBLOCK));
	node_drop(node);
	return file ? descriptor_install(file, 0, flags & EFD_CLOEXEC) : -ENOMEM;
}

int64_t call_eventfd(const uint64_t arguments[6])
{
	const uint64_t without_flags[6] = {arguments[0]};
	return call_eventfd2(without_flags);
}

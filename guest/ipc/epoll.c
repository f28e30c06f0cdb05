/* epoll(7): which of many files are ready. An item is one of a file and the number that it had; it goes
 * with the file, whatever becomes of the number. Edges are changes of readiness, and any activity on
 * what was reported before. */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>

#include "guest/fs/descriptors.h"
#include "guest/fs/file.h"
#include "guest/fs/inode.h"
#include "guest/lib/system_call.h"
#include "guest/machine/clock.h"
#include "guest/mm/heap.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/thread.h"
#include "guest/signal/signals.h"

struct item {
	uint32_t descriptor;
	uint32_t events;
	uint32_t reported; /* what was ready when it was last reported */
	uint32_t activity; /* the inode's, then */
	bool disabled;	   /* EPOLLONESHOT has fired */
	struct file *file;
	epoll_data_t data;
};

struct epoll {
	struct epoll *next; /* of all */
	struct item *items;
	uint32_t count, room;
};

static struct epoll *epolls;

static void remove_item(struct epoll *epoll, struct item *item)
{
	*item = epoll->items[--epoll->count];
}

static void forget_file(const struct file *file)
{
	for (struct epoll *epoll = epolls; epoll; epoll = epoll->next)
		for (uint32_t i = 0; i < epoll->count;)
			if (epoll->items[i].file == file)
				remove_item(epoll, &epoll->items[i]);
			else
				i++;
}

static struct item *find_item(struct epoll *epoll, uint32_t descriptor, const struct file *file)
{
	for (uint32_t i = 0; i < epoll->count; i++) {
		struct item *item = &epoll->items[i];
		if (item->descriptor == descriptor && item->file == file)
			return item;
	}
	return NULL;
}

/* What of the item's events there is to report. */
static uint32_t due_events(struct item *item)
{
	struct file *file = item->file;
	if (item->disabled)
		return 0;
	uint32_t ready = file_poll(file, item->events);
	uint32_t wanted = ready & (item->events | EPOLLERR | EPOLLHUP);
	if (!(item->events & EPOLLET))
		return wanted;
	bool fresh = item->activity != file->inode->activity || wanted & ~item->reported;
	item->reported &= ready;
	return fresh ? wanted : 0;
}

/* Fills `out` with what is due; with `out` NULL only looks whether anything is. */
static int64_t collect(struct epoll *epoll, struct epoll_event *out, uint32_t room)
{
	uint32_t found = 0;
	for (uint32_t i = 0; i < epoll->count && found < room; i++) {
		struct item *item = &epoll->items[i];
		uint32_t events = due_events(item);
		if (!events)
			continue;
		found++;
		if (!out)
			continue;
		out[found - 1] = (struct epoll_event){.events = events, .data = item->data};
		item->reported = events;
		item->activity = item->file->inode->activity;
		item->disabled = item->events & EPOLLONESHOT;
	}
	return found;
}

static uint32_t epoll_poll(struct file *file)
{
	return collect(file->inode->private, NULL, 1) ? EPOLLIN | EPOLLRDNORM : 0;
}

static void epoll_free(struct inode *inode)
{
	struct epoll *epoll = inode->private, **place = &epolls;
	if (!epoll)
		return;
	while (*place != epoll)
		place = &(*place)->next;
	*place = epoll->next;
	heap_free(epoll->items, epoll->room * sizeof(struct item));
	heap_free(epoll, sizeof(*epoll));
}

static const struct inode_operations epoll_inode_operations = {.free = epoll_free};

static const struct file_operations epoll_operations = {
    .open = file_refuse_open,
    .poll = epoll_poll,
};

SYSTEM_CALL(epoll_create1)
{
	uint32_t flags = (uint32_t)arguments[0];
	if (flags & ~(uint32_t)EPOLL_CLOEXEC)
		return -EINVAL;
	struct inode *inode = inode_create(0600, &epoll_inode_operations, &epoll_operations);
	if (!inode)
		return -ENOMEM;
	struct epoll *epoll = heap_allocate(sizeof(*epoll));
	if (epoll) {
		epoll->next = epolls;
		epolls = epoll;
	}
	inode->private = epoll;
	struct file *file = epoll ? file_open(inode, O_RDWR) : NULL;
	inode_drop(inode);
	return file ? descriptor_install(file, 0, flags & EPOLL_CLOEXEC) : -ENOMEM;
}

SYSTEM_CALL(epoll_create)
{
	const uint64_t without_flags[6] = {0};
	return (int32_t)arguments[0] > 0 ? call_epoll_create1(without_flags) : -EINVAL;
}

/* The epoll behind a descriptor; NULL: none, and *error. */
static struct file *epoll_file(uint64_t descriptor, int *error)
{
	struct file *file = descriptor_opened(descriptor);
	*error = !file ? -EBADF : file->operations != &epoll_operations ? -EINVAL : 0;
	return *error ? NULL : file;
}

static int add_item(struct epoll *epoll, const struct item *item)
{
	if (epoll->count == epoll->room) {
		uint32_t room = epoll->room ? 2 * epoll->room : 8;
		void *items =
		    heap_resize(epoll->items, epoll->room * sizeof(*item), room * sizeof(*item));
		if (!items)
			return -ENOMEM;
		epoll->items = items;
		epoll->room = room;
	}
	epoll->items[epoll->count++] = *item;
	item->file->forget = forget_file;
	return 0;
}

SYSTEM_CALL(epoll_ctl)
{
	int error = 0;
	uint32_t operation = (uint32_t)arguments[1], descriptor = (uint32_t)arguments[2];
	struct epoll_event event = {0};
	if (operation != EPOLL_CTL_DEL)
		error = user_copy_in(&event, arguments[3], sizeof(event));
	if (error)
		return error;
	struct file *watched = descriptor_opened(descriptor);
	if (!watched || !descriptor_opened(arguments[0]))
		return -EBADF;
	/* As on Linux, what never waits cannot be watched. */
	if (!watched->operations->poll)
		return -EPERM;
	struct file *file = epoll_file(arguments[0], &error);
	if (error)
		return error;
	/* An epoll cannot be in an epoll: that could make a circle. */
	if (watched->operations == &epoll_operations)
		return -EINVAL;
	struct epoll *epoll = file->inode->private;
	struct item *item = find_item(epoll, descriptor, watched);
	const struct item fresh = {
	    .descriptor = descriptor,
	    .events = event.events,
	    .file = watched,
	    .data = event.data,
	};
	switch (operation) {
	case EPOLL_CTL_ADD:
		error = item ? -EEXIST : add_item(epoll, &fresh);
		break;
	case EPOLL_CTL_MOD:
		if (!item)
			return -ENOENT;
		*item = fresh;
		break;
	case EPOLL_CTL_DEL:
		if (!item)
			return -ENOENT;
		remove_item(epoll, item);
		break;
	default:
		return -EINVAL;
	}
	if (!error)
		inode_signal(file->inode);
	return error;
}

static int64_t wait_for_events(const uint64_t arguments[6], uint64_t deadline_ns, bool waits)
{
	int error;
	int32_t room = (int32_t)arguments[2];
	if (!descriptor_opened(arguments[0]))
		return -EBADF;
	if (room <= 0 || room > INT32_MAX / (int32_t)sizeof(struct epoll_event))
		return -EINVAL;
	thread_current()->poll_waits = waits;
	for (;;) {
		/* Looked up each time anew: other threads may have changed either. */
		struct file *file = epoll_file(arguments[0], &error);
		if (error)
			return error;
		if (!user_writable(arguments[1], (uint64_t)room * sizeof(struct epoll_event)))
			return -EFAULT;
		thread_current()->look = NULL;
		thread_current()->watched = inode_mark(file->inode);
		int64_t found = collect(file->inode->private, (struct epoll_event *)arguments[1],
					(uint32_t)room);
		if (found || !waits) {
			thread_current()->look = NULL;
			return found;
		}
		error =
		    thread_wait(&thread_files_channel, deadline_ns, "a file that nobody else uses");
		if (error)
			return error == -ETIMEDOUT ? 0 : error;
	}
}

SYSTEM_CALL(epoll_pwait)
{
	int32_t milliseconds = (int32_t)arguments[3];
	int error = signal_read_mask_for_wait(arguments[4], arguments[5]);
	if (error)
		return error;
	uint64_t deadline_ns =
	    milliseconds < 0 ? NO_DEADLINE : clock_deadline_ns((uint64_t)milliseconds * 1000000);
	return wait_for_events(arguments, deadline_ns, milliseconds != 0);
}

SYSTEM_CALL(epoll_wait)
{
	const uint64_t without_mask[6] = {arguments[0], arguments[1], arguments[2], arguments[3]};
	return call_epoll_pwait(without_mask);
}

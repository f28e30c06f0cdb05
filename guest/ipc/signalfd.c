/* signalfd(2): signals that are read from a file. They are those that the reading thread has waiting
 * for it, or the process has; a program blocks them, so that they wait. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>

#include "guest/fs/descriptors.h"
#include "guest/fs/file.h"
#include "guest/fs/inode.h"
#include "guest/fs/pseudo.h"
#include "guest/lib/system_call.h"
#include "guest/mm/heap.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/thread.h"
#include "guest/signal/signals.h"

static struct signalfd_siginfo describe(const siginfo_t *information)
{
	struct signalfd_siginfo told = {
	    .ssi_signo = (uint32_t)information->si_signo,
	    .ssi_errno = information->si_errno,
	    .ssi_code = information->si_code,
	};
	switch (information->si_code) {
	case SI_TIMER:
		told.ssi_tid = (uint32_t)information->si_timerid;
		told.ssi_overrun = (uint32_t)information->si_overrun;
		told.ssi_ptr = (uint64_t)information->si_ptr;
		told.ssi_int = information->si_int;
		break;
	case SI_QUEUE:
	case SI_MESGQ:
	case SI_ASYNCIO:
		told.ssi_ptr = (uint64_t)information->si_ptr;
		told.ssi_int = information->si_int;
		told.ssi_pid = (uint32_t)information->si_pid;
		told.ssi_uid = information->si_uid;
		break;
	default:
		told.ssi_pid = (uint32_t)information->si_pid;
		told.ssi_uid = information->si_uid;
	}
	return told;
}

static uint64_t *mask_of(const struct file *file)
{
	return file->inode->private;
}

static int64_t read_signals(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	struct signalfd_siginfo told;
	siginfo_t information;
	uint64_t done = 0;
	if (length < sizeof(told))
		return -EINVAL;
	while (length - done >= sizeof(told)) {
		if (!signal_take(*mask_of(file), &information)) {
			if (done)
				break;
			int64_t error = file_wait(file, "a signal", NULL);
			if (error)
				return error;
			continue;
		}
		told = describe(&information);
		if (user_copy_out((uint64_t)out + done, &told, sizeof(told)))
			return done ? (int64_t)done : -EFAULT;
		done += sizeof(told);
	}
	return (int64_t)done;
}

/* What is told once for each signal depends on how many came. */
static uint32_t poll_signals(struct file *file)
{
	file->inode->activity = signal_activity();
	return signal_pending() & *mask_of(file) ? POLLIN : 0;
}

static void show_signals(const struct file *file, struct pseudo_text *out)
{
	pseudo_print(out, "sigmask:\t%016lx\n", *mask_of(file));
}

static void free_signals(struct inode *inode)
{
	heap_free(inode->private, sizeof(uint64_t));
}

static const struct file_operations signal_operations = {
    .read = read_signals,
    .open = file_refuse_open,
    .poll = poll_signals,
    .show = show_signals,
    .ignores_out = true,
};

static int64_t create(uint64_t mask, uint32_t flags)
{
	static const struct inode_operations inode_operations = {.free = free_signals};
	struct inode *inode = inode_create(0600, &inode_operations, &signal_operations);
	if (!inode)
		return -ENOMEM;
	inode->private = heap_allocate(sizeof(mask));
	struct file *file =
	    inode->private ? file_open(inode, O_RDWR | (int)(flags & SFD_NONBLOCK)) : NULL;
	inode_drop(inode);
	if (!file)
		return -ENOMEM;
	*mask_of(file) = mask;
	return descriptor_install(file, 0, flags & SFD_CLOEXEC);
}

SYSTEM_CALL(signalfd4)
{
	const uint32_t flags = (uint32_t)arguments[3];
	uint64_t mask;
	if (arguments[2] != SIGNAL_SET_SIZE)
		return -EINVAL;
	int error = user_copy_in(&mask, arguments[1], sizeof(mask));
	if (error)
		return error;
	if (flags & ~(uint32_t)(SFD_CLOEXEC | SFD_NONBLOCK))
		return -EINVAL;
	mask &= ~SIGNALS_NEVER_BLOCKED;
	if ((int32_t)arguments[0] == -1)
		return create(mask, flags);
	struct file *file = descriptor_opened(arguments[0]);
	if (!file)
		return -EBADF;
	if (file->operations != &signal_operations)
		return -EINVAL;
	*mask_of(file) = mask;
	thread_wake(&thread_files_channel);
	return (int32_t)arguments[0];
}

SYSTEM_CALL(signalfd)
{
	const uint64_t without_flags[6] = {arguments[0], arguments[1], arguments[2]};
	return call_signalfd4(without_flags);
}

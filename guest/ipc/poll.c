/* System calls that wait for files, and ioctl.
 *
 * Regular files, devices and the output streams never wait. Asking whether the request is there
 * counts as waiting for it, so the machine is frozen at a poll of descriptor 0 as it is at a read;
 * but not where the poll has no interest in reading: languages look so at their start whether
 * descriptors 0 to 2 are open.
 */
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/select.h>

#include "guest/fs/descriptors.h"
#include "guest/fs/file.h"
#include "guest/lib/system_call.h"
#include "guest/lib/text.h"
#include "guest/machine/clock.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/thread.h"
#include "guest/sched/timespec.h"
#include "guest/signal/signals.h"
#include "sizes/sizes.h"

#define NO_TIMEOUT UINT64_MAX

static uint64_t deadline_after(uint64_t timeout_ns)
{
	return timeout_ns == NO_TIMEOUT ? NO_DEADLINE : clock_deadline_ns(timeout_ns);
}

/* Ends what polls of the request arranged: nothing is looked for outside any more (struct thread,
 * `look`). */
static int64_t finish(int64_t result)
{
	thread_current()->look = NULL;
	return result;
}

/* Nothing is ready: waits until something might be. Positive: look again. 0: the time is over. */
static int64_t wait_for_files(uint64_t timeout_ns, uint64_t deadline_ns)
{
	if (!timeout_ns)
		return 0;
	int error = thread_wait(&thread_files_channel, deadline_ns, "a file that nobody else uses");
	return error == -ETIMEDOUT ? 0 : error ? error : 1;
}

static int64_t poll_once(struct pollfd *entries, uint64_t count)
{
	int64_t found = 0;
	thread_current()->watched = 0;
	for (uint64_t i = 0; i < count; i++) {
		struct file *file = descriptor_opened((uint32_t)entries[i].fd);
		uint32_t ready = 0;
		const uint32_t wanted = (uint16_t)entries[i].events;
		if (file)
			ready = file_poll(file, wanted) & (wanted | POLLERR | POLLHUP);
		else if (entries[i].fd >= 0)
			ready = POLLNVAL;
		entries[i].revents = (short)ready;
		found += ready != 0;
	}
	return found;
}

static int64_t poll_files(uint64_t address, uint64_t count, uint64_t timeout_ns)
{
	uint64_t deadline_ns = deadline_after(timeout_ns);
	if (count > DESCRIPTOR_COUNT)
		return -EINVAL;
	thread_current()->poll_waits = timeout_ns;
	for (;;) {
		/* Each time anew: another thread may have unmapped it. */
		if (!user_writable(address, count * sizeof(struct pollfd)))
			return -EFAULT;
		int64_t found = poll_once((struct pollfd *)address, count);
		if (found)
			return finish(found);
		int64_t again = wait_for_files(timeout_ns, deadline_ns);
		if (again <= 0)
			return finish(again);
	}
}

SYSTEM_CALL(poll)
{
	int32_t milliseconds = (int32_t)arguments[2];
	return poll_files(arguments[0], (uint32_t)arguments[1],
			  milliseconds < 0 ? NO_TIMEOUT : (uint64_t)milliseconds * 1000000);
}

#define SET_COUNT 3 /* read, write, exceptions */

/* Copies the first `bytes` of the program's set, which are there; a null pointer is an empty
 * one. */
static int set_in(fd_set *set, uint64_t address, size_t bytes)
{
	memset(set, 0, sizeof(*set));
	if (!address)
		return 0;
	return user_writable(address, bytes) ? user_copy_in(set, address, bytes) : -EFAULT;
}

/* Fills `ready` with what is ready of what is asked for; how many those are, or -EBADF. */
static int64_t select_once(uint64_t count, const fd_set asked[SET_COUNT], fd_set ready[SET_COUNT])
{
	static const uint32_t wanted[SET_COUNT] = {POLLIN | POLLHUP | POLLERR, POLLOUT | POLLERR,
						   POLLPRI};
	int64_t found = 0;
	memset(ready, 0, SET_COUNT * sizeof(*ready));
	thread_current()->watched = 0;
	for (uint64_t i = 0; i < count; i++) {
		uint32_t asks = 0;
		for (int kind = 0; kind < SET_COUNT; kind++)
			asks |= FD_ISSET(i, &asked[kind]) ? wanted[kind] : 0;
		if (!asks)
			continue;
		struct file *file = descriptor_opened(i);
		if (!file)
			return -EBADF;
		uint32_t events = file_poll(file, asks);
		for (int kind = 0; kind < SET_COUNT; kind++) {
			if (!FD_ISSET(i, &asked[kind]) || !(events & wanted[kind]))
				continue;
			FD_SET(i, &ready[kind]);
			found++;
		}
	}
	return found;
}

static int64_t select_files(uint64_t count, const uint64_t addresses[SET_COUNT],
			    uint64_t timeout_ns)
{
	fd_set asked[SET_COUNT], ready[SET_COUNT];
	uint64_t deadline_ns = deadline_after(timeout_ns);
	if ((int32_t)count < 0)
		return -EINVAL;
	count = (uint32_t)count < FD_SETSIZE ? (uint32_t)count : FD_SETSIZE;
	size_t bytes = (count + 63) / 64 * 8;
	for (int kind = 0; kind < SET_COUNT; kind++) {
		int error = set_in(&asked[kind], addresses[kind], bytes);
		if (error)
			return error;
	}
	int64_t found, again = 1;
	thread_current()->poll_waits = timeout_ns;
	while (!(found = select_once(count, asked, ready)) && again > 0)
		again = wait_for_files(timeout_ns, deadline_ns);
	finish(0);
	if (found < 0 || again < 0)
		return found < 0 ? found : again;
	for (int kind = 0; kind < SET_COUNT; kind++)
		if (addresses[kind] && user_copy_out(addresses[kind], &ready[kind], bytes))
			return -EFAULT;
	return found;
}

/* What is left of a timeout, for the calls that tell the program. Where it cannot be told is no
 * error. */
static uint64_t time_left_ns(uint64_t timeout_ns, uint64_t began_ns)
{
	uint64_t passed_ns = clock_read_ns(false) - began_ns;
	return timeout_ns > passed_ns ? timeout_ns - passed_ns : 0;
}

static void report_left_timespec(uint64_t address, uint64_t timeout_ns, uint64_t began_ns)
{
	timespec_report(address, time_left_ns(timeout_ns, began_ns));
}

SYSTEM_CALL(ppoll)
{
	uint64_t timeout_ns = NO_TIMEOUT, began_ns = clock_read_ns(false);
	int error = arguments[2] ? timespec_read(arguments[2], &timeout_ns) : 0;
	if (!error)
		error = signal_read_mask_for_wait(arguments[3], arguments[4]);
	if (error)
		return error;
	int64_t found = poll_files(arguments[0], (uint32_t)arguments[1], timeout_ns);
	if (arguments[2])
		report_left_timespec(arguments[2], timeout_ns, began_ns);
	return found;
}

SYSTEM_CALL(select)
{
	struct timeval timeout;
	uint64_t timeout_ns = NO_TIMEOUT, began_ns = clock_read_ns(false);
	if (!arguments[4])
		return select_files(arguments[0], arguments + 1, NO_TIMEOUT);
	int error = user_copy_in(&timeout, arguments[4], sizeof(timeout));
	if (error)
		return error;
	if (timeout.tv_sec < 0 || timeout.tv_usec < 0 ||
	    mul_overflows((uint64_t)timeout.tv_sec, NANOSECONDS, &timeout_ns) ||
	    add_overflows(timeout_ns, (uint64_t)timeout.tv_usec * 1000, &timeout_ns))
		return -EINVAL;
	int64_t found = select_files(arguments[0], arguments + 1, timeout_ns);
	uint64_t left_ns = time_left_ns(timeout_ns, began_ns);
	timeout = (struct timeval){.tv_sec = (time_t)(left_ns / NANOSECONDS),
				   .tv_usec = (suseconds_t)(left_ns % NANOSECONDS / 1000)};
	user_copy_out(arguments[4], &timeout, sizeof(timeout));
	return found;
}

SYSTEM_CALL(pselect6)
{
	uint64_t timeout_ns = NO_TIMEOUT;
	uint64_t mask[2] = {0}; /* address and size */
	int error = arguments[4] ? timespec_read(arguments[4], &timeout_ns) : 0;
	if (!error && arguments[5])
		error = user_copy_in(mask, arguments[5], sizeof(mask));
	if (!error)
		error = signal_read_mask_for_wait(mask[0], mask[1]);
	if (error)
		return error;
	uint64_t began_ns = clock_read_ns(false);
	int64_t found = select_files(arguments[0], arguments + 1, timeout_ns);
	if (arguments[4])
		report_left_timespec(arguments[4], timeout_ns, began_ns);
	return found;
}

static int64_t set_nonblocking(struct file *file, uint64_t address)
{
	int value;
	int error = user_copy_in(&value, address, sizeof(value));
	if (error)
		return error;
	file->flags = value ? file->flags | O_NONBLOCK : file->flags & ~O_NONBLOCK;
	return 0;
}

/* FIOASYNC: no file here can send signals when it is ready, but a program may switch that off. */
static int64_t set_signalling(uint64_t address)
{
	int value;
	int error = user_copy_in(&value, address, sizeof(value));
	if (error)
		return error;
	return value ? -ENOTTY : 0;
}

static int64_t report_available(struct file *file, uint64_t address)
{
	if (!file->operations->available)
		return -ENOTTY;
	uint64_t available = file->operations->available(file);
	int value = available < INT_MAX ? (int)available : INT_MAX;
	return user_copy_out(address, &value, sizeof(value));
}

SYSTEM_CALL(ioctl)
{
	uint32_t descriptor = (uint32_t)arguments[0];
	struct file *file = descriptor_file(descriptor);
	if (!file || file->flags & O_PATH)
		return -EBADF;
	switch ((uint32_t)arguments[1]) {
	case FIOCLEX:
	case FIONCLEX:
		descriptor_set_close_on_exec(descriptor, (uint32_t)arguments[1] == FIOCLEX);
		return 0;
	case FIOASYNC:
		return set_signalling(arguments[2]);
	case FIONBIO:
		return set_nonblocking(file, arguments[2]);
	case FIONREAD:
		return report_available(file, arguments[2]);
	default:
		/* Nothing here is a terminal. */
		return -ENOTTY;
	}
}

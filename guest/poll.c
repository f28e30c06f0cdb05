/* System calls that wait for files, and ioctl.
 *
 * Regular files, devices and the output streams never wait. Asking whether the request is there
 * counts as waiting for it, so the machine is frozen at a poll of descriptor 0 as it is at a read.
 */
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/select.h>

#include "calls.h"
#include "files.h"
#include "libos.h"
#include "signals.h"
#include "text.h"

#define NO_TIMEOUT UINT64_MAX

uint32_t file_ready(struct file *file)
{
	return file->node->operations->ready ? file->node->operations->ready(file)
					     : POLLIN | POLLOUT;
}

int64_t file_wait(struct file *file, const char *waiting_for)
{
	if (file->flags & O_NONBLOCK)
		return -EAGAIN;
	/* Another thread may close it meanwhile. */
	file_hold(file);
	thread_current()->awaits_request = file->node->operations == &request_operations;
	int error = thread_wait(&thread_files_channel, THREAD_NO_DEADLINE, waiting_for);
	bool closed = file->references == 1;
	file_drop(file);
	if (closed)
		return -EBADF;
	return error == -EINTR ? -RESTART_CALL : error;
}

static uint64_t deadline_after(uint64_t timeout_ns)
{
	return timeout_ns == NO_TIMEOUT ? THREAD_NO_DEADLINE : time_deadline_ns(timeout_ns);
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
	thread_current()->awaits_request = false;
	for (uint64_t i = 0; i < count; i++) {
		struct file *file = descriptor_file((uint32_t)entries[i].fd);
		uint32_t ready = 0;
		if (file)
			ready =
			    file_ready(file) & ((uint32_t)entries[i].events | POLLERR | POLLHUP);
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
	for (;;) {
		/* Each time anew: another thread may have unmapped it. */
		if (!user_writable(address, count * sizeof(struct pollfd)))
			return -EFAULT;
		int64_t found = poll_once((struct pollfd *)address, count);
		if (found)
			return found;
		int64_t again = wait_for_files(timeout_ns, deadline_ns);
		if (again <= 0)
			return again;
	}
}

int64_t call_poll(const uint64_t arguments[6])
{
	int32_t milliseconds = (int32_t)arguments[2];
	return poll_files(arguments[0], (uint32_t)arguments[1],
			  milliseconds < 0 ? NO_TIMEOUT : (uint64_t)milliseconds * 1000000);
}

#define SET_COUNT 3 /* read, write, exceptions */

/* Copies the program's set, of which the first `bytes` are there; a null pointer is an empty one.
 */
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
	thread_current()->awaits_request = false;
	for (uint64_t i = 0; i < count; i++) {
		bool asks = false;
		for (int kind = 0; kind < SET_COUNT; kind++)
			asks |= FD_ISSET(i, &asked[kind]) != 0;
		if (!asks)
			continue;
		struct file *file = descriptor_file(i);
		if (!file)
			return -EBADF;
		uint32_t events = file_ready(file);
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
	while (!(found = select_once(count, asked, ready)) && again > 0)
		again = wait_for_files(timeout_ns, deadline_ns);
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
	uint64_t passed_ns = time_now_ns(false) - began_ns;
	return timeout_ns > passed_ns ? timeout_ns - passed_ns : 0;
}

static void report_left_timespec(uint64_t address, uint64_t timeout_ns, uint64_t began_ns)
{
	uint64_t left_ns = time_left_ns(timeout_ns, began_ns);
	const struct timespec left = {.tv_sec = (time_t)(left_ns / NANOSECONDS),
				      .tv_nsec = (long)(left_ns % NANOSECONDS)};
	user_copy_out(address, &left, sizeof(left));
}

int64_t call_ppoll(const uint64_t arguments[6])
{
	uint64_t timeout_ns = NO_TIMEOUT, began_ns = time_now_ns(false);
	int error = arguments[2] ? time_read_timespec(arguments[2], &timeout_ns) : 0;
	if (!error)
		error = signal_read_mask_for_wait(arguments[3], arguments[4]);
	if (error)
		return error;
	int64_t found = poll_files(arguments[0], (uint32_t)arguments[1], timeout_ns);
	if (arguments[2])
		report_left_timespec(arguments[2], timeout_ns, began_ns);
	return found;
}

int64_t call_select(const uint64_t arguments[6])
{
	struct timeval timeout;
	uint64_t timeout_ns = NO_TIMEOUT, began_ns = time_now_ns(false);
	if (!arguments[4])
		return select_files(arguments[0], arguments + 1, NO_TIMEOUT);
	int error = user_copy_in(&timeout, arguments[4], sizeof(timeout));
	if (error)
		return error;
	if (timeout.tv_sec < 0 || timeout.tv_usec < 0 ||
	    __builtin_mul_overflow((uint64_t)timeout.tv_sec, NANOSECONDS, &timeout_ns) ||
	    __builtin_add_overflow(timeout_ns, (uint64_t)timeout.tv_usec * 1000, &timeout_ns))
		return -EINVAL;
	int64_t found = select_files(arguments[0], arguments + 1, timeout_ns);
	uint64_t left_ns = time_left_ns(timeout_ns, began_ns);
	timeout = (struct timeval){.tv_sec = (time_t)(left_ns / NANOSECONDS),
				   .tv_usec = (suseconds_t)(left_ns % NANOSECONDS / 1000)};
	user_copy_out(arguments[4], &timeout, sizeof(timeout));
	return found;
}

int64_t call_pselect6(const uint64_t arguments[6])
{
	uint64_t timeout_ns = NO_TIMEOUT;
	uint64_t mask[2] = {0}; /* address and size */
	int error = arguments[4] ? time_read_timespec(arguments[4], &timeout_ns) : 0;
	if (!error && arguments[5])
		error = user_copy_in(mask, arguments[5], sizeof(mask));
	if (!error)
		error = signal_read_mask_for_wait(mask[0], mask[1]);
	if (error)
		return error;
	uint64_t began_ns = time_now_ns(false);
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

static int64_t report_available(struct file *file, uint64_t address)
{
	if (!file->node->operations->available)
		return -ENOTTY;
	uint64_t available = file->node->operations->available(file);
	int value = available < INT_MAX ? (int)available : INT_MAX;
	return user_copy_out(address, &value, sizeof(value));
}

int64_t call_ioctl(const uint64_t arguments[6])
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
	case FIONBIO:
		return set_nonblocking(file, arguments[2]);
	case FIONREAD:
		return report_available(file, arguments[2]);
	default:
		/* Nothing here is a terminal. */
		return -ENOTTY;
	}
}

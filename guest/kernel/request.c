/* The request and its answer: descriptors 0, 1 and 2.
 *
 * The program's first wait for its request is where the machine is frozen; from then on each clone
 * has a request of its own in the window. What the program writes before the freeze stays in the
 * response area and is the beginning of every clone's response.
 */
#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "guest/fs/descriptors.h"
#include "guest/fs/file.h"
#include "guest/fs/inode.h"
#include "guest/fs/tree.h"
#include "guest/lib/text.h"
#include "guest/machine/hypercall.h"
#include "guest/machine/machine.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/process.h"
#include "guest/sched/thread.h"
#include "sizes/sizes.h"
#include "snapshot.h"

static struct {
	bool started;	 /* length is valid */
	bool ended;	 /* the monitor said so */
	bool answered;	 /* the program wrote to standard output since it started */
	uint64_t next;	 /* first byte not read yet */
	uint64_t length; /* bytes in the request area */
	uint32_t parts;	 /* how often the area was filled again */
} request;

/* Requests come over connections: what the program writes to standard output is none of the response. */
static bool output_is_log;

static const char *request_area(void)
{
	return (const char *)GUEST_WINDOW_BASE + WINDOW_REQUEST_OFFSET;
}

static void request_start(void)
{
	request.started = true;
	request.length = machine_control()->request_length;
}

/* Ends this request. When the call returns, the next one is there, and has started. */
static void request_end(void)
{
	/* Before the freeze, so that it is part of the snapshot. */
	memset(&request, 0, sizeof(request));
	snapshot_end_request();
	request_start();
}

static void request_begin(void)
{
	snapshot_begin_request();
	if (!request.started)
		request_start();
}

void request_ready_for_next(void)
{
	static bool said;
	bool again = said;
	said = true;
	if (again)
		request_end();
	else
		snapshot_begin_request();
}

/* Waits for more of the request until that time. 0: bytes are there, or it has ended;
 * else -EAGAIN. */
static int request_refill(uint64_t until_ns)
{
	if (request.next < request.length || request.ended)
		return 0;
	request.ended = machine_control()->request_complete;
	if (request.ended)
		return 0;
	int64_t length = machine_hypercall(HYPERCALL_READ, until_ns, 0, 0);
	if (length == -EAGAIN)
		return -EAGAIN;
	if (length < 0 || (uint64_t)length > WINDOW_REQUEST_SIZE)
		return -EIO;
	request.parts++;
	request.next = 0;
	request.length = (uint64_t)length;
	request.ended = length == 0;
	return 0;
}

/* Looks for more of the request, waiting until that time. True: a read of it need not wait. */
static bool look_for_more(uint64_t until_ns)
{
	if (snapshot_is_early(0))
		return false;
	request_begin();
	return request_refill(until_ns) != -EAGAIN;
}

/* Waits for the request, and looks for more of it without waiting. 0: bytes are there, or it has
 * ended; else -EAGAIN. A program that was warmed up and reads again after its answer wants the next
 * request; one that has not answered yet reads to the end of this one, and so do its children. */
static int request_fill(void)
{
	request_begin();
	int error = request_refill(0);
	if (error || request.next < request.length || !request.answered || !snapshot_is_warmed() ||
	    process_current() != &process_first)
		return error;
	request_end();
	return request_refill(0);
}

static int64_t request_read(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	int64_t error;
	if (!length)
		return 0;
	const bool waits = !(file->flags & O_NONBLOCK);
	while ((waits && snapshot_is_early(1)) || (error = request_fill()) == -EAGAIN) {
		error = file_wait(file, "its request", look_for_more);
		if (error)
			return error;
		/* Others ran meanwhile. */
		if (!user_writable((uint64_t)out, length))
			return -EFAULT;
	}
	if (error)
		return error;
	uint64_t available = request.length - request.next;
	if (length > available)
		length = available;
	memcpy(out, request_area() + request.next, length);
	request.next += length;
	return (int64_t)length;
}

static int64_t request_write(struct file *file, const void *in, uint64_t length, uint64_t offset)
{
	return -EBADF;
}

static uint64_t request_available(struct file *file)
{
	return request_fill() ? 0 : request.length - request.next;
}

static uint32_t poll_request(struct file *file)
{
	struct thread *self = thread_current();
	int error = self->poll_waits && snapshot_is_early(1) ? -EAGAIN : request_fill();
	if (error == -EAGAIN) {
		self->look = look_for_more;
		return 0;
	}
	if (error)
		return POLLERR;
	file->inode->activity = request.parts;
	return request.next < request.length ? POLLIN | POLLRDNORM : POLLIN | POLLRDNORM | POLLHUP;
}

/* Nothing is asked for: before the request, standard input is an open pipe with nothing in it. */
static uint32_t glance_at_request(struct file *file)
{
	if (request.next < request.length)
		return POLLIN | POLLRDNORM;
	return request.ended ? POLLIN | POLLRDNORM | POLLHUP : 0;
}

static int64_t output_read(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	return -EBADF;
}

static uint32_t poll_output(struct file *file)
{
	return POLLOUT;
}

static int64_t send_response(const void *in, uint64_t length)
{
	volatile struct guest_control *control = machine_control();
	char *area = (char *)GUEST_WINDOW_BASE + WINDOW_RESPONSE_OFFSET;
	const char *next = in;
	request.answered |= request.started && length;
	for (uint64_t left = length; left;) {
		uint64_t used = control->response_length;
		if (used >= WINDOW_RESPONSE_SIZE) {
			if (machine_hypercall(HYPERCALL_WRITE, WINDOW_RESPONSE_SIZE, 0, 0) < 0)
				return next == in ? -EIO : next - (const char *)in;
			used = 0;
		}
		uint64_t part = WINDOW_RESPONSE_SIZE - used;
		if (part > left)
			part = left;
		memcpy(area + used, next, part);
		/* In this order, because the monitor may look at any time once the request is
		 * over. */
		__atomic_thread_fence(__ATOMIC_RELEASE);
		control->response_length = used + part;
		next += part;
		left -= part;
	}
	if (__builtin_expect(control->unbuffered && control->response_length, 0))
		machine_hypercall(HYPERCALL_WRITE, control->response_length, 0, 0);
	return (int64_t)length;
}

static int64_t send_log(const void *in, uint64_t length)
{
	char *area = (char *)GUEST_WINDOW_BASE + WINDOW_LOG_OFFSET;
	const char *next = in;
	for (uint64_t left = length; left;) {
		uint64_t part = left < WINDOW_LOG_SIZE ? left : WINDOW_LOG_SIZE;
		memcpy(area, next, part);
		if (machine_hypercall(HYPERCALL_LOG, part, 0, 0) < 0)
			return next == in ? -EIO : next - (const char *)in;
		next += part;
		left -= part;
	}
	return (int64_t)length;
}

static int64_t output_write(struct file *file, const void *in, uint64_t length, uint64_t offset)
{
	return output_is_log ? send_log(in, length) : send_response(in, length);
}

static int64_t log_write(struct file *file, const void *in, uint64_t length, uint64_t offset)
{
	return send_log(in, length);
}

/* ── over a connection ───────────────────────────────────────────────────────────────────────── */

/* What the server has written to standard output so far is none of its responses'. */
static void move_output_to_log(void)
{
	volatile struct guest_control *control = machine_control();
	const uint64_t length = control->response_length;
	if (!length || length > WINDOW_RESPONSE_SIZE)
		return;
	send_log((const char *)GUEST_WINDOW_BASE + WINDOW_RESPONSE_OFFSET, length);
	control->response_length = 0;
}

void request_begin_over_connection(void)
{
	if (!output_is_log)
		move_output_to_log();
	output_is_log = true;
	request_begin();
}

void request_finish(void)
{
	request_end();
}

uint64_t request_peek(uint64_t until_ns, const char **bytes)
{
	if (request_refill(until_ns))
		return 0;
	*bytes = request_area() + request.next;
	return request.length - request.next;
}

void request_take(uint64_t length)
{
	request.next += length;
}

bool request_has_ended(void)
{
	return request.ended && request.next >= request.length;
}

void request_answer(const void *bytes, uint64_t length)
{
	machine_control()->hand_on = 1;
	send_response(bytes, length);
}

void request_pass_on(void)
{
	const uint64_t length = machine_control()->response_length;
	if (length)
		machine_hypercall(HYPERCALL_WRITE, length, 0, 0);
}

static const struct file_operations request_operations = {
    .read = request_read,
    .write = request_write,
    .poll = poll_request,
    .glance = glance_at_request,
    .available = request_available,
};

static const struct file_operations response_operations = {
    .read = output_read,
    .write = output_write,
    .poll = poll_output,
};

static const struct file_operations log_operations = {
    .read = output_read,
    .write = log_write,
    .poll = poll_output,
};

/* Pipes, as a program sees them in a pipeline, with descriptors 0 to 2 and names in /dev. */
void request_init(void)
{
	static const struct {
		const char *name;
		const struct file_operations *operations;
		int flags;
	} streams[] = {
	    {"stdin", &request_operations, O_RDONLY},
	    {"stdout", &response_operations, O_WRONLY},
	    {"stderr", &log_operations, O_WRONLY},
	};
	for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
		struct inode *inode = tree_add_device(tree_devices(), streams[i].name,
						      S_IFIFO | 0600, 0, streams[i].operations);
		struct file *file = inode ? file_open(inode, streams[i].flags) : NULL;
		if (file)
			descriptor_replace(i, file, false);
	}
}

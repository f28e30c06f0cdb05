/* Calls over one connection to an accelerator host; see socket.h.
 *
 * Messages are made in memory of `size` bytes, of which only what is used exists: a memfd that the host
 * maps, too, where the socket can pass one; else private memory, whose used part goes to and fro.
 */
#include "accel/transports/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "accel/state/op_context.h"
#include "accel/transports/message.h"
#include "accel/transports/window_arena.h"
#include "accel/wire/ops.h"
#include "accel_link/accel_link.h"
#include "mayfly/plugin.h"
#include "mayfly/results.h"
#include "mayfly/session_statistics.h"
#include "mayfly/wire.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/lock.h"
#include "vaccel/error.h"

/* A host that has just been started answers when its plugins are loaded. */
#define HELLO_LIMIT_NS (10 * NANOSECONDS_PER_SECOND)

/* A host that works ends an op at its deadline and says so: the connection, and all that the host
 * holds for it, is only given up after so long: on a machine that is busy the answer may be late. */
#define GRACE_NS NANOSECONDS_PER_SECOND

/* After a message of more than this the memory is given back. */
#define KEPT_MAX (32UL << 20)

#define PAGE 4096UL

struct socket_transport {
	struct accel_transport transport; /* first: the public face of the same object */
	pthread_mutex_t lock;		  /* protects `busy` */
	pthread_cond_t idle;
	struct mayfly_session_statistics statistics; /* under the lock as well */
	bool busy; /* a thread makes a call: what follows is its own */
	struct accel_link link;
	uint8_t *memory;
	uint64_t size, mapped;	   /* what messages may take; what is there */
	bool is_window;		   /* the host sees the memory */
	struct window_arena arena; /* behind the messages, where it is one */
	uint64_t request;	   /* number of the call made last */
	uint64_t host_ns;	   /* what it took in the host */
};

/* Says what a link's failure during a call means, and ends it. */
static int lost_call(struct socket_transport *socket, int result, uint16_t op)
{
	const char *why = socket->link.cover ? socket->link.cover->failure : NULL;
	const char *name = wire_op_name(op);
	const int code = result == -ETIMEDOUT ? VACCEL_EAGAIN : VACCEL_EREMOTEIO;
	if (result == -ETIMEDOUT)
		op_refuse(code, "the accelerator host has not answered %s in time", name);
	else if (result == -EPROTO)
		op_refuse(code, "the accelerator host has answered %s in another protocol", name);
	else if (result == -ENOTCONN)
		op_refuse(
		    code,
		    "the connection to the accelerator host was lost before %s: a new session "
		    "is needed",
		    name);
	else
		op_refuse(
		    code,
		    "the accelerator host went away during %s, which may have been done or not: "
		    "a new session is needed%s%s",
		    name, why ? "; it said: " : "", why ? why : "");
	accel_link_end(&socket->link);
	return code;
}

/* The same of the first packet. */
static int lost_hello(const struct socket_transport *socket, int result)
{
	const char *why = socket->link.cover ? socket->link.cover->failure : NULL;
	if (result == -ETIMEDOUT)
		return op_refuse(VACCEL_EAGAIN, "the accelerator host does not answer");
	if (result == -EPROTO)
		return op_refuse(VACCEL_EREMOTEIO,
				 "what answers is no accelerator host (mayfly-acceld) of this "
				 "version: it speaks another protocol");
	return op_refuse(VACCEL_EREMOTEIO,
			 "what listens there hangs up at once: it is no accelerator host "
			 "(mayfly-acceld), or does not let this side in%s%s",
			 why ? ": " : "", why ? why : "");
}

/* Waits for the calls of other threads. False where the deadline passes meanwhile. */
static bool take_turn(struct socket_transport *socket, uint64_t deadline_ns)
{
	const struct timespec moment = clock_timespec(deadline_ns);
	int result = 0;
	lock_scoped(&socket->lock);
	while (socket->busy && !result)
		result = deadline_ns ? pthread_cond_timedwait(&socket->idle, &socket->lock, &moment)
				     : pthread_cond_wait(&socket->idle, &socket->lock);
	if (socket->busy)
		return false;
	socket->busy = true;
	return true;
}

static void end_turn(struct socket_transport *socket)
{
	lock_scoped(&socket->lock);
	socket->busy = false;
	pthread_cond_signal(&socket->idle);
}

/* How much of a message has to be sent: up to the last byte that goes in. */
static uint64_t sent_length(const uint8_t *message)
{
	const struct wire_header *header = (const void *)message;
	const struct wire_argument *arguments = (const void *)(message + sizeof(*header));
	uint64_t length = header->data_offset;
	for (size_t i = 0; i < (size_t)header->inputs + header->outputs; i++) {
		const bool is_output = i >= header->inputs;
		if (!is_output || (arguments[i].flags & WIRE_ARGUMENT_CARRIES))
			length = arguments[i].offset +
				 (is_output ? arguments[i].capacity : arguments[i].length);
	}
	return length;
}

/* Reads what follows an answer in a stream, and puts it where it would lie in a window. */
static int read_results(struct socket_transport *socket, uint64_t length, uint64_t deadline_ns)
{
	const struct wire_header *header = (const void *)socket->memory;
	const struct wire_argument *arguments =
	    (const void *)(socket->memory + sizeof(struct wire_header));
	/* Both as they were sent: the answer may say otherwise. */
	const uint64_t head = header->data_offset;
	const size_t first = header->inputs, count = first + header->outputs;
	if (length < head)
		return -EPROTO;
	int result = accel_link_read(&socket->link, socket->memory, head, deadline_ns);
	if (result)
		return result;
	uint64_t left = length - head;
	if (header->status) {
		if (left > WIRE_REASON_MAX || header->data_offset != head ||
		    header->data_end != head + left)
			return -EPROTO;
		return accel_link_read(&socket->link, socket->memory + head, left, deadline_ns);
	}
	for (size_t i = first; i < count; i++) {
		const struct wire_argument *output = &arguments[i];
		if (!output->length)
			continue;
		if (output->length > left || output->offset < head ||
		    !range_within(output->offset, output->length, socket->size))
			return -EPROTO;
		result = accel_link_read(&socket->link, socket->memory + output->offset,
					 output->length, deadline_ns);
		if (result)
			return result;
		left -= output->length;
	}
	return left ? -EPROTO : 0;
}

/* The op is given up: the host answers soon. Called while the call's own thread waits for that. */
static void cancel_call(void *context)
{
	struct socket_transport *socket = context;
	accel_link_cancel(&socket->link, socket->link.tag);
}

/* Sends the message that lies in the memory, and waits for its answer. */
static int exchange(struct socket_transport *socket, const struct accel_call *call, uint64_t extent,
		    uint64_t deadline_ns)
{
	struct wire_packet packet = {
	    .kind = WIRE_PACKET_CALL,
	    .length = socket->is_window ? extent : sent_length(socket->memory),
	    .limit_ns = call->deadline_ns,
	};
	struct wire_packet answer;
	const struct iovec piece = {.iov_base = socket->memory, .iov_len = packet.length};
	const uint64_t latest_ns = deadline_ns ? deadline_ns + GRACE_NS : 0;
	int result =
	    accel_link_send(&socket->link, &packet, -1, &piece, !socket->is_window, latest_ns);
	if (!result && mayfly_op_on_stop(cancel_call, socket))
		cancel_call(socket);
	if (!result)
		result = accel_link_receive(&socket->link, WIRE_PACKET_CALL, &answer, latest_ns);
	mayfly_op_on_stop(NULL, NULL);
	if (!result && answer.status)
		return op_refuse(VACCEL_EREMOTEIO, "the accelerator host cannot serve %s: %s",
				 wire_op_name(call->op), strerror(answer.status));
	if (!result && !socket->is_window)
		result = read_results(socket, answer.length, latest_ns);
	return result ? lost_call(socket, result, call->op) : 0;
}

/* Where messages are small again, a large one's memory should not stay. */
static void give_back(const struct socket_transport *socket, uint64_t used)
{
	if (used > KEPT_MAX)
		madvise(socket->memory, socket->size,
			socket->is_window ? MADV_REMOVE : MADV_DONTNEED);
}

static int call_in_turn(struct socket_transport *socket, struct accel_call *call,
			uint64_t deadline_ns)
{
	if (mayfly_op_is_stopped())
		return op_refuse(VACCEL_EAGAIN, "it was cancelled before it began");
	if (deadline_ns) {
		const uint64_t now_ns = clock_now_ns();
		if (now_ns >= deadline_ns)
			return VACCEL_EAGAIN;
		call->deadline_ns = deadline_ns - now_ns;
	}
	uint64_t extent;
	socket->host_ns = 0;
	int result = message_make(socket->memory, socket->size, call, ++socket->request, &extent);
	if (result)
		return result;
	const struct wire_header *header = (const void *)socket->memory;
	const uint64_t sent = header->data_end;
	result = exchange(socket, call, extent, deadline_ns);
	if (!result) {
		socket->host_ns = header->op_ns;
		result = message_take(socket->memory, extent, call, socket->request);
	}
	/* Where the op failed, all that it might have had may be there. */
	const uint64_t answered = result ? extent : header->data_end;
	give_back(socket, sent > answered ? sent : answered);
	return result;
}

static uint64_t bytes_of(const struct vaccel_arg *arguments, size_t count)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < count; i++)
		bytes += arguments[i].size;
	return bytes;
}

/* `moments`: the call began, its turn came, it was over. In its turn. */
static void count_call(struct socket_transport *socket, const struct accel_call *call, int result,
		       const uint64_t moments[3])
{
	lock_scoped(&socket->lock);
	struct mayfly_session_statistics *statistics = &socket->statistics;
	statistics->calls++;
	statistics->failed += result != 0;
	statistics->bytes_in += bytes_of(call->inputs, call->input_count);
	if (!result)
		statistics->bytes_out += bytes_of(call->outputs, call->output_count);
	statistics->turn_ns += moments[1] - moments[0];
	statistics->total_ns += moments[2] - moments[1];
	statistics->host_ns += socket->host_ns;
}

static int socket_call(struct accel_transport *transport, const struct accel_call *call)
{
	struct socket_transport *socket = (struct socket_transport *)transport;
	struct accel_call timed = *call;
	if (socket->is_window) {
		timed.window = socket->memory;
		timed.window_size = socket->mapped;
	}
	const uint64_t begin_ns = clock_now_ns();
	const uint64_t deadline_ns = clock_deadline_after(begin_ns, call->deadline_ns);
	if (!take_turn(socket, deadline_ns))
		return op_refuse(VACCEL_EAGAIN, "the deadline passed while other threads' ops ran "
						"in this session");
	const uint64_t turn_ns = clock_now_ns();
	int result = call_in_turn(socket, &timed, deadline_ns);
	count_call(socket, &timed, result, (uint64_t[]){begin_ns, turn_ns, clock_now_ns()});
	end_turn(socket);
	return result;
}

void transport_socket_trim(struct accel_transport *transport, uint64_t kept)
{
	struct socket_transport *socket = (struct socket_transport *)transport;
	const uint64_t begin = (kept + PAGE - 1) / PAGE * PAGE;
	take_turn(socket, 0);
	if (begin < socket->size)
		madvise(socket->memory + begin, socket->size - begin,
			socket->is_window ? MADV_REMOVE : MADV_DONTNEED);
	end_turn(socket);
}

static bool socket_is_lost(struct accel_transport *transport)
{
	struct socket_transport *socket = (struct socket_transport *)transport;
	take_turn(socket, 0);
	bool is_lost = accel_link_is_lost(&socket->link);
	end_turn(socket);
	return is_lost;
}

static void *socket_take(struct accel_transport *transport, size_t size)
{
	return window_arena_take(&((struct socket_transport *)transport)->arena, size);
}

static bool socket_give(struct accel_transport *transport, void *memory)
{
	return window_arena_give(&((struct socket_transport *)transport)->arena, memory);
}

static void socket_statistics(struct accel_transport *transport,
			      struct mayfly_session_statistics *statistics)
{
	struct socket_transport *socket = (struct socket_transport *)transport;
	lock_scoped(&socket->lock);
	*statistics = socket->statistics;
}

static void socket_close(struct accel_transport *transport)
{
	struct socket_transport *socket = (struct socket_transport *)transport;
	accel_link_end(&socket->link);
	if (socket->memory)
		munmap(socket->memory, socket->mapped);
	window_arena_end(&socket->arena);
	pthread_cond_destroy(&socket->idle);
	pthread_mutex_destroy(&socket->lock);
	free(socket);
}

/* SO_TYPE or SO_DOMAIN of a socket; -1 of what is none. */
static int socket_property(int fd, int property)
{
	int value = -1;
	socklen_t length = sizeof(value);
	return getsockopt(fd, SOL_SOCKET, property, &value, &length) ? -1 : value;
}

/* Memory for messages; *window_fd: of it, where the socket can pass one. */
static int make_memory(struct socket_transport *socket, size_t room, int *window_fd)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	if (!room || room > WIRE_WINDOW_MAX)
		return op_refuse(VACCEL_EINVAL, "messages of %zu bytes: 1 to %llu are possible",
				 room, WIRE_WINDOW_MAX);
	socket->mapped = socket->size = (room + PAGE - 1) / PAGE * PAGE;
	if (socket_property(socket->link.socket, SO_DOMAIN) == AF_UNIX) {
		/* As much again for arrays of the program, as far as it goes. */
		socket->mapped =
		    2 * socket->size < WIRE_WINDOW_MAX ? 2 * socket->size : WIRE_WINDOW_MAX;
		*window_fd = memfd_create("vaccel-window", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (*window_fd < 0 || ftruncate(*window_fd, (off_t)socket->mapped) ||
		    fcntl(*window_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
			return op_refuse(VACCEL_ENOMEM, "cannot make a window: %s",
					 strerror(errno));
		flags = MAP_SHARED;
	}
	void *memory = mmap(NULL, socket->mapped, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE,
			    *window_fd, 0);
	if (memory == MAP_FAILED)
		return op_refuse(VACCEL_ENOMEM, "no memory for messages of %llu bytes",
				 (unsigned long long)socket->size);
	socket->memory = memory;
	return 0;
}

static int refused_hello(int status)
{
	switch (status) {
	case EUSERS:
		return op_refuse(VACCEL_EUSERS, "the accelerator host has as many connections as "
						"it may have, of this tenant or of all");
	case EPERM:
		return op_refuse(VACCEL_EACCES, "the accelerator host belongs to another user");
	default:
		return op_refuse(VACCEL_EREMOTEIO,
				 "the accelerator host refuses the connection: %s",
				 strerror(status));
	}
}

static int say_hello(struct socket_transport *socket, int window_fd)
{
	uint64_t latest_ns = clock_now_ns() + HELLO_LIMIT_NS;
	const uint64_t deadline_ns = mayfly_op_deadline_ns();
	if (deadline_ns && deadline_ns < latest_ns)
		latest_ns = deadline_ns;
	struct wire_packet hello = {.kind = WIRE_PACKET_HELLO, .length = socket->mapped};
	struct wire_packet answer;
	int result = accel_link_send(&socket->link, &hello, window_fd, NULL, 0, latest_ns);
	if (!result)
		result = accel_link_receive(&socket->link, WIRE_PACKET_HELLO, &answer, latest_ns);
	if (result)
		return lost_hello(socket, result);
	if (answer.status)
		return refused_hello(answer.status);
	socket->is_window = window_fd >= 0 && !(socket->link.is_stream && answer.length);
	if (socket->is_window) {
		window_arena_begin(&socket->arena, socket->memory + socket->size,
				   socket->mapped - socket->size);
		return 0;
	}
	if (!answer.length || answer.length > hello.length)
		return lost_hello(socket, -EPROTO);
	socket->size = answer.length; /* it may be more than `room`: nothing else uses the memory */
	return 0;
}

static void make_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

int transport_socket_open(int socket_fd, size_t room, struct accel_transport **out)
{
	return transport_socket_open_covered(socket_fd, NULL, room, out);
}

int transport_socket_open_covered(int socket_fd, struct accel_link_cover *cover, size_t room,
				  struct accel_transport **out)
{
	struct accel_link link;
	accel_link_begin(&link, socket_fd, socket_property(socket_fd, SO_TYPE) == SOCK_STREAM,
			 cover);
	struct socket_transport *socket = calloc(1, sizeof(*socket));
	if (!socket) {
		accel_link_end(&link);
		return VACCEL_ENOMEM;
	}
	*socket = (struct socket_transport){
	    .transport = {.call = socket_call,
			  .close = socket_close,
			  .is_lost = socket_is_lost,
			  .take = socket_take,
			  .give = socket_give,
			  .statistics = socket_statistics},
	    .lock = PTHREAD_MUTEX_INITIALIZER,
	    .link = link,
	};
	make_condition(&socket->idle);
	window_arena_begin(&socket->arena, NULL, 0);
	cleanup_close int window_fd = -1;
	int result = make_memory(socket, room, &window_fd);
	if (!result)
		result = say_hello(socket, window_fd);
	if (result)
		socket_close(&socket->transport);
	else
		*out = &socket->transport;
	return result;
}

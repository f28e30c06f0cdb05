/* Forwarding of our own protocol; see native.h.
 *
 * A message is received straight into a window that the worker maps, and what comes back is sent from
 * there. The window is as large as a message may become, but has memory only where a message has been;
 * what an idle client does not need any more is given back. */
#include "acceld/relay/native.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "acceld/relay/host.h"
#include "acceld/relay/stream.h"
#include "mayfly/guest_abi.h"
#include "mayfly/wire.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/descriptors_pass.h"
#include "util/log.h"

/* A client that is idle keeps so much of its window, and has it from the beginning. */
#define KEPT (256UL << 10)

/* After so long without a packet it is idle. */
#define IDLE_MS 1000

/* How fast a message has to come, at least, and how long it may take in any case. */
#define SLOWEST_BYTES_PER_S (64UL << 10)
#define PATIENCE_NS	    (30 * NANOSECONDS_PER_SECOND)

/* How long the worker may take to take a hello: others are before this one, or it has just died. */
#define HELLO_LIMIT_MS 60000

/* What the worker is lent for results beside the message, if there is as much. */
#define RESULTS_MIN (64UL << 10)

struct native {
	struct stream *stream;
	const struct native_limits *limits;
	int worker; /* a connection to it */
	int window_fd;
	uint8_t *window;
	uint64_t size;		 /* of the window, and so of a message */
	uint64_t taken;		 /* of limits->memory */
	uint64_t touched;	 /* bytes from the beginning that may have memory */
	struct wire_packet next; /* a packet that came during a call */
	bool has_next;
	bool failed; /* the last call, by its answer */
};

static int read_packet(struct native *self, struct wire_packet *packet, uint64_t limit_ns)
{
	int result = stream_read(self->stream, packet, sizeof(*packet), limit_ns);
	if (result <= 0)
		return result ? result : -ECONNRESET;
	if (packet->magic != WIRE_MAGIC || packet->version != WIRE_VERSION)
		return -EPROTO;
	return 0;
}

/* ── memory ──────────────────────────────────────────────────────────────────────────────────── */

/* As much as is wanted, or as much of it as may be had, but not less than `least`: its amount, or 0
 * where there is not so much. */
static uint64_t take_memory(struct native *self, uint64_t least, uint64_t wanted)
{
	if (wanted <= self->taken)
		return wanted;
	while (!budget_take(self->limits->memory, wanted - self->taken)) {
		if (wanted <= least)
			return 0;
		/* Half of it, so that others find something as well. */
		wanted = least + (wanted - least) / 2;
		if (wanted - least < RESULTS_MIN)
			wanted = least;
		if (wanted <= self->taken)
			return wanted;
	}
	self->taken = wanted;
	return wanted;
}

/* What is beyond `kept` bytes goes back. */
static void give_back(struct native *self, uint64_t kept)
{
	if (self->touched > kept) {
		if (fallocate(self->window_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      (off_t)kept, (off_t)(self->touched - kept)))
			return;
		self->touched = kept;
	}
	if (self->taken > kept) {
		budget_give(self->limits->memory, self->taken - kept);
		self->taken = kept;
	}
}

/* ── the hello ───────────────────────────────────────────────────────────────────────────────── */

static int make_window(struct native *self)
{
	self->window_fd = memfd_create("relay", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (self->window_fd < 0 || ftruncate(self->window_fd, (off_t)self->size) ||
	    fcntl(self->window_fd, F_ADD_SEALS, F_SEAL_SHRINK))
		return -errno;
	void *memory =
	    mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED, self->window_fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	self->window = memory;
	return 0;
}

static int receive_from_worker(struct native *self, struct wire_packet *packet)
{
	ssize_t length;
	do
		length = recv(self->worker, packet, sizeof(*packet), MSG_TRUNC);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return -errno;
	return length == (ssize_t)sizeof(*packet) ? 0 : -ECONNRESET;
}

static int send_to_worker(struct native *self, const struct wire_packet *packet)
{
	return descriptors_send(self->worker, packet, sizeof(*packet), NULL, 0, 0);
}

/* The worker's answer to the hello, which it gives when it has room. */
static int greet_worker(struct native *self, const struct relay_host *host, int *status)
{
	struct wire_packet hello = {.magic = WIRE_MAGIC,
				    .version = WIRE_VERSION,
				    .kind = WIRE_PACKET_HELLO,
				    .length = self->size};
	int result = relay_host_connect(host, &self->worker, NULL);
	if (!result)
		result =
		    descriptors_send(self->worker, &hello, sizeof(hello), &self->window_fd, 1, 0);
	struct pollfd event = {.fd = self->worker, .events = POLLIN};
	if (!result && poll(&event, 1, HELLO_LIMIT_MS) != 1)
		result = -ETIMEDOUT;
	if (!result)
		result = receive_from_worker(self, &hello);
	*status = hello.status;
	return result;
}

static int answer_client(struct native *self, const struct wire_packet *answer)
{
	const struct iovec piece = {.iov_base = (void *)answer, .iov_len = sizeof(*answer)};
	return stream_write(self->stream, &piece, 1);
}

static int greet(struct native *self, const struct relay_host *host)
{
	struct wire_packet hello;
	int result = read_packet(self, &hello, self->limits->hello_ns);
	if (result)
		return result;
	if (hello.kind != WIRE_PACKET_HELLO)
		return -EPROTO;
	uint64_t size = hello.length < self->limits->message ? hello.length : self->limits->message;
	struct wire_packet answer = hello;
	answer.status = 0;
	answer.length = size;
	int status = EINVAL;
	if (!size || round_up_overflows(size, GUEST_PAGE_SIZE, &self->size)) {
		answer.status = EINVAL;
	} else if (!take_memory(self, KEPT, KEPT)) {
		answer.status = ENOMEM;
	} else {
		result = make_window(self);
		if (!result)
			result = greet_worker(self, host, &status);
		answer.status = result ? -result : status;
	}
	if (answer.status)
		answer.length = 0;
	/* Where the window is a few bytes longer, messages are not. */
	self->size = size;
	int written = answer_client(self, &answer);
	return answer.status ? -answer.status : written;
}

/* ── calls ───────────────────────────────────────────────────────────────────────────────────── */

/* What a message takes of the window, by its own words, which the worker checks: at least, and with
 * results whose size only their op knows. `beyond`: some of its arguments lie outside of the message,
 * in memory that nobody has counted; a client without a window of its own has no reason for that. */
struct extent {
	uint64_t least, most;
	bool beyond;
};

static struct extent extent_of(const struct native *self, const struct wire_packet *call)
{
	struct extent extent = {.least = call->length, .most = call->length};
	struct wire_header header;
	uint64_t end;
	if (call->length < sizeof(header))
		return extent;
	memcpy(&header, self->window, sizeof(header));
	const uint64_t count = (uint64_t)header.inputs + header.outputs;
	if (count > WIRE_ARGUMENTS_MAX ||
	    sizeof(header) + count * sizeof(struct wire_argument) > call->length)
		return extent;
	if (add_overflows(header.data_offset, WIRE_REASON_MAX, &end) || end > self->size)
		end = self->size;
	if (header.data_end > end)
		end = header.data_end < self->size ? header.data_end : self->size;
	if (end > extent.least)
		extent.least = extent.most = end;
	for (uint64_t i = 0; i < count; i++) {
		struct wire_argument argument;
		memcpy(&argument, self->window + sizeof(header) + i * sizeof(argument),
		       sizeof(argument));
		if (i >= header.inputs && (argument.flags & WIRE_ARGUMENT_GROWS))
			extent.most = self->size;
		if (argument.flags & WIRE_ARGUMENT_IN_WINDOW)
			extent.beyond = true;
	}
	return extent;
}

static int skip(struct native *self, uint64_t length)
{
	uint8_t waste[4096];
	while (length) {
		size_t part = length < sizeof(waste) ? length : sizeof(waste);
		int result = stream_read(self->stream, waste, part, PATIENCE_NS);
		if (result <= 0)
			return result ? result : -ECONNRESET;
		length -= part;
	}
	return 0;
}

static uint64_t time_for(uint64_t length)
{
	return PATIENCE_NS + length / SLOWEST_BYTES_PER_S * NANOSECONDS_PER_SECOND;
}

/* A call that the worker never sees. */
static int refuse(struct native *self, const struct wire_packet *call, int status)
{
	struct wire_packet answer = *call;
	answer.length = 0;
	answer.status = status;
	answer.unchanged = 0;
	return answer_client(self, &answer);
}

/* A client may cancel its call, and send the next packet before it has the answer. */
static int hear_client(struct native *self)
{
	struct wire_packet packet;
	int result = read_packet(self, &packet, PATIENCE_NS);
	if (result)
		return result;
	if (packet.kind == WIRE_PACKET_CANCEL)
		return send_to_worker(self, &packet);
	self->next = packet;
	self->has_next = true;
	return 0;
}

/* Waits for the worker's answer while the client is there. 0 or a negative errno. */
static int await_answer(struct native *self, struct wire_packet *answer)
{
	for (;;) {
		struct pollfd events[] = {
		    {.fd = self->worker, .events = POLLIN},
		    {.fd = stream_socket(self->stream),
		     .events = (short)(POLLRDHUP | (self->has_next ? 0 : POLLIN))},
		};
		bool holds = !self->has_next && stream_holds(self->stream);
		int ready = poll(events, ARRAY_SIZE(events), holds ? 0 : -1);
		if (ready < 0 && errno != EINTR)
			return -errno;
		if (ready < 0)
			continue;
		if (events[0].revents)
			return receive_from_worker(self, answer);
		if (!self->has_next && (holds || events[1].revents & POLLIN)) {
			int result = hear_client(self);
			if (result)
				return result;
		} else if (events[1].revents) {
			return -ECONNRESET;
		}
	}
}

/* This part of the window may have memory now. */
static void touch(struct native *self, uint64_t end)
{
	if (end > self->touched)
		self->touched = end;
}

/* The pieces of an answered message: its head, and its results without what lies between. */
struct pieces {
	struct iovec list[2 + WIRE_ARGUMENTS_MAX];
	int count;
	uint64_t length;
};

static bool add_piece(const struct native *self, struct pieces *pieces, uint64_t offset,
		      uint64_t length, uint64_t extent)
{
	if (!range_within(offset, length, extent))
		return false;
	if (length)
		pieces->list[pieces->count++] = (struct iovec){self->window + offset, length};
	pieces->length += length;
	return true;
}

/* The worker is to be believed, but costs nothing to be checked. */
static bool collect_answer(struct native *self, uint64_t extent, struct pieces *pieces)
{
	struct wire_header header;
	memcpy(&header, self->window, sizeof(header));
	const uint64_t count = (uint64_t)header.inputs + header.outputs;
	if (count > WIRE_ARGUMENTS_MAX ||
	    sizeof(header) + count * sizeof(struct wire_argument) > header.data_offset ||
	    !add_piece(self, pieces, 0, header.data_offset, extent))
		return false;
	/* Results may have been written before one failed. */
	self->failed = header.status;
	touch(self, !header.status && header.data_end < extent ? header.data_end : extent);
	if (header.status)
		return header.data_end >= header.data_offset &&
		       add_piece(self, pieces, header.data_offset,
				 header.data_end - header.data_offset, extent);
	for (uint64_t i = header.inputs; i < count; i++) {
		struct wire_argument argument;
		memcpy(&argument, self->window + sizeof(header) + i * sizeof(argument),
		       sizeof(argument));
		if (!add_piece(self, pieces, argument.offset, argument.length, extent))
			return false;
	}
	return true;
}

static int send_answer(struct native *self, struct wire_packet *answer, uint64_t extent)
{
	struct pieces pieces; /* of which most is never used: not zeroed, as that is 16 KiB */
	pieces.list[0] = (struct iovec){answer, sizeof(*answer)};
	pieces.count = 1;
	pieces.length = 0;
	if (!answer->status && !collect_answer(self, extent, &pieces))
		return -EPROTO;
	answer->length = pieces.length;
	return stream_write(self->stream, pieces.list, pieces.count);
}

/* What has been taken for results that did not come goes back; so does at once what a call that failed
 * may have left behind the message. */
static void settle(struct native *self, uint64_t message)
{
	if (self->failed)
		give_back(self, message > KEPT ? message : KEPT);
	self->failed = false;
	uint64_t kept = self->touched > KEPT ? self->touched : KEPT;
	if (self->taken <= kept)
		return;
	budget_give(self->limits->memory, self->taken - kept);
	self->taken = kept;
}

static int refuse_unread(struct native *self, const struct wire_packet *call)
{
	int result = skip(self, call->length);
	return result ? result : refuse(self, call, ENOMEM);
}

static int serve_call(struct native *self, const struct wire_packet *call)
{
	if (call->length > self->size || call->offset)
		return -EPROTO;
	if (!take_memory(self, call->length, call->length) && call->length)
		return refuse_unread(self, call);
	int result = call->length ? stream_read(self->stream, self->window, call->length,
						time_for(call->length))
				  : 1;
	if (result <= 0)
		return result ? result : -ECONNRESET;
	struct wire_packet answer = {0}, passed = *call;
	struct extent extent = extent_of(self, call);
	touch(self, call->length);
	if (extent.beyond)
		return refuse(self, call, EBADMSG);
	passed.length = take_memory(self, extent.least, extent.most);
	if (!passed.length && extent.least)
		return refuse(self, call, ENOMEM);
	touch(self, extent.least);
	result = send_to_worker(self, &passed);
	if (!result)
		result = await_answer(self, &answer);
	if (!result)
		result = send_answer(self, &answer, passed.length);
	settle(self, extent.least);
	return result;
}

/* What the worker answers at once, or does not answer. */
static int pass_on(struct native *self, const struct wire_packet *packet)
{
	struct wire_packet answer;
	int result = send_to_worker(self, packet);
	if (result || packet->kind != WIRE_PACKET_MARK)
		return result;
	result = await_answer(self, &answer);
	return result ? result : answer_client(self, &answer);
}

/* The next packet; the window's memory goes back where none comes for a while, and the connection ends
 * where the worker has gone. */
static int await_packet(struct native *self, struct wire_packet *packet)
{
	if (self->has_next) {
		*packet = self->next;
		self->has_next = false;
		return 0;
	}
	bool idle = false;
	while (!stream_holds(self->stream)) {
		struct pollfd events[] = {
		    {.fd = stream_socket(self->stream), .events = POLLIN},
		    {.fd = self->worker, .events = POLLIN},
		};
		int ready = poll(events, ARRAY_SIZE(events), idle ? -1 : IDLE_MS);
		if (ready < 0 && errno != EINTR)
			return -errno;
		if (!ready) {
			give_back(self, KEPT);
			idle = true;
		}
		if (ready > 0 && events[1].revents)
			return -ECONNRESET;
		if (ready > 0 && events[0].revents)
			break;
	}
	return read_packet(self, packet, PATIENCE_NS);
}

static int serve_packets(struct native *self)
{
	for (;;) {
		struct wire_packet packet;
		int result = await_packet(self, &packet);
		if (result)
			return result;
		switch (packet.kind) {
		case WIRE_PACKET_CALL:
			result = serve_call(self, &packet);
			break;
		case WIRE_PACKET_MARK:
		case WIRE_PACKET_RESET:
			result = pass_on(self, &packet);
			break;
		case WIRE_PACKET_CANCEL: /* of a call that has been answered */
			break;
		default:
			result = -EPROTO;
		}
		if (result)
			return result;
	}
}

void native_serve(struct stream *stream, const struct relay_host *host,
		  const struct native_limits *limits)
{
	struct native self = {.stream = stream, .limits = limits, .worker = -1, .window_fd = -1};
	int result = greet(&self, host);
	if (!result && self.window)
		result = serve_packets(&self);
	log_debug("a client has gone: %s", strerror(-result));
	if (self.worker >= 0)
		close(self.worker);
	if (self.window) {
		uint64_t mapped;
		if (!round_up_overflows(self.size, GUEST_PAGE_SIZE, &mapped))
			munmap(self.window, mapped);
	}
	if (self.window_fd >= 0)
		close(self.window_fd);
	if (self.taken)
		budget_give(limits->memory, self.taken);
}

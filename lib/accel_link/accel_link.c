/* A client's end of a connection to an accelerator host; see accel_link.h.
 *
 * Waiting is the kernel's: a receive that blocks, with the socket's timeout where there is a deadline.
 * So a call without a deadline, or with the deadline of the call before, costs two system calls.
 */
#include "accel_link/accel_link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/descriptors_pass.h"
#include "util/file.h"

/* The longest single wait: a deadline further away than this is looked at again after it, so that
 * the socket's timeouts need not be set anew for each call. */
#define WAIT_STEP_NS (NANOSECONDS_PER_SECOND / 10)

void accel_link_begin(struct accel_link *link, int socket, bool is_stream,
		      struct accel_link_cover *cover)
{
	*link = (struct accel_link){.socket = socket, .is_stream = is_stream, .cover = cover};
}

void accel_link_end(struct accel_link *link)
{
	if (link->cover)
		link->cover->close(link->cover);
	link->cover = NULL;
	if (link->socket >= 0)
		close(link->socket);
	link->socket = -1;
	link->ended = true;
}

static int end_with(struct accel_link *link, int code)
{
	link->ended = true;
	return -code;
}

/* Sets how long a receive or a send may block; costs system calls only where that changes. */
static int set_timeouts(struct accel_link *link, uint64_t timeout_ns)
{
	if (link->timeout_ns == timeout_ns)
		return 0;
	struct timeval timeout = {
	    .tv_sec = (time_t)(timeout_ns / NANOSECONDS_PER_SECOND),
	    .tv_usec = (suseconds_t)(timeout_ns % NANOSECONDS_PER_SECOND / 1000),
	};
	if (setsockopt(link->socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    (link->is_stream &&
	     setsockopt(link->socket, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout))))
		return -errno;
	link->timeout_ns = timeout_ns;
	return 0;
}

/* Before each wait. Where the deadline has passed this ends the link. */
static int prepare_wait(struct accel_link *link, uint64_t deadline_ns)
{
	if (!deadline_ns)
		return set_timeouts(link, 0) ? end_with(link, ECONNRESET) : 0;
	uint64_t now = clock_now_ns();
	if (now >= deadline_ns)
		return end_with(link, ETIMEDOUT);
	uint64_t wait_ns = WAIT_STEP_NS;
	/* Rounded up to whole microseconds: 0 would mean no timeout. */
	if (deadline_ns - now < WAIT_STEP_NS)
		wait_ns = (deadline_ns - now + 999) / 1000 * 1000;
	return set_timeouts(link, wait_ns) ? end_with(link, ECONNRESET) : 0;
}

static ssize_t receive_some(struct accel_link *link, void *bytes, size_t length)
{
	if (link->cover)
		return link->cover->receive(link->cover, bytes, length);
	/* With MSG_TRUNC a packet that is too long shows; TCP means something else by it. */
	ssize_t received = recv(link->socket, bytes, length, link->is_stream ? 0 : (int)MSG_TRUNC);
	return received < 0 ? -errno : received;
}

/* Small pieces go together: each send is a record, and often a packet, of its own. */
static ssize_t send_covered(struct accel_link_cover *cover, const struct iovec *pieces,
			    size_t count)
{
	char together[4096];
	size_t length = 0;
	for (; count && pieces->iov_len <= sizeof(together) - length; pieces++, count--) {
		if (pieces->iov_len)
			memcpy(together + length, pieces->iov_base, pieces->iov_len);
		length += pieces->iov_len;
	}
	return length ? cover->send(cover, together, length)
		      : cover->send(cover, pieces->iov_base, pieces->iov_len);
}

static ssize_t send_some(struct accel_link *link, const struct iovec *pieces, size_t count)
{
	if (link->cover)
		return send_covered(link->cover, pieces, count);
	const struct msghdr message = {.msg_iov = (struct iovec *)pieces, .msg_iovlen = count};
	ssize_t sent = sendmsg(link->socket, &message, MSG_NOSIGNAL);
	return sent < 0 ? -errno : sent;
}

/* Ends the link unless the wait may go on. */
static int end_unless_again(struct accel_link *link, ssize_t result)
{
	return result == -EINTR || result == -EAGAIN ? 0 : end_with(link, ECONNRESET);
}

int accel_link_read(struct accel_link *link, void *bytes, size_t length, uint64_t deadline_ns)
{
	size_t done = 0;
	int ended = link->ended ? -ENOTCONN : 0;
	while (!ended && done < length) {
		ended = prepare_wait(link, deadline_ns);
		if (ended)
			break;
		ssize_t result = receive_some(link, (char *)bytes + done, length - done);
		if (result <= 0)
			ended = end_unless_again(link, result);
		else if (link->is_stream || (size_t)result == length)
			done += (size_t)result;
		else
			ended = end_with(link, EPROTO);
	}
	return ended;
}

static void skip_bytes(struct iovec **pieces, int *count, size_t bytes)
{
	while (*count && bytes >= (*pieces)->iov_len) {
		bytes -= (*pieces)->iov_len;
		(*pieces)++;
		(*count)--;
	}
	if (bytes) {
		(*pieces)->iov_base = (char *)(*pieces)->iov_base + bytes;
		(*pieces)->iov_len -= bytes;
	}
}

/* All pieces, which are changed. */
static int write_pieces(struct accel_link *link, struct iovec *pieces, int count,
			uint64_t deadline_ns)
{
	int ended = 0;
	skip_bytes(&pieces, &count, 0);
	while (!ended && count) {
		ended = prepare_wait(link, deadline_ns);
		if (ended)
			break;
		ssize_t result = send_some(link, pieces, (size_t)count);
		if (result < 0)
			ended = end_unless_again(link, result);
		else
			skip_bytes(&pieces, &count, (size_t)result);
	}
	return ended;
}

#define PIECES_MAX 2

int accel_link_send(struct accel_link *link, struct wire_packet *packet, int attached_fd,
		    const struct iovec *pieces, int count, uint64_t deadline_ns)
{
	if (link->ended)
		return -ENOTCONN;
	packet->magic = WIRE_MAGIC;
	packet->version = WIRE_VERSION;
	packet->tag = ++link->tag;
	if (attached_fd >= 0 || !link->is_stream) {
		int result = descriptors_send(link->socket, packet, sizeof(*packet), &attached_fd,
					      attached_fd >= 0, 0);
		return result ? end_with(link, ECONNRESET) : 0;
	}
	struct iovec all[1 + PIECES_MAX] = {{.iov_base = packet, .iov_len = sizeof(*packet)}};
	if (count > PIECES_MAX)
		return -E2BIG;
	for (int i = 0; i < count; i++)
		all[1 + i] = pieces[i];
	return write_pieces(link, all, 1 + count, deadline_ns);
}

int accel_link_receive(struct accel_link *link, uint16_t kind, struct wire_packet *answer,
		       uint64_t deadline_ns)
{
	int result = accel_link_read(link, answer, sizeof(*answer), deadline_ns);
	if (result)
		return result;
	if (answer->magic != WIRE_MAGIC || answer->version != WIRE_VERSION ||
	    answer->kind != kind || answer->tag != link->tag)
		return end_with(link, EPROTO);
	return 0;
}

int accel_link_cancel(struct accel_link *link, uint64_t tag)
{
	struct wire_packet packet = {
	    .magic = WIRE_MAGIC,
	    .version = WIRE_VERSION,
	    .kind = WIRE_PACKET_CANCEL,
	    .tag = tag,
	};
	const struct iovec piece = {.iov_base = &packet, .iov_len = sizeof(packet)};
	ssize_t sent;
	do
		sent = send_some(link, &piece, 1);
	while (sent == -EAGAIN || sent == -EINTR);
	return sent == (ssize_t)sizeof(packet) ? 0 : -ECONNRESET;
}

bool accel_link_is_lost(const struct accel_link *link)
{
	return link->ended || !file_wait_ready(link->socket, POLLRDHUP, 0);
}

/* The input and output of a program; see streams.h. */
#include "oci/container/streams.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mayfly/function.h"
#include "util/descriptors.h"

/* As much as a pipe that is ready takes without waiting (PIPE_BUF): the descriptor may be a blocking
 * one, which others have, too. */
#define READY_BYTES 4096

void streams_init(struct streams *streams, int from, int to)
{
	*streams = (struct streams){.from = from, .to = to};
	descriptors_unblock(to);
}

void streams_release(struct streams *streams)
{
	free(streams->input);
	free(streams->held);
	*streams = (struct streams){0};
}

/* ── output ──────────────────────────────────────────────────────────────────────────────────── */

static bool takes_more(const struct streams *streams)
{
	struct pollfd output = {.fd = streams->to, .events = POLLOUT};
	return poll(&output, 1, 0) > 0;
}

/* How much was taken. */
static size_t write_now(struct streams *streams, const uint8_t *data, size_t length)
{
	size_t done = 0;
	while (done < length && takes_more(streams)) {
		const size_t left = length - done;
		const ssize_t wrote =
		    write(streams->to, data + done, left < READY_BYTES ? left : READY_BYTES);
		if (wrote > 0)
			done += (size_t)wrote;
		else if (errno == EAGAIN)
			break;
		else if (errno != EINTR) {
			streams->reader_gone = true;
			break;
		}
	}
	return done;
}

static int keep(struct streams *streams, const uint8_t *data, size_t length)
{
	if (streams->held_to + length > streams->held_size) {
		const size_t size = streams->held_to + length;
		uint8_t *grown = realloc(streams->held, size);
		if (!grown)
			return -ENOMEM;
		streams->held = grown;
		streams->held_size = size;
	}
	memcpy(streams->held + streams->held_to, data, length);
	streams->held_to += length;
	return 0;
}

int streams_write(struct streams *streams, const void *data, size_t length)
{
	const uint8_t *bytes = data;
	const size_t done = streams_is_held(streams) ? 0 : write_now(streams, bytes, length);
	if (streams->reader_gone)
		return -EPIPE;
	if (done == length)
		return 0;
	const int result = keep(streams, bytes + done, length - done);
	return result ? result : MAYFLY_HOLD;
}

bool streams_is_held(const struct streams *streams)
{
	return streams->held_from < streams->held_to && !streams->reader_gone;
}

bool streams_flush(struct streams *streams)
{
	streams->held_from += write_now(streams, streams->held + streams->held_from,
					streams->held_to - streams->held_from);
	if (streams_is_held(streams))
		return false;
	streams->held_from = streams->held_to = 0;
	return true;
}

/* ── input ───────────────────────────────────────────────────────────────────────────────────── */

int streams_wants(const struct streams *streams)
{
	return streams->room && !streams->ended ? streams->from : -1;
}

bool streams_has_kept(const struct streams *streams)
{
	return streams->room && !streams->ended && streams->input_from < streams->input_to;
}

void streams_read(struct streams *streams, const void **data, size_t *length, bool *last)
{
	*data = NULL;
	*length = 0;
	*last = false;
	if (!streams->room || streams->ended)
		return;
	if (!streams->input)
		streams->input = malloc(STREAMS_PIECE);
	if (!streams->input)
		return;
	if (streams->input_from == streams->input_to && !streams->at_end) {
		const size_t most = streams->room < STREAMS_PIECE ? streams->room : STREAMS_PIECE;
		const ssize_t got = read(streams->from, streams->input, most);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		/* A terminal whose other end was closed reports EIO. */
		streams->at_end = got <= 0;
		streams->input_from = 0;
		streams->input_to = got > 0 ? (size_t)got : 0;
	}
	const size_t left = streams->input_to - streams->input_from;
	*data = streams->input + streams->input_from;
	*length = left < streams->room ? left : streams->room;
	*last = streams->at_end && *length == left;
}

void streams_note_fed(struct streams *streams, size_t taken, int result)
{
	streams->input_from += taken;
	streams->room = 0;
	/* The request is over, or has heard the end. */
	if (streams->at_end && !result)
		streams->ended = streams->input_from == streams->input_to;
	if (result && result != -EAGAIN)
		streams->ended = true;
}

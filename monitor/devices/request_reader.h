/* The request, byte by byte, for a device that has it read. In a set-up it is empty: it comes after
 * the snapshot. */
#ifndef MAYFLY_MONITOR_REQUEST_READER_H
#define MAYFLY_MONITOR_REQUEST_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

struct slot;

/* All of it belongs to one request: zero at its beginning, and nothing to save. */
struct request_reader {
	uint64_t next, length; /* of the request area */
	bool begun, last;      /* nothing follows what is there */
};

/* Has a byte at hand, waiting for it until `until_ns` at most. *end: there is none any more. 0,
 * -EAGAIN where none came until then, or the host's error. */
int request_reader_fill(struct request_reader *reader, struct slot *slot, uint64_t until_ns,
			bool *end, struct error *error);

/* Takes the byte that is at hand. */
uint8_t request_reader_take(struct request_reader *reader, struct slot *slot);

/* True where a byte is at hand already. */
static inline bool request_reader_has(const struct request_reader *reader)
{
	return reader->next < reader->length;
}

#endif

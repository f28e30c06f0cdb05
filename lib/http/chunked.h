/* Bodies in chunks: where they end, and what of them is data (RFC 9112, section 7.1). Ends of lines
 * are CR LF and nothing else; extensions and trailers are passed over. */
#ifndef MAYFLY_HTTP_CHUNKED_H
#define MAYFLY_HTTP_CHUNKED_H

#include <stddef.h>
#include <stdint.h>

/* Begins with zeroes. */
struct chunked {
	unsigned state;
	unsigned line;	/* bytes of a chunk's first line */
	size_t trailer; /* bytes of all trailers */
	uint64_t left;	/* bytes of the chunk */
};

/* Looks at the next bytes, each once: they may change meanwhile. Takes them off, up to a piece of data
 * (*piece of them, the last that were taken off), or the end. 1: that was the end; 0; -EPROTO where
 * they are no chunks. */
int chunked_take(struct chunked *chunked, const uint8_t **data, size_t *length, size_t *piece);

#endif

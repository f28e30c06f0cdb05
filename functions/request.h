/* What every function here does first: read its request. */
#ifndef MAYFLY_FUNCTIONS_REQUEST_H
#define MAYFLY_FUNCTIONS_REQUEST_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Reads standard input to its end into fresh memory, with a NUL after it, and sets *length. NULL
 * where it is too large for this machine's memory or cannot be read, which it says. */
static inline uint8_t *request_read(size_t *length)
{
	size_t room = 1 << 16, used = 0;
	uint8_t *data = malloc(room);
	for (;;) {
		ssize_t got = data ? read(STDIN_FILENO, data + used, room - used - 1) : -1;
		if (got <= 0) {
			if (got < 0)
				perror("cannot read the request");
			*length = used;
			if (data && !got)
				data[used] = 0;
			return got ? NULL : data;
		}
		used += (size_t)got;
		if (used + 1 < room)
			continue;
		room *= 2;
		uint8_t *grown = realloc(data, room);
		if (!grown)
			free(data);
		data = grown;
	}
}

#endif

/* What every function here does first: read its request. */
#ifndef MAYFLY_FUNCTIONS_REQUEST_H
#define MAYFLY_FUNCTIONS_REQUEST_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Room costs nothing until it is used; growing copies. */
#define REQUEST_ROOM_FIRST (1U << 20)

/* Reads standard input to its end into fresh memory and sets *length. NULL where it cannot be read
 * or does not fit into this machine's memory, which it says. */
static inline uint8_t *request_read(size_t *length)
{
	uint8_t *data = NULL;
	size_t room = 0;
	*length = 0;
	for (;;) {
		if (*length == room) {
			size_t more = room ? 2 * room : REQUEST_ROOM_FIRST;
			uint8_t *grown = realloc(data, more);
			if (!grown) {
				fprintf(stderr,
					"no memory for a request of more than %zu bytes: give "
					"the function more with --memory\n",
					room);
				break;
			}
			data = grown;
			room = more;
		}
		ssize_t got = read(STDIN_FILENO, data + *length, room - *length);
		if (got < 0) {
			perror("cannot read the request");
			break;
		}
		if (!got)
			return data;
		*length += (size_t)got;
	}
	free(data);
	return NULL;
}

#endif

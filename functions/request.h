/* What every function here does: read its request, and say why the host could not help with it. */
#ifndef MAYFLY_FUNCTIONS_REQUEST_H
#define MAYFLY_FUNCTIONS_REQUEST_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mayfly/results.h"

/* A large buffer from the start: unused room costs nothing, growing would copy. */
#define REQUEST_ROOM_FIRST (1U << 20)

/* Reads standard input to its end into fresh memory and sets *length. NULL where it cannot be read
 * or does not fit into this machine's memory, which it says in the name of `function`. */
static inline uint8_t *request_read(const char *function, size_t *length)
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
					"%s: no memory for a request of more than %zu bytes: "
					"give more with --memory\n",
					function, room);
				break;
			}
			data = grown;
			room = more;
		}
		ssize_t got = read(STDIN_FILENO, data + *length, room - *length);
		if (got < 0) {
			fprintf(stderr, "%s: cannot read the request: %s\n", function,
				strerror(errno));
			break;
		}
		if (!got)
			return data;
		*length += (size_t)got;
	}
	free(data);
	return NULL;
}

#define REQUEST_MISUSE 2 /* exit status of a command that is used in a wrong way */

/* Says that `function` is not to be called with `argument`. Returns the exit status. */
static inline int request_misuse(const char *function, const char *rule, const char *argument)
{
	fprintf(stderr, "%s: %s, but got '%.64s'%s\n", function, rule, argument,
		*argument == '-' ? "; options of mayfly run go before the function's name" : "");
	return REQUEST_MISUSE;
}

/* What an error of the host means to the one who sent the picture. */
static inline const char *request_failure(int error)
{
	switch (error) {
	case ENOENT:
		return "the host does not have that model: mayfly models lists those that it has";
	case EINVAL:
		return "that is no JPEG or PNG picture, or no model for this task";
	default:
		return strerror(error);
	}
}

/* Says that `function` cannot do `what`, and why. Where the host had words for that, libvaccel has
 * written them to the log already, and nothing is to be added. Returns the exit status. */
static inline int request_fail(const char *function, const char *what, int error)
{
	if (!*mayfly_op_reason())
		fprintf(stderr, "%s: %s: %s\n", function, what, request_failure(error));
	return 1;
}

#endif

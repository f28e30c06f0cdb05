/* Checks of what goes to and comes from the server of a root directory (mayfly/root_wire.h). Both
 * sides use the same: neither believes the other. Pure functions. */
#ifndef MAYFLY_ROOT_SERVER_WIRE_H
#define MAYFLY_ROOT_SERVER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mayfly/root_wire.h"

/* Room for a request with its path, and for the largest of what may come besides an answer. */
#define ROOT_WIRE_REQUEST_MAX (sizeof(struct root_request) + 2 * ROOT_WIRE_PATH_MAX)
#define ROOT_WIRE_EXTRA_MAX   ROOT_WIRE_CONTENTS_MAX

/* Room for a path and the second one, with a NUL behind each. */
#define ROOT_WIRE_PATHS_MAX (2 * (ROOT_WIRE_PATH_MAX + 1))

/* It changes what the directory has. */
bool root_request_changes(const struct root_request *request);

/* Takes a request out of `message`, with its path and a NUL, and behind that the second path
 * and a NUL; there may be more bytes behind it. 0;
 * -EINVAL for what is no request; -ENAMETOOLONG for a path or a name in it that is too long. */
int root_request_decode(const void *message, size_t length, struct root_request *request,
			char paths[ROOT_WIRE_PATHS_MAX]);

/* Puts a request and its paths (the second may be NULL) into `message`; its length, or 0 where a path
 * is too long. */
size_t root_request_encode(uint8_t message[ROOT_WIRE_REQUEST_MAX], struct root_request *request,
			   const char *path, const char *second);

/* A path as requests have it. */
bool root_path_is_sound(const char *path, size_t length);

/* `answer` can be one to `request`. `extra`: answer->length bytes that came besides, NULL where
 * they are contents of a file, which may be anything. */
bool root_answer_is_sound(const struct root_request *request, const struct root_answer *answer,
			  const uint8_t *extra);

/* The most bytes that may come besides an answer to it. */
size_t root_extra_max(const struct root_request *request);

#endif

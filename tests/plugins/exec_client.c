/* A client of an accelerator host that sends libraries and calls functions in them:
 *
 *     exec_client FUNCTION... LIBRARY...
 *
 * Registers the libraries (all words with a slash) as one resource and calls each function with two
 * INT32 and one that it may change. Prints a line for each: the op's result, the number, and why.
 * BY_PATH in the environment: by vaccel_exec() with the last library's path. DEADLINE_MS: of each op.
 * FLAGS: of the session.
 */
#include <stdlib.h>
#include <string.h>

#include "mayfly/results.h"
#include "util/clock.h"
#include "vaccel.h"

static struct vaccel_arg int32_argument(int32_t *value)
{
	return (struct vaccel_arg){.buf = value, .size = sizeof(*value), .type = VACCEL_ARG_INT32};
}

static int call(struct vaccel_session *session, struct vaccel_resource *resource,
		const char *library, const char *function)
{
	int32_t two = 2, five = 5, out = 1000;
	struct vaccel_arg read[] = {int32_argument(&two), int32_argument(&five)};
	struct vaccel_arg write = int32_argument(&out);
	const char *deadline_ms = getenv("DEADLINE_MS");
	if (deadline_ms)
		mayfly_op_set_deadline(clock_now_ns() +
				       strtoull(deadline_ms, NULL, 10) * 1000000ULL);
	mayfly_op_set_reason("");
	int result = getenv("BY_PATH") ? vaccel_exec(session, library, function, read, 2, &write, 1)
				       : vaccel_exec_with_resource(session, resource, function,
								   read, 2, &write, 1);
	printf("= %s: %d %d %s\n", function, result, out, mayfly_op_reason());
	fflush(stdout);
	return result;
}

int main(int count, char *words[])
{
	struct vaccel_session session;
	struct vaccel_resource resource;
	const char *libraries[32], *flags = getenv("FLAGS");
	size_t library_count = 0;
	int result = vaccel_session_init(&session, flags ? (uint32_t)atoi(flags) : 0);
	for (int i = 1; i < count && library_count < 32; i++)
		if (strchr(words[i], '/'))
			libraries[library_count++] = words[i];
	if (result || !library_count) {
		printf("= session: %d %s\n", result, mayfly_op_reason());
		return 1;
	}
	result =
	    vaccel_resource_init_multi(&resource, libraries, library_count, VACCEL_RESOURCE_LIB);
	if (!result)
		result = vaccel_resource_register(&resource, &session);
	if (result) {
		printf("= register: %d %s\n", result, mayfly_op_reason());
		return 1;
	}
	for (int i = 1; i < count; i++)
		if (!strchr(words[i], '/'))
			call(&session, &resource, libraries[library_count - 1], words[i]);
	vaccel_resource_release(&resource);
	vaccel_session_release(&session);
	return 0;
}

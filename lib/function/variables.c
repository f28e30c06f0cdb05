/* Variables of a request: checked, and put into the window. */
#include <errno.h>
#include <string.h>

#include "function/function.h"
#include "mayfly/guest_abi.h"

int variables_check(const char *const *variables, uint32_t *count, struct error *error)
{
	size_t rest = 0;
	*count = 0;
	for (; variables && *variables; variables++) {
		const char *equals = strchr(*variables, '=');
		const size_t size = strlen(*variables) + 1;
		if (!equals || equals == *variables)
			return error_set(error, EINVAL, "a variable is NAME=VALUE, not '%.64s'",
					 *variables);
		if (++*count > GUEST_VARIABLES_MAX)
			return error_set(error, E2BIG, "more than %lu variables of a request",
					 GUEST_VARIABLES_MAX);
		if (size > GUEST_VARIABLE_PLACE &&
		    (size > GUEST_VARIABLES_REST_MAX || rest > GUEST_VARIABLES_REST_MAX - size))
			return error_set(error, E2BIG,
					 "variables of a request that are longer than %lu bytes "
					 "may have %lu KiB together",
					 GUEST_VARIABLE_PLACE - 1, GUEST_VARIABLES_REST_MAX >> 10);
		rest += size > GUEST_VARIABLE_PLACE ? size : 0;
	}
	return 0;
}

void variables_place(uint8_t *area, const char *const *variables, uint32_t count)
{
	size_t rest = GUEST_VARIABLES_REST;
	for (uint32_t i = 0; i < count; i++) {
		const size_t size = strlen(variables[i]) + 1;
		if (size <= GUEST_VARIABLE_PLACE) {
			memcpy(area + i * GUEST_VARIABLE_PLACE, variables[i], size);
		} else if (size <= WINDOW_VARIABLES_SIZE - rest) {
			memcpy(area + rest, variables[i], size);
			rest += size;
		}
	}
}

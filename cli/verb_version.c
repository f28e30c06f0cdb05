/* mayfly version: the version of this build. */
#include <errno.h>
#include <stdio.h>

#include "cli/verb.h"

static int version_run(const void *values, const struct operands *operands, struct error *error)
{
	if (operands->count)
		return error_set(error, EINVAL, "takes no operands, but got '%.64s'",
				 operands->words[0]);
	printf("mayfly %s\n", MAYFLY_VERSION);
	return 0;
}

const struct verb verb_version = {
    .name = "version",
    .summary = "Print the version",
    .usage = "",
    .description = "Prints the version of this build.",
    .run = version_run,
};

/* mayfly version: the version of this build. */
#include <errno.h>
#include <stdio.h>

#include "cli/command/verb.h"

static int version_run(const void *values, const struct operands *operands, struct error *error)
{
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

/* The mayfly command: runs a verb, and is the one place that prints errors. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "util/error.h"
#include "util/log.h"

int main(int argc, char **argv)
{
	log_setup("mayfly", log_level_from_environment(LOG_WARN));
	struct error error = {0};
	int exit_status = COMMAND_FAILED;
	bool named = argc > 0;
	if (command_run(argc - named, argv + named, &exit_status, &error))
		fprintf(stderr, "mayfly: %s\n", error.text);
	/* A full disk or a closed pipe shows only now; results that did not arrive are a failure.
	 */
	if ((fflush(stdout) || ferror(stdout)) && !exit_status) {
		fprintf(stderr, "mayfly: cannot write to standard output: %s\n", strerror(errno));
		exit_status = COMMAND_FAILED;
	}
	return exit_status;
}

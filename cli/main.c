/* The mayfly command: runs a verb, and is the one place that prints errors. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "util/error.h"
#include "util/log.h"

/* Where Mayfly is started with a standard stream closed, the next file that it opens would get that
 * number, and take responses for its content. So the number is taken by something that answers
 * EBADF: /dev/null, opened the wrong way round. */
static int fill_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		/* The lowest free number is this one. */
		if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return -EBADF;
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (fill_standard_streams())
		return COMMAND_FAILED;
	/* Beyond a limit of file sizes writes fail, and say so, instead of ending this process. */
	signal(SIGXFSZ, SIG_IGN);
	log_setup_from_environment("mayfly", LOG_WARN);
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

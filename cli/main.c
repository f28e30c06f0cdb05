/* The mayfly command: runs a verb, and is the one place that prints errors. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command/command.h"
#include "util/error.h"
#include "util/log.h"

/* If Mayfly is started with a standard stream closed, the next file that it opens would get that
 * number, and responses might be written into it. So the number is taken by /dev/null, opened the
 * wrong way round: using it fails with EBADF. */
static int fill_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		/* open(2) takes the lowest free number, which is this one. */
		if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return -EBADF;
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (fill_standard_streams())
		return COMMAND_FAILED;
	/* Writing beyond the limit of file sizes should fail with EFBIG and not end this
	 * process. */
	signal(SIGXFSZ, SIG_IGN);
	log_setup_from_environment("mayfly", LOG_WARN);
	struct error error = {0};
	int exit_status = COMMAND_FAILED;
	bool named = argc > 0;
	if (command_run(argc - named, argv + named, &exit_status, &error))
		log_tell("%s", error.text);
	/* A full disk or a closed pipe shows only now;
	 * results that did not arrive are a failure. */
	if ((fflush(stdout) || ferror(stdout)) && !exit_status) {
		log_tell("cannot write to standard output: %s", strerror(errno));
		exit_status = COMMAND_FAILED;
	}
	return exit_status;
}

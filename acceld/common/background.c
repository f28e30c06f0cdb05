/* Starting the accelerator host in the background; see background.h.
 *
 * The two processes are joined by a pipe, and so are a host's supervisor and its worker. The host
 * writes one byte when it serves, or a sentence when it cannot; if it dies before, the pipe just
 * ends.
 */
#include "acceld/common/background.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/spawn.h"
#include "util/trust.h"

/* A log that has grown beyond this begins anew. */
#define LOG_SIZE_MAX (1 << 20)

#define ARGUMENTS_MAX 32

static const char ready_word[] = "\n";

void background_trim_log(int log)
{
	struct stat status;
	if (!fstat(log, &status) && S_ISREG(status.st_mode) && status.st_size > LOG_SIZE_MAX &&
	    ftruncate(log, 0))
		return; /* it can say so nowhere */
}

static int open_log(const char *path, struct error *error)
{
	cleanup_close int fd =
	    open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set_errno(error, errno, "cannot open the log file %s", path);
	/* It may have been there. */
	int result = trust_path(path, error);
	if (result)
		return error_wrap(error, "log file");
	struct stat status;
	if (!fstat(fd, &status) && status.st_size > LOG_SIZE_MAX && ftruncate(fd, 0))
		return error_set_errno(error, errno, "cannot begin the log file %s anew", path);
	return take_fd(&fd);
}

/* The host's number for the pipe's end; its standard streams are 0 to 2. */
#define READY_FD 3

/* 0 or a negative errno. */
static int spawn_host(char *const arguments[], int log, int ready)
{
	char ready_option[32];
	snprintf(ready_option, sizeof(ready_option), "--ready-fd=%d", READY_FD);
	const char *all[ARGUMENTS_MAX + 4] = {"mayfly-acceld", "--foreground", ready_option};
	for (size_t i = 0; arguments[i]; i++) {
		if (i == ARGUMENTS_MAX)
			return -E2BIG;
		all[3 + i] = arguments[i];
	}
	const int descriptors[] = {SPAWN_NULL, log, log, [READY_FD] = ready};
	struct spawn_process host;
	int result = spawn_start(&(struct spawn){.program = "/proc/self/exe",
						 .arguments = all,
						 .descriptors = descriptors,
						 .descriptor_count = READY_FD + 1,
						 .kind = SPAWN_SERVER_SESSION},
				 &host);
	/* The host is not waited for: this process ends first. */
	spawn_release(&host);
	return result;
}

int background_start(char *const arguments[], const char *log_path, struct error *error)
{
	cleanup_close int log = open_log(log_path, error);
	if (log < 0)
		return log;
	int pipe_ends[2];
	if (pipe2(pipe_ends, O_CLOEXEC))
		return error_set_errno(error, errno, "cannot make a pipe");
	cleanup_close int reader = pipe_ends[0];
	cleanup_close int writer = pipe_ends[1];
	int result = spawn_host(arguments, log, writer);
	if (result)
		return error_set_errno(error, -result, "cannot start in the background");
	close(take_fd(&writer));
	char said[ERROR_TEXT_MAX];
	ssize_t length = file_read_full(reader, said, sizeof(said) - 1);
	if (length <= 0)
		return error_set(error, EIO, "ended while starting; see %s", log_path);
	said[length] = 0;
	return background_said_ready(said) ? 0 : error_set(error, EIO, "%s", said);
}

void background_report(int ready_fd, const struct error *failure)
{
	if (ready_fd < 0)
		return;
	const char *word = failure ? failure->text : ready_word;
	/* If the launcher has been killed, there is nobody to tell. */
	(void)file_write_all(ready_fd, word, strlen(word));
	close(ready_fd);
}

bool background_said_ready(const char *said)
{
	return !strcmp(said, ready_word);
}

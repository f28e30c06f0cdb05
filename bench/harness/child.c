/* Programs as ordinary processes; see child.h. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/spawn.h"

int child_run(const char *const arguments[], int input, char *answer, size_t size,
	      struct error *error)
{
	int ends[2], status;
	if (pipe2(ends, O_CLOEXEC))
		return error_set_errno(error, errno, "cannot make a pipe");
	cleanup_close int reader = ends[0];
	cleanup_close int writer = ends[1];
	const int descriptors[] = {input, writer, STDERR_FILENO};
	struct spawn_process process;
	int result = spawn_start(&(struct spawn){.program = arguments[0],
						 .arguments = arguments,
						 .descriptors = descriptors,
						 .descriptor_count = 3,
						 .kind = SPAWN_JOB},
				 &process);
	if (result)
		return error_set_errno(error, -result, "cannot start %s", arguments[0]);
	/* The program holds the only writing end now: its end is the end of the answer. */
	close(take_fd(&writer));
	ssize_t got = file_read_full(reader, answer, size);
	close(take_fd(&reader));
	result = spawn_wait(&process, UINT64_MAX, &status);
	if (result)
		return error_set_errno(error, -result, "cannot wait for %s", arguments[0]);
	if (status || got <= 0 || (size_t)got == size)
		return error_set(error, EPROTO, "%s ended with wait status %#x after %zd bytes",
				 arguments[0], (unsigned)status, got);
	answer[got] = 0;
	return 0;
}

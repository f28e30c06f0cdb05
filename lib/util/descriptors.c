/* The descriptors of this process: how many, which, and whether they block; see descriptors.h. */
#include "util/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"

uint64_t descriptors_raise_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit))
		return UINT64_MAX;
	const rlim_t now = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max;
	if (now != limit.rlim_max && setrlimit(RLIMIT_NOFILE, &limit))
		return now;
	return limit.rlim_cur;
}

void descriptors_unblock(int fd)
{
	struct stat status;
	char path[32];
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || fstat(fd, &status) ||
	    !(S_ISFIFO(status.st_mode) || (S_ISCHR(status.st_mode) && isatty(fd))))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	cleanup_close int own =
	    open(path, (flags & (O_ACCMODE | O_APPEND)) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own >= 0)
		dup2(own, fd);
}

int descriptors_check_streams(struct error *error)
{
	static const char *const names[] = {"standard input", "standard output", "standard error"};
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		struct stat status;
		const int flags = fcntl(fd, F_GETFL);
		if (flags < 0 || fstat(fd, &status))
			continue; /* closed: nobody gets in there */
		if (S_ISDIR(status.st_mode))
			return error_set(error, EISDIR, "%s is a directory", names[fd]);
		if (flags & O_PATH)
			return error_set(error, EBADF, "%s is a path (O_PATH) and no open file",
					 names[fd]);
	}
	return 0;
}

int descriptors_keep(struct descriptors_kept *kept, int number)
{
	if (number < 0)
		return 0;
	if (kept->count == DESCRIPTORS_KEPT_MAX)
		return -E2BIG;
	kept->numbers[kept->count++] = number;
	return 0;
}

static int compare_numbers(const void *one, const void *other)
{
	const int left = *(const int *)one, right = *(const int *)other;
	return (left > right) - (left < right);
}

/* First and last; UINT_MAX: there is no last. */
static int close_all(unsigned first, unsigned last)
{
	struct rlimit limit;
	if (!close_range(first, last, 0))
		return 0;
	/* An old kernel does not know the call, or a container's filter refuses it. */
	if ((errno != ENOSYS && errno != EPERM) || getrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	for (unsigned fd = first; fd <= last && fd < limit.rlim_cur; fd++)
		close((int)fd);
	return 0;
}

int descriptors_close_others(struct descriptors_kept *kept)
{
	unsigned from = 0;
	qsort(kept->numbers, kept->count, sizeof(kept->numbers[0]), compare_numbers);
	for (size_t i = 0; i <= kept->count; i++) {
		const bool rest = i == kept->count;
		const unsigned next = rest ? UINT_MAX : (unsigned)kept->numbers[i];
		int result = from < next ? close_all(from, rest ? next : next - 1) : 0;
		if (result)
			return result;
		from = rest ? next : next + 1;
	}
	return 0;
}

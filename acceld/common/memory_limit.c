/* The bound on this process's memory; see memory_limit.h. */
#include "acceld/common/memory_limit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"

uint64_t memory_limit_default(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page_size = sysconf(_SC_PAGESIZE);
	if (pages <= 0 || page_size <= 0)
		return UINT64_MAX;
	return (uint64_t)pages * (uint64_t)page_size / 4 * 3;
}

/* What RLIMIT_DATA counts: private writable memory, touched or not. With a sanitizer that is
 * terabytes from the start. */
static int read_data_size(uint64_t *bytes, struct error *error)
{
	cleanup_close int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(error, errno, "cannot open /proc/self/statm");
	char text[256];
	ssize_t length = file_read_full(fd, text, sizeof(text) - 1);
	if (length < 0)
		return error_set_errno(error, (int)-length, "cannot read /proc/self/statm");
	text[length] = 0;
	unsigned long long pages;
	if (sscanf(text, "%*s %*s %*s %*s %*s %llu", &pages) != 1 ||
	    mul_overflows(pages, (uint64_t)sysconf(_SC_PAGESIZE), bytes))
		return error_set(error, EIO, "cannot understand /proc/self/statm: %s", text);
	return 0;
}

int memory_limit_set(uint64_t bytes, struct error *error)
{
	uint64_t sum = 0;
	int result = read_data_size(&sum, error);
	if (result)
		return result;
	struct rlimit limit;
	if (getrlimit(RLIMIT_DATA, &limit))
		return error_set_errno(error, errno, "cannot ask for the limit of memory");
	/* RLIM_INFINITY is the largest number, so the smaller limit stays in force. */
	if (add_overflows(sum, bytes, &sum) || sum >= limit.rlim_cur)
		return 0;
	limit.rlim_cur = sum;
	if (setrlimit(RLIMIT_DATA, &limit))
		return error_set_errno(error, errno, "cannot limit the memory of this process");
	return 0;
}

/* Filters of libseccomp as instructions for the kernel; see filter_export.h. */
#include "confine/filter_export.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

void confine_filter_prepare(void)
{
	seccomp_api_get();
}

int confine_filter_export(scmp_filter_ctx context, struct sock_filter *filter, size_t room,
			  struct error *error)
{
	/* The library exports to a descriptor only. */
	cleanup_close int memfd = memfd_create("mayfly-filter", MFD_CLOEXEC);
	if (memfd < 0)
		return error_set_errno(error, errno, "cannot make a system call filter");
	int result = seccomp_export_bpf(context, memfd);
	if (result)
		return error_set_errno(error, -result, "cannot make a system call filter");
	off_t size = lseek(memfd, 0, SEEK_END);
	if (size > (off_t)(room * sizeof(*filter)))
		return error_set(error, EOVERFLOW, "the system call filter is too long");
	if (size <= 0 || pread(memfd, filter, (size_t)size, 0) != size)
		return error_set_errno(error, errno, "cannot read the system call filter");
	return (int)((size_t)size / sizeof(*filter));
}

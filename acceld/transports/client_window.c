/* A peer's window; see client_window.h. */
#include "acceld/transports/client_window.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "mayfly/guest_abi.h"
#include "mayfly/wire.h"

int client_window_map(struct client_window *window, int fd, uint64_t size, struct error *error)
{
	if (!size || size % GUEST_PAGE_SIZE || size > WIRE_WINDOW_MAX)
		return error_set(error, EINVAL,
				 "a window of %llu bytes: not whole pages up to %llu MiB",
				 (unsigned long long)size, WIRE_WINDOW_MAX >> 20);
	/* Only memory files have seals. Those of huge pages have them too, but a hole punched into
	 * one may be impossible to fill again. */
	struct statfs filesystem;
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || fstatfs(fd, &filesystem) || filesystem.f_type != TMPFS_MAGIC)
		return error_set(error, EINVAL, "the window is not a memfd of ordinary pages");
	if (!(seals & F_SEAL_SHRINK))
		return error_set(error, EINVAL, "the window is not sealed with F_SEAL_SHRINK");
	/* In this order: a sealed file cannot become smaller than it is found here. */
	struct stat status;
	if (fstat(fd, &status))
		return error_set_errno(error, errno, "cannot stat the window");
	if (status.st_size < 0 || (uint64_t)status.st_size < size)
		return error_set(error, EINVAL, "the window has %lld bytes, not %llu",
				 (long long)status.st_size, (unsigned long long)size);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return error_set(error, EINVAL, "cannot map the window for reading and writing");
	window->memory = memory;
	window->size = size;
	return 0;
}

void client_window_unmap(struct client_window *window)
{
	if (window->memory)
		munmap(window->memory, window->size);
	window->memory = NULL;
	window->size = 0;
}

/* The window of one slot; see window.h. */
#include "window.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"

/* Above this a window is given back instead of zeroed: zeroing costs time on every request, giving
 * back costs a fault for each page at the next one (15 µs under PVM), and memory while idle. */
#define WINDOW_KEPT_MAX (2UL << 20)

#define STAT_BLOCK_SIZE 512

int window_create(struct window *window, struct error *error)
{
	*window = (struct window){.memfd = -1};
	cleanup_close int memfd = memfd_create("mayfly-window", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memfd < 0)
		return error_set_errno(error, errno, "cannot create a window");
	/* Sealed in size: whoever maps it cannot be made to fault by somebody who truncates it. */
	if (ftruncate(memfd, WINDOW_SIZE) ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return error_set_errno(error, errno, "cannot size a window");
	void *memory =
	    mmap(NULL, WINDOW_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memfd, 0);
	if (memory == MAP_FAILED)
		return error_set_errno(error, errno, "cannot map a window of %lu MiB",
				       WINDOW_SIZE >> 20);
	madvise(memory, WINDOW_SIZE, MADV_DONTFORK); /* it only makes forks cheaper */
	window->memory = memory;
	window->memfd = take_fd(&memfd);
	return 0;
}

void window_release(struct window *window)
{
	if (window->memory)
		munmap(window->memory, WINDOW_SIZE);
	if (window->memfd >= 0)
		close(window->memfd);
	*window = (struct window){.memfd = -1};
}

static int window_give_back(struct window *window, uint64_t start, uint64_t end,
			    struct error *error)
{
	window->extent_count = 0;
	window->resident = 0;
	if (start < end && fallocate(window->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				     (off_t)start, (off_t)(end - start)))
		return error_set_errno(error, errno, "cannot clear the window");
	return 0;
}

/* Asks the file where it has pages: it knows also those that the accelerator host wrote and those
 * that were swapped out. -ENOSPC where there are too many extents to remember. */
static int window_find_extents(struct window *window, struct error *error)
{
	window->extent_count = 0;
	for (off_t start = 0; start < (off_t)WINDOW_SIZE;) {
		start = lseek(window->memfd, start, SEEK_DATA);
		if (start < 0 && errno == ENXIO)
			break; /* no more data */
		off_t end = start < 0 ? start : lseek(window->memfd, start, SEEK_HOLE);
		if (end < 0)
			return error_set_errno(error, errno, "cannot look into the window");
		if (window->extent_count == WINDOW_EXTENTS_MAX)
			return -ENOSPC;
		window->extents[window->extent_count++] =
		    (struct window_extent){(uint64_t)start, (uint64_t)end};
		start = end;
	}
	return 0;
}

/* Zeroes what there is in [start, end). */
static void window_zero(const struct window *window, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < window->extent_count; i++) {
		const struct window_extent *extent = &window->extents[i];
		const uint64_t from = extent->start > start ? extent->start : start;
		const uint64_t to = extent->end < end ? extent->end : end;
		if (from < to)
			memset(window->memory + from, 0, to - from);
	}
}

/* Clears all but [start, end). */
static int window_clear_around(struct window *window, uint64_t start, uint64_t end,
			       struct error *error)
{
	struct stat status;
	if (fstat(window->memfd, &status))
		return error_set_errno(error, errno, "cannot look at the window");
	uint64_t resident = (uint64_t)status.st_blocks * STAT_BLOCK_SIZE;
	int result = resident > WINDOW_KEPT_MAX ? -ENOSPC : 0;
	if (!result && resident != window->resident) {
		window->resident = resident;
		result = window_find_extents(window, error);
	}
	if (result == -ENOSPC) {
		result = window_give_back(window, 0, start, error);
		return result ? result : window_give_back(window, end, WINDOW_SIZE, error);
	}
	if (result)
		return result;
	window_zero(window, 0, start);
	window_zero(window, end, WINDOW_SIZE);
	return 0;
}

int window_clear(struct window *window, struct error *error)
{
	return window_clear_around(window, WINDOW_SIZE, WINDOW_SIZE, error);
}

int window_clear_around_response(struct window *window, struct error *error)
{
	return window_clear_around(window, WINDOW_RESPONSE_OFFSET,
				   WINDOW_RESPONSE_OFFSET + WINDOW_RESPONSE_SIZE, error);
}

int window_clear_response(struct window *window, struct error *error)
{
	/* The rest was given back, so it is not known which pages are left here. */
	if (!window->extent_count)
		return window_give_back(window, WINDOW_RESPONSE_OFFSET,
					WINDOW_RESPONSE_OFFSET + WINDOW_RESPONSE_SIZE, error);
	window_zero(window, WINDOW_RESPONSE_OFFSET, WINDOW_RESPONSE_OFFSET + WINDOW_RESPONSE_SIZE);
	return 0;
}

uint64_t window_resident_bytes(const struct window *window)
{
	struct stat status;
	return fstat(window->memfd, &status) ? 0 : (uint64_t)status.st_blocks * STAT_BLOCK_SIZE;
}

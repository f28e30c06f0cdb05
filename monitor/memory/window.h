/* The window of one slot: memory shared by guest, monitor and accelerator host.
 *
 * What the guest sees is laid out in mayfly/guest_abi.h. The guest may write anywhere in it at any
 * time it runs: copy before you look.
 */
#ifndef MAYFLY_MONITOR_WINDOW_H
#define MAYFLY_MONITOR_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "mayfly/guest_abi.h"
#include "util/error.h"

#define WINDOW_EXTENTS_MAX 16

struct window {
	int memfd;
	uint8_t *memory; /* WINDOW_SIZE bytes */
	/* Where the file has pages; known as long as it has this many. Pages are only added, unless
	 * this side gives them back. */
	struct window_extent {
		uint64_t start, end;
	} extents[WINDOW_EXTENTS_MAX];
	size_t extent_count;
	uint64_t resident;
};

int window_create(struct window *window, struct error *error);
void window_release(struct window *window);

static inline volatile struct guest_control *window_control(const struct window *window)
{
	return (volatile struct guest_control *)(window->memory + WINDOW_CONTROL_OFFSET);
}

/* Removes every byte that a request left here, whoever wrote it: all pages that exist are zeroed,
 * or given back to the host where there are many. */
int window_clear(struct window *window, struct error *error);

/* The same, but for the response area: somebody still reads there. */
int window_clear_around_response(struct window *window, struct error *error);

/* And then that area. */
int window_clear_response(struct window *window, struct error *error);

/* Bytes of host memory that the window holds. */
uint64_t window_resident_bytes(const struct window *window);

#endif

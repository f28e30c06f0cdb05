/* A peer's window: its memory, mapped here for as long as the connection lasts. */
#ifndef MAYFLY_ACCELD_CLIENT_WINDOW_H
#define MAYFLY_ACCELD_CLIENT_WINDOW_H

#include <stdint.h>

#include "util/error.h"

struct client_window {
	uint8_t *memory; /* NULL: none */
	uint64_t size;
};

/* Maps all `size` bytes of the memfd `fd`, which stays the caller's and is not needed any more
 * afterwards. Refuses (-EINVAL) whatever could be taken away again, since touching memory that is
 * gone kills this process: anything but a memfd, one without F_SEAL_SHRINK, one that is smaller
 * than `size`; and sizes that are 0, no whole pages or beyond WIRE_WINDOW_MAX. */
int client_window_map(struct client_window *window, int fd, uint64_t size, struct error *error);

void client_window_unmap(struct client_window *window);

#endif

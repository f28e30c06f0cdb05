/* Which pages a guest uses, by the accessed bits of its page tables. */
#ifndef MAYFLY_MONITOR_ACCESSED_PAGES_H
#define MAYFLY_MONITOR_ACCESSED_PAGES_H

#include <stdint.h>

#include "image.h"

/* To be called while a machine has no translations. `memory` is its own mapping of the image. */
void accessed_pages_forget(uint8_t *memory);

/* After it: calls `found` for each page that the guest has used since in the space that is current in
 * `image`, and that this maps there, too. Pages of ring 0 are left out. Then all bits are set again,
 * as tables are made. */
void accessed_pages_find(uint8_t *memory, const struct image *image,
			 void (*found)(void *context, uint64_t address), void *context);

#endif

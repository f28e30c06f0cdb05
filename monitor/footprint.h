/* What requests write: the pages that the first request of a snapshot wrote, so that slots which
 * are opened after it have them before they need them. It only saves time: a page that is missing
 * here is faulted in as ever.
 *
 * Thread-safe: slots of one monitor may run in different threads.
 */
#ifndef MAYFLY_MONITOR_FOOTPRINT_H
#define MAYFLY_MONITOR_FOOTPRINT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FOOTPRINT_RANGES_MAX 512
#define FOOTPRINT_BYTES_MAX  (8UL << 20)

struct footprint {
	atomic_int state; /* zero at first */
	size_t count;
	uint64_t bytes;
	struct {
		uint64_t offset, length; /* in the image */
	} ranges[FOOTPRINT_RANGES_MAX];
};

/* True for the first caller, who then adds ranges and finishes. */
bool footprint_begin(struct footprint *footprint);

/* Adds a range of pages; what does not fit any more is left out. */
void footprint_add(struct footprint *footprint, uint64_t offset, uint64_t length);
void footprint_finish(struct footprint *footprint);

/* Gives the private mapping of an image at `memory` pages of its own where the footprint is known.
 */
void footprint_populate(struct footprint *footprint, uint8_t *memory);

#endif

/* What requests use: the pages that the first request of a snapshot wrote, and those that the
 * second one wrote or read, so that slots which are opened after them have these pages before they
 * need them, and no others. It only saves time: a page that is missing here is faulted in as ever.
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

/* 4,096 faults: 80 ms under PVM. */
#define FOOTPRINT_TOUCHED_MAX 4096

struct footprint {
	atomic_int state; /* zero at first */
	size_t count;
	uint64_t bytes;
	struct {
		uint64_t offset, length; /* in the image */
	} ranges[FOOTPRINT_RANGES_MAX];
	size_t touched_count;
	uint64_t touched[FOOTPRINT_TOUCHED_MAX]; /* guest-virtual addresses of pages */
};

/* What is written comes first. True for the first caller, who then adds ranges and finishes. */
bool footprint_begin(struct footprint *footprint);

/* Adds a range of pages; what does not fit any more is left out. */
void footprint_add(struct footprint *footprint, uint64_t offset, uint64_t length);
void footprint_finish(struct footprint *footprint);

/* Gives the private mapping of an image at `memory` pages of its own where the footprint is known.
 */
void footprint_populate(struct footprint *footprint, uint8_t *memory);

/* Gives pages of a private mapping to it, or leaves them to come by faults. */
void footprint_populate_pages(uint8_t *memory, uint64_t length);

/* What is touched comes second. True for the first caller after footprint_finish(), who then either
 * adds pages and finishes, or gives up: then another one may. */
bool footprint_begin_touched(struct footprint *footprint);
void footprint_add_touched(struct footprint *footprint, uint64_t address);
void footprint_finish_touched(struct footprint *footprint);
void footprint_give_up_touched(struct footprint *footprint);

/* The pages to touch in advance; *count is 0 where they are not known. */
const uint64_t *footprint_touched(const struct footprint *footprint, size_t *count);

#endif

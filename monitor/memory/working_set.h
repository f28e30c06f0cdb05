/* What requests use: the pages that the first request of a snapshot wrote, and those that it touched
 * at all, so that slots which are opened after it have these pages before they need them, and no
 * others. It only saves time: a page that is missing here is faulted in as ever.
 *
 * Thread-safe: slots of one monitor may run in different threads.
 */
#ifndef MAYFLY_MONITOR_WORKING_SET_H
#define MAYFLY_MONITOR_WORKING_SET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORKING_SET_RANGES_MAX 512
#define WORKING_SET_BYTES_MAX  (8UL << 20)

/* 4,096 faults: 80 ms under PVM. */
#define WORKING_SET_TOUCHED_MAX 4096

struct working_range {
	uint64_t offset, length; /* in the image */
};

struct working_set {
	atomic_int written_state, touched_state; /* zero at first */
	/* What was written according to an earlier monitor; until this one knows. */
	size_t given_count;
	struct working_range given[WORKING_SET_RANGES_MAX];
	size_t count;
	uint64_t bytes;
	struct working_range ranges[WORKING_SET_RANGES_MAX];
	size_t touched_count;
	uint64_t touched[WORKING_SET_TOUCHED_MAX]; /* guest-virtual addresses of pages */
};

/* True for the first caller, who then adds ranges and finishes. */
bool working_set_begin(struct working_set *working_set);

/* Adds a range of pages; what does not fit any more is left out. */
void working_set_add(struct working_set *working_set, uint64_t offset, uint64_t length);
void working_set_finish(struct working_set *working_set);

/* Begins with what an earlier monitor found: `count` ranges in an image of that size. What cannot be
 * is left out. Before there are slots. */
void working_set_give(struct working_set *working_set, const struct working_range *ranges,
		      size_t count, uint64_t size);

/* The ranges that were written, for later monitors; *count is 0 where they are not known. */
const struct working_range *working_set_written(const struct working_set *working_set,
						size_t *count);

/* Gives the private mapping of an image at `memory` pages of its own where the working set is
 * known.
 */
void working_set_populate(struct working_set *working_set, uint8_t *memory);

/* Gives pages of a private mapping to it, or leaves them to come by faults. */
void working_set_populate_pages(uint8_t *memory, uint64_t length);

/* True for the first caller, who then either adds pages and finishes, or gives up: then another one
 * may. */
bool working_set_begin_touched(struct working_set *working_set);
void working_set_add_touched(struct working_set *working_set, uint64_t address);
void working_set_finish_touched(struct working_set *working_set);
void working_set_give_up_touched(struct working_set *working_set);

/* The pages to touch in advance; *count is 0 where they, or those that are written, are not known. */
const uint64_t *working_set_touched(const struct working_set *working_set, size_t *count);

#endif

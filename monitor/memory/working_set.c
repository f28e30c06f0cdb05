/* What requests use; see working_set.h. */
#include "working_set.h"

#include <sys/mman.h>

#include "mayfly/guest_abi.h"
#include "sizes/sizes.h"

/* Debian 12's headers have it since glibc 2.35, the kernel since 5.14. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum state {
	STATE_UNKNOWN,
	STATE_RECORDING,
	STATE_KNOWN,
};

static bool begin(atomic_int *state)
{
	int unknown = STATE_UNKNOWN;
	return atomic_compare_exchange_strong(state, &unknown, STATE_RECORDING);
}

bool working_set_begin(struct working_set *working_set)
{
	return begin(&working_set->written_state);
}

void working_set_add(struct working_set *working_set, uint64_t offset, uint64_t length)
{
	if (working_set->count == WORKING_SET_RANGES_MAX ||
	    length > WORKING_SET_BYTES_MAX - working_set->bytes)
		return;
	working_set->ranges[working_set->count].offset = offset;
	working_set->ranges[working_set->count].length = length;
	working_set->count++;
	working_set->bytes += length;
}

void working_set_finish(struct working_set *working_set)
{
	atomic_store(&working_set->written_state, STATE_KNOWN);
}

void working_set_populate_pages(uint8_t *memory, uint64_t length)
{
	/* An older kernel refuses. */
	madvise(memory, length, MADV_POPULATE_WRITE);
}

static bool is_known(const struct working_set *working_set)
{
	return atomic_load(&working_set->written_state) == STATE_KNOWN;
}

void working_set_populate(struct working_set *working_set, uint8_t *memory)
{
	const bool known = is_known(working_set);
	const struct working_range *ranges = known ? working_set->ranges : working_set->given;
	const size_t count = known ? working_set->count : working_set->given_count;
	for (size_t i = 0; i < count; i++)
		working_set_populate_pages(memory + ranges[i].offset, ranges[i].length);
}

void working_set_give(struct working_set *working_set, const struct working_range *ranges,
		      size_t count, uint64_t size)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < working_set->given_count; i++)
		bytes += working_set->given[i].length;
	for (size_t i = 0; i < count && working_set->given_count < WORKING_SET_RANGES_MAX; i++) {
		const struct working_range range = ranges[i];
		if (range.offset % GUEST_PAGE_SIZE || range.length % GUEST_PAGE_SIZE ||
		    range.length > WORKING_SET_BYTES_MAX - bytes ||
		    !range_within(range.offset, range.length, size))
			continue;
		bytes += range.length;
		working_set->given[working_set->given_count++] = range;
	}
}

const struct working_range *working_set_written(const struct working_set *working_set,
						size_t *count)
{
	*count = is_known(working_set) ? working_set->count : 0;
	return working_set->ranges;
}

bool working_set_begin_touched(struct working_set *working_set)
{
	if (!begin(&working_set->touched_state))
		return false;
	working_set->touched_count = 0;
	return true;
}

void working_set_add_touched(struct working_set *working_set, uint64_t address)
{
	if (working_set->touched_count < WORKING_SET_TOUCHED_MAX)
		working_set->touched[working_set->touched_count++] = address;
}

void working_set_finish_touched(struct working_set *working_set)
{
	atomic_store(&working_set->touched_state, STATE_KNOWN);
}

void working_set_give_up_touched(struct working_set *working_set)
{
	atomic_store(&working_set->touched_state, STATE_UNKNOWN);
}

const uint64_t *working_set_touched(const struct working_set *working_set, size_t *count)
{
	const bool all =
	    is_known(working_set) && atomic_load(&working_set->touched_state) == STATE_KNOWN;
	*count = all ? working_set->touched_count : 0;
	return working_set->touched;
}

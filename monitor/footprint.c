/* What requests use; see footprint.h. */
#include "footprint.h"

#include <sys/mman.h>

/* Debian 12's headers have it since glibc 2.35, the kernel since 5.14. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum state {
	STATE_UNKNOWN,
	STATE_RECORDING_WRITTEN,
	STATE_WRITTEN_KNOWN,
	STATE_RECORDING_TOUCHED,
	STATE_ALL_KNOWN,
};

static bool advance(struct footprint *footprint, int from, int to)
{
	return atomic_compare_exchange_strong(&footprint->state, &from, to);
}

bool footprint_begin(struct footprint *footprint)
{
	return advance(footprint, STATE_UNKNOWN, STATE_RECORDING_WRITTEN);
}

void footprint_add(struct footprint *footprint, uint64_t offset, uint64_t length)
{
	if (footprint->count == FOOTPRINT_RANGES_MAX ||
	    length > FOOTPRINT_BYTES_MAX - footprint->bytes)
		return;
	footprint->ranges[footprint->count].offset = offset;
	footprint->ranges[footprint->count].length = length;
	footprint->count++;
	footprint->bytes += length;
}

void footprint_finish(struct footprint *footprint)
{
	atomic_store(&footprint->state, STATE_WRITTEN_KNOWN);
}

void footprint_populate_pages(uint8_t *memory, uint64_t length)
{
	/* An older kernel refuses. */
	madvise(memory, length, MADV_POPULATE_WRITE);
}

void footprint_populate(struct footprint *footprint, uint8_t *memory)
{
	if (atomic_load(&footprint->state) < STATE_WRITTEN_KNOWN)
		return;
	for (size_t i = 0; i < footprint->count; i++)
		footprint_populate_pages(memory + footprint->ranges[i].offset,
					 footprint->ranges[i].length);
}

bool footprint_begin_touched(struct footprint *footprint)
{
	if (!advance(footprint, STATE_WRITTEN_KNOWN, STATE_RECORDING_TOUCHED))
		return false;
	footprint->touched_count = 0;
	return true;
}

void footprint_add_touched(struct footprint *footprint, uint64_t address)
{
	if (footprint->touched_count < FOOTPRINT_TOUCHED_MAX)
		footprint->touched[footprint->touched_count++] = address;
}

void footprint_finish_touched(struct footprint *footprint)
{
	atomic_store(&footprint->state, STATE_ALL_KNOWN);
}

void footprint_give_up_touched(struct footprint *footprint)
{
	atomic_store(&footprint->state, STATE_WRITTEN_KNOWN);
}

const uint64_t *footprint_touched(const struct footprint *footprint, size_t *count)
{
	*count = atomic_load(&footprint->state) == STATE_ALL_KNOWN ? footprint->touched_count : 0;
	return footprint->touched;
}

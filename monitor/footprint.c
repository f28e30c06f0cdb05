/* What requests write; see footprint.h. */
#include "footprint.h"

#include <sys/mman.h>

/* Debian 12's headers have it since glibc 2.35, the kernel since 5.14. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum state { STATE_UNKNOWN, STATE_RECORDING, STATE_KNOWN };

bool footprint_begin(struct footprint *footprint)
{
	int unknown = STATE_UNKNOWN;
	return atomic_compare_exchange_strong(&footprint->state, &unknown, STATE_RECORDING);
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
	atomic_store(&footprint->state, STATE_KNOWN);
}

void footprint_populate(struct footprint *footprint, uint8_t *memory)
{
	if (atomic_load(&footprint->state) != STATE_KNOWN)
		return;
	/* An older kernel refuses: then the pages come by faults. */
	for (size_t i = 0; i < footprint->count; i++)
		if (madvise(memory + footprint->ranges[i].offset, footprint->ranges[i].length,
			    MADV_POPULATE_WRITE))
			return;
}

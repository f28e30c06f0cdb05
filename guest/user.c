/* Pointers from the program: does all of a range lie in memory that it may read or write? */
#include "libos.h"

#include <errno.h>

#include "mayfly/guest_abi.h"

static bool user_accessible(uint64_t address, uint64_t length, uint32_t access)
{
	uint64_t end;
	if (__builtin_add_overflow(address, length, &end))
		return false;
	if (length == 0)
		return true;
	/* A range may span several regions, as a struct across .rodata and .data does. */
	while (address < end) {
		const struct guest_region *found = NULL;
		for (uint64_t i = 0; i < libos_start_info.region_count; i++) {
			const struct guest_region *region = &libos_start_info.regions[i];
			if (address >= region->start && address < region->end &&
			    (region->protection & access) == access)
				found = region;
		}
		if (!found)
			return false;
		address = found->end;
	}
	return true;
}

bool user_readable(uint64_t address, uint64_t length)
{
	return user_accessible(address, length, GUEST_READ);
}

bool user_writable(uint64_t address, uint64_t length)
{
	return user_accessible(address, length, GUEST_READ | GUEST_WRITE);
}

int user_string(uint64_t address, char *out, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		uint64_t next = address + i;
		if ((i == 0 || next % GUEST_PAGE_SIZE == 0) && !user_readable(next, 1))
			return -EFAULT;
		out[i] = *(const char *)next;
		if (!out[i])
			return 0;
	}
	return -ENAMETOOLONG;
}

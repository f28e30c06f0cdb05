/* The program's segments and stack; see regions.h.
 *
 * The list is short (a handful of segments, a stack) and its order means nothing. The monitor lists
 * all that it mapped: what lies from the pool on is not the program's, or pool.c knows it better.
 */
#include "regions.h"

#include <errno.h>

#include "guest/machine/hypercall.h"
#include "guest/machine/machine.h"
#include "space.h"

/* Only the first address space has any. */
static uint64_t region_count(void)
{
	return address_space_has_regions() ? libos_start_info.region_count : 0;
}

static struct guest_region *region_at(uint64_t address)
{
	for (uint64_t i = 0; i < region_count(); i++) {
		struct guest_region *region = &libos_start_info.regions[i];
		if (address >= region->start && address < region->end &&
		    region->end <= GUEST_POOL_BASE && !region->unmapped)
			return region;
	}
	return NULL;
}

bool regions_accessible(uint64_t address, uint64_t end, uint32_t access)
{
	/* A range may span several regions, as a struct across .rodata and .data does. */
	while (address < end) {
		const struct guest_region *region = region_at(address);
		if (!region || (region->protection & access) != access)
			return false;
		address = region->end;
	}
	return true;
}

uint64_t regions_accessible_end(uint64_t address, uint32_t access)
{
	const struct guest_region *region = region_at(address);
	return region && (region->protection & access) == access ? region->end : 0;
}

uint64_t regions_overlap(uint64_t start, uint64_t end)
{
	for (uint64_t i = 0; i < region_count(); i++) {
		const struct guest_region *region = &libos_start_info.regions[i];
		if (region->start < end && start < region->end)
			return region->start;
	}
	return 0;
}

/* Like region_at(), of those that were unmapped as well. */
static struct guest_region *place_at(uint64_t address)
{
	for (uint64_t i = 0; i < region_count(); i++) {
		struct guest_region *region = &libos_start_info.regions[i];
		if (address >= region->start && address < region->end &&
		    region->end <= GUEST_POOL_BASE)
			return region;
	}
	return NULL;
}

static bool regions_add(uint64_t start, uint64_t end, uint32_t protection)
{
	if (libos_start_info.region_count == GUEST_REGIONS_MAX)
		return false;
	libos_start_info.regions[libos_start_info.region_count++] =
	    (struct guest_region){.start = start, .end = end, .protection = protection};
	return true;
}

/* Makes `address` a border in a region, so that each side can change on its own. */
static bool split_region(struct guest_region *region, uint64_t address)
{
	if (!region || region->start == address)
		return true;
	if (!regions_add(address, region->end, region->protection))
		return false;
	libos_start_info.regions[libos_start_info.region_count - 1].unmapped = region->unmapped;
	region->end = address;
	return true;
}

static bool regions_split(uint64_t address)
{
	return split_region(region_at(address), address);
}

int regions_protect(uint64_t start, uint64_t end, uint32_t protection)
{
	if (!regions_accessible(start, end, 0) || !regions_split(start) || !regions_split(end))
		return -ENOMEM;
	int64_t error = machine_hypercall(HYPERCALL_PROTECT, start, end - start, protection);
	if (error)
		return (int)error;
	while (start < end) {
		struct guest_region *region = region_at(start);
		region->protection = protection;
		start = region->end;
	}
	return 0;
}

int regions_unmap(uint64_t start, uint64_t end)
{
	if (!regions_split(start) || !regions_split(end))
		return -ENOMEM;
	for (uint64_t i = 0; i < region_count(); i++) {
		struct guest_region *region = &libos_start_info.regions[i];
		if (region->start < start || region->end > end || region->end > GUEST_POOL_BASE ||
		    region->unmapped)
			continue;
		int64_t error = machine_hypercall(HYPERCALL_PROTECT, region->start,
						  region->end - region->start, 0);
		if (error)
			return (int)error;
		region->protection = 0;
		region->unmapped = 1;
	}
	return 0;
}

/* ── another program ─────────────────────────────────────────────────────────────────────────── */

static bool is_stack(const struct guest_region *region)
{
	return region->start >= GUEST_AREA_END && region->end <= GUEST_STACK_TOP;
}

/* The two are neighbours, in this order, of the same rights. */
static bool goes_on(const struct guest_region *first, const struct guest_region *second)
{
	return first->end == second->start && first->unmapped && second->unmapped &&
	       first->protection == second->protection;
}

/* The region behind it, of those that were unmapped; NULL: none that could be one with it. */
static struct guest_region *find_next(const struct guest_region *region)
{
	for (uint64_t i = 0; i < region_count(); i++)
		if (goes_on(region, &libos_start_info.regions[i]))
			return &libos_start_info.regions[i];
	return NULL;
}

/* Makes one of pieces, so that there is room for others. */
static void merge_regions(void)
{
	for (uint64_t i = 0; i < region_count();) {
		struct guest_region *next, *region = &libos_start_info.regions[i];
		if (region->end > GUEST_POOL_BASE || !(next = find_next(region))) {
			i++;
			continue;
		}
		region->end = next->end;
		*next = libos_start_info.regions[--libos_start_info.region_count];
		i = 0;
	}
}

int regions_release(void)
{
	for (uint64_t i = 0; i < region_count(); i++) {
		struct guest_region *region = &libos_start_info.regions[i];
		if (region->end > GUEST_POOL_BASE || region->unmapped)
			continue;
		region->unmapped = 1;
		/* The next program gets the stack at once. */
		if (is_stack(region) || !region->protection)
			continue;
		int64_t error = machine_hypercall(HYPERCALL_PROTECT, region->start,
						  region->end - region->start, 0);
		if (error)
			return (int)error;
		region->protection = 0;
	}
	merge_regions();
	return 0;
}

uint64_t regions_part(uint64_t start, uint64_t end, bool *within)
{
	const struct guest_region *region = place_at(start);
	*within = region;
	if (region)
		return region->end < end ? region->end : end;
	for (uint64_t i = 0; i < region_count(); i++) {
		region = &libos_start_info.regions[i];
		if (region->start > start && region->start < end)
			end = region->start;
	}
	return end;
}

int regions_claim(uint64_t start, uint64_t end, uint32_t protection)
{
	if (!split_region(place_at(start), start) || !split_region(place_at(end), end))
		return -ENOMEM;
	while (start < end) {
		struct guest_region *region = place_at(start);
		int64_t error = 0;
		if (region->protection != protection)
			error = machine_hypercall(HYPERCALL_PROTECT, region->start,
						  region->end - region->start, protection);
		if (error)
			return (int)error;
		region->protection = protection;
		region->unmapped = 0;
		start = region->end;
	}
	return 0;
}

const struct guest_region *regions_next(uint64_t address)
{
	const struct guest_region *found = NULL;
	for (uint64_t i = 0; i < region_count(); i++) {
		const struct guest_region *region = &libos_start_info.regions[i];
		if (region->start >= address && region->end <= GUEST_POOL_BASE &&
		    !region->unmapped && (!found || region->start < found->start))
			found = region;
	}
	return found;
}

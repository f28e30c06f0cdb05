/* System calls of programs without SYSCALL; see shortcuts.h. */
#include "shortcuts.h"

#include <errno.h>
#include <stdlib.h>

#include "shortcuts/code.h"
#include "util/cleanup.h"

#define SITES_MAX  (SHORTCUTS_SIZE_MAX / SHORTCUT_SIZE - 1)
#define GUARD_SIZE (64UL << 10)

struct sites {
	struct shortcut_site *found; /* offsets are from the region's start */
	uint64_t *starts;	     /* of each one's region */
	size_t count;
};

static int find_sites(const struct image *image, const struct image_region *region,
		      struct sites *sites, struct error *error)
{
	const uint8_t *code = image->memory + region->offset;
	cleanup_free uint8_t *marks = calloc(shortcut_marks_size(region->length), 1);
	if (!marks)
		return error_set(error, ENOMEM, "no memory for the program's system calls");
	size_t count = shortcut_find(code, region->length, marks, sites->found + sites->count,
				     SITES_MAX - sites->count);
	for (size_t i = 0; i < count; i++)
		sites->starts[sites->count++] = region->address;
	return 0;
}

int shortcuts_install(struct image *image, size_t first_region, uint64_t end,
		      uint64_t syscall_entry, struct error *error)
{
	cleanup_free struct shortcut_site *found = calloc(SITES_MAX, sizeof(*found));
	cleanup_free uint64_t *starts = calloc(SITES_MAX, sizeof(*starts));
	if (!found || !starts)
		return error_set(error, ENOMEM, "no memory for the program's system calls");
	struct sites sites = {.found = found, .starts = starts};
	uint64_t low = end;
	int result = 0;
	for (size_t i = first_region; i < image->region_count && !result; i++) {
		const struct image_region *region = &image->regions[i];
		if (region->address < low)
			low = region->address;
		if (region->protection & GUEST_EXECUTE)
			result = find_sites(image, region, &sites, error);
	}
	if (result || !sites.count || end - low > SHORTCUT_REACH)
		return result;
	uint64_t start = end + GUARD_SIZE;
	uint64_t size = (sites.count + 1) * SHORTCUT_SIZE;
	size = (size + GUEST_PAGE_SIZE - 1) & ~(GUEST_PAGE_SIZE - 1);
	result = image_map(image, start, size, GUEST_READ | GUEST_EXECUTE, error);
	if (result)
		return error_wrap(error, "no room for system-call shortcuts");
	uint8_t *shortcuts = image_pointer(image, start, size);
	shortcut_write_door(shortcuts, syscall_entry);
	for (size_t i = 0; i < sites.count; i++) {
		const uint64_t address = sites.starts[i] + sites.found[i].offset;
		const uint64_t place = (i + 1) * SHORTCUT_SIZE;
		shortcut_write(&sites.found[i], image_pointer(image, address, SHORTCUT_SITE_MAX),
			       address, shortcuts + place, start + place, start);
	}
	return 0;
}

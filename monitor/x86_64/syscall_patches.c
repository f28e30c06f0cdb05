/* System calls of programs without SYSCALL; see syscall_patches.h. */
#include "syscall_patches.h"

#include <errno.h>
#include <stdlib.h>

#include "sizes/sizes.h"
#include "syscall_patch/code.h"
#include "util/cleanup.h"

#define SITES_MAX  (SYSCALL_PATCHES_SIZE_MAX / SYSCALL_STUB_SIZE - 1)
#define GUARD_SIZE (64UL << 10)

struct sites {
	struct syscall_site *found; /* offsets are from the region's start */
	uint64_t *starts;	    /* of each one's region */
	size_t count;
};

static int find_sites(const struct image *image, const struct image_region *region,
		      struct sites *sites, struct error *error)
{
	const uint8_t *code = image->memory + region->offset;
	cleanup_free uint8_t *marks = calloc(syscall_patch_marks_size(region->length), 1);
	if (!marks)
		return error_set(error, ENOMEM, "no memory for the program's system calls");
	size_t count = syscall_patch_find(code, region->length, marks, sites->found + sites->count,
					  SITES_MAX - sites->count);
	for (size_t i = 0; i < count; i++)
		sites->starts[sites->count++] = region->address;
	return 0;
}

int syscall_patches_install(struct image *image, size_t first_region, uint64_t end,
			    uint64_t syscall_entry, struct error *error)
{
	cleanup_free struct syscall_site *found = calloc(SITES_MAX, sizeof(*found));
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
		/* What the program may write it may read back: that stays as it is. */
		if ((region->protection & GUEST_EXECUTE) && !(region->protection & GUEST_WRITE))
			result = find_sites(image, region, &sites, error);
	}
	if (result || !sites.count || end - low > SYSCALL_PATCH_REACH)
		return result;
	uint64_t start = end + GUARD_SIZE;
	uint64_t size = (sites.count + 1) * SYSCALL_STUB_SIZE;
	size = round_up(size, GUEST_PAGE_SIZE);
	result = image_map(image, start, size, GUEST_READ | GUEST_EXECUTE, error);
	if (result)
		return error_wrap(error, "no room for system-call stubs");
	uint8_t *stubs = image_pointer(image, start, size);
	syscall_patch_write_trampoline(stubs, syscall_entry);
	for (size_t i = 0; i < sites.count; i++) {
		const uint64_t address = sites.starts[i] + sites.found[i].offset;
		const uint64_t place = (i + 1) * SYSCALL_STUB_SIZE;
		syscall_patch_write(&sites.found[i],
				    image_pointer(image, address, SYSCALL_PATCH_SITE_MAX), address,
				    stubs + place, start + place, start);
	}
	return 0;
}

/* The page tables of a guest, made and changed; see memory/page_tables.h (SDM 3A, 4.5). */
#include "monitor/memory/page_tables.h"

#include <errno.h>
#include <stddef.h>

#include "page_entries.h"
#include "system_pages.h"

/* What one page of the second level stands for. */
#define HUGE_PAGE_SIZE	 (1UL << 30)
#define AREA_TABLE_SHARE (256UL << 10) /* of memory for each table of the mapping area */
#define AREA_TABLES_MIN	 256UL

/* ── making ──────────────────────────────────────────────────────────────────────────────────── */

uint64_t page_tables_room(uint64_t memory, uint64_t root_size)
{
	/* One page for each 2 MiB that is mapped (of the root image, which is mapped by large pages,
	 * for each GiB), and for each region the partly used ones at its ends and the levels above.
	 */
	uint64_t tables =
	    memory / IMAGE_LARGE_PAGE + WINDOW_SIZE / IMAGE_LARGE_PAGE + root_size / HUGE_PAGE_SIZE;
	tables += 4UL * (IMAGE_REGIONS_MAX + 3);
	/* To these comes what the mapping area may need,
	 * where pages may lie far from one another. */
	tables += memory / AREA_TABLE_SHARE + AREA_TABLES_MIN;
	/* And other spaces, beside the upper tables of their pool. Tables that none needs cost nothing: they are holes of the image. */
	tables += 1 + (GUEST_SPACES_MAX - 1) *
			  (GUEST_SPACE_TABLES + 2 + 2 * (memory / HUGE_PAGE_SIZE + 1));
	return tables * GUEST_PAGE_SIZE;
}

struct table_builder {
	struct image *image;
	uint64_t next; /* offset of the next free page-table page */
};

/* Sets the entry for `address` in a table of `lowest` level: 0 for a page, 1 for a large one. */
static int map_page(struct table_builder *builder, uint64_t address, int lowest, uint64_t leaf,
		    struct error *error)
{
	struct image *image = builder->image;
	uint64_t *table = (uint64_t *)(image->memory + image->page_tables);
	for (int level = 3; level > lowest; level--) {
		uint64_t *entry = &table[page_entry_index(address, level)];
		if (!(*entry & ENTRY_PRESENT)) {
			if (builder->next >= image->page_tables + image->page_tables_size)
				return error_set(error, ENOMEM, "too few page-table pages");
			*entry = builder->next | ENTRY_TABLE;
			builder->next += GUEST_PAGE_SIZE;
		}
		table = (uint64_t *)(image->memory + (*entry & ENTRY_ADDRESS));
	}
	table[page_entry_index(address, lowest)] = leaf;
	return 0;
}

static int map_range(struct table_builder *builder, uint64_t address, uint64_t physical,
		     uint64_t length, uint64_t bits, struct error *error)
{
	for (uint64_t done = 0; done < length; done += GUEST_PAGE_SIZE) {
		int result = map_page(builder, address + done, 0, (physical + done) | bits, error);
		if (result)
			return result;
	}
	return 0;
}

/* The root image in large pages, as far as it fills them: where the page cache has it in such, one
 * fault gives the guest 2 MiB of it. Under PVM that is one of 25 µs instead of 512. */
static int map_root(struct table_builder *builder, struct error *error)
{
	const uint64_t size = builder->image->root_size;
	const uint64_t bits = page_leaf_bits_for(GUEST_READ, true);
	uint64_t done = 0;
	for (; size - done >= IMAGE_LARGE_PAGE; done += IMAGE_LARGE_PAGE) {
		const uint64_t leaf = (PAGE_ROOT_PHYSICAL + done) | bits | ENTRY_LARGE;
		int result = map_page(builder, GUEST_ROOT_BASE + done, 1, leaf, error);
		if (result)
			return result;
	}
	return map_range(builder, GUEST_ROOT_BASE + done, PAGE_ROOT_PHYSICAL + done, size - done,
			 bits, error);
}

static int build_page_tables(struct image *image, struct error *error)
{
	struct table_builder builder = {image, PAGE_SPACES + GUEST_PAGE_SIZE};
	struct page_spaces *spaces = page_spaces_of(image->memory);
	int result = 0;
	spaces->living = 1;
	spaces->roots[0] = image->page_tables;
	for (size_t i = 0; i < image->region_count && !result; i++) {
		const struct image_region *region = &image->regions[i];
		result = map_range(&builder, region->address, region->offset, region->length,
				   page_leaf_bits_for(region->protection, true), error);
	}
	if (!result)
		result = map_range(&builder, GUEST_WINDOW_BASE, PAGE_WINDOW_PHYSICAL, WINDOW_SIZE,
				   page_leaf_bits_for(GUEST_READ | GUEST_WRITE, true), error);
	if (!result)
		result = map_root(&builder, error);
	if (!result)
		result = map_range(&builder, GUEST_HYPERCALL, HYPERCALL_OFFSET, GUEST_PAGE_SIZE,
				   page_leaf_bits_for(GUEST_READ | GUEST_EXECUTE, true), error);
	if (!result)
		result = map_range(
		    &builder, GUEST_SYSTEM_BASE, IMAGE_SYSTEM_OFFSET, SYSTEM_SUPERVISOR,
		    page_leaf_bits_for(GUEST_READ | GUEST_WRITE | GUEST_EXECUTE, false), error);
	return result;
}

int page_tables_build(struct image *image, const struct port_set *ports, struct error *error)
{
	system_pages_build(image->memory + IMAGE_SYSTEM_OFFSET, ports);
	return build_page_tables(image, error);
}

/* ── changing ────────────────────────────────────────────────────────────────────────────────── */

/* Sorts the hulls, and joins those that meet. */
static void join_hulls(struct page_hulls *hulls)
{
	struct page_hull *list = hulls->list;
	size_t count = 0;
	for (size_t i = 1; i < hulls->count; i++) {
		const struct page_hull hull = list[i];
		size_t place = i;
		for (; place && list[place - 1].start > hull.start; place--)
			list[place] = list[place - 1];
		list[place] = hull;
	}
	for (size_t i = 0; i < hulls->count; i++)
		if (count && list[i].start <= list[count - 1].end)
			list[count - 1].end =
			    list[i].end > list[count - 1].end ? list[i].end : list[count - 1].end;
		else
			list[count++] = list[i];
	hulls->count = count;
}

/* Frames are handed out from the highest down: runs that follow each other in a space often meet at
 * the earlier one's begin. Forgetting a range costs hardly more than forgetting a page; and after
 * many runs all that lies between them is forgotten, too, so that no guest makes its monitor busy for
 * long. */
void page_shrunk_note(struct page_shrunk *shrunk, uint64_t physical)
{
	struct page_hulls *hulls = &shrunk->hulls[physical >= PAGE_ROOT_PHYSICAL];
	const struct page_hull page = {physical, physical + GUEST_PAGE_SIZE};
	if (hulls->count && hulls->list[hulls->count - 1].end == physical) {
		hulls->list[hulls->count - 1].end = page.end;
		return;
	}
	if (hulls->count == PAGE_HULLS_MAX) {
		join_hulls(hulls);
		if (hulls->count == PAGE_HULLS_MAX) {
			hulls->list[0].end = hulls->list[PAGE_HULLS_MAX - 1].end;
			hulls->count = 1;
		}
	}
	hulls->list[hulls->count++] = page;
}

void page_shrunk_flush(struct page_shrunk *shrunk)
{
	for (size_t side = 0; side < 2; side++) {
		struct page_hulls *hulls = &shrunk->hulls[side];
		join_hulls(hulls);
		for (size_t i = 0; i < hulls->count; i++)
			shrunk->forget(shrunk->context, hulls->list[i].start,
				       hulls->list[i].end - hulls->list[i].start);
		hulls->count = 0;
	}
}

int page_tables_protect(uint8_t *memory, uint64_t address, uint64_t length, uint32_t protection,
			struct page_shrunk *shrunk)
{
	int result = 0;
	for (uint64_t at = address; at < address + length; at += GUEST_PAGE_SIZE) {
		uint64_t *leaf = page_find_leaf(memory, at);
		if (!leaf || !(*leaf & ENTRY_MAPPED)) {
			result = -ENOMEM;
			break;
		}
		uint64_t before = *leaf;
		if ((before & ENTRY_ADDRESS) >= PAGE_ROOT_PHYSICAL && (protection & GUEST_WRITE)) {
			result = -EACCES;
			break;
		}
		uint64_t after = (before & (ENTRY_ADDRESS | ENTRY_AREA | ENTRY_SHARED)) |
				 page_leaf_bits(protection);
		if (before == after)
			continue;
		*leaf = after;
		if (shrunk && page_entry_shrinks(before, after))
			page_shrunk_note(shrunk, before & ENTRY_ADDRESS);
	}
	if (shrunk)
		page_shrunk_flush(shrunk);
	return result;
}

/* Roots stay, as all tables do. */
static void restore_spaces(struct page_spaces *now, const struct page_spaces *then)
{
	now->current = then->current;
	now->living = then->living;
}

void page_tables_restore(uint8_t *memory, const uint8_t *original, uint64_t offset,
			 struct page_shrunk *shrunk)
{
	if (offset == PAGE_SPACES) {
		restore_spaces(page_spaces_of(memory), page_spaces_of(original));
		return;
	}
	uint64_t *now = (uint64_t *)(memory + offset);
	const uint64_t *then = (const uint64_t *)(original + offset);
	for (size_t i = 0; i < PAGE_ENTRIES; i++) {
		const uint64_t before = now[i];
		const bool is_table = (before & ENTRY_PRESENT) && !(before & ENTRY_MAPPED);
		/* A table that was added stays (page_area.h); its own entries go. */
		if (is_table && !then[i])
			continue;
		now[i] = then[i];
		if (!page_entry_shrinks(before, then[i]))
			continue;
		if (is_table)
			shrunk->tables = true;
		else
			page_shrunk_note(shrunk, before & ENTRY_ADDRESS);
	}
}

uint64_t page_tables_find(const uint8_t *memory, uint64_t address)
{
	const uint64_t *leaf = page_find_leaf(memory, address);
	return leaf ? *leaf & ENTRY_ADDRESS : UINT64_MAX;
}

uint64_t page_tables_protection_run(const uint8_t *memory, uint64_t address, uint64_t end,
				    uint32_t *protection)
{
	uint64_t at = address;
	while (at < end) {
		const uint64_t *leaf = page_find_home(memory, at);
		/* The rest of this leaf table, which covers 2 MiB. */
		size_t count = PAGE_ENTRIES - page_entry_index(at, 0);
		for (size_t i = 0; i < count && at < end; i++, at += GUEST_PAGE_SIZE) {
			uint32_t here = leaf ? page_leaf_protection(leaf[i]) : 0;
			if (at == address)
				*protection = here;
			else if (here != *protection)
				return at;
		}
	}
	return end;
}

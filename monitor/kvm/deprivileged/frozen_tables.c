/* The page tables that clones begin with; see frozen_tables.h. */
#include "frozen_tables.h"

#include <errno.h>
#include <stdlib.h>

#include "monitor/x86_64/page_entries.h"
#include "sizes/sizes.h"

#define TABLES_MAX 4096

struct frozen_tables {
	const struct image *image;
	unsigned budget;
	bool too_many;
	uint8_t pages[]; /* a bit for each page of the image */
};

static void note(struct frozen_tables *self, uint64_t physical)
{
	const uint64_t page = physical / GUEST_PAGE_SIZE;
	self->pages[page / 8] |= (uint8_t)(1U << page % 8);
}

static bool is_table(const struct frozen_tables *self, uint64_t physical)
{
	const uint64_t page = physical / GUEST_PAGE_SIZE;
	return self->too_many || self->pages[page / 8] >> page % 8 & 1;
}

static void collect(struct frozen_tables *self, uint64_t entry, int level)
{
	const uint64_t physical = entry & ENTRY_ADDRESS;
	if (!range_within(physical, GUEST_PAGE_SIZE, self->image->size))
		return;
	if (!self->budget) {
		self->too_many = true;
		return;
	}
	self->budget--;
	note(self, physical);
	const uint64_t *table = (const uint64_t *)(self->image->memory + physical);
	for (size_t i = 0; i < PAGE_ENTRIES && level; i++)
		if (table[i] & ENTRY_PRESENT && !(level < 3 && table[i] & ENTRY_LARGE))
			collect(self, table[i], level - 1);
}

int frozen_tables_create(struct frozen_tables **tables, const struct image *image, uint64_t root,
			 struct error *error)
{
	const uint64_t pages = divide_up(image->size, GUEST_PAGE_SIZE);
	struct frozen_tables *self = calloc(1, sizeof(*self) + divide_up(pages, 8));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a kernel");
	self->image = image;
	self->budget = TABLES_MAX;
	collect(self, root, 3);
	*tables = self;
	return 0;
}

void frozen_tables_release(struct frozen_tables *tables)
{
	free(tables);
}

bool frozen_tables_touch(const struct frozen_tables *tables, uint64_t start, uint64_t end)
{
	for (uint64_t at = start; at < end; at += GUEST_PAGE_SIZE)
		if (is_table(tables, at))
			return true;
	return false;
}

bool frozen_tables_changed(const struct frozen_tables *tables, const uint8_t *memory,
			   uint64_t start, uint64_t end)
{
	const uint64_t meaning = ~(ENTRY_ACCESSED | ENTRY_DIRTY | ENTRY_USER);
	for (uint64_t at = start; at < end; at += GUEST_PAGE_SIZE) {
		const uint64_t *now = (const uint64_t *)(memory + at);
		const uint64_t *then = (const uint64_t *)(tables->image->memory + at);
		for (size_t i = 0; i < PAGE_ENTRIES && is_table(tables, at); i++)
			if ((now[i] ^ then[i]) & meaning)
				return true;
	}
	return false;
}

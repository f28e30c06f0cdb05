/* Which pages a guest uses; see accessed_pages.h. SDM 3A, 4.8: the processor sets the accessed bit
 * of an entry that it uses for the first time. */
#include "monitor/memory/accessed_pages.h"

#include "monitor/memory/page_space.h"
#include "page_entries.h"

struct leaf_visitor {
	uint8_t *memory;
	void (*visit)(struct leaf_visitor *self, uint64_t address, uint64_t *leaf);
	/* for accessed_pages_find() */
	const struct image *image;
	void (*found)(void *context, uint64_t address);
	void *context;
};

/* Visits the entries for present pages of ring 3, large ones too, below the first `count` entries of
 * `table`. */
static void visit_leaves(struct leaf_visitor *self, uint64_t table, int level, uint64_t address,
			 uint64_t count)
{
	uint64_t *entries = (uint64_t *)(self->memory + table);
	for (uint64_t i = 0; i < count; i++) {
		const uint64_t below = address | i << (12 + 9 * level);
		if (!(entries[i] & ENTRY_PRESENT) || !(entries[i] & ENTRY_USER))
			continue;
		if (level && !(entries[i] & ENTRY_LARGE))
			visit_leaves(self, entries[i] & ENTRY_ADDRESS, level - 1, below,
				     PAGE_ENTRIES);
		else
			self->visit(self, below, &entries[i]);
	}
}

static void forget_one(struct leaf_visitor *self, uint64_t address, uint64_t *leaf)
{
	*leaf &= ~ENTRY_ACCESSED;
}

static void find_one(struct leaf_visitor *self, uint64_t address, uint64_t *leaf)
{
	if (!(*leaf & ENTRY_ACCESSED)) {
		*leaf |= ENTRY_ACCESSED;
		return;
	}
	if (!self->found)
		return;
	const uint64_t *same = page_find_leaf(self->image->memory, address);
	/* The root image is in every machine where it was in this one. */
	if (address >= GUEST_ROOT_BASE || (same && (*same & ENTRY_PRESENT)))
		self->found(self->context, address);
}

/* The parts of the pool that a space has for itself; the rest is the first's. */
static void visit_own_parts(struct leaf_visitor *self, uint64_t number)
{
	const uint64_t *root =
	    (const uint64_t *)(self->memory + page_spaces_of(self->memory)->roots[number]);
	const uint64_t *upper =
	    root[PAGE_POOL_ENTRY] ? page_table_below(self->memory, root[PAGE_POOL_ENTRY]) : NULL;
	for (uint64_t i = 0; upper && i < PAGE_ENTRIES; i++) {
		const uint64_t *directory =
		    upper[i] ? page_table_below(self->memory, upper[i]) : NULL;
		for (uint64_t j = 0; directory && j < PAGE_ENTRIES; j++) {
			const uint64_t address = GUEST_POOL_BASE | i << 30 | j << 21;
			if (page_space_owns(self->memory, number, address))
				visit_leaves(self, directory[j] & ENTRY_ADDRESS, 0, address,
					     PAGE_ENTRIES);
		}
	}
}

/* Visits the first space, and of the others what they may have for themselves. */
static void visit_spaces(struct leaf_visitor *self)
{
	const struct page_spaces *spaces = page_spaces_of(self->memory);
	visit_leaves(self, PAGE_TABLES_ROOT, 3, 0, PAGE_ENTRIES);
	for (size_t i = 1; i < GUEST_SPACES_MAX; i++)
		if (spaces->living >> i & 1) {
			visit_leaves(self, spaces->roots[i], 3, 0, PAGE_PROGRAM_ENTRIES);
			visit_own_parts(self, i);
		}
}

void accessed_pages_forget(uint8_t *memory)
{
	struct leaf_visitor visitor = {.memory = memory, .visit = forget_one};
	visit_spaces(&visitor);
}

void accessed_pages_find(uint8_t *memory, const struct image *image,
			 void (*found)(void *context, uint64_t address), void *context)
{
	struct leaf_visitor visitor = {.memory = memory,
				       .visit = find_one,
				       .image = image,
				       .found = found,
				       .context = context};
	/* Pages are touched in the space that a clone begins in. */
	const struct page_spaces *then = page_spaces_of(image->memory);
	visit_leaves(&visitor, then->roots[then->current], 3, 0, PAGE_ENTRIES);
	visitor.found = NULL;
	visit_spaces(&visitor);
}

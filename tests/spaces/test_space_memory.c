/* What a processor may remember: whatever is done to address spaces, and after each reset, no space
 * that is there has a translation that allows more than its page tables, if it forgets no more than it
 * is told to. Random steps; usage: test_space_memory [STEPS [SEED]] */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "monitor/memory/page_space.h"
#include "monitor/memory/page_tables.h"
#include "monitor/x86_64/page_entries.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

#define PAGE	   GUEST_PAGE_SIZE
#define POOL	   GUEST_POOL_BASE
#define PARTS	   3
#define POOL_SIZE  (PARTS * GUEST_SPACE_OWN_SIZE)
#define PART(n)	   (POOL + (n)*GUEST_SPACE_OWN_SIZE)
#define FAR	   0xc000000000UL
#define SPACES	   4
#define REMEMBERED 64

static const uint64_t pages[] = {PART(0),	 PART(0) + PAGE, PART(1),
				 PART(1) + PAGE, PART(2),	 PART(2) + PAGE};
/* Where pages are put: and that is also in own parts of the pool. */
static const uint64_t places[] = {FAR,	   FAR + PAGE, 0x400000,       PART(0),
				  PART(1), PART(2),    PART(1) + PAGE, PART(0) + PAGE};
static const uint32_t rights[] = {GUEST_READ, GUEST_READ | GUEST_WRITE, GUEST_READ | GUEST_EXECUTE,
				  0};

struct memory {
	struct image image; /* what it is reset to */
	struct page_area area;
	uint64_t random;
	/* Of each space and place: leaves that were there. */
	uint64_t leaves[SPACES][ARRAY_SIZE(places) + ARRAY_SIZE(pages)][REMEMBERED];
};

static uint64_t place_at(size_t i)
{
	return i < ARRAY_SIZE(places) ? places[i] : pages[i - ARRAY_SIZE(places)];
}

static uint64_t roll(struct memory *self, uint64_t sides)
{
	self->random = self->random * 6364136223846793005UL + 1442695040888963407UL;
	return (self->random >> 33) % sides;
}

/* ── the processor ───────────────────────────────────────────────────────────────────────────── */

static void forget(void *context, uint64_t physical, uint64_t length)
{
	uint64_t *leaves = &((struct memory *)context)->leaves[0][0][0];
	for (size_t i = 0; i < sizeof(((struct memory *)context)->leaves) / sizeof(*leaves); i++)
		if ((leaves[i] & ENTRY_ADDRESS) - physical < length)
			leaves[i] = 0;
}

static void forget_shrunk(struct memory *self, struct page_shrunk *shrunk)
{
	page_shrunk_flush(shrunk);
	if (shrunk->tables)
		memset(self->leaves, 0, sizeof(self->leaves));
}

static void remember(uint64_t leaves[REMEMBERED], uint64_t leaf)
{
	size_t i = 0;
	while (i < REMEMBERED && leaves[i] && leaves[i] != leaf)
		i++;
	if (CHECK(i < REMEMBERED))
		leaves[i] = leaf;
}

/* Each allows no more than what is there now. A page that left its place for one where it can be
 * written is still there for who remembers that (page_area.c). */
static bool allows_no_more(const uint64_t leaves[REMEMBERED], uint64_t now)
{
	for (size_t i = 0; i < REMEMBERED; i++)
		if (leaves[i] && page_entry_shrinks(leaves[i], now) && now != ENTRY_MOVED)
			return false;
	return true;
}

static bool look(struct memory *self)
{
	const struct page_spaces *spaces = page_spaces_of(self->area.memory);
	bool good = true;
	for (uint64_t number = 0; number < SPACES; number++) {
		for (size_t i = 0; page_space_is_there(self->area.memory, number) &&
				   i < ARRAY_SIZE(self->leaves[number]);
		     i++) {
			const uint64_t *leaf = page_find_leaf_below(
			    self->area.memory, spaces->roots[number], place_at(i));
			const uint64_t now = leaf ? *leaf : 0;
			if (!CHECK(allows_no_more(self->leaves[number][i], now))) {
				fprintf(stderr, "  space %lu, %#lx: %#lx\n", number, place_at(i),
					now);
				good = false;
			}
			if (now & ENTRY_PRESENT)
				remember(self->leaves[number][i], now);
		}
	}
	return good;
}

/* ── the guest ───────────────────────────────────────────────────────────────────────────────── */

static struct page_run roll_run(struct memory *self)
{
	const bool shown = !roll(self, 6);
	return (struct page_run){
	    .address = places[roll(self, ARRAY_SIZE(places))],
	    .length = PAGE * (1 + roll(self, 2)),
	    .source = shown ? GUEST_ROOT_BASE + PAGE * roll(self, 2)
			    : pages[roll(self, ARRAY_SIZE(pages))],
	    .protection = rights[roll(self, ARRAY_SIZE(rights))],
	    .shared = !roll(self, 3),
	};
}

static void make_one(struct memory *self, struct page_shrunk *shrunk)
{
	struct page_run runs[PARTS + 4];
	size_t own = 0;
	for (uint64_t part = 0; part < PARTS; part++)
		if (roll(self, 2))
			runs[own++] = (struct page_run){.address = PART(part),
							.length = GUEST_SPACE_OWN_SIZE};
	const size_t count = roll(self, 4);
	for (size_t i = 0; i < count; i++)
		runs[own + i] = roll_run(self);
	page_space_make(&self->area, roll(self, SPACES), runs, own, count, shrunk);
}

static void unmap(struct memory *self, struct page_shrunk *shrunk)
{
	const uint64_t from = places[roll(self, ARRAY_SIZE(places))];
	struct page_run run;
	for (uint64_t at = from; page_area_find(&self->area, at, from + 2 * PAGE, &run);
	     at = run.address + run.length)
		page_area_unmap(&self->area, &run, shrunk);
}

static void reset(struct memory *self, struct page_shrunk *shrunk)
{
	const uint64_t begin = self->image.page_tables;
	for (uint64_t at = 0; at < self->image.page_tables_size; at += PAGE)
		page_tables_restore(self->area.memory, self->image.memory, begin + at, shrunk);
}

static void step(struct memory *self)
{
	struct page_shrunk shrunk = {.forget = forget, .context = self};
	const uint64_t what = roll(self, 40);
	const struct page_run run = roll_run(self);
	if (what < 8)
		make_one(self, &shrunk);
	else if (what < 16)
		page_space_switch(&self->area, roll(self, SPACES));
	else if (what < 24)
		page_space_drop(&self->area, roll(self, SPACES));
	else if (what < 30)
		page_area_map(&self->area, &run, &shrunk);
	else if (what < 34)
		unmap(self, &shrunk);
	else if (what < 39)
		page_tables_protect(self->area.memory, run.address, run.length, run.protection,
				    &shrunk);
	else
		reset(self, &shrunk);
	forget_shrunk(self, &shrunk);
}

static bool open_memory(struct memory *self)
{
	struct error error = {0};
	int result =
	    image_create_with_root(&self->image, POOL_SIZE + 16 * PAGE, -1, 8 * PAGE, &error);
	if (!result)
		result = image_map(&self->image, POOL, POOL_SIZE, GUEST_READ | GUEST_WRITE, &error);
	if (!result)
		result = page_tables_build(&self->image, NULL, &error);
	self->area = (struct page_area){.image = &self->image, .memory = self->image.memory};
	return CHECK_NUMBER(result, 0);
}

int main(int argc, char **argv)
{
	const unsigned long steps = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000;
	static struct memory self;
	self.random = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
	if (!open_memory(&self))
		return check_status();
	/* The image has spaces already, of which some are gone. */
	for (int i = 0; i < 30; i++)
		step(&self);
	cleanup_free uint8_t *memory = malloc(self.image.size);
	if (!CHECK(memory != NULL))
		return check_status();
	memcpy(memory, self.image.memory, self.image.size);
	self.area.memory = memory;
	memset(self.leaves, 0, sizeof(self.leaves));
	for (unsigned long i = 0; i < steps; i++) {
		step(&self);
		if (!look(&self)) {
			fprintf(stderr, "  at step %lu\n", i);
			break;
		}
	}
	image_release(&self.image);
	return check_status();
}

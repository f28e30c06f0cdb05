/* Code that is mapped; see code.h. It is looked at as a whole, most often once for a function,
 * before its snapshot. */
#include "code.h"

#include "libos.h"
#include "shortcuts/code.h"
#include "text.h"

#define CODE_MAX     (64UL << 20) /* more than that is not looked at */
#define SITES_PAGES  16UL
#define SITES_MAX    (SITES_PAGES * GUEST_PAGE_SIZE / sizeof(struct shortcut_site))
#define SHORTCUT_MAX 256UL /* pages of shortcuts, in all */

/* Copies this close to one another are made in one piece: a hypercall costs more than pages. */
#define GAP_MAX 8UL

/* Code that gets shortcuts. */
struct code {
	uint64_t start, size; /* where it will run */
	uint64_t origin;      /* where it can be read: in the root image, or the same place */
	struct shortcut_site *sites; /* in the order of their offsets */
	size_t count;
	uint64_t door;	    /* address of the shortcuts */
	uint8_t *shortcuts; /* their pages, where they can be written */
	uint64_t shortcuts_size;
};

static uint64_t shortcut_pages;

static uint64_t page_of(uint64_t offset)
{
	return offset / GUEST_PAGE_SIZE;
}

static uint64_t pages_for(uint64_t size)
{
	return page_of(size + GUEST_PAGE_SIZE - 1);
}

static bool find_sites(struct code *code)
{
	const uint64_t marks_pages = pages_for(shortcut_marks_size(code->size));
	uint8_t *marks = memory_allocate_pages(marks_pages);
	if (!marks)
		return false;
	code->count =
	    shortcut_find((const uint8_t *)code->origin, code->size, marks, code->sites, SITES_MAX);
	memory_free_pages(marks, marks_pages);
	return code->count;
}

/* Pages for the shortcuts, and a place for them below the code. */
static bool make_room(struct code *code)
{
	const uint64_t pages = pages_for((code->count + 1) * SHORTCUT_SIZE);
	code->shortcuts_size = pages * GUEST_PAGE_SIZE;
	code->door = area_find(code->shortcuts_size, code->start);
	if (!code->door || code->start + code->size - code->door > SHORTCUT_REACH ||
	    shortcut_pages + pages > SHORTCUT_MAX)
		return false;
	code->shortcuts = memory_allocate_pages(pages);
	if (!code->shortcuts)
		return false;
	shortcut_pages += pages;
	return true;
}

/* The last page that has something of the site. */
static uint64_t last_page(const struct shortcut_site *site)
{
	return page_of(site->offset + SHORTCUT_SITE_MAX - 1);
}

/* `bytes`: where the site can be written. */
static void rewrite(const struct code *code, size_t site, uint8_t *bytes)
{
	const uint64_t place = (site + 1) * SHORTCUT_SIZE;
	shortcut_write(&code->sites[site], bytes, code->start + code->sites[site].offset,
		       code->shortcuts + place, code->door + place, code->door);
}

/* Copies the pages of the sites [first, behind), which are neighbours, and rewrites them. */
static uint8_t *copy_pages(const struct code *code, size_t first, size_t behind, uint64_t *start,
			   uint64_t *pages)
{
	*start = page_of(code->sites[first].offset) * GUEST_PAGE_SIZE;
	*pages = last_page(&code->sites[behind - 1]) + 1 - page_of(*start);
	uint8_t *copy = memory_allocate_pages(*pages);
	if (!copy)
		return NULL;
	memcpy(copy, (const uint8_t *)code->origin + *start, *pages * GUEST_PAGE_SIZE);
	for (size_t i = first; i < behind; i++)
		rewrite(code, i, copy + (code->sites[i].offset - *start));
	return copy;
}

/* Shows the image's pages in [start, end) of the code. What cannot be shown comes when it is
 * touched. */
static void show_rest(const struct code *code, uint64_t start, uint64_t end)
{
	for (uint64_t part; start < end; start += part) {
		part = end - start < GUEST_MAP_MAX ? end - start : GUEST_MAP_MAX;
		area_attach(code->start + start, code->start + start + part, code->origin + start);
	}
}

static void attach_code(const struct code *code)
{
	uint64_t shown = 0;
	for (size_t i = 0, next; i < code->count; i = next) {
		uint64_t start, pages;
		for (next = i + 1; next < code->count; next++)
			if (page_of(code->sites[next].offset) >
			    last_page(&code->sites[next - 1]) + GAP_MAX)
				break;
		uint8_t *copy = copy_pages(code, i, next, &start, &pages);
		if (!copy)
			break;
		show_rest(code, shown, start);
		shown = start + pages * GUEST_PAGE_SIZE;
		if (area_attach(code->start + start, code->start + shown, (uint64_t)copy))
			memory_free_pages(copy, pages);
	}
	show_rest(code, shown, code->size);
}

static void rewrite_in_place(const struct code *code)
{
	for (size_t i = 0; i < code->count; i++)
		rewrite(code, i, (uint8_t *)code->start + code->sites[i].offset);
}

/* The shortcuts are complete before any code that jumps to them can run. They stay where they are
 * when the code goes. */
static bool install(struct code *code)
{
	extern char libos_syscall_entry[];
	if (!find_sites(code) || !make_room(code))
		return false;
	const uint64_t end = code->door + code->shortcuts_size;
	shortcut_write_door(code->shortcuts, (uint64_t)libos_syscall_entry);
	if (code->origin == code->start)
		rewrite_in_place(code);
	else
		attach_code(code);
	if (!area_map(code->door, end, GUEST_READ | GUEST_EXECUTE, 0) &&
	    !area_attach(code->door, end, (uint64_t)code->shortcuts))
		return true;
	process_out_of_memory();
}

static bool add_shortcuts(uint64_t start, uint64_t size, uint64_t origin)
{
	struct code code = {.start = start, .size = size, .origin = origin};
	if (size > CODE_MAX || size < GUEST_PAGE_SIZE)
		return false;
	code.sites = memory_allocate_pages(SITES_PAGES);
	if (!code.sites)
		return false;
	bool done = install(&code);
	memory_free_pages(code.sites, SITES_PAGES);
	return done;
}

bool code_fill(const struct area_piece *piece)
{
	return add_shortcuts(piece->start, piece->end - piece->start, piece->origin);
}

void code_rewrite(uint64_t start, uint64_t end)
{
	add_shortcuts(start, end - start, start);
}

/* Code that is mapped; see code.h. It is looked at as a whole, most often once for a function,
 * before its snapshot. */
#include "arch/code.h"
#include "guest/lib/text.h"
#include "guest/mm/pool.h"
#include "guest/mm/ranges.h"
#include "guest/mm/space.h"
#include "guest/mm/vma.h"
#include "mayfly/guest_abi.h"
#include "syscall_patch/code.h"

#define CODE_MAX	  (64UL << 20) /* more than that is not looked at */
#define SITES_PAGES	  16UL
#define SITES_MAX	  (SITES_PAGES * GUEST_PAGE_SIZE / sizeof(struct syscall_site))
#define SYSCALL_PATCH_MAX 256UL /* pages of stubs, in all */

/* Copies this close to one another are made as one: a hypercall costs more than pages. */
#define GAP_MAX 8UL

/* Code that gets stubs. */
struct code {
	uint64_t start, size;	    /* where it will run */
	uint64_t image;		    /* where it can be read: in the root image, or the same place */
	struct syscall_site *sites; /* in the order of their offsets */
	size_t count;
	uint64_t trampoline; /* address of the stubs */
	uint8_t *stubs;	     /* their pages, where they can be written */
	uint64_t stubs_size;
};

/* To look through a C library takes tens of milliseconds: more than a request could save by it, or a
 * program that a child begins. */
static bool leaves_code;

static uint64_t page_of(uint64_t offset)
{
	return offset / GUEST_PAGE_SIZE;
}

static bool find_sites(struct code *code)
{
	const uint64_t marks_pages = page_count(syscall_patch_marks_size(code->size));
	uint8_t *marks = pool_allocate(marks_pages);
	if (!marks)
		return false;
	code->count = syscall_patch_find((const uint8_t *)code->image, code->size, marks,
					 code->sites, SITES_MAX);
	pool_release(marks, marks_pages);
	return code->count;
}

/* Pages for the stubs, and a place for them below the code. */
static bool make_room(struct code *code)
{
	struct address_space *space = address_space_current();
	const uint64_t pages = page_count((code->count + 1) * SYSCALL_STUB_SIZE);
	code->stubs_size = pages * GUEST_PAGE_SIZE;
	code->trampoline = vma_unmapped_area(code->stubs_size, code->start);
	if (!code->trampoline ||
	    code->start + code->size - code->trampoline > SYSCALL_PATCH_REACH ||
	    space->stub_pages + pages > SYSCALL_PATCH_MAX)
		return false;
	code->stubs = pool_allocate(pages);
	if (!code->stubs)
		return false;
	space->stub_pages += pages;
	return true;
}

/* The last page that has something of the site. */
static uint64_t last_page(const struct syscall_site *site)
{
	return page_of(site->offset + SYSCALL_PATCH_SITE_MAX - 1);
}

/* `bytes`: where the site can be written. */
static void rewrite(const struct code *code, size_t site, uint8_t *bytes)
{
	const uint64_t place = (site + 1) * SYSCALL_STUB_SIZE;
	syscall_patch_write(&code->sites[site], bytes, code->start + code->sites[site].offset,
			    code->stubs + place, code->trampoline + place, code->trampoline);
}

/* Copies the pages of the sites [first, behind), which are neighbours, and rewrites them. */
static uint8_t *copy_pages(const struct code *code, size_t first, size_t behind, uint64_t *start,
			   uint64_t *pages)
{
	*start = page_of(code->sites[first].offset) * GUEST_PAGE_SIZE;
	*pages = last_page(&code->sites[behind - 1]) + 1 - page_of(*start);
	uint8_t *copy = pool_allocate(*pages);
	if (!copy)
		return NULL;
	memcpy(copy, (const uint8_t *)code->image + *start, *pages * GUEST_PAGE_SIZE);
	for (size_t i = first; i < behind; i++)
		rewrite(code, i, copy + (code->sites[i].offset - *start));
	return copy;
}

/* Maps the image's pages in [start, end) of the code. Those that cannot be mapped come when they
 * are touched. */
static void show_rest(const struct code *code, uint64_t start, uint64_t end)
{
	for (uint64_t part; start < end; start += part) {
		part = end - start < GUEST_MAP_MAX ? end - start : GUEST_MAP_MAX;
		vma_attach(code->start + start, code->start + start + part, code->image + start);
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
		if (vma_attach(code->start + start, code->start + shown, (uint64_t)copy))
			pool_release(copy, pages);
	}
	show_rest(code, shown, code->size);
}

static void rewrite_in_place(const struct code *code)
{
	for (size_t i = 0; i < code->count; i++)
		rewrite(code, i, (uint8_t *)code->start + code->sites[i].offset);
}

/* The stubs are complete before any code that jumps to them can run. They stay where they are
 * when the code goes. */
static bool install(struct code *code)
{
	extern char libos_syscall_entry[];
	if (!find_sites(code) || !make_room(code))
		return false;
	const uint64_t end = code->trampoline + code->stubs_size;
	syscall_patch_write_trampoline(code->stubs, (uint64_t)libos_syscall_entry);
	if (code->image == code->start)
		rewrite_in_place(code);
	else
		attach_code(code);
	if (!vma_map(code->trampoline, end, GUEST_READ | GUEST_EXECUTE, 0) &&
	    !vma_attach(code->trampoline, end, (uint64_t)code->stubs))
		return true;
	pool_exhausted();
}

static bool add_stubs(uint64_t start, uint64_t size, uint64_t image)
{
	struct code code = {.start = start, .size = size, .image = image};
	if (leaves_code || !address_space_has_regions() || size > CODE_MAX ||
	    size < GUEST_PAGE_SIZE)
		return false;
	code.sites = pool_allocate(SITES_PAGES);
	if (!code.sites)
		return false;
	bool done = install(&code);
	pool_release(code.sites, SITES_PAGES);
	return done;
}

bool code_fill(const struct vma *vma)
{
	return add_stubs(vma->start, vma->end - vma->start, vma->image);
}

void code_leave_as_is(void)
{
	leaves_code = true;
}

void code_rewrite(uint64_t start, uint64_t end)
{
	add_stubs(start, end - start, start);
}

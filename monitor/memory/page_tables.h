/* The page tables of a guest, and the pages that the processor needs beside them: made for an image,
 * checked where they come from outside, changed while a machine is stopped. How they look is the
 * processor's affair (x86_64/page_tables.c, x86_64/page_check.c); under process isolation nobody
 * walks them, but they say how the guest's memory is.
 */
#ifndef MAYFLY_MONITOR_PAGE_TABLES_H
#define MAYFLY_MONITOR_PAGE_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ports.h"
#include "util/error.h"

struct image;

/* Guest-physical address of the window, in a memory slot of its own. Above any image. */
#define PAGE_WINDOW_PHYSICAL (1UL << 37)

/* And of the root image. */
#define PAGE_ROOT_PHYSICAL (1UL << 38)

/* Bytes of page tables that a guest with so much memory, and a root image of that size, can need. */
uint64_t page_tables_room(uint64_t memory, uint64_t root_size);

/* Fills the image's system pages and page tables from its regions. `ports`: those that the guest may
 * access beside its hypercall page's; NULL: none. */
int page_tables_build(struct image *image, const struct port_set *ports, struct error *error);

/* Checks the system pages and page tables of an image that came from outside (a snapshot file): the
 * first must be those that page_tables_build() makes, the second must keep the guest in its own
 * memory, out of the kernel's, and nothing from the window on both writable and executable. Where the
 * image has a file, its memory must be what the file has. */
int page_tables_check(const struct image *image, const struct port_set *ports, struct error *error);

/* Pages whose rights became fewer: the processor may remember the old ones (facts in
 * docs/guest-abi.md). `forget` is called for each run of neighbours, and for more than those where
 * there are many; the caller sets it and `context`, and the rest to zero. */
#define PAGE_HULLS_MAX 32
struct page_shrunk {
	void (*forget)(void *context, uint64_t physical, uint64_t length);
	void *context;
	/* Noted and not forgotten yet: of the machine's memory, and of the root image. */
	struct page_hulls {
		struct page_hull {
			uint64_t start, end;
		} list[PAGE_HULLS_MAX];
		size_t count;
	} hulls[2];
	/* Tables of upper levels lead elsewhere than before: what the processor remembers of any must
	 * be forgotten before the guest runs. */
	bool tables;
};

/* Notes a page. */
void page_shrunk_note(struct page_shrunk *shrunk, uint64_t physical);

/* Forgets what is noted. */
void page_shrunk_flush(struct page_shrunk *shrunk);

/* Changes the permissions of mapped pages of the current space in a running machine's memory
 * (`memory`: the machine's own mapping of the image), and flushes *shrunk (may be NULL). -ENOMEM
 * where a page is not mapped, -EACCES where a page of the root image is to be written; those before
 * it are changed. */
int page_tables_protect(uint8_t *memory, uint64_t address, uint64_t length, uint32_t protection,
			struct page_shrunk *shrunk);

/* Takes the page of page tables that lies at `offset` in a machine's memory back to what `original`
 * has there, but for tables that were added to it; what shrinks by that is noted. */
void page_tables_restore(uint8_t *memory, const uint8_t *original, uint64_t offset,
			 struct page_shrunk *shrunk);

/* Guest-physical address of the page at guest-virtual `address`, in the current space of a machine's
 * memory; UINT64_MAX where there is none of its own: nothing, or a large page. */
uint64_t page_tables_find(const uint8_t *memory, uint64_t address);

/* The end of the run of pages of the first space from `address` to at most `end` that have the same
 * permissions, and these; 0 where nothing is mapped or may be accessed. Reads the page tables, so that it knows what
 * page_tables_protect() changed. */
uint64_t page_tables_protection_run(const uint8_t *memory, uint64_t address, uint64_t end,
				    uint32_t *protection);

#endif

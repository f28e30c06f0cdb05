/* Pages for the mapping area, when they are first touched; see vma.h. A touch costs two exits, so
 * several pages come at once: more, the more of the neighbourhood was touched before. */
#include "fault.h"

#include <errno.h>
#include <signal.h>

#include "arch/code.h"
#include "backing.h"
#include "guest/lib/text.h"
#include "guest/machine/machine.h"
#include "pool.h"
#include "shared.h"
#include "sizes/sizes.h"
#include "vma.h"

/* Pages that come with one touch. */
#define FILL_MIN 16UL
#define FILL_MAX 512UL

/* One touch takes at most this part of the free memory. */
#define FILL_SHARE 16

/* With less than this part of memory free, pages of files that can be fetched again are given
 * back. */
#define RESERVE_SHARE 8

/* How many pages in a row end at `address`, up to FILL_MAX or a little more. They lie in one vma
 * or, because the pool hands out its highest pages first, in many. */
static uint64_t pages_before(uint64_t address)
{
	uint64_t pages = 0;
	while (pages < FILL_MAX) {
		const struct vma *vma = vma_find(address - 1);
		if (!vma || vma->end != address || !vma->frame)
			break;
		pages += (vma->end - vma->start) / GUEST_PAGE_SIZE;
		address = vma->start;
	}
	return pages;
}

/* The same for those that begin there. */
static uint64_t pages_behind(uint64_t address)
{
	uint64_t pages = 0;
	while (pages < FILL_MAX) {
		const struct vma *vma = vma_find(address);
		if (!vma || vma->start != address || !vma->frame)
			break;
		pages += (vma->end - vma->start) / GUEST_PAGE_SIZE;
		address = vma->end;
	}
	return pages;
}

/* How many pages a touch in the VMA is worth: as many as there are beside it. A power of two. */
static uint64_t choose_pages(const struct vma *vma)
{
	uint64_t most = pool_free_pages() / FILL_SHARE, pages = FILL_MIN;
	const uint64_t before = pages_before(vma->start), behind = pages_behind(vma->end);
	const uint64_t beside = before > behind ? before : behind;
	while (pages * 2 <= beside && pages < FILL_MAX)
		pages *= 2;
	while (pages > most && pages > 1)
		pages /= 2;
	return pages;
}

/* The aligned window of that many pages around `address`, as far as the VMA goes. */
static void choose_window(const struct vma *vma, uint64_t address, uint64_t pages, uint64_t *start,
			  uint64_t *end)
{
	const uint64_t size = pages * GUEST_PAGE_SIZE;
	*start = address & ~(size - 1);
	*end = *start + size;
	if (*start < vma->start)
		*start = vma->start;
	if (*end > vma->end)
		*end = vma->end;
}

/* Frames for the window around `address`, which is made smaller where there are not as many. Pages
 * of files leave room for others. */
static void *allocate_frames(const struct vma *vma, uint64_t address, uint64_t pages,
			     uint64_t *start, uint64_t *end)
{
	const uint64_t reserve = pool_total_pages() / RESERVE_SHARE;
	while (vma->file_backed && pool_free_pages() < reserve && vma_reclaim())
		;
	do {
		for (uint64_t some = pages; some; some /= 2) {
			choose_window(vma, address, some, start, end);
			void *frames = pool_allocate((*end - *start) / GUEST_PAGE_SIZE);
			if (frames)
				return frames;
		}
	} while (vma_reclaim());
	return NULL;
}

/* Where the backing has nothing more, zeros stay. */
static int read_backing(char *out, uint64_t start, uint64_t end)
{
	while (start < end) {
		uint64_t offset, limit = end;
		struct backing *backing = backing_at(start, &offset, &limit);
		int64_t copied =
		    backing ? backing->operations->read(backing, out, limit - start, offset) : 0;
		if (copied < 0)
			return (int)copied;
		out += limit - start;
		start = limit;
	}
	return 0;
}

static void release_frames(void *frames, uint64_t start, uint64_t end)
{
	pool_release(frames, (end - start) / GUEST_PAGE_SIZE);
}

static bool fill_from_pool(const struct vma *vma, uint64_t address, uint64_t pages)
{
	uint64_t start, end;
	void *frames = allocate_frames(vma, address, pages, &start, &end);
	if (!frames)
		return false;
	int error = vma->file_backed ? read_backing(frames, start, end) : 0;
	if (error) {
		release_frames(frames, start, end);
		machine_tell("a file that the program mapped cannot be read any more (error %d): "
			     "it is ended",
			     -error);
		process_end_by_signal(SIGBUS);
	}
	if (vma->image)
		memcpy(frames, (const void *)(vma->image + (start - vma->start)), end - start);
	error = vma_attach(start, end, (uint64_t)frames);
	if (error)
		release_frames(frames, start, end);
	return !error;
}

/* Maps the root image's own pages; false if the monitor refuses. */
static bool fill_from_root(const struct vma *vma, uint64_t address)
{
	uint64_t start, end;
	choose_window(vma, address, GUEST_MAP_MAX / GUEST_PAGE_SIZE, &start, &end);
	return !vma_attach(start, end, vma->image + (start - vma->start));
}

bool vma_fault(uint64_t address, uint32_t access)
{
	const struct vma *found = vma_find(address);
	if (!found || found->start > address || (found->protection & access) != access ||
	    found->frame)
		return false;
	const struct vma vma = *found; /* the list changes */
	address = round_down(address, GUEST_PAGE_SIZE);
	const bool writable = vma.protection & GUEST_WRITE;
	if (vma.shared)
		return shared_fault(&vma, address, choose_pages(&vma));
	if (vma.image && code_may_be_rewritten(vma.protection) && code_fill(&vma) &&
	    vma_find(address)->frame)
		return true;
	if (vma.image && !writable && fill_from_root(&vma, address))
		return true;
	if (!fill_from_pool(&vma, address, choose_pages(&vma)))
		pool_exhausted();
	return true;
}

void vma_populate(uint64_t start, uint64_t end)
{
	while (start < end) {
		struct vma vma = *vma_find(start);
		if (vma.end > end)
			vma.end = end;
		if (!vma.frame && !fill_from_pool(&vma, start, FILL_MAX))
			pool_exhausted();
		start = vma_find(start)->end;
	}
}

/* Fills anonymous memory that was not touched yet. */
static bool is_blank(const struct vma *vma)
{
	return !vma->frame && !vma->image && !vma->file_backed && !vma->shared &&
	       vma->protection & GUEST_WRITE;
}

void vma_fault_ahead(void)
{
	uint64_t most = pool_free_pages() / FILL_SHARE, at = GUEST_AREA_BASE;
	const struct vma *found;
	while (most >= 2 * FILL_MIN && (found = vma_find(at))) {
		const struct vma vma = *found; /* the list changes */
		at = vma.end;
		if (!is_blank(&vma))
			continue;
		/* What grows down goes on at its end. */
		if (pages_behind(vma.end) &&
		    fill_from_pool(&vma, vma.end - GUEST_PAGE_SIZE, FILL_MIN))
			most -= FILL_MIN;
		found = vma_find(vma.start);
		if (is_blank(found) && pages_before(found->start)) {
			const struct vma rest = *found;
			if (fill_from_pool(&rest, rest.start, FILL_MIN))
				most -= FILL_MIN;
		}
	}
}

/* Pages for the mapping area, when they are first touched; see area.h. A touch costs two exits, so
 * several pages come at once: more, the more of the neighbourhood was touched before. */
#include "area.h"

#include <errno.h>

#include "code.h"
#include "libos.h"
#include "pool.h"
#include "text.h"

/* Pages that come with one touch. */
#define FILL_MIN 16UL
#define FILL_MAX 512UL

/* Of what is free, not more than this part goes with one touch. */
#define FILL_SHARE 16

/* How many pages there are in a row, up to FILL_MAX or a little more, that end at `address`; in one
 * piece or, as the pool hands out its highest pages first, in many. */
static uint64_t pages_before(uint64_t address)
{
	uint64_t pages = 0;
	while (pages < FILL_MAX) {
		const struct area_piece *piece = area_piece_from(address - 1);
		if (!piece || piece->end != address || !piece->source)
			break;
		pages += (piece->end - piece->start) / GUEST_PAGE_SIZE;
		address = piece->start;
	}
	return pages;
}

/* The same for those that begin there. */
static uint64_t pages_behind(uint64_t address)
{
	uint64_t pages = 0;
	while (pages < FILL_MAX) {
		const struct area_piece *piece = area_piece_from(address);
		if (!piece || piece->start != address || !piece->source)
			break;
		pages += (piece->end - piece->start) / GUEST_PAGE_SIZE;
		address = piece->end;
	}
	return pages;
}

/* How many pages a touch in the piece is worth: as many as there are beside it. A power of two. */
static uint64_t choose_pages(const struct area_piece *piece)
{
	uint64_t most = pool_free_pages() / FILL_SHARE, pages = FILL_MIN;
	const uint64_t before = pages_before(piece->start), behind = pages_behind(piece->end);
	const uint64_t beside = before > behind ? before : behind;
	while (pages * 2 <= beside && pages < FILL_MAX)
		pages *= 2;
	while (pages > most && pages > 1)
		pages /= 2;
	return pages;
}

/* The aligned window of that many pages around `address`, as far as the piece goes. */
static void choose_window(const struct area_piece *piece, uint64_t address, uint64_t pages,
			  uint64_t *start, uint64_t *end)
{
	const uint64_t size = pages * GUEST_PAGE_SIZE;
	*start = address & ~(size - 1);
	*end = *start + size;
	if (*start < piece->start)
		*start = piece->start;
	if (*end > piece->end)
		*end = piece->end;
}

static bool fill_from_pool(const struct area_piece *piece, uint64_t address, uint64_t pages)
{
	uint64_t start, end;
	void *frames = NULL;
	for (; pages && !frames; pages /= 2) {
		choose_window(piece, address, pages, &start, &end);
		frames = memory_allocate_pages((end - start) / GUEST_PAGE_SIZE);
	}
	if (!frames)
		return false;
	if (piece->origin)
		memcpy(frames, (const void *)(piece->origin + (start - piece->start)), end - start);
	int error = area_attach(start, end, (uint64_t)frames);
	if (error)
		memory_free_pages(frames, (end - start) / GUEST_PAGE_SIZE);
	return !error;
}

/* Shows the root's own pages; false where the host does not let it. */
static bool fill_from_root(const struct area_piece *piece, uint64_t address)
{
	uint64_t start, end;
	choose_window(piece, address, GUEST_MAP_MAX / GUEST_PAGE_SIZE, &start, &end);
	return !area_attach(start, end, piece->origin + (start - piece->start));
}

bool area_touch(uint64_t address, uint32_t access)
{
	const struct area_piece *found = area_piece_from(address);
	if (!found || found->start > address || (found->protection & access) != access ||
	    found->source)
		return false;
	const struct area_piece piece = *found; /* the list changes */
	address &= ~(GUEST_PAGE_SIZE - 1);
	const bool writable = piece.protection & GUEST_WRITE;
	if (piece.origin && piece.protection & GUEST_EXECUTE && code_fill(&piece) &&
	    area_piece_from(address)->source)
		return true;
	if (piece.origin && !writable && fill_from_root(&piece, address))
		return true;
	if (!fill_from_pool(&piece, address, choose_pages(&piece)))
		process_out_of_memory();
	return true;
}

void area_populate(uint64_t start, uint64_t end)
{
	while (start < end) {
		const struct area_piece piece = *area_piece_from(start);
		if (!piece.source && !fill_from_pool(&piece, start, FILL_MAX))
			process_out_of_memory();
		start = area_piece_from(start)->end;
	}
}

/* Memory without a file, which was not touched yet. */
static bool is_blank(const struct area_piece *piece)
{
	return !piece->source && !piece->origin && piece->protection & GUEST_WRITE;
}

void area_fill_ahead(void)
{
	uint64_t most = pool_free_pages() / FILL_SHARE, at = GUEST_AREA_BASE;
	const struct area_piece *found;
	while (most >= 2 * FILL_MIN && (found = area_piece_from(at))) {
		const struct area_piece piece = *found; /* the list changes */
		at = piece.end;
		if (!is_blank(&piece))
			continue;
		/* What grows down goes on at its end. */
		if (pages_behind(piece.end) &&
		    fill_from_pool(&piece, piece.end - GUEST_PAGE_SIZE, FILL_MIN))
			most -= FILL_MIN;
		found = area_piece_from(piece.start);
		if (is_blank(found) && pages_before(found->start)) {
			const struct area_piece rest = *found;
			if (fill_from_pool(&rest, rest.start, FILL_MIN))
				most -= FILL_MIN;
		}
	}
}

/* The list of mappings in the area; see area.h. An array in the order of addresses: programs have
 * tens to hundreds of mappings, and find them far more often than they make them. */
#include "area.h"

#include <errno.h>

#include "libos.h"
#include "regions.h"
#include "text.h"

#define FIRST_CAPACITY 16

static struct {
	struct area_piece *pieces;
	uint64_t count, capacity;
} area;

static uint64_t page_count(uint64_t start, uint64_t end)
{
	return (end - start) / GUEST_PAGE_SIZE;
}

bool area_contains(uint64_t address, uint64_t length)
{
	return address >= GUEST_AREA_BASE && address < GUEST_AREA_END &&
	       length <= GUEST_AREA_END - address;
}

/* ── the list ────────────────────────────────────────────────────────────────────────────────── */

/* The index of the first piece that ends behind `address`. */
static uint64_t index_from(uint64_t address)
{
	uint64_t low = 0, high = area.count;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		if (area.pieces[middle].end > address)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

const struct area_piece *area_piece_from(uint64_t address)
{
	uint64_t index = index_from(address);
	return index < area.count ? &area.pieces[index] : NULL;
}

/* Room for that many pieces more. */
static int reserve(uint64_t more)
{
	uint64_t capacity = area.capacity ? area.capacity : FIRST_CAPACITY;
	while (capacity < area.count + more)
		capacity *= 2;
	if (capacity == area.capacity)
		return 0;
	struct area_piece *grown =
	    heap_resize(area.pieces, area.capacity * sizeof(*grown), capacity * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	area.pieces = grown;
	area.capacity = capacity;
	return 0;
}

/* There is room. */
static void insert(uint64_t index, const struct area_piece *piece)
{
	memmove(area.pieces + index + 1, area.pieces + index,
		(area.count - index) * sizeof(*piece));
	area.pieces[index] = *piece;
	area.count++;
}

static void remove_pieces(uint64_t index, uint64_t count)
{
	memmove(area.pieces + index, area.pieces + index + count,
		(area.count - index - count) * sizeof(*area.pieces));
	area.count -= count;
}

/* Makes `address` a border between pieces. There is room. */
static void split(uint64_t address)
{
	uint64_t index = index_from(address);
	if (index == area.count || area.pieces[index].start >= address)
		return;
	struct area_piece *piece = &area.pieces[index], upper = *piece;
	uint64_t before = address - piece->start;
	upper.start = piece->end = address;
	if (upper.source)
		upper.source += before;
	if (upper.origin)
		upper.origin += before;
	insert(index + 1, &upper);
}

static bool goes_on(uint64_t first, uint64_t length, uint64_t second)
{
	return first ? second == first + length : !second;
}

/* The second continues the first in all that counts. */
static bool can_merge(const struct area_piece *first, const struct area_piece *second)
{
	uint64_t length = first->end - first->start;
	return first->end == second->start && first->protection == second->protection &&
	       goes_on(first->source, length, second->source) &&
	       goes_on(first->origin, length, second->origin);
}

/* Merges what can be among the pieces that touch [start, end]. */
static void merge(uint64_t start, uint64_t end)
{
	uint64_t index = index_from(start ? start - 1 : 0);
	while (index + 1 < area.count && area.pieces[index + 1].start <= end) {
		if (can_merge(&area.pieces[index], &area.pieces[index + 1])) {
			area.pieces[index].end = area.pieces[index + 1].end;
			remove_pieces(index + 1, 1);
		} else {
			index++;
		}
	}
}

/* Makes start and end borders; *first and *behind are the indices of what lies between. */
static int isolate(uint64_t start, uint64_t end, uint64_t *first, uint64_t *behind)
{
	int error = reserve(2);
	if (error)
		return error;
	split(start);
	split(end);
	*first = index_from(start);
	*behind = *first;
	while (*behind < area.count && area.pieces[*behind].start < end)
		++*behind;
	return 0;
}

/* ── questions ───────────────────────────────────────────────────────────────────────────────── */

bool area_is_free(uint64_t start, uint64_t end)
{
	const struct area_piece *piece = area_piece_from(start);
	return (!piece || piece->start >= end) && !regions_overlap(start, end);
}

bool area_is_mapped(uint64_t start, uint64_t end)
{
	for (uint64_t index = index_from(start); start < end; index++) {
		if (index == area.count || area.pieces[index].start > start)
			return false;
		start = area.pieces[index].end;
	}
	return true;
}

bool area_is_uniform(uint64_t start, uint64_t end)
{
	if (!area_is_mapped(start, end))
		return false;
	const struct area_piece *first = area_piece_from(start);
	for (const struct area_piece *piece = first; piece->end < end; piece++)
		if (piece[1].protection != first->protection ||
		    !goes_on(piece->origin, piece->end - piece->start, piece[1].origin))
			return false;
	return true;
}

uint64_t area_accessible_end(uint64_t address, uint32_t access)
{
	const struct area_piece *piece = area_piece_from(address);
	if (!piece || piece->start > address || (piece->protection & access) != access)
		return 0;
	return piece->end;
}

uint64_t area_find(uint64_t length, uint64_t limit)
{
	if (!length || length > limit)
		return 0;
	uint64_t index = index_from(limit - 1), top = limit;
	if (index < area.count && area.pieces[index].start < top)
		top = area.pieces[index].start;
	for (;;) {
		const uint64_t bottom = index ? area.pieces[index - 1].end : GUEST_AREA_BASE;
		uint64_t blocked;
		/* Segments of the program may lie in the gap. */
		while (top >= bottom + length && (blocked = regions_overlap(top - length, top)))
			top = blocked;
		if (top >= bottom + length)
			return top - length;
		if (!index)
			return 0;
		top = area.pieces[--index].start;
	}
}

/* ── changes ─────────────────────────────────────────────────────────────────────────────────── */

static bool is_frame(const struct area_piece *piece)
{
	return piece->source && piece->source < GUEST_ROOT_BASE;
}

/* Takes the pages from behind pieces, which are neighbours in the list; what was the pool's goes
 * back there, unless it is `kept` for another place. */
static int detach(uint64_t first, uint64_t behind, bool kept)
{
	uint64_t start = 0, end = 0;
	for (uint64_t i = first; i < behind; i++) {
		if (!area.pieces[i].source)
			continue;
		if (!end)
			start = area.pieces[i].start;
		end = area.pieces[i].end;
	}
	if (!end)
		return 0;
	int64_t error = machine_hypercall(HYPERCALL_UNMAP, start, end - start, 0);
	for (uint64_t i = first; i < behind && !error && !kept; i++) {
		struct area_piece *piece = &area.pieces[i];
		if (is_frame(piece))
			memory_free_pages((void *)piece->source,
					  page_count(piece->start, piece->end));
		piece->source = 0;
	}
	return (int)error;
}

int area_unmap(uint64_t start, uint64_t end)
{
	uint64_t first, behind;
	int error = isolate(start, end, &first, &behind);
	if (!error)
		error = detach(first, behind, false);
	if (!error)
		remove_pieces(first, behind - first);
	return error;
}

int area_map(uint64_t start, uint64_t end, uint32_t protection, uint64_t origin)
{
	const struct area_piece piece = {
	    .start = start, .end = end, .protection = protection, .origin = origin};
	if (regions_overlap(start, end))
		return -ENOMEM;
	int error = reserve(3);
	if (!error)
		error = area_unmap(start, end);
	if (error)
		return error;
	insert(index_from(start), &piece);
	merge(start, end);
	return 0;
}

static int protect_piece(struct area_piece *piece, uint32_t protection)
{
	if (piece->protection == protection)
		return 0;
	int64_t error = 0;
	const uint64_t length = piece->end - piece->start;
	if (piece->source && !is_frame(piece) && (protection & GUEST_WRITE)) {
		/* The root's own page: it goes, and a copy comes when it is touched. */
		error = machine_hypercall(HYPERCALL_UNMAP, piece->start, length, 0);
		if (!error)
			piece->source = 0;
	} else if (piece->source) {
		error = machine_hypercall(HYPERCALL_PROTECT, piece->start, length, protection);
	}
	if (!error)
		piece->protection = protection;
	return (int)error;
}

int area_protect(uint64_t start, uint64_t end, uint32_t protection)
{
	uint64_t first, behind, at = start;
	int error = isolate(start, end, &first, &behind);
	for (uint64_t i = first; i < behind && !error && area.pieces[i].start == at; i++) {
		at = area.pieces[i].end;
		error = protect_piece(&area.pieces[i], protection);
	}
	merge(start, end);
	return error || at >= end ? error : -ENOMEM;
}

int area_discard(uint64_t start, uint64_t end)
{
	uint64_t first, behind;
	int error = isolate(start, end, &first, &behind);
	if (!error)
		error = detach(first, behind, false);
	merge(start, end);
	return error;
}

int area_attach(uint64_t start, uint64_t end, uint64_t source)
{
	uint64_t first, behind;
	int error = isolate(start, end, &first, &behind);
	if (error)
		return error;
	struct area_piece *piece = &area.pieces[first];
	error = (int)machine_map(start, source, end - start, piece->protection);
	if (!error)
		piece->source = source;
	merge(start, end);
	return error;
}

/* Pages go home and from there to the new place; what is in them stays. */
int area_move(uint64_t start, uint64_t end, uint64_t target)
{
	uint64_t first, behind;
	int error = isolate(start, end, &first, &behind);
	if (!error)
		error = reserve(behind - first);
	if (!error)
		error = detach(first, behind, true);
	if (error)
		return error;
	const uint64_t count = behind - first;
	for (uint64_t i = 0; i < count && !error; i++) {
		struct area_piece piece = area.pieces[index_from(start)];
		const uint64_t length = piece.end - piece.start;
		remove_pieces(index_from(start), 1);
		start = piece.end;
		piece.start = target;
		piece.end = target += length;
		insert(index_from(piece.start), &piece);
		if (piece.source)
			error =
			    (int)machine_map(piece.start, piece.source, length, piece.protection);
	}
	/* There is no way back: what was to be moved has no place. */
	if (error)
		process_out_of_memory();
	merge(target, target);
	return 0;
}

/* What the mappings of a space are of; see backing.h. A list without order: programs map some
 * hundred files at most, and seldom look. */
#include "backing.h"

#include <errno.h>

#include "heap.h"
#include "pool.h"
#include "space.h"

struct backing_mapping {
	struct backing_mapping *next;
	uint64_t start, end, offset;
	struct backing *backing; /* held */
};

static void hold(struct backing *backing)
{
	backing->operations->hold(backing);
}

static void drop(struct backing *backing)
{
	backing->operations->drop(backing);
}

static int add(struct address_space *space, uint64_t start, uint64_t end, struct backing *backing,
	       uint64_t offset)
{
	struct backing_mapping *mapped = heap_allocate(sizeof(*mapped));
	if (!mapped)
		return -ENOMEM;
	hold(backing);
	mapped->start = start;
	mapped->end = end;
	mapped->offset = offset;
	mapped->backing = backing;
	mapped->next = space->backings;
	space->backings = mapped;
	return 0;
}

/* Cuts [start, end) out of it. True if nothing of it is left. */
static bool cut(struct backing_mapping *mapped, uint64_t start, uint64_t end)
{
	if (mapped->start >= end || mapped->end <= start)
		return false;
	/* Without memory for the entry the mapping's pages could not be fetched. */
	if (mapped->end > end && mapped->start < start &&
	    add(address_space_current(), end, mapped->end, mapped->backing,
		mapped->offset + (end - mapped->start)))
		pool_exhausted();
	if (mapped->start < start) {
		mapped->end = start;
		return false;
	}
	if (mapped->end <= end)
		return true;
	mapped->offset += end - mapped->start;
	mapped->start = end;
	return false;
}

int backing_set(uint64_t start, uint64_t end, struct backing *backing, uint64_t offset)
{
	struct address_space *space = address_space_current();
	for (struct backing_mapping **place = &space->backings; *place;) {
		struct backing_mapping *mapped = *place;
		if (!cut(mapped, start, end)) {
			place = &(*place)->next;
			continue;
		}
		*place = mapped->next;
		drop(mapped->backing);
		heap_free(mapped, sizeof(*mapped));
	}
	return backing ? add(space, start, end, backing, offset) : 0;
}

void backing_move(uint64_t start, uint64_t end, uint64_t target)
{
	while (start < end) {
		uint64_t offset, limit = end;
		struct backing *backing = backing_at(start, &offset, &limit);
		if (backing)
			hold(backing);
		backing_set(start, limit, NULL, 0);
		/* Without memory for the entry the mapping's pages could not be fetched. */
		if (backing_set(target, target + (limit - start), backing, offset))
			pool_exhausted();
		if (backing)
			drop(backing);
		target += limit - start;
		start = limit;
	}
}

void backing_grow(uint64_t start, uint64_t old_end, uint64_t end)
{
	uint64_t offset, limit = old_end;
	struct backing *backing = backing_at(start, &offset, &limit);
	if (!backing)
		return;
	hold(backing);
	if (backing_set(start, end, backing, offset))
		pool_exhausted();
	drop(backing);
}

struct backing *backing_at(uint64_t address, uint64_t *offset, uint64_t *limit)
{
	for (const struct backing_mapping *mapped = address_space_current()->backings; mapped;
	     mapped = mapped->next) {
		if (address >= mapped->start && address < mapped->end) {
			*offset = mapped->offset + (address - mapped->start);
			if (*limit > mapped->end)
				*limit = mapped->end;
			return mapped->backing;
		}
		if (mapped->start > address && *limit > mapped->start)
			*limit = mapped->start;
	}
	return NULL;
}

bool backing_each(const struct address_space *space, const void *object, uint64_t start,
		  uint64_t end, backing_visit *visit)
{
	for (const struct backing_mapping *mapped = space->backings; mapped;
	     mapped = mapped->next) {
		const struct backing_operations *operations = mapped->backing->operations;
		const uint64_t first = mapped->offset;
		const uint64_t behind = first + (mapped->end - mapped->start);
		if (!operations->object || operations->object(mapped->backing) != object ||
		    first >= end || behind <= start)
			continue;
		const uint64_t from = start > first ? start - first : 0;
		const uint64_t to = end < behind ? end - first : behind - first;
		if (!visit(space, mapped->start + from, mapped->start + to))
			return false;
	}
	return true;
}

int backings_copy(struct address_space *space, uint64_t start, uint64_t end)
{
	for (const struct backing_mapping *mapped = address_space_current()->backings; mapped;
	     mapped = mapped->next) {
		const uint64_t from = mapped->start > start ? mapped->start : start;
		const uint64_t to = mapped->end < end ? mapped->end : end;
		if (from < to &&
		    add(space, from, to, mapped->backing, mapped->offset + (from - mapped->start)))
			return -ENOMEM;
	}
	return 0;
}

void backings_release(struct address_space *space)
{
	while (space->backings) {
		struct backing_mapping *mapped = space->backings;
		space->backings = mapped->next;
		drop(mapped->backing);
		heap_free(mapped, sizeof(*mapped));
	}
}

uint64_t backing_end(uint64_t address, uint64_t end)
{
	while (address < end) {
		uint64_t offset = 0, limit = end;
		const struct backing *backing = backing_at(address, &offset, &limit);
		const uint64_t size = backing ? backing->operations->end(backing) : 0;
		if (size < offset || size - offset < limit - address)
			return address + (size > offset ? size - offset : 0);
		address = limit;
	}
	return end;
}

/* What the program's mappings are of; see backing.h. A list without order: programs map some
 * hundred files at most, and seldom look. */
#include "backing.h"

#include <errno.h>

#include "heap.h"
#include "pool.h"

struct mapping {
	struct mapping *next;
	uint64_t start, end, offset;
	struct backing *backing; /* held */
};

static struct mapping *mappings;

static void hold(struct backing *backing)
{
	backing->operations->hold(backing);
}

static void drop(struct backing *backing)
{
	backing->operations->drop(backing);
}

static int add(uint64_t start, uint64_t end, struct backing *backing, uint64_t offset)
{
	struct mapping *mapped = heap_allocate(sizeof(*mapped));
	if (!mapped)
		return -ENOMEM;
	hold(backing);
	mapped->start = start;
	mapped->end = end;
	mapped->offset = offset;
	mapped->backing = backing;
	mapped->next = mappings;
	mappings = mapped;
	return 0;
}

/* Cuts [start, end) out of it. True if nothing of it is left. */
static bool cut(struct mapping *mapped, uint64_t start, uint64_t end)
{
	if (mapped->start >= end || mapped->end <= start)
		return false;
	/* Without memory for the entry the mapping's pages could not be fetched. */
	if (mapped->end > end && mapped->start < start &&
	    add(end, mapped->end, mapped->backing, mapped->offset + (end - mapped->start)))
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
	for (struct mapping **place = &mappings; *place;) {
		struct mapping *mapped = *place;
		if (!cut(mapped, start, end)) {
			place = &(*place)->next;
			continue;
		}
		*place = mapped->next;
		drop(mapped->backing);
		heap_free(mapped, sizeof(*mapped));
	}
	return backing ? add(start, end, backing, offset) : 0;
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
	for (const struct mapping *mapped = mappings; mapped; mapped = mapped->next) {
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

bool backing_each(const void *object, uint64_t start, uint64_t end,
		  bool (*visit)(uint64_t address, uint64_t end))
{
	for (const struct mapping *mapped = mappings; mapped; mapped = mapped->next) {
		const struct backing_operations *operations = mapped->backing->operations;
		const uint64_t first = mapped->offset;
		const uint64_t behind = first + (mapped->end - mapped->start);
		if (!operations->object || operations->object(mapped->backing) != object ||
		    first >= end || behind <= start)
			continue;
		const uint64_t from = start > first ? start - first : 0;
		const uint64_t to = end < behind ? end - first : behind - first;
		if (!visit(mapped->start + from, mapped->start + to))
			return false;
	}
	return true;
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

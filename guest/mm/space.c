/* The address spaces that there are, and the current one; see space.h. */
#include "space.h"

#include <errno.h>

#include "guest/lib/large_data.h"
#include "guest/machine/machine.h"
#include "heap.h"
#include "pool.h"

struct address_space address_space_of_first = {.references = 1};

static struct address_space *current = &address_space_of_first;

/* By number. */
static LARGE_DATA struct address_space *others[GUEST_SPACES_MAX];

/* What a space of that number had for itself when it was there last: the monitor has its tables still.
 * 0: there was none. */
static LARGE_DATA uint64_t last_own[GUEST_SPACES_MAX];

struct address_space *address_space_current(void)
{
	return current;
}

struct address_space *address_space_next(const struct address_space *before)
{
	if (!before)
		return &address_space_of_first;
	for (uint32_t i = before->number + 1; i < GUEST_SPACES_MAX; i++)
		if (others[i])
			return others[i];
	return NULL;
}

void address_space_hold(struct address_space *space)
{
	space->references++;
}

void address_space_enter(struct address_space *space)
{
	if (space == current)
		return;
	/* Without its memory no process can go on: the machine is at its end. */
	if (machine_hypercall(HYPERCALL_SPACE, GUEST_SPACE_SWITCH, space->number, 0))
		pool_exhausted();
	current = space;
}

/* ── they come and go ────────────────────────────────────────────────────────────────────────── */

/* The same for the same parts of the pool, and hardly for others; never 0. */
static uint64_t own_mark(const struct address_space *space)
{
	uint64_t mark = 1;
	for (uint64_t i = 0; i < space->own_count; i++) {
		mark = (mark + space->own[i].start / GUEST_SPACE_OWN_SIZE) * 0x9e3779b97f4a7c15UL;
		mark = (mark + space->own[i].end / GUEST_SPACE_OWN_SIZE) * 0x9e3779b97f4a7c15UL;
	}
	return mark | 1;
}

/* A number whose tables fit, or else one without any, or else another. 0: none is free. */
static uint32_t choose_number(uint64_t mark)
{
	uint32_t fresh = 0, other = 0;
	for (uint32_t i = 1; i < GUEST_SPACES_MAX; i++) {
		if (others[i])
			continue;
		if (last_own[i] == mark)
			return i;
		uint32_t *place = last_own[i] ? &other : &fresh;
		if (!*place)
			*place = i;
	}
	return fresh ? fresh : other;
}

struct address_space *space_allocate(int *error)
{
	const bool is_room = choose_number(0);
	struct address_space *space = is_room ? heap_allocate(sizeof(*space)) : NULL;
	*error = space ? 0 : is_room ? -ENOMEM : -EAGAIN;
	if (space)
		space->references = 1;
	return space;
}

int space_begin(struct address_space *space, uint64_t runs)
{
	const uint64_t mark = own_mark(space);
	space->number = choose_number(mark);
	int64_t error = machine_hypercall(HYPERCALL_SPACE, GUEST_SPACE_MAKE, space->number, runs);
	if (error)
		return (int)error;
	others[space->number] = space;
	last_own[space->number] = mark;
	for (uint64_t i = 0; i < space->own_count; i++)
		pool_hold_chunks(space->own[i].start, space->own[i].end);
	return 0;
}

void space_end(struct address_space *space)
{
	/* Its pages could be seen by others when they are handed out again. */
	if (machine_hypercall(HYPERCALL_SPACE, GUEST_SPACE_DROP, space->number, 0))
		pool_exhausted();
	others[space->number] = NULL;
	for (uint64_t i = 0; i < space->own_count; i++)
		pool_drop_chunks(space->own[i].start, space->own[i].end);
}

/* ── where the current space has what ────────────────────────────────────────────────────────── */

bool address_space_has_regions(void)
{
	return !current->number;
}

bool address_space_has_pool(uint64_t address, uint64_t length)
{
	return !current->number && pool_contains(address, length);
}

bool address_space_next_area(uint64_t *address, uint64_t *end)
{
	for (uint64_t i = 0; i <= current->own_count && *address < *end; i++) {
		const struct own_range area =
		    i ? current->own[i - 1]
		      : (struct own_range){GUEST_AREA_BASE,
					   current->number ? GUEST_STACK_TOP : GUEST_AREA_END};
		if (area.end <= *address || area.start >= *end)
			continue;
		if (*address < area.start)
			*address = area.start;
		if (*end > area.end)
			*end = area.end;
		return true;
	}
	return false;
}

bool address_space_has_area(uint64_t address, uint64_t length)
{
	uint64_t from = address, to = address + length;
	if (to <= address)
		return false;
	return address_space_next_area(&from, &to) && from == address && to == address + length;
}

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

/* Numbers that had a space before, one bit for each: the monitor has their tables still. */
static uint64_t known;

_Static_assert(GUEST_SPACES_MAX <= 64, "bits");

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

/* ── they come and go ───────────────────────────────────────────────────────────────────────────────── */

/* 0: none is free. */
static uint32_t choose_number(void)
{
	uint32_t fresh = 0;
	for (uint32_t i = 1; i < GUEST_SPACES_MAX; i++) {
		if (others[i])
			continue;
		if (known >> i & 1)
			return i;
		if (!fresh)
			fresh = i;
	}
	return fresh;
}

struct address_space *space_allocate(int *error)
{
	const uint32_t number = choose_number();
	struct address_space *space = number ? heap_allocate(sizeof(*space)) : NULL;
	*error = space ? 0 : number ? -ENOMEM : -EAGAIN;
	if (!space)
		return NULL;
	space->number = number;
	space->references = 1;
	return space;
}

int space_begin(struct address_space *space, uint64_t runs)
{
	int64_t error = machine_hypercall(HYPERCALL_SPACE, GUEST_SPACE_MAKE, space->number, runs);
	if (error)
		return (int)error;
	others[space->number] = space;
	known |= 1UL << space->number;
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

/* The address spaces that there are, and the current one; see space.h. */
#include "space.h"

#include <errno.h>

#include "guest/lib/large_data.h"
#include "guest/machine/contents_area.h"
#include "guest/machine/hypercall.h"
#include "guest/machine/machine.h"
#include "heap.h"
#include "pool.h"

/* That many numbers get tables before one is given to another kind of space than it had last. */
#define KINDS_MAX 16

struct address_space address_space_of_first = {.references = 1, .is_made = true};

static struct address_space *current = &address_space_of_first;

/* Nobody goes on in it. The monitor drops it when the machine goes to another space: together that
 * is one hypercall. NULL: there is none. */
static struct address_space *left;

/* By number. */
static LARGE_DATA struct address_space *others[GUEST_SPACES_MAX];

/* What the space of that number was when it was made last: what it had for itself, and of which kind it
 * was. The monitor has its tables still, and the processor what was in them. 0: there was none. */
static LARGE_DATA struct {
	uint64_t own, kind;
} last[GUEST_SPACES_MAX];

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

/* ── making one ──────────────────────────────────────────────────────────────────────────────── */

static struct guest_space_run *run_area(void)
{
	return (struct guest_space_run *)contents_area_take(&address_space_of_first);
}

/* Adds a run to the first `count`, or to the last of them. */
static uint64_t add_run(struct guest_space_run *runs, uint64_t count,
			const struct guest_space_run *run)
{
	struct guest_space_run *before = count ? &runs[count - 1] : NULL;
	if (before && before->protection == run->protection &&
	    before->address + before->length == run->address &&
	    before->source + before->length == run->source &&
	    run->length <= GUEST_MAP_MAX - before->length) {
		before->length += run->length;
		return count;
	}
	if (count < GUEST_SPACE_RUNS_MAX)
		runs[count] = *run;
	return count + 1;
}

/* Pages of the pool stay at home as well: a page that comes and goes there costs its next user a fault,
 * which is more than to copy it. */
static uint64_t add_vma(struct guest_space_run *runs, uint64_t count, const struct vma *vma)
{
	const bool shows_pool = vma->frame < GUEST_ROOT_BASE;
	const uint64_t length = vma->end - vma->start;
	struct guest_space_run run = {.protection =
					  vma->protection | (shows_pool ? GUEST_SHARED : 0)};
	for (uint64_t done = 0; vma->frame && done < length; done += run.length) {
		run.address = vma->start + done;
		run.source = vma->frame + done;
		run.length = length - done < GUEST_MAP_MAX ? length - done : GUEST_MAP_MAX;
		count = add_run(runs, count, &run);
	}
	return count;
}

/* What the space has, for the monitor. There may be more than fit: then it can refuse that only. */
static uint64_t list_runs(const struct address_space *space)
{
	struct guest_space_run *runs = run_area();
	uint64_t count = 0;
	for (uint64_t i = 0; i < space->own_count; i++) {
		const struct own_range *own = &space->own[i];
		if (count < GUEST_SPACE_RUNS_MAX)
			runs[count] = (struct guest_space_run){.address = own->start,
							       .length = own->end - own->start,
							       .protection = GUEST_SPACE_OWN};
		count++;
	}
	for (uint64_t i = 0; i < space->vmas.count; i++)
		count = add_vma(runs, count, &space->vmas.vmas[i]);
	return count;
}

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

/* The number of a space of the same kind, whose pages may be the same; or one without tables; or one
 * whose tables fit; or another. 0: none is free. */
static uint32_t choose_number(uint64_t mark, uint64_t kind)
{
	uint32_t fresh = 0, fitting = 0, other = 0, used = 0;
	for (uint32_t i = 1; i < GUEST_SPACES_MAX; i++) {
		used += last[i].own != 0;
		if (others[i])
			continue;
		if (last[i].own == mark && last[i].kind == kind)
			return i;
		uint32_t *place = !last[i].own ? &fresh : last[i].own == mark ? &fitting : &other;
		if (!*place)
			*place = i;
	}
	if (fresh && (used < KINDS_MAX || !fitting))
		return fresh;
	return fitting ? fitting : other;
}

struct address_space *space_allocate(int *error)
{
	const bool is_room = choose_number(0, 0);
	struct address_space *space = is_room ? heap_allocate(sizeof(*space)) : NULL;
	*error = space ? 0 : is_room ? -ENOMEM : -EAGAIN;
	if (space)
		space->references = 1;
	return space;
}

/* How many tables the monitor needs for it: one for each 2 MiB, 1 GiB and 512 GiB that has something. */
static uint64_t count_tables(const struct address_space *space)
{
	uint64_t count = 0, before[3] = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
	for (uint64_t i = 0; i < space->vmas.count; i++) {
		const struct vma *vma = &space->vmas.vmas[i];
		for (unsigned level = 0; vma->frame && level < 3; level++) {
			const unsigned shift = 21 + 9 * level;
			const uint64_t first = vma->start >> shift, end = (vma->end - 1) >> shift;
			count += end - first + (first != before[level]);
			before[level] = end;
		}
	}
	return count;
}

static void note_made(struct address_space *space)
{
	space->is_made = true;
	last[space->number].own = own_mark(space);
	last[space->number].kind = space->kind;
}

/* Where the monitor may lack tables, now that somebody can be told. */
static int make_ahead(struct address_space *space, uint64_t runs)
{
	if (count_tables(space) <= GUEST_SPACE_TABLES)
		return 0;
	const int64_t error =
	    machine_hypercall(HYPERCALL_SPACE, GUEST_SPACE_MAKE, space->number, runs);
	if (!error)
		note_made(space);
	return (int)error;
}

int space_begin(struct address_space *space, uint64_t kind)
{
	const uint64_t runs = list_runs(space);
	if (runs > GUEST_SPACE_RUNS_MAX)
		return -ENOMEM;
	space->kind = kind;
	space->number = choose_number(own_mark(space), kind);
	const int error = make_ahead(space, runs);
	if (error)
		return error;
	others[space->number] = space;
	for (uint64_t i = 0; i < space->own_count; i++)
		pool_hold_chunks(space->own[i].start, space->own[i].end);
	return 0;
}

/* ── going there ─────────────────────────────────────────────────────────────────────────────── */

/* The machine is in no space of the process, which can only end. */
static int lose(struct address_space *space, int error)
{
	space->is_lost = true;
	if (machine_enter_space(0, GUEST_SPACE_MADE, 0))
		pool_exhausted();
	return error;
}

/* The machine goes to the space; what is `left` has no pages any more. */
static int show(struct address_space *space)
{
	const bool is_there = space->is_made || space->is_lost;
	const uint64_t runs = is_there ? GUEST_SPACE_MADE : list_runs(space);
	if (left == space)
		left = NULL;
	const int64_t error =
	    machine_enter_space(space->is_lost ? 0 : space->number, runs, left ? left->number : 0);
	/* Without its memory no process can go on: the machine is at its end. */
	if (error && is_there)
		pool_exhausted();
	if (error)
		return lose(space, (int)error);
	if (!is_there)
		note_made(space);
	if (left)
		left->is_made = false;
	left = NULL;
	return 0;
}

int address_space_try_enter(struct address_space *space)
{
	if (space == current)
		return 0;
	const int error = show(space);
	current = space;
	return error;
}

void address_space_enter(struct address_space *space)
{
	if (address_space_try_enter(space))
		pool_exhausted();
}

int space_settle(void)
{
	return current->is_made ? 0 : current->is_lost ? -ENOMEM : show(current);
}

void space_replace(struct address_space *space)
{
	if (!current->references)
		left = current;
	current = space;
}

void address_space_leave_soon(struct address_space *space)
{
	if (space == current && space->number && space->is_made && space->references == 1 && !left)
		left = space;
}

void *space_window(uint64_t address, uint64_t *length)
{
	const uint64_t index = vma_list_index(&current->vmas, address);
	if (current->is_made || index == current->vmas.count)
		return (void *)address;
	const struct vma *vma = &current->vmas.vmas[index];
	if (vma->end - address < *length)
		*length = vma->end - address;
	return (void *)(vma->frame + (address - vma->start));
}

int64_t space_hypercall(enum guest_hypercall call, uint64_t first, uint64_t second, uint64_t third)
{
	return current->is_made ? machine_hypercall(call, first, second, third) : 0;
}

/* ── their end ───────────────────────────────────────────────────────────────────────────────── */

void space_end(struct address_space *space)
{
	if (left == space)
		left = NULL;
	/* Its pages could be seen by others when they are handed out again. */
	if (space->is_made &&
	    machine_hypercall(HYPERCALL_SPACE, GUEST_SPACE_DROP, space->number, 0))
		pool_exhausted();
	space->is_made = false;
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

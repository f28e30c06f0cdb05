/* Address spaces of a guest process: its one address space becomes one after the other; see
 * places.h. What page tables say is done first, or asked before they change. */
#include "spaces.h"

#include <errno.h>

#include "batch.h"
#include "monitor/memory/page_space.h"
#include "places.h"
#include "sizes/sizes.h"
#include "util/clock.h"

#define AT_HOME (GUEST_READ | GUEST_WRITE)

static void move(struct process_batch *batch, uint64_t to, uint64_t from, uint64_t length)
{
	process_batch_add(
	    batch, &(struct process_command){
		       .kind = PROCESS_MOVE, .address = to, .length = length, .source = from});
}

static void hide(struct process_batch *batch, uint64_t address, uint64_t length)
{
	process_batch_add(batch, &(struct process_command){
				     .kind = PROCESS_HIDE, .address = address, .length = length});
}

/* Pages that are moved, between where `space` has them and where they are in its absence. */
enum direction { LEAVES, ENTERS };

static void move_run(struct process_batch *batch, uint64_t space, const struct page_run *run,
		     enum direction direction)
{
	uint64_t part;
	for (uint64_t done = 0; done < run->length; done += part) {
		part = run->length - done;
		const uint64_t here = run->address + done;
		const uint64_t away =
		    process_pool_place(&batch->self->area, space, run->source + done, &part);
		if (direction == LEAVES)
			move(batch, away, here, part);
		else
			move(batch, here, away, part);
	}
}

/* ── switching ───────────────────────────────────────────────────────────────────────────────── */

/* From `at` on, up to the address that it returns, all pages of the run are in space `other` as well, at
 * the same place, or none are. */
static uint64_t compare_run(const struct page_area *area, const struct page_run *run, uint64_t at,
			    uint64_t other, bool *same)
{
	const uint64_t end = run->address + run->length;
	struct page_run there;
	*same = false;
	if (!page_space_find(area, other, at, end, &there))
		return end;
	if (there.address > at)
		return there.address;
	*same = there.source == run->source + (at - run->address) &&
		there.protection == run->protection && there.shared == run->shared;
	return there.address + there.length;
}

static void show(struct process_batch *batch, const struct page_run *run, uint64_t at,
		 uint64_t length)
{
	const bool shown = page_run_is_shown(run);
	const uint64_t source = run->source + (at - run->address);
	process_batch_add(batch, &(struct process_command){
				     .kind = shown ? PROCESS_SHOW : PROCESS_REPEAT,
				     .address = at,
				     .length = length,
				     .protection = process_memory_bits(run->protection),
				     .source = shown ? source - GUEST_ROOT_BASE : source,
				 });
}

/* What both spaces show at one place stays. */
static void change_view(struct process_batch *batch, const struct page_run *run, uint64_t other,
			enum direction direction)
{
	const uint64_t end = run->address + run->length;
	uint64_t next;
	for (uint64_t at = run->address; at < end; at = next) {
		bool same;
		next = compare_run(&batch->self->area, run, at, other, &same);
		if (same)
			continue;
		if (direction == LEAVES)
			hide(batch, at, next - at);
		else
			show(batch, run, at, next - at);
	}
}

static void change_runs(struct process_batch *batch, uint64_t space, uint64_t other,
			enum direction direction)
{
	const struct page_area *area = &batch->self->area;
	struct page_run run;
	for (uint64_t at = 0; process_find_run(area, space, at, &run);
	     at = run.address + run.length)
		if (page_run_is_shown(&run) || run.shared)
			change_view(batch, &run, other, direction);
		else
			move_run(batch, space, &run, direction);
}

static void change_regions(struct process_batch *batch, uint64_t from, uint64_t to)
{
	const struct image *image = batch->self->image;
	for (size_t i = 0; i < image->region_count && !from != !to; i++) {
		const struct image_region *region = &image->regions[i];
		const uint64_t parked = process_parked_region(image, i);
		if (!process_region_parks(region))
			continue;
		if (to)
			move(batch, parked, region->address, region->length);
		else
			move(batch, region->address, parked, region->length);
	}
}

/* Parts of the pool that just one of the spaces has for itself. */
static void change_pool(struct process_batch *batch, uint64_t from, uint64_t to)
{
	const struct page_area *area = &batch->self->area;
	const struct image_region *pool = image_region_at(area->image, GUEST_POOL_BASE);
	const uint64_t end = pool ? pool->address + pool->length : 0;
	struct process_stretch before = {.area = area, .space = from};
	struct process_stretch after = {.area = area, .space = to};
	uint64_t next;
	for (uint64_t at = pool ? pool->address : 0; at < end; at = next) {
		process_find_stretch(&before, at, end);
		process_find_stretch(&after, at, end);
		next = before.end < after.end ? before.end : after.end;
		if (before.shift != after.shift)
			move(batch, at + after.shift, at + before.shift, next - at);
	}
}

int process_space_switch(struct machine *machine, uint64_t number)
{
	struct machine_process *self = machine_process(machine);
	struct process_batch batch = {.self = self};
	const uint64_t from = page_space_current(self->area.memory);
	const int result = page_space_switch(&self->area, number);
	if (result || from == number)
		return result;
	change_runs(&batch, from, number, LEAVES);
	change_regions(&batch, from, number);
	change_pool(&batch, from, number);
	change_runs(&batch, number, from, ENTERS);
	process_batch_end(&batch);
	return 0;
}

/* ── making and dropping ─────────────────────────────────────────────────────────────────────── */

/* Pages that are moved have the rights that they have there also while they are not. */
static void protect_run(struct process_batch *batch, const struct page_run *run,
			uint32_t protection)
{
	const struct page_area *area = &batch->self->area;
	const uint64_t current = page_space_current(area->memory);
	uint64_t part;
	for (uint64_t done = 0; done < run->length; done += part) {
		part = run->length - done;
		const uint64_t place = process_pool_place(area, current, run->source + done, &part);
		process_batch_add(batch, &(struct process_command){
					     .kind = PROCESS_PROTECT,
					     .address = place,
					     .length = part,
					     .protection = process_memory_bits(protection),
					 });
	}
}

static void share_run(struct process_batch *batch, const struct page_run *run)
{
	const struct page_area *area = &batch->self->area;
	const uint64_t current = page_space_current(area->memory);
	uint64_t part;
	for (uint64_t done = 0; done < run->length; done += part) {
		part = run->length - done;
		const uint64_t place = process_pool_place(area, current, run->source + done, &part);
		process_batch_add(batch, &(struct process_command){.kind = PROCESS_PASS,
								   .length = part,
								   .source = place});
	}
}

int process_space_make(struct machine *machine, uint64_t number, const struct page_run *runs,
		       size_t own, size_t count)
{
	struct machine_process *self = machine_process(machine);
	struct process_batch batch = {.self = self};
	const int result = page_space_make(&self->area, number, runs, own, count, NULL);
	if (result)
		return result;
	for (size_t i = own; i < own + count && !self->failed; i++) {
		const struct page_run *run = &runs[i];
		if (run->shared && !process_memory_is_in_file(self, run))
			share_run(&batch, run);
		else if (!run->shared && !page_run_is_shown(run) && run->protection != AT_HOME)
			protect_run(&batch, run, run->protection);
		/* What is in the file takes long to say where there is much. */
		if (clock_now_ns() >= self->deadline_ns)
			self->failed = -ETIMEDOUT;
	}
	process_batch_end(&batch);
	return 0;
}

int process_space_drop(struct machine *machine, uint64_t number)
{
	struct machine_process *self = machine_process(machine);
	const struct page_area *area = &self->area;
	struct process_batch batch = {.self = self};
	struct page_run run;
	/* Refused, before anything is done. */
	const bool may = number && page_space_is_there(area->memory, number) &&
			 number != page_space_current(area->memory);
	for (uint64_t at = 0; may && process_find_run(area, number, at, &run);
	     at = run.address + run.length)
		if (!page_run_is_shown(&run) && !run.shared && run.protection != AT_HOME)
			protect_run(&batch, &run, AT_HOME);
	process_batch_end(&batch);
	return page_space_drop(&self->area, number);
}

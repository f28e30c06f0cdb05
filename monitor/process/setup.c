/* What a guest's process is told; see machine.h. A clone begins in the address space that was the current
 * one when the machine was frozen: all is mapped at once where it then is (places.h). */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "machine.h"
#include "monitor/memory/page_space.h"
#include "monitor/memory/page_tables.h"
#include "places.h"
#include "util/cleanup.h"

struct setup_builder {
	struct process_setup *setup;
	const struct image *image;
	const struct page_area *area;
	uint64_t current;
	/* For each page of the pool: rights, and whether another space shares it. */
	uint8_t *pages;
	struct process_stretch stretch; /* of the pool, in that space */
};
#define SHARED_ELSEWHERE 0x80

static int add_mapping(struct setup_builder *builder, const struct process_mapping *mapping,
		       struct error *error)
{
	struct process_setup *setup = builder->setup;
	if (setup->mapping_count == PROCESS_MAPPINGS_MAX)
		return error_set(error, E2BIG,
				 "the guest's memory has more than %d parts with "
				 "permissions of their own",
				 PROCESS_MAPPINGS_MAX);
	setup->mappings[setup->mapping_count++] = *mapping;
	return 0;
}

static const struct image_region *pool_of(const struct setup_builder *builder)
{
	return image_region_at(builder->image, GUEST_POOL_BASE);
}

/* ── regions ─────────────────────────────────────────────────────────────────────────────────── */

static int add_region(struct setup_builder *builder, size_t index, struct error *error)
{
	const struct image *image = builder->image;
	const struct image_region *region = &image->regions[index];
	const uint64_t place = builder->current && process_region_parks(region)
				   ? process_parked_region(image, index)
				   : region->address;
	const uint64_t end = region->address + region->length;
	uint64_t next;
	int result = 0;
	for (uint64_t at = region->address; at < end && !result; at = next) {
		uint32_t protection;
		next = page_tables_protection_run(image->memory, at, end, &protection);
		if (at >= GUEST_WINDOW_BASE && (protection & GUEST_WRITE) &&
		    (protection & GUEST_EXECUTE))
			return error_set(error, EACCES,
					 "guest memory at %#lx is writable and executable", at);
		const struct process_mapping mapping = {
		    .address = place + (at - region->address),
		    .length = next - at,
		    .offset = image->file_offset + region->offset + (at - region->address),
		    .protection = protection,
		};
		result = add_mapping(builder, &mapping, error);
	}
	return result;
}

/* ── the pool ────────────────────────────────────────────────────────────────────────────────── */

/* Pages that another space has mapped have the rights that they have there. Those that this one has
 * are not where they belong: nobody may do anything there. */
static int note_run(struct setup_builder *builder, uint64_t space, const struct page_run *run,
		    struct error *error)
{
	if (run->shared && !page_area_is_at_home(builder->area, run))
		return error_set(error, EBADMSG, "the guest shares pages at %#lx that it has moved",
				 run->address);
	uint8_t *pages = builder->pages + (run->source - GUEST_POOL_BASE) / GUEST_PAGE_SIZE;
	const bool elsewhere = space != builder->current;
	for (uint64_t i = 0; i < run->length / GUEST_PAGE_SIZE; i++)
		if (run->shared)
			pages[i] |= elsewhere ? SHARED_ELSEWHERE : 0;
		else
			pages[i] = elsewhere ? (uint8_t)run->protection : 0;
	return 0;
}

static int note_pages(struct setup_builder *builder, struct error *error)
{
	const struct page_area *area = builder->area;
	const struct image_region *pool = pool_of(builder);
	const uint64_t end = pool->address + pool->length;
	struct page_run run;
	uint64_t next;
	int result = 0;
	for (uint64_t at = pool->address; at < end; at = next) {
		uint32_t protection;
		next = page_tables_protection_run(area->memory, at, end, &protection);
		memset(builder->pages + (at - pool->address) / GUEST_PAGE_SIZE, (int)protection,
		       (next - at) / GUEST_PAGE_SIZE);
	}
	for (uint64_t space = 0; space < GUEST_SPACES_MAX; space++)
		for (uint64_t at = 0; !result && page_space_is_there(area->memory, space) &&
				      process_find_run(area, space, at, &run);
		     at = run.address + run.length)
			if (!page_run_is_shown(&run))
				result = note_run(builder, space, &run, error);
	return result;
}

/* Where pages of the pool that are alike in the bits of `mask` are side by side from `at` on. */
static struct process_mapping find_alike(struct setup_builder *builder, uint64_t at, uint8_t mask)
{
	const struct image_region *pool = pool_of(builder);
	const uint8_t *page = builder->pages + (at - pool->address) / GUEST_PAGE_SIZE;
	uint64_t length = GUEST_PAGE_SIZE;
	process_find_stretch(&builder->stretch, at, pool->address + pool->length);
	const uint64_t left = builder->stretch.end - at;
	while (length < left && !((page[0] ^ page[length / GUEST_PAGE_SIZE]) & mask))
		length += GUEST_PAGE_SIZE;
	return (struct process_mapping){
	    .address = at + builder->stretch.shift, .length = length, .protection = *page & mask};
}

static int add_pool(struct setup_builder *builder, struct error *error)
{
	const struct image_region *pool = pool_of(builder);
	const uint64_t end = pool->address + pool->length;
	struct process_mapping mapping;
	int result = 0;
	for (uint64_t at = pool->address; at < end && !result; at += mapping.length) {
		mapping = find_alike(builder, at, (uint8_t)~SHARED_ELSEWHERE);
		mapping.offset = builder->image->file_offset + pool->offset + (at - pool->address);
		result = add_mapping(builder, &mapping, error);
	}
	for (uint64_t at = pool->address; at < end && !result; at += mapping.length) {
		mapping = find_alike(builder, at, SHARED_ELSEWHERE);
		if (!mapping.protection)
			continue;
		mapping.offset = mapping.address;
		mapping.source = PROCESS_FOR_OTHERS;
		if (mapping.length > PROCESS_MOVE_MAX)
			mapping.length = PROCESS_MOVE_MAX;
		result = add_mapping(builder, &mapping, error);
	}
	return result;
}

/* ── what is mapped in the current space ─────────────────────────────────────────────────────── */

static int add_shared_run(struct setup_builder *builder, const struct page_run *run,
			  struct error *error)
{
	uint64_t part;
	int result = 0;
	for (uint64_t done = 0; done < run->length && !result; done += part) {
		part = run->length - done;
		const struct process_mapping mapping = {
		    .address = run->address + done,
		    .offset = process_pool_place(builder->area, builder->current,
						 run->source + done, &part),
		    .length = part,
		    .protection = run->protection,
		    .source = PROCESS_OF_POOL,
		};
		result = add_mapping(builder, &mapping, error);
	}
	return result;
}

static int add_run(struct setup_builder *builder, const struct page_run *run, struct error *error)
{
	const bool shown = page_run_is_shown(run);
	if (run->shared)
		return add_shared_run(builder, run, error);
	const struct process_mapping mapping = {
	    .address = run->address,
	    .length = run->length,
	    .offset = shown ? run->source - GUEST_ROOT_BASE
			    : builder->image->file_offset + pool_of(builder)->offset +
				  (run->source - GUEST_POOL_BASE),
	    .protection = run->protection,
	    .source = shown ? PROCESS_OF_ROOT : PROCESS_OF_IMAGE,
	};
	return add_mapping(builder, &mapping, error);
}

/* The pool comes before what is shared with it. */
static int add_all(struct setup_builder *builder, struct error *error)
{
	struct page_run run;
	int result = 0;
	for (size_t i = 0; i < builder->image->region_count && !result; i++)
		if (&builder->image->regions[i] != pool_of(builder))
			result = add_region(builder, i, error);
	if (!result && builder->pages)
		result = note_pages(builder, error);
	if (!result && builder->pages)
		result = add_pool(builder, error);
	for (uint64_t at = 0;
	     !result && process_find_run(builder->area, builder->current, at, &run);
	     at = run.address + run.length)
		result = add_run(builder, &run, error);
	return result;
}

int process_setup_build(struct machine_process *self, struct error *error)
{
	struct process_setup *setup = self->setup;
	const struct image_region *pool = image_region_at(self->image, GUEST_POOL_BASE);
	cleanup_free uint8_t *pages = pool ? calloc(pool->length / GUEST_PAGE_SIZE, 1) : NULL;
	if (pool && !pages)
		return error_set(error, ENOMEM, "no memory for a guest process");
	struct setup_builder builder = {
	    .setup = setup,
	    .image = self->image,
	    .area = &self->area,
	    .current = page_space_current(self->area.memory),
	    .stretch = {.area = &self->area, .space = page_space_current(self->area.memory)},
	    .pages = pages,
	};
	setup->kind = PROCESS_WITH_LIBRARY_OS;
	setup->start = self->entries.start;
	setup->resume = self->entries.resume;
	setup->syscall_entry = self->entries.system_call;
	setup->upcall = self->entries.upcall;
	setup->private = self->private;
	setup->root_size = self->image->root_size;
	int result = add_all(&builder, error);
	if (result)
		return result;
	self->setup_size = offsetof(struct process_setup, mappings) +
			   setup->mapping_count * sizeof(setup->mappings[0]);
	return process_filter_build(setup->filter, PROCESS_FILTER_MAX, &setup->filter_length,
				    error);
}

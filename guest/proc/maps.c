/* /proc/self/maps and smaps: where what lies, and how much of it is there. */
#include "maps.h"

#include <linux/limits.h>
#include <sys/sysmacros.h>

#include "guest/fs/file.h"
#include "guest/fs/file_path.h"
#include "guest/fs/pseudo.h"
#include "guest/fs/status.h"
#include "guest/machine/hypercall.h"
#include "guest/mm/backing.h"
#include "guest/mm/pool.h"
#include "guest/mm/regions.h"
#include "guest/mm/space.h"
#include "guest/mm/vma.h"
#include "guest/sched/process.h"
#include "stack.h"

#define PAGE_KIB  (GUEST_PAGE_SIZE / 1024)
#define VDSO_SIZE GUEST_PAGE_SIZE

/* A line of maps. */
struct mapping {
	uint64_t start, end, offset, device, inode;
	uint64_t resident; /* bytes that have pages */
	uint32_t protection;
	bool shared;
	const char *name;
};

/* What is made of all mappings. */
struct survey {
	struct pseudo_text *out;
	void (*visit)(struct survey *survey, const struct mapping *mapping);
	struct mapping whole; /* from the first to the last, and what is there of all */
	uint64_t writable;    /* of what is there */
};

static void print_line(struct survey *survey, const struct mapping *mapping)
{
	const uint32_t protection = mapping->protection;
	pseudo_print(survey->out, "%08lx-%08lx %s%s%s%s %08lx %02x:%02x %lu%s%s\n", mapping->start,
		     mapping->end, protection & GUEST_READ ? "r" : "-",
		     protection & GUEST_WRITE ? "w" : "-", protection & GUEST_EXECUTE ? "x" : "-",
		     mapping->shared ? "s" : "p", mapping->offset, major(mapping->device),
		     minor(mapping->device), mapping->inode, *mapping->name ? " " : "",
		     mapping->name);
}

/* Nothing is shared with other processes, nothing is swapped, and writable pages count as
 * written. */
static void print_sizes(struct pseudo_text *out, uint64_t resident_kib, uint64_t writable_kib)
{
	pseudo_print(out, "Rss:            %8lu kB\nPss:            %8lu kB\n", resident_kib,
		     resident_kib);
	pseudo_print(out, "Shared_Clean:          0 kB\nShared_Dirty:          0 kB\n");
	pseudo_print(out, "Private_Clean:  %8lu kB\nPrivate_Dirty:  %8lu kB\n",
		     resident_kib - writable_kib, writable_kib);
	pseudo_print(out, "Referenced:     %8lu kB\nAnonymous:      %8lu kB\n", resident_kib,
		     writable_kib);
	pseudo_print(out, "Swap:                  0 kB\nSwapPss:               0 kB\n");
	pseudo_print(out, "Locked:                0 kB\n");
}

static void print_entry(struct survey *survey, const struct mapping *mapping)
{
	const uint64_t resident_kib = mapping->resident / 1024;
	print_line(survey, mapping);
	pseudo_print(survey->out, "Size:           %8lu kB\n",
		     (mapping->end - mapping->start) / 1024);
	pseudo_print(survey->out, "KernelPageSize: %8lu kB\nMMUPageSize:    %8lu kB\n", PAGE_KIB,
		     PAGE_KIB);
	print_sizes(survey->out, resident_kib,
		    mapping->protection & GUEST_WRITE ? resident_kib : 0);
}

static void add_up(struct survey *survey, const struct mapping *mapping)
{
	if (!survey->whole.end)
		survey->whole.start = mapping->start;
	survey->whole.end = mapping->end;
	survey->whole.resident += mapping->resident;
	if (mapping->protection & GUEST_WRITE)
		survey->writable += mapping->resident;
}

static bool has_room(const struct survey *survey)
{
	return survey->out->length < survey->out->size;
}

/* How much of [start, end) in the area has pages. */
static uint64_t vma_resident(uint64_t start, uint64_t end)
{
	const struct vma *vma;
	uint64_t resident = 0;
	for (; (vma = vma_find(start)) && vma->start < end; start = vma->end) {
		uint64_t from = vma->start > start ? vma->start : start;
		uint64_t to = vma->end < end ? vma->end : end;
		resident += vma->frame ? to - from : 0;
	}
	return resident;
}

static void describe_file(struct mapping *mapping, const struct file *file, char name[PATH_MAX])
{
	struct inode_status status;
	inode_get_status(file->inode, &status);
	mapping->device = status.device;
	mapping->inode = file->inode->number;
	file_path(file, name);
}

/* What mmap gave, a mapping for each part that is of one file or of none. */
static void visit_mapped(struct survey *survey, uint64_t start, uint64_t end, uint32_t protection,
			 bool shared)
{
	while (start < end && has_room(survey)) {
		char name[PATH_MAX] = "";
		struct mapping mapping = {.start = start,
					  .end = end,
					  .protection = protection,
					  .shared = shared,
					  .name = name};
		const struct backing *backing = backing_at(start, &mapping.offset, &mapping.end);
		if (backing)
			describe_file(&mapping, file_of_backing(backing), name);
		else if (mapping.end == GUEST_STACK_TOP)
			mapping.name = "[stack]";
		mapping.resident = address_space_has_area(start, mapping.end - start)
				       ? vma_resident(start, mapping.end)
				       : mapping.end - start;
		survey->visit(survey, &mapping);
		start = mapping.end;
	}
}

/* The interpreter lies above the program; its name is not known here. */
static const char *region_name(const struct guest_region *region)
{
	if (region->end == GUEST_STACK_TOP)
		return "[stack]";
	return region->start < GUEST_INTERPRETER ? process_executable() : "";
}

/* What mmap gave in the area, up to `limit`: VMAs of the same permissions side by side are one
 * mapping. */
static uint64_t visit_area(struct survey *survey, uint64_t address, uint64_t limit)
{
	const struct vma *vma;
	while ((vma = vma_find(address)) && vma->start < limit && has_room(survey)) {
		const uint64_t start = vma->start;
		const uint32_t protection = vma->protection;
		const bool shared = vma->shared;
		do {
			address = vma->end;
			vma = vma_find(address);
		} while (vma && vma->start == address && vma->protection == protection &&
			 vma->shared == shared);
		visit_mapped(survey, start, address, protection, shared);
	}
	return address;
}

/* What brk and mmap gave: pages of the same permissions side by side are one mapping. */
static void visit_pool(struct survey *survey)
{
	struct pool_run run, next;
	bool more = pool_next_run(libos_start_info.pool_base, &run);
	while (more && has_room(survey)) {
		while ((more = pool_next_run(run.end, &next)) && next.start == run.end &&
		       next.protection == run.protection)
			run.end = next.end;
		visit_mapped(survey, run.start, run.end, run.protection, false);
		run = next;
	}
}

static void visit_all(struct survey *survey)
{
	const struct guest_region *region = regions_next(0);
	uint64_t visited = 0;
	for (; region; region = regions_next(region->end)) {
		visited = visit_area(survey, visited, region->start);
		const struct mapping mapping = {
		    .start = region->start,
		    .end = region->end,
		    .resident = region->end - region->start,
		    .protection = region->protection,
		    .name = region_name(region),
		};
		survey->visit(survey, &mapping);
	}
	visit_area(survey, visited, GUEST_FILES_BASE);
	if (address_space_has_regions())
		visit_pool(survey);
	uint64_t vdso = proc_vdso_address();
	const struct mapping mapping = {
	    .start = vdso,
	    .end = vdso + VDSO_SIZE,
	    .resident = VDSO_SIZE,
	    .protection = GUEST_READ | GUEST_EXECUTE,
	    .name = "[vdso]",
	};
	if (vdso)
		survey->visit(survey, &mapping);
}

void proc_maps(struct pseudo_text *out)
{
	struct survey survey = {.out = out, .visit = print_line};
	visit_all(&survey);
}

void proc_smaps(struct pseudo_text *out)
{
	struct survey survey = {.out = out, .visit = print_entry};
	visit_all(&survey);
}

void proc_smaps_rollup(struct pseudo_text *out)
{
	struct survey survey = {.out = out, .visit = add_up};
	visit_all(&survey);
	survey.whole.name = "[rollup]";
	print_line(&survey, &survey.whole);
	print_sizes(out, survey.whole.resident / 1024, survey.writable / 1024);
}

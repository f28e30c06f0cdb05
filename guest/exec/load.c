/* A program's segments in memory; see image.h. They are mapped as mmap(2) would: the root image's pages
 * are shown, other files are copied, and code is looked at when it is first touched.
 *
 * Where the machine's first program had its segments the monitor's pages stay; a program that is linked
 * to such addresses gets those pages, filled anew. */
#include <errno.h>
#include <sys/mman.h>

#include "arch/code.h"
#include "guest/fs/file.h"
#include "guest/lib/text.h"
#include "guest/mm/fault.h"
#include "guest/mm/mapping.h"
#include "guest/mm/ranges.h"
#include "guest/mm/regions.h"
#include "guest/mm/space.h"
#include "guest/mm/vma.h"
#include "image.h"

/* Data that is there before the program begins. */
#define USED_MAX (32 * GUEST_PAGE_SIZE)

/* What goes to [start, end): a file from `offset` on, or zeros (NULL). */
struct part {
	struct file *file;
	uint64_t start, end, offset;
	uint32_t protection;
};

static int map_part(const struct part *part)
{
	struct map_request request = {
	    .address = part->start,
	    .length = part->end - part->start,
	    .protection = mapping_protection(part->protection),
	    .flags = MAP_PRIVATE | MAP_FIXED,
	    .backing = part->file ? &part->file->backing : NULL,
	    .offset = part->offset,
	};
	const int64_t address = mapping_create(&request);
	if (address < 0)
		return (int)address;
	/* It will be used, and a touch would cost two exits more. */
	const bool is_used = part->file ? request.protection : request.protection & GUEST_WRITE;
	const bool is_data = request.protection & GUEST_WRITE;
	if (is_used && is_data && request.length <= USED_MAX)
		vma_populate(part->start, part->end);
	else if (is_used && request.length && !vma_find(part->start)->frame)
		vma_fault(part->start, request.protection);
	return 0;
}

static int fill_regions(const struct part *part)
{
	const uint32_t protection = mapping_protection(part->protection);
	const uint64_t length = part->end - part->start;
	int error = regions_claim(part->start, part->end, GUEST_READ | GUEST_WRITE);
	if (error)
		return error;
	memset((void *)part->start, 0, length);
	if (part->file) {
		const int64_t count = part->file->backing.operations->read(
		    &part->file->backing, (void *)part->start, length, part->offset);
		error = count < 0 ? (int)count : 0;
	}
	if (!error && code_may_be_rewritten(protection))
		code_rewrite(part->start, part->end);
	return error || protection == (GUEST_READ | GUEST_WRITE)
		   ? error
		   : regions_protect(part->start, part->end, protection);
}

static int place_part(struct part part)
{
	const uint64_t end = part.end;
	while (part.start < end) {
		bool within;
		part.end = regions_part(part.start, end, &within);
		int error = within ? fill_regions(&part) : map_part(&part);
		if (error)
			return error;
		part.offset += part.end - part.start;
		part.start = part.end;
	}
	return 0;
}

/* Zeroes the end of a page of the program. */
static int clear(uint64_t start, uint64_t end)
{
	uint64_t length = end - start;
	if (address_space_current()->is_made)
		memset((void *)start, 0, length);
	else if (vma_find(start)->frame || vma_fault(start, GUEST_READ | GUEST_WRITE))
		memset(space_window(start, &length), 0, length);
	else
		return -ENOMEM;
	return 0;
}

static int load_segment(const struct exec_file *file, const struct elf_segment *segment)
{
	const uint64_t address = file->base + segment->address;
	const uint64_t start = round_down(address, GUEST_PAGE_SIZE);
	const uint64_t file_end = address + segment->file_size;
	const uint64_t end = round_up(address + segment->memory_size, GUEST_PAGE_SIZE);
	const uint64_t border = segment->file_size ? round_up(file_end, GUEST_PAGE_SIZE) : start;
	int error = place_part((struct part){
	    .file = file->file,
	    .start = start,
	    .end = border,
	    .offset = segment->offset - (address - start),
	    .protection = segment->protection,
	});
	/* What lies behind the file's part in its last page is another segment's. */
	if (!error && segment->file_size && segment->memory_size > segment->file_size &&
	    segment->protection & GUEST_WRITE)
		error = clear(file_end, border);
	if (error)
		return error;
	return place_part((struct part){
	    .start = border,
	    .end = end,
	    .protection = segment->protection,
	});
}

/* A free place for a program that can be moved, at `wanted` or the next below it. */
static int choose_base(struct exec_file *file, uint64_t wanted)
{
	const struct elf_program *program = &file->program;
	const uint64_t low = round_down(program->low, program->alignment);
	const uint64_t length = program->high - low;
	if (!program->is_movable)
		return 0;
	const uint64_t room = length + program->alignment - GUEST_PAGE_SIZE;
	const uint64_t start = vma_unmapped_area(room, wanted + room);
	if (!start)
		return -ENOMEM;
	/* Wraps around where the file's own addresses are higher. */
	file->base = round_up(start, program->alignment) - low;
	return 0;
}

static int load_file(struct exec_file *file, uint64_t wanted)
{
	int error = choose_base(file, wanted);
	for (size_t i = 0; i < file->program.segment_count && !error; i++)
		error = load_segment(file, &file->program.segments[i]);
	return error;
}

int exec_load(struct exec_image *image)
{
	int error = load_file(&image->program, GUEST_PIE_BASE);
	return error || !image->interpreter.file
		   ? error
		   : load_file(&image->interpreter, GUEST_INTERPRETER);
}

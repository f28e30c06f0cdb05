/* The memory of a Solo5 spt guest; see spt_image.h. */
#include "spt_image.h"

#include <stdbool.h>
#include <string.h>

#include "monitor/guests/solo5/manifest.h"
#include "monitor/guests/solo5/solo5.h"
#include "monitor/guests/solo5/spt_abi.h"
#include "sizes/sizes.h"

_Static_assert(2 * SOLO5_SEGMENTS_MAX + 2 <= DIRECT_PARTS_MAX,
	       "segments, and what is between them");

static uint64_t manifest_address(void)
{
	return SPT_BOOT_INFO + sizeof(struct spt_boot_info);
}

static uint64_t command_address(const struct spt_program *what)
{
	return manifest_address() + solo5_manifest_size(what->manifest);
}

/* ── parts ───────────────────────────────────────────────────────────────────────────────────── */

static void add_part(struct direct_start *start, uint64_t from, uint64_t to, uint32_t protection,
		     bool of_image)
{
	if (from == to)
		return;
	start->parts[start->part_count++] = (struct direct_part){
	    .address = from,
	    .length = to - from,
	    .protection = protection,
	    .of_image = of_image,
	};
}

/* What no segment covers is memory to be written, as Solo5's own tender has it. Code may be read:
 * some linkers leave that right out, and put constants there. */
static void list_parts(const struct spt_program *what, struct direct_start *start)
{
	const struct solo5_program *program = what->program;
	const uint32_t usual =
	    GUEST_READ | GUEST_WRITE | (what->executable_heap ? GUEST_EXECUTE : 0U);
	uint64_t next =
	    round_up(command_address(what) + SOLO5_COMMAND_SIZE, (uint64_t)GUEST_PAGE_SIZE);
	add_part(start, DIRECT_MEMORY_BASE, next, GUEST_READ | GUEST_WRITE, true);
	for (size_t i = 0; i < program->segment_count; i++) {
		const struct solo5_segment *segment = &program->segments[i];
		add_part(start, next, segment->start, usual, false);
		add_part(start, segment->start, segment->end,
			 GUEST_READ | (segment->writable ? GUEST_WRITE : 0U) |
			     (segment->executable ? GUEST_EXECUTE : 0U),
			 true);
		next = segment->end;
	}
	add_part(start, next, what->memory, usual, false);
}

/* ── what the guest finds ────────────────────────────────────────────────────────────────────── */

static int write_boot_info(const struct spt_program *what, const struct direct_start *start,
			   uint8_t *memory, struct error *error)
{
	const struct spt_boot_info boot = {
	    .memory_size = what->memory,
	    .image_end = what->program->end,
	    .command_line = command_address(what),
	    .manifest = manifest_address(),
	    .epoll = direct_epoll(start),
	    .timer = direct_timer(start),
	};
	memcpy(memory + SPT_BOOT_INFO, &boot, sizeof(boot));
	memcpy(memory + boot.manifest, what->manifest, solo5_manifest_size(what->manifest));
	return solo5_command_write((char *)memory + boot.command_line, what->arguments, error);
}

int spt_image_build(const struct spt_program *what, struct image *image, struct direct_start *start,
		    struct error *error)
{
	const struct solo5_program *program = what->program;
	int result = image_create_flat(image, what->memory, error);
	if (result)
		return result;
	for (size_t i = 0; i < program->segment_count && !result; i++) {
		const struct solo5_segment *segment = &program->segments[i];
		result = image_fill_at(image, segment->address, what->file + segment->offset,
				       segment->file_size, error);
	}
	if (result)
		return result;
	list_parts(what, start);
	start->entry = program->entry;
	start->stack = what->memory - 8;
	start->argument = SPT_BOOT_INFO;
	return write_boot_info(what, start, image->memory, error);
}

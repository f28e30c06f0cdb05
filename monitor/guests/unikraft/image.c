/* Images of Unikraft: parsing and checking; see image.h. */
#include "image.h"

#include <elf.h>
#include <errno.h>

#include "mayfly/guest_abi.h"
#include "monitor/formats/elf_code.h"
#include "monitor/guests/pc/boot.h"
#include "sizes/sizes.h"

#define PROGRAM_HEADERS_MAX 64

static int check_header(const struct elf_source *source, const struct elf_header *header,
			struct error *error)
{
	const uint16_t machine = header->is_64_bit ? EM_X86_64 : EM_386;
	if (header->machine != machine)
		return error_set(error, ENOEXEC,
				 "it is an image of Unikraft for another processor (ELF machine "
				 "%u): build it for x86-64",
				 header->machine);
	if (header->type != ET_EXEC && header->type != ET_DYN)
		return error_set(error, ENOEXEC, "it is an ELF file, but no image that was linked");
	if (!header->programs.count || header->programs.count > PROGRAM_HEADERS_MAX)
		return error_set(error, ENOEXEC, "it is an image with %u program headers",
				 header->programs.count);
	if (!header->is_64_bit && !unikraft_has_multiboot(source))
		return error_set(error, ENOEXEC,
				 "it is an image of 32 bits without a header of multiboot");
	return 0;
}

static int find_protocol(struct unikraft_image *image, const struct elf_source *source,
			 const struct elf_header *header, struct error *error)
{
	image->protocol =
	    header->is_64_bit ? unikraft_protocol_of(source, header) : UNIKRAFT_MULTIBOOT;
	if (image->protocol != UNIKRAFT_UNKNOWN)
		return 0;
	return error_set(error, ENOEXEC,
			 "it is an image of Unikraft with a boot protocol that is not known here: "
			 "neither Linux's of 64 bits, which images for Firecracker have, nor "
			 "multiboot, which those for QEMU have");
}

static int add_segment(struct unikraft_image *image, const struct elf_program *program,
		       const struct elf_source *source, uint64_t memory, struct error *error)
{
	uint64_t end;
	if (program->file_size > program->memory_size ||
	    !range_within(program->offset, program->file_size, source->size))
		return error_set(error, ENOEXEC,
				 "it is an image that is cut off, or damaged: its part for %#lx is "
				 "not in the file",
				 program->physical);
	if (program->physical < PC_KERNEL_LOW)
		return error_set(error, ENOEXEC,
				 "it is an image with a part for %#lx: what is below 1 MiB of a PC "
				 "is not free",
				 program->physical);
	if (add_overflows(program->physical, program->memory_size, &end) || end > memory)
		return error_set(error, ENOMEM,
				 "it is an image with a part of %lu KiB for %#lx: give more memory "
				 "(--memory) than %lu MiB",
				 divide_up(program->memory_size, 1024), program->physical,
				 memory >> 20);
	if (image->segment_count == UNIKRAFT_SEGMENTS_MAX)
		return error_set(error, ENOEXEC, "it is an image of more than %d parts",
				 UNIKRAFT_SEGMENTS_MAX);
	image->segments[image->segment_count++] = (struct unikraft_segment){
	    .address = program->physical,
	    .memory_size = program->memory_size,
	    .offset = program->offset,
	    .file_size = program->file_size,
	    .executable = program->flags & PF_X,
	    .writable = program->flags & PF_W,
	};
	image->end = end > image->end ? end : image->end;
	return 0;
}

static bool has_entry(const struct unikraft_image *image)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct unikraft_segment *segment = &image->segments[i];
		if (segment->executable && image->entry >= segment->address &&
		    image->entry - segment->address < segment->file_size)
			return true;
	}
	return false;
}

/* ── code ────────────────────────────────────────────────────────────────────────────────────── */

static bool add_code(struct unikraft_image *image, uint64_t address, uint64_t length)
{
	const struct kernel_code *last =
	    image->code_count ? &image->code[image->code_count - 1] : NULL;
	if (image->code_count == KERNEL_CODES_MAX ||
	    (last && address < last->address + last->length))
		return false;
	image->code[image->code_count++] = (struct kernel_code){address, length};
	return true;
}

/* A part of the file as it lies in memory, within what may be executed. */
static bool add_section(struct unikraft_image *image, const struct elf_code *code)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct unikraft_segment *segment = &image->segments[i];
		if (segment->executable && code->offset >= segment->offset &&
		    range_within(code->offset - segment->offset, code->size, segment->file_size))
			return add_code(image, segment->address + code->offset - segment->offset,
					code->size);
	}
	return false;
}

static bool starts_in_code(const struct unikraft_image *image)
{
	for (size_t i = 0; i < image->code_count; i++)
		if (image->entry >= image->code[i].address &&
		    image->entry - image->code[i].address < image->code[i].length)
			return true;
	return false;
}

/* Sections that cannot be right say nothing. */
static bool find_sections(struct unikraft_image *image, const struct elf_source *source,
			  const struct elf_header *header)
{
	struct elf_code codes[ELF_CODES_MAX];
	const size_t count = elf_code_find(source, header, codes);
	image->code_count = 0;
	for (size_t i = 0; i < count; i++)
		if (!add_section(image, &codes[i]))
			return false;
	return starts_in_code(image);
}

static void find_code(struct unikraft_image *image, const struct elf_source *source,
		      const struct elf_header *header)
{
	if (find_sections(image, source, header))
		return;
	image->code_count = 0;
	for (size_t i = 0; i < image->segment_count; i++)
		if (image->segments[i].executable && image->code_count < KERNEL_CODES_MAX)
			image->code[image->code_count++] = (struct kernel_code){
			    image->segments[i].address, image->segments[i].file_size};
}

int unikraft_image_parse(struct unikraft_image *image, const uint8_t *file, size_t size,
			 uint64_t memory, struct error *error)
{
	const struct elf_source source = {.data = file, .fd = -1, .size = size};
	struct elf_header header;
	struct elf_program program;
	*image = (struct unikraft_image){0};
	if (!elf_read_header(&source, &header))
		return error_set(error, ENOEXEC, "it is an ELF file that is cut off, or damaged");
	image->entry = header.entry;
	int result = check_header(&source, &header, error);
	if (!result)
		result = find_protocol(image, &source, &header, error);
	for (unsigned i = 0; i < header.programs.count && !result; i++) {
		if (!elf_read_program(&source, &header, i, &program))
			return error_set(error, ENOEXEC,
					 "it is an image whose program headers are not in the "
					 "file: it is cut off, or damaged");
		if (program.type == PT_LOAD && program.memory_size)
			result = add_segment(image, &program, &source, memory, error);
	}
	if (!result && !has_entry(image))
		result = error_set(error, ENOEXEC,
				   "it is an image that starts at %#lx, where it has no code",
				   image->entry);
	if (!result)
		find_code(image, &source, &header);
	return result;
}

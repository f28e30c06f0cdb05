/* Loads a Linux program; see loader_linux.h. The stack's layout is the System V ABI's for x86-64
 * (section 3.4.1), the auxiliary vector's entries are getauxval(3)'s. */
#include "loader_linux.h"

#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "shortcuts.h"
#include "util/checked.h"

#define STACK_SIZE_MAX (8UL << 20)
#define STACK_SIZE_MIN (64UL << 10)
#define PROGRAM_LOWEST (64UL << 10) /* as Linux (vm.mmap_min_addr) */
#define POOL_SIZE_MIN  (256UL << 10)
#define ARGUMENTS_SIZE_MAX                                                                         \
	(32UL << 10) /* of strings; the rest of the smallest stack is the program's */
#define ARGUMENTS_MAX 1024

static uint64_t page_up(uint64_t value)
{
	return (value + GUEST_PAGE_SIZE - 1) & ~(GUEST_PAGE_SIZE - 1);
}

/* Maps the segments and copies what the file has of them. */
static int load_segments(struct image *image, const struct elf_file *file, uint64_t base,
			 struct error *error)
{
	for (size_t i = 0; i < file->segment_count; i++) {
		const struct elf_segment *segment = &file->segments[i];
		uint64_t address = base + segment->address;
		uint64_t start = address & ~(GUEST_PAGE_SIZE - 1);
		uint64_t end = page_up(address + segment->memory_size);
		int result = image_map(image, start, end - start, segment->protection, error);
		if (result)
			return result;
		if (segment->file_size)
			memcpy(image_pointer(image, address, segment->file_size),
			       file->data + segment->offset, segment->file_size);
	}
	return 0;
}

static int load_library_os(struct image *image, const struct elf_file *file, struct error *error)
{
	int result = load_segments(image, file, 0, error);
	if (result)
		return error_wrap(error, "cannot load the library OS");
	const struct libos_header *header = image_pointer(image, GUEST_LIBOS_BASE, sizeof(*header));
	if (!header || header->magic != LIBOS_MAGIC || header->version != GUEST_ABI_VERSION)
		return error_set(error, ENOEXEC,
				 "the library OS is not of this version; run make again");
	image->start = header->start;
	image->resume = header->resume;
	image->syscall_entry = header->syscall_entry;
	image->upcall = header->upcall;
	return 0;
}

/* The new program's stack, filled from the top down. */
struct stack {
	struct image *image;
	uint64_t pointer, floor;
};

static int stack_push(struct stack *stack, const void *data, size_t length, uint64_t *address,
		      struct error *error)
{
	if (length > stack->pointer - stack->floor)
		return error_set(error, E2BIG, "arguments and environment have more than %lu KiB",
				 ARGUMENTS_SIZE_MAX >> 10);
	stack->pointer -= length;
	memcpy(image_pointer(stack->image, stack->pointer, length), data, length);
	*address = stack->pointer;
	return 0;
}

static int push_strings(struct stack *stack, const char *const *strings, uint64_t *words,
			size_t *count, struct error *error)
{
	for (; *strings; strings++) {
		if (*count >= ARGUMENTS_MAX)
			return error_set(error, E2BIG, "more than %d arguments and variables",
					 ARGUMENTS_MAX);
		int result =
		    stack_push(stack, *strings, strlen(*strings) + 1, &words[*count], error);
		if (result)
			return result;
		++*count;
	}
	words[(*count)++] = 0;
	return 0;
}

static int build_stack(struct image *image, const struct loader_program *program,
		       uint64_t program_base, uint64_t interpreter_base, uint64_t vdso,
		       struct guest_start *start, struct error *error)
{
	struct stack stack = {image, GUEST_STACK_TOP - 64,
			      GUEST_STACK_TOP - 64 - ARGUMENTS_SIZE_MAX};
	uint64_t words[ARGUMENTS_MAX + 64], path = 0, platform = 0;
	size_t count = 1, argument_words;
	int result = stack_push(&stack, program->path, strlen(program->path) + 1, &path, error);
	if (!result)
		result = stack_push(&stack, "x86_64", 7, &platform, error);
	if (!result)
		result = push_strings(&stack, program->arguments, words, &count, error);
	argument_words = count;
	if (!result)
		result = push_strings(&stack, program->environment, words, &count, error);
	uint8_t random[16];
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return error_set_errno(error, errno, "cannot draw random bytes");
	stack.pointer &= ~15UL;
	if (!result)
		result = stack_push(&stack, random, sizeof(random), &start->at_random, error);
	if (result)
		return result;
	words[0] = argument_words - 2;

	unsigned eax, ebx, ecx, edx;
	__cpuid(1, eax, ebx, ecx, edx);
	const struct elf_file *file = program->file;
	const uint64_t vector[][2] = {
	    {AT_SYSINFO_EHDR, vdso},
	    {AT_HWCAP, edx},
	    {AT_PAGESZ, GUEST_PAGE_SIZE},
	    {AT_CLKTCK, 100},
	    {AT_PHDR, file->headers_address ? program_base + file->headers_address : 0},
	    {AT_PHENT, sizeof(Elf64_Phdr)},
	    {AT_PHNUM, file->header_count},
	    {AT_BASE, interpreter_base},
	    {AT_FLAGS, 0},
	    {AT_ENTRY, program_base + file->entry},
	    {AT_UID, 0},
	    {AT_EUID, 0},
	    {AT_GID, 0},
	    {AT_EGID, 0},
	    {AT_SECURE, 0},
	    {AT_RANDOM, start->at_random},
	    {AT_HWCAP2, 2}, /* FSGSBASE may be used in ring 3 */
	    {AT_EXECFN, path},
	    {AT_PLATFORM, platform},
	    {AT_NULL, 0},
	};
	_Static_assert(2 * sizeof(vector) / sizeof(vector[0]) < 62, "the vector fits into words");
	memcpy(&words[count], vector, sizeof(vector));
	count += sizeof(vector) / sizeof(uint64_t);
	stack.floor -= sizeof(words);
	stack.pointer = (stack.pointer - count * sizeof(uint64_t)) & ~15UL;
	memcpy(image_pointer(image, stack.pointer, count * sizeof(uint64_t)), words,
	       count * sizeof(uint64_t));
	start->stack = stack.pointer;
	return 0;
}

static void describe_regions(const struct image *image, struct guest_start *start)
{
	start->region_count = 0;
	for (size_t i = 0; i < image->region_count; i++) {
		const struct image_region *region = &image->regions[i];
		start->regions[start->region_count++] = (struct guest_region){
		    .start = region->address,
		    .end = region->address + region->length,
		    .protection = region->protection,
		};
	}
}

/* Segments, and the shortcuts behind them. */
static int load_program(struct image *image, const struct elf_file *file, uint64_t base,
			struct error *error)
{
	size_t first_region = image->region_count;
	int result = load_segments(image, file, base, error);
	if (!result)
		result = shortcuts_install(image, first_region, page_up(base + file->high),
					   image->syscall_entry, error);
	return result;
}

static uint64_t segments_size(const struct elf_file *file)
{
	uint64_t size = 0;
	for (size_t i = 0; i < file->segment_count; i++)
		size += page_up(file->segments[i].memory_size) + GUEST_PAGE_SIZE;
	return size;
}

int loader_linux_build(struct image *image, const struct loader_program *program,
		       const struct elf_file *library_os, struct error *error)
{
	const struct elf_file *file = program->file;
	uint64_t base = file->is_pie ? GUEST_PIE_BASE : 0;
	if (file->high > GUEST_PROGRAM_LIMIT - base)
		return error_set(error, ENOEXEC, "%s does not fit below %#lx", program->path,
				 GUEST_PROGRAM_LIMIT);
	if (base + file->low < PROGRAM_LOWEST)
		return error_set(error, ENOEXEC,
				 "%s has a segment at %#lx; below %lu KiB nothing is mapped, so "
				 "that null pointers fault",
				 program->path, base + file->low, PROGRAM_LOWEST >> 10);
	const struct elf_file *interpreter =
	    program->interpreter && program->interpreter->segment_count ? program->interpreter
									: NULL;
	if (interpreter &&
	    (!interpreter->is_pie || interpreter->high > GUEST_PROGRAM_LIMIT - GUEST_INTERPRETER))
		return error_set(error, ENOEXEC, "the interpreter %s of %s cannot be moved to %#lx",
				 file->interpreter, program->path, GUEST_INTERPRETER);
	uint64_t segments = segments_size(file) + (interpreter ? segments_size(interpreter) : 0);
	uint64_t stack_size = program->memory / 8 & ~(GUEST_PAGE_SIZE - 1);
	if (stack_size > STACK_SIZE_MAX)
		stack_size = STACK_SIZE_MAX;
	if (stack_size < STACK_SIZE_MIN)
		stack_size = STACK_SIZE_MIN;
	uint64_t needed = segments + stack_size + POOL_SIZE_MIN;
	if (program->memory < needed)
		return error_set(error, ENOMEM,
				 "%s needs at least %lu KiB of memory (segments %lu KiB, stack and "
				 "heap %lu KiB); give more with --memory",
				 program->path, (needed + 1023) >> 10, segments >> 10,
				 (stack_size + POOL_SIZE_MIN) >> 10);
	uint64_t pool_size = (program->memory - segments - stack_size) & ~(GUEST_PAGE_SIZE - 1);

	uint64_t library_size = library_os->high - library_os->low;
	int result = image_create_with_root(
	    image, segments + stack_size + pool_size + library_size + 2 * SHORTCUTS_SIZE_MAX,
	    program->root ? program->root->fd : -1,
	    program->root ? program->root->header.image_size : 0, error);
	if (result)
		return result;
	struct guest_start start = {
	    .entry = interpreter ? GUEST_INTERPRETER + interpreter->entry : base + file->entry,
	    .root_base = GUEST_ROOT_BASE,
	    .root_size = image->root_size,
	    .root_served = program->root_served,
	    .pool_base = GUEST_POOL_BASE,
	    .pool_size = pool_size,
	    .stack_base = GUEST_STACK_TOP - stack_size,
	    .stack_size = stack_size,
	};
	strncpy(start.program, program->absolute_path, sizeof(start.program) - 1);
	result = load_library_os(image, library_os, error);
	if (!result)
		result = load_program(image, file, base, error);
	if (!result && interpreter)
		result = load_program(image, interpreter, GUEST_INTERPRETER, error);
	if (!result)
		result =
		    image_map(image, start.stack_base, stack_size, GUEST_READ | GUEST_WRITE, error);
	if (!result)
		result =
		    image_map(image, GUEST_POOL_BASE, pool_size, GUEST_READ | GUEST_WRITE, error);
	const struct libos_header *header = image_pointer(image, GUEST_LIBOS_BASE, sizeof(*header));
	if (!result)
		result = build_stack(image, program, base, interpreter ? GUEST_INTERPRETER : 0,
				     header->vdso, &start, error);
	if (result) {
		image_release(image);
		return error_wrap(error, "cannot load %s", program->path);
	}
	describe_regions(image, &start);
	struct guest_start *place = image_pointer(image, header->start_info, sizeof(start));
	if (!place) {
		image_release(image);
		return error_set(error, ENOEXEC, "the library OS has no room for its start data");
	}
	memcpy(place, &start, sizeof(start));
	return 0;
}

/* Loads a Linux program; see loader_linux.h. The stack's layout is the System V ABI's for x86-64
 * (section 3.4.1), the auxiliary vector's entries are getauxval(3)'s. */
#include "loader_linux.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "monitor/x86_64/cpu_features.h"
#include "monitor/x86_64/program_start.h"
#include "monitor/x86_64/syscall_patches.h"
#include "sizes/sizes.h"

#define STACK_SIZE_MAX (8UL << 20)
#define STACK_SIZE_MIN (64UL << 10)
#define PROGRAM_LOWEST (64UL << 10) /* as Linux (vm.mmap_min_addr) */
#define POOL_SIZE_MIN  (256UL << 10)
#define ARGUMENTS_SIZE_MAX                                                                         \
	(32UL << 10) /* of strings; the rest of the smallest stack is the program's */
#define ARGUMENTS_MAX	 1024
#define VECTOR_WORDS_MAX 61

uint64_t loader_linux_base(const struct elf_file *program)
{
	return program->is_pie ? GUEST_PIE_BASE : 0;
}

/* Maps the segments and copies what the file has of them. */
static int load_segments(struct image *image, const struct elf_file *file, uint64_t base,
			 struct error *error)
{
	for (size_t i = 0; i < file->segment_count; i++) {
		const struct elf_segment *segment = &file->segments[i];
		uint64_t address = base + segment->address;
		uint64_t start = round_down(address, GUEST_PAGE_SIZE);
		uint64_t end = round_up(address + segment->memory_size, GUEST_PAGE_SIZE);
		int result = image_map(image, start, end - start, segment->protection, error);
		if (!result && segment->file_size)
			result = image_fill(image, address, file->data + segment->offset,
					    segment->file_size, error);
		if (result)
			return result;
	}
	return 0;
}

static int load_library_os(struct image *image, const struct elf_file *file,
			   struct machine_entries *entries, struct error *error)
{
	int result = load_segments(image, file, 0, error);
	if (result)
		return error_wrap(error, "cannot load the library OS");
	const struct libos_header *header = image_pointer(image, GUEST_LIBOS_BASE, sizeof(*header));
	if (!header || header->magic != LIBOS_MAGIC || header->version != GUEST_ABI_VERSION)
		return error_set(error, ENOEXEC,
				 "the library OS is not of this version; run make again");
	const size_t state_size = cpu_features_state_size();
	if (state_size > GUEST_STATE_SIZE)
		return error_set(error, ENOTSUP,
				 "this processor's registers take %zu bytes, and the library OS "
				 "has room for %d",
				 state_size, GUEST_STATE_SIZE);
	*entries = (struct machine_entries){
	    .start = header->start,
	    .resume = header->resume,
	    .system_call = header->syscall_entry,
	    .upcall = header->upcall,
	};
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

/* Entries for variables of a request. Without one their places are empty texts, which no C library
 * takes for a variable. */
static void add_places(uint64_t *words, size_t *count, uint32_t places)
{
	for (uint32_t i = 0; i < places; i++)
		words[(*count)++] =
		    GUEST_WINDOW_BASE + WINDOW_VARIABLES_OFFSET + i * GUEST_VARIABLE_PLACE;
	words[(*count)++] = 0;
}

/* Where what the program is told of lies. */
struct bases {
	uint64_t program, interpreter, vdso;
};

/* Places on its stack. */
struct texts {
	uint64_t path, platform, random;
};

/* Writes the auxiliary vector; returns how many words it has. */
static size_t write_vector(uint64_t *words, const struct loader_program *program,
			   const struct bases *bases, const struct texts *texts)
{
	const struct elf_file *file = program->file;
	const uint64_t vector[][2] = {
	    {AT_SYSINFO_EHDR, bases->vdso},
	    {AT_HWCAP, program_start_hwcap()},
	    {AT_PAGESZ, GUEST_PAGE_SIZE},
	    {AT_CLKTCK, 100},
	    {AT_PHDR, file->headers_address ? bases->program + file->headers_address : 0},
	    {AT_PHENT, sizeof(Elf64_Phdr)},
	    {AT_PHNUM, file->header_count},
	    {AT_BASE, bases->interpreter},
	    {AT_FLAGS, 0},
	    {AT_ENTRY, bases->program + file->entry},
	    {AT_UID, program->user},
	    {AT_EUID, program->user},
	    {AT_GID, program->group},
	    {AT_EGID, program->group},
	    {AT_SECURE, 0},
	    {AT_RANDOM, texts->random},
	    {AT_HWCAP2, PROGRAM_START_HWCAP2},
	    {AT_EXECFN, texts->path},
	    {AT_PLATFORM, texts->platform},
	    {AT_MINSIGSTKSZ, program_start_signal_frame()},
	    {AT_NULL, 0},
	};
	_Static_assert(2 * ARRAY_SIZE(vector) <= VECTOR_WORDS_MAX, "the vector fits into words");
	memcpy(words, vector, sizeof(vector));
	return 2 * ARRAY_SIZE(vector);
}

static int build_stack(struct image *image, const struct loader_program *program,
		       const struct bases *bases, struct guest_start *start, struct error *error)
{
	struct stack stack = {image, GUEST_STACK_TOP - 64,
			      GUEST_STACK_TOP - 64 - ARGUMENTS_SIZE_MAX};
	uint64_t words[1 + ARGUMENTS_MAX + GUEST_VARIABLES_MAX + 2 + VECTOR_WORDS_MAX];
	struct texts texts = {0};
	uint8_t random[16];
	size_t count = 1, argument_words, variable_words, vector_words;
	int result =
	    stack_push(&stack, program->path, strlen(program->path) + 1, &texts.path, error);
	if (!result)
		result = stack_push(&stack, PROGRAM_START_PLATFORM, sizeof(PROGRAM_START_PLATFORM),
				    &texts.platform, error);
	if (!result)
		result = push_strings(&stack, program->arguments, words, &count, error);
	argument_words = count;
	if (!result)
		result = push_strings(&stack, program->environment, words, &count, error);
	variable_words = --count;
	if (!result)
		add_places(words, &count, program->request_variables);
	vector_words = count;
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return error_set_errno(error, errno, "cannot draw random bytes");
	stack.pointer &= ~15UL;
	if (!result)
		result = stack_push(&stack, random, sizeof(random), &texts.random, error);
	if (result)
		return result;
	words[0] = argument_words - 2;
	start->at_random = texts.random;
	count += write_vector(&words[count], program, bases, &texts);
	stack.floor -= sizeof(words);
	stack.pointer = (stack.pointer - count * sizeof(uint64_t)) & ~15UL;
	memcpy(image_pointer(image, stack.pointer, count * sizeof(uint64_t)), words,
	       count * sizeof(uint64_t));
	start->stack = stack.pointer;
	start->variables = stack.pointer + variable_words * sizeof(uint64_t);
	start->variables_room = program->request_variables;
	start->connects = program->connects;
	start->port = program->port;
	start->auxiliary = stack.pointer + vector_words * sizeof(uint64_t);
	return 0;
}

static void describe_regions(const struct image *image, struct guest_start *start)
{
	start->region_count = 0;
	for (size_t i = 0; i < image->region_count; i++) {
		const struct image_region *region = &image->regions[i];
		if (region->address == GUEST_FILES_BASE) /* not the program's */
			continue;
		start->regions[start->region_count++] = (struct guest_region){
		    .start = region->address,
		    .end = region->address + region->length,
		    .protection = region->protection,
		};
	}
}

/* Segments, and the stubs behind them. */
static int load_program(struct image *image, const struct elf_file *file, uint64_t base,
			uint64_t system_call, struct error *error)
{
	size_t first_region = image->region_count;
	int result = load_segments(image, file, base, error);
	if (!result)
		result = syscall_patches_install(image, first_region,
						 round_up(base + file->high, GUEST_PAGE_SIZE),
						 system_call, error);
	return result;
}

static uint64_t segments_size(const struct elf_file *file)
{
	uint64_t size = 0;
	for (size_t i = 0; i < file->segment_count; i++)
		size += round_up(file->segments[i].memory_size, GUEST_PAGE_SIZE) + GUEST_PAGE_SIZE;
	return size;
}

/* Where the parts of a program go, and how much memory each gets. */
struct layout {
	uint64_t base;			    /* added to addresses in the program's file */
	const struct elf_file *interpreter; /* at GUEST_INTERPRETER; NULL: none */
	uint64_t segments, stack_size, pool_size, files_size;
};

static int place_files(const struct loader_program *program, struct layout *layout,
		       struct error *error)
{
	const struct elf_file *file = program->file, *interpreter = program->interpreter;
	layout->base = loader_linux_base(file);
	if (file->high > GUEST_PROGRAM_LIMIT - layout->base)
		return error_set(error, ENOEXEC, "%s does not fit below %#lx", program->path,
				 GUEST_PROGRAM_LIMIT);
	if (layout->base + file->low < PROGRAM_LOWEST)
		return error_set(error, ENOEXEC,
				 "%s has a segment at %#lx; below %lu KiB nothing is mapped, so "
				 "that null pointers fault",
				 program->path, layout->base + file->low, PROGRAM_LOWEST >> 10);
	layout->interpreter = interpreter && interpreter->segment_count ? interpreter : NULL;
	if (layout->interpreter &&
	    (!interpreter->is_pie || interpreter->high > GUEST_PROGRAM_LIMIT - GUEST_INTERPRETER))
		return error_set(error, ENOEXEC, "the interpreter %s of %s cannot be moved to %#lx",
				 file->interpreter, program->path, GUEST_INTERPRETER);
	return 0;
}

static int divide_memory(const struct loader_program *program, struct layout *layout,
			 struct error *error)
{
	layout->segments = segments_size(program->file);
	if (layout->interpreter)
		layout->segments += segments_size(layout->interpreter);
	layout->stack_size = round_down(program->memory / 8, GUEST_PAGE_SIZE);
	if (layout->stack_size > STACK_SIZE_MAX)
		layout->stack_size = STACK_SIZE_MAX;
	if (layout->stack_size < STACK_SIZE_MIN)
		layout->stack_size = STACK_SIZE_MIN;
	uint64_t needed = layout->segments + layout->stack_size + POOL_SIZE_MIN;
	if (program->memory < needed)
		return error_set(error, ENOMEM,
				 "%s needs at least %lu KiB of memory (segments %lu KiB, stack and "
				 "heap %lu KiB); give more with --memory",
				 program->path, (needed + 1023) >> 10, layout->segments >> 10,
				 (layout->stack_size + POOL_SIZE_MIN) >> 10);
	layout->pool_size =
	    round_down(program->memory - layout->segments - layout->stack_size, GUEST_PAGE_SIZE);
	/* Files for the program take none of its memory: their contents, in whole pages, and what
	 * describes them, lie in the pool. */
	layout->files_size = round_up(program->files_size, GUEST_PAGE_SIZE);
	if (layout->files_size)
		layout->pool_size += layout->files_size + 2UL * GUEST_FILES_MAX * GUEST_PAGE_SIZE;
	return 0;
}

static uint32_t stack_protection(const struct elf_file *file)
{
	return GUEST_READ | GUEST_WRITE | (file->executable_stack ? GUEST_EXECUTE : 0U);
}

static int load_parts(struct image *image, const struct loader_program *program,
		      const struct elf_file *library_os, const struct layout *layout,
		      struct machine_entries *entries, struct error *error)
{
	int result = load_library_os(image, library_os, entries, error);
	if (!result)
		result =
		    load_program(image, program->file, layout->base, entries->system_call, error);
	if (!result && layout->interpreter)
		result = load_program(image, layout->interpreter, GUEST_INTERPRETER,
				      entries->system_call, error);
	if (!result)
		result = image_map(image, GUEST_STACK_TOP - layout->stack_size, layout->stack_size,
				   stack_protection(program->file), error);
	if (!result)
		result = image_map(image, GUEST_POOL_BASE, layout->pool_size,
				   GUEST_READ | GUEST_WRITE, error);
	if (!result && layout->files_size)
		result = image_map(image, GUEST_FILES_BASE, layout->files_size,
				   GUEST_READ | GUEST_WRITE, error);
	if (!result && layout->files_size)
		memcpy(image_pointer(image, GUEST_FILES_BASE, program->files_size), program->files,
		       program->files_size);
	return result;
}

/* Fills the program's stack, and tells the library OS what it has to know at the start. */
static int write_start(struct image *image, const struct loader_program *program,
		       const struct layout *layout, struct error *error)
{
	const struct elf_file *interpreter = layout->interpreter;
	struct guest_start start = {
	    .entry = interpreter ? GUEST_INTERPRETER + interpreter->entry
				 : layout->base + program->file->entry,
	    .root_base = GUEST_ROOT_BASE,
	    .root_size = image->root_size,
	    .root_served = program->root_served,
	    .files_base = GUEST_FILES_BASE,
	    .files_size = program->files_size,
	    .pool_base = GUEST_POOL_BASE,
	    .pool_size = layout->pool_size,
	    .stack_base = GUEST_STACK_TOP - layout->stack_size,
	    .stack_size = layout->stack_size,
	    .user = program->user,
	    .group = program->group,
	};
	if (program->host_name)
		snprintf(start.host_name, sizeof(start.host_name), "%s", program->host_name);
	if (program->directory)
		snprintf(start.directory, sizeof(start.directory), "%s", program->directory);
	strncpy(start.program, program->absolute_path, sizeof(start.program) - 1);
	const struct libos_header *header = image_pointer(image, GUEST_LIBOS_BASE, sizeof(*header));
	const struct bases bases = {
	    .program = layout->base,
	    .interpreter = interpreter ? GUEST_INTERPRETER : 0,
	    .vdso = header->vdso,
	};
	int result = build_stack(image, program, &bases, &start, error);
	if (result)
		return result;
	describe_regions(image, &start);
	struct guest_start *place = image_pointer(image, header->start_info, sizeof(start));
	if (!place)
		return error_set(error, ENOEXEC, "the library OS has no room for its start data");
	memcpy(place, &start, sizeof(start));
	return 0;
}

int loader_linux_build(struct image *image, const struct loader_program *program,
		       const struct elf_file *library_os, struct machine_entries *entries,
		       struct error *error)
{
	struct layout layout = {0};
	int result = place_files(program, &layout, error);
	if (!result)
		result = divide_memory(program, &layout, error);
	if (!result)
		result = image_create_with_root(
		    image,
		    layout.segments + layout.stack_size + layout.pool_size + layout.files_size +
			(library_os->high - library_os->low) + 2 * SYSCALL_PATCHES_SIZE_MAX,
		    program->root ? program->root->fd : -1,
		    program->root ? program->root->header.image_size : 0, error);
	if (result)
		return result;
	result = load_parts(image, program, library_os, &layout, entries, error);
	if (!result)
		result = write_start(image, program, &layout, error);
	if (!result)
		return 0;
	image_release(image);
	return error_wrap(error, "cannot load %s", program->path);
}

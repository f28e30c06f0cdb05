/* The stack of a program that starts; see image.h. Its layout is the System V ABI's for x86-64
 * (section 3.4.1) and, for the order of the texts, Linux'. */
#include <elf.h>

#include "guest/drivers/random.h"
#include "guest/lib/text.h"
#include "guest/machine/hypercall.h"
#include "guest/mm/address_space.h"
#include "guest/mm/fault.h"
#include "guest/mm/regions.h"
#include "guest/mm/user_memory.h"
#include "guest/mm/vma.h"
#include "guest/sched/identity.h"
#include "guest/sched/process.h"
#include "image.h"
#include "sizes/sizes.h"

#define AT_RANDOM_SIZE 16
#define VECTOR_ENTRIES 21
#define RED_ZONE       8UL /* above everything; as Linux, a word of zeros */

/* Pages without contents in a row below which the last program wrote nothing either. */
#define CLEAN_PAGES 4

static const char platform[] = "x86_64";

/* What only the monitor knows: the first program's auxiliary vector has it. */
static struct {
	uint64_t features, more_features, signal_frame;
	uint64_t vdso;
} told;

void exec_init(void)
{
	Elf64_auxv_t entry = {.a_type = AT_IGNORE};
	process_current()->start = (struct program_start){
	    .stack = libos_start_info.stack,
	    .variables = libos_start_info.variables,
	    .auxiliary = libos_start_info.auxiliary,
	    .at_random = libos_start_info.at_random,
	};
	for (uint64_t at = libos_start_info.auxiliary; entry.a_type != AT_NULL;
	     at += sizeof(entry)) {
		if (user_copy_in(&entry, at, sizeof(entry)))
			return;
		switch (entry.a_type) {
		case AT_HWCAP:
			told.features = entry.a_un.a_val;
			break;
		case AT_HWCAP2:
			told.more_features = entry.a_un.a_val;
			break;
		case AT_MINSIGSTKSZ:
			told.signal_frame = entry.a_un.a_val;
			break;
		case AT_SYSINFO_EHDR:
			told.vdso = entry.a_un.a_val;
			break;
		default:
			break;
		}
	}
}

/* ── the memory ──────────────────────────────────────────────────────────────────────────────── */

static bool is_clean(const uint64_t *page)
{
	for (size_t i = 0; i < GUEST_PAGE_SIZE / sizeof(*page); i++)
		if (page[i])
			return false;
	return true;
}

/* Takes away what the last program left. Pages that were never used stay so: writing zeros would make
 * them part of each snapshot. */
static void clear_stack(uint64_t base, uint64_t top)
{
	unsigned clean = 0;
	for (uint64_t at = top; at > base && clean < CLEAN_PAGES;) {
		at -= GUEST_PAGE_SIZE;
		if (is_clean((const uint64_t *)at)) {
			clean++;
			continue;
		}
		clean = 0;
		memset((void *)at, 0, GUEST_PAGE_SIZE);
	}
}

/* Its highest pages will be used: a touch would cost two exits more. */
static int map_stack(uint64_t base, uint64_t top, uint32_t protection)
{
	int error = vma_map(base, top, protection, 0);
	if (!error)
		vma_fault(top - GUEST_PAGE_SIZE, GUEST_READ | GUEST_WRITE);
	return error;
}

static int claim_stack(const struct exec_image *image)
{
	const uint64_t base = libos_start_info.stack_base;
	const uint64_t top = base + libos_start_info.stack_size;
	const uint32_t protection = GUEST_READ | GUEST_WRITE |
				    (image->program.program.executable_stack ? GUEST_EXECUTE : 0);
	if (!address_space_has_regions())
		return map_stack(base, top, protection);
	int error = regions_claim(base, top, protection);
	if (!error)
		clear_stack(base, top);
	return error;
}

/* ── what is on it ───────────────────────────────────────────────────────────────────────────── */

/* Places of texts on the stack. */
struct texts {
	uint64_t strings, path, platform, random;
};

static struct texts put_texts(const struct exec_image *image, uint64_t *pointer)
{
	const struct exec_arguments *arguments = &image->arguments;
	const uint64_t size = (uint64_t)(arguments->end - arguments->first);
	struct texts texts;
	uint8_t random[AT_RANDOM_SIZE];
	texts.strings = *pointer - RED_ZONE - size;
	texts.path = texts.strings + (uint64_t)(arguments->path - arguments->first);
	texts.platform = round_down(texts.strings - sizeof(platform), AT_RANDOM_SIZE);
	texts.random = texts.platform - AT_RANDOM_SIZE;
	random_bytes(random, sizeof(random));
	memcpy((void *)texts.strings, arguments->first, size);
	memcpy((void *)texts.platform, platform, sizeof(platform));
	memcpy((void *)texts.random, random, sizeof(random));
	*pointer = texts.random;
	return texts;
}

static size_t make_vector(Elf64_auxv_t vector[VECTOR_ENTRIES], const struct exec_image *image,
			  const struct texts *texts)
{
	const struct exec_file *file = &image->program;
	const struct elf_program *program = &file->program;
	const uint64_t headers =
	    program->headers_address ? file->base + program->headers_address : 0;
	const Elf64_auxv_t made[VECTOR_ENTRIES] = {
	    {AT_SYSINFO_EHDR, {told.vdso}},
	    {AT_HWCAP, {told.features}},
	    {AT_PAGESZ, {GUEST_PAGE_SIZE}},
	    {AT_CLKTCK, {100}},
	    {AT_PHDR, {headers}},
	    {AT_PHENT, {sizeof(Elf64_Phdr)}},
	    {AT_PHNUM, {program->header_count}},
	    {AT_BASE, {image->interpreter.file ? image->interpreter.base : 0}},
	    {AT_FLAGS, {0}},
	    {AT_ENTRY, {file->base + program->entry}},
	    {AT_UID, {process_current()->users.real}},
	    {AT_EUID, {identity_user()}},
	    {AT_GID, {process_current()->groups.real}},
	    {AT_EGID, {identity_group()}},
	    {AT_SECURE, {0}},
	    {AT_RANDOM, {texts->random}},
	    {AT_HWCAP2, {told.more_features}},
	    {AT_EXECFN, {texts->path}},
	    {AT_PLATFORM, {texts->platform}},
	    {AT_MINSIGSTKSZ, {told.signal_frame}},
	    {AT_NULL, {0}},
	};
	memcpy(vector, made, sizeof(made));
	return sizeof(made);
}

/* A list of pointers to strings that lie one behind the other, and its NULL. */
static uint64_t *put_list(uint64_t *words, uint64_t *string, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		*words++ = *string;
		*string += strlen((const char *)*string) + 1;
	}
	*words = 0;
	return words;
}

/* In a set-up the environment ends with places for the variables of a request, as the monitor made it
 * for the first program. In a request its variables were copied as all others. */
static uint64_t place_count(void)
{
	return machine_control()->serving ? 0 : libos_start_info.variables_room;
}

static uint64_t *put_places(uint64_t *words)
{
	for (uint64_t i = 0; i < place_count(); i++)
		*words++ = GUEST_WINDOW_BASE + WINDOW_VARIABLES_OFFSET + i * GUEST_VARIABLE_PLACE;
	*words++ = 0;
	return words;
}

int exec_build_stack(const struct exec_image *image)
{
	const struct exec_arguments *arguments = &image->arguments;
	int error = claim_stack(image);
	if (!error)
		error = address_space_settle();
	if (error)
		return error;
	uint64_t pointer = libos_start_info.stack_base + libos_start_info.stack_size;
	const struct texts texts = put_texts(image, &pointer);
	Elf64_auxv_t vector[VECTOR_ENTRIES];
	const size_t vector_size = make_vector(vector, image, &texts);
	const uint64_t count =
	    1 + arguments->argument_count + 1 + arguments->variable_count + place_count() + 1;
	pointer = round_down(pointer - count * sizeof(uint64_t) - vector_size, 16);
	uint64_t *words = (uint64_t *)pointer, string = texts.strings;
	*words++ = arguments->argument_count;
	words = put_list(words, &string, arguments->argument_count) + 1;
	words = put_list(words, &string, arguments->variable_count);
	const uint64_t variables = (uint64_t)words;
	words = put_places(words);
	memcpy(words, vector, vector_size);
	process_current()->start = (struct program_start){
	    .stack = pointer,
	    .variables = variables,
	    .auxiliary = (uint64_t)words,
	    .at_random = texts.random,
	};
	return 0;
}

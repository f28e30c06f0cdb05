/* What a program finds on its stack when it starts; see stack.h. */
#include "stack.h"

#include <elf.h>

#include "guest/fs/pseudo.h"
#include "guest/machine/hypercall.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/process.h"

#define AUXILIARY_MAX 64   /* entries */
#define ARGUMENTS_MAX 4096 /* of arguments or variables */

/* What the stack of a new program has: a count, arguments, NULL, variables, NULL, auxiliary vector.
 * All of it is the program's to overwrite, so each word is fetched with care. */
static bool stack_word(uint64_t index, uint64_t *word)
{
	return !user_copy_in(word, process_current()->start.stack + index * sizeof(*word),
			     sizeof(*word));
}

/* An entry of the environment that waits for a variable of a request. */
static bool is_empty_place(uint64_t address)
{
	char first = 1;
	const uint64_t area = GUEST_WINDOW_BASE + WINDOW_VARIABLES_OFFSET;
	return address - area < WINDOW_VARIABLES_SIZE && !user_copy_in(&first, address, 1) &&
	       !first;
}

/* The strings from one index of the stack up to a NULL, each with its NUL. Returns the index behind
 * the NULL. */
static uint64_t print_strings(struct pseudo_text *out, uint64_t index)
{
	uint64_t address;
	for (int i = 0; i < ARGUMENTS_MAX && stack_word(index++, &address) && address; i++) {
		char character = 1;
		if (is_empty_place(address))
			continue;
		for (; out && character && out->length < out->size; address++) {
			if (user_copy_in(&character, address, 1))
				break;
			pseudo_bytes(out, &character, 1);
		}
	}
	return index;
}

void proc_cmdline(struct pseudo_text *out)
{
	print_strings(out, 1);
}

void proc_environment(struct pseudo_text *out)
{
	print_strings(out, print_strings(NULL, 1));
}

/* Entry `i` of the auxiliary vector. */
static bool auxiliary_entry(uint64_t i, Elf64_auxv_t *entry)
{
	return !user_copy_in(entry, process_current()->start.auxiliary + i * sizeof(*entry),
			     sizeof(*entry));
}

void proc_auxiliary_vector(struct pseudo_text *out)
{
	Elf64_auxv_t entry = {.a_type = AT_IGNORE};
	for (uint64_t i = 0;
	     i < AUXILIARY_MAX && entry.a_type != AT_NULL && auxiliary_entry(i, &entry); i++)
		pseudo_bytes(out, &entry, sizeof(entry));
}

uint64_t proc_vdso_address(void)
{
	Elf64_auxv_t entry = {.a_type = AT_IGNORE};
	for (uint64_t i = 0;
	     i < AUXILIARY_MAX && entry.a_type != AT_NULL && auxiliary_entry(i, &entry); i++)
		if (entry.a_type == AT_SYSINFO_EHDR)
			return entry.a_un.a_val;
	return 0;
}

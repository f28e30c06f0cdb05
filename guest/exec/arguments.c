/* Arguments and environment; see arguments.h. */
#include "arguments.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdbool.h>

#include "guest/lib/text.h"
#include "guest/machine/hypercall.h"
#include "guest/mm/pool.h"
#include "guest/mm/ranges.h"
#include "guest/mm/user_memory.h"
#include "script.h"

#define STRING_MAX (32 * GUEST_PAGE_SIZE) /* with its NUL; as Linux (MAX_ARG_STRLEN) */

/* What scripts put before the arguments, at most. */
#define SCRIPT_ROOM ((size_t)PATH_MAX + SCRIPT_DEPTH_MAX * 2UL * SCRIPT_LINE_MAX)

/* Strings and the words that point to them may take a quarter of the stack, but no less than
 * ARG_MAX where half of the stack is more; as Linux. */
static uint64_t size_limit(void)
{
	const uint64_t stack = libos_start_info.stack_size;
	const uint64_t least = stack / 2 < ARG_MAX ? stack / 2 : ARG_MAX;
	return stack / 4 > least ? stack / 4 : least;
}

/* With its NUL. 0; -EFAULT; -E2BIG: longer than is allowed. */
static int measure_string(uint64_t address, uint64_t *size)
{
	for (*size = 0; *size < STRING_MAX;) {
		const uint64_t next = address + *size;
		if ((!*size || is_aligned(next)) && !user_readable(next, 1))
			return -EFAULT;
		++*size;
		if (!*(const char *)next)
			return 0;
	}
	return -E2BIG;
}

/* An entry of the environment that waits for a variable of a request: it is made anew. */
static bool is_waiting_place(uint64_t string)
{
	return string - (GUEST_WINDOW_BASE + WINDOW_VARIABLES_OFFSET) < WINDOW_VARIABLES_SIZE &&
	       !*(const char *)string;
}

/* Copies the list's strings to `out` (NULL: only measures them), and adds up what they take. */
static int copy_list(uint64_t list, char *out, uint64_t *count, uint64_t *strings)
{
	uint64_t string, size;
	*count = *strings = 0;
	for (; list; list += sizeof(string)) {
		int error = user_copy_in(&string, list, sizeof(string));
		if (error || !string)
			return error;
		error = measure_string(string, &size);
		if (error)
			return error;
		if (is_waiting_place(string))
			continue;
		if (out)
			memcpy(out + *strings, (const void *)string, size);
		*strings += size;
		++*count;
		if (*strings + *count * sizeof(string) > size_limit())
			return -E2BIG;
	}
	return 0;
}

struct sizes {
	uint64_t arguments, variables, path; /* bytes, with all NULs */
};

static int measure(struct exec_arguments *copied, uint64_t arguments, uint64_t variables,
		   struct sizes *sizes)
{
	int error = copy_list(arguments, NULL, &copied->argument_count, &sizes->arguments);
	if (!error)
		error = copy_list(variables, NULL, &copied->variable_count, &sizes->variables);
	const uint64_t words = copied->argument_count + copied->variable_count;
	if (!error && sizes->arguments + sizes->variables + sizes->path + words * sizeof(uint64_t) >
			  size_limit())
		error = -E2BIG;
	return error;
}

/* There is room. */
static int fill(struct exec_arguments *copied, uint64_t arguments, uint64_t variables,
		const char *path, struct sizes *sizes)
{
	char *next = copied->first;
	int error = copy_list(arguments, next, &copied->argument_count, &sizes->arguments);
	if (error)
		return error;
	next += sizes->arguments;
	if (!copied->argument_count) {
		copied->argument_count = 1;
		*next++ = 0;
	}
	error = copy_list(variables, next, &copied->variable_count, &sizes->variables);
	copied->path = next + sizes->variables;
	memcpy(copied->path, path, sizes->path);
	copied->end = copied->path + sizes->path;
	return error;
}

int exec_arguments_copy(struct exec_arguments *copied, uint64_t arguments, uint64_t variables,
			const char *path)
{
	struct sizes sizes = {.path = strlen(path) + 1};
	*copied = (struct exec_arguments){0};
	int error = measure(copied, arguments, variables, &sizes);
	if (error)
		return error;
	copied->pages =
	    page_count(SCRIPT_ROOM + sizes.arguments + 1 + sizes.variables + sizes.path);
	copied->memory = pool_allocate(copied->pages);
	if (!copied->memory)
		return -ENOMEM;
	copied->first = copied->memory + SCRIPT_ROOM;
	error = fill(copied, arguments, variables, path, &sizes);
	if (error)
		exec_arguments_release(copied);
	return error;
}

static int put_first(struct exec_arguments *copied, const char *text)
{
	const size_t size = strlen(text) + 1;
	if ((size_t)(copied->first - copied->memory) < size)
		return -E2BIG;
	copied->first -= size;
	memcpy(copied->first, text, size);
	copied->argument_count++;
	return 0;
}

int exec_arguments_put_script(struct exec_arguments *copied, const char *interpreter,
			      const char *argument, const char *script)
{
	copied->first += strlen(copied->first) + 1;
	copied->argument_count--;
	int error = put_first(copied, script);
	if (!error && argument)
		error = put_first(copied, argument);
	return error ? error : put_first(copied, interpreter);
}

void exec_arguments_release(struct exec_arguments *copied)
{
	if (copied->memory)
		pool_release(copied->memory, copied->pages);
	*copied = (struct exec_arguments){0};
}

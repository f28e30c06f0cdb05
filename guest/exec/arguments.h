/* Arguments and environment of a program that is to start, copied from the one that starts it. */
#ifndef MAYFLY_GUEST_ARGUMENTS_H
#define MAYFLY_GUEST_ARGUMENTS_H

#include <stddef.h>
#include <stdint.h>

/* All strings lie one behind the other, each with its NUL: arguments, variables, then the path that
 * the program was called by. */
struct exec_arguments {
	char *memory; /* pages of the pool; NULL: nothing was copied */
	size_t pages;
	char *first; /* the first argument */
	uint64_t argument_count, variable_count;
	char *path, *end;
};

/* Copies what the program's two lists name (0: an empty one), and `path`. A program without
 * arguments gets an empty one. 0; -EFAULT; -E2BIG, by Linux' limits; -ENOMEM. */
int exec_arguments_copy(struct exec_arguments *copied, uint64_t arguments, uint64_t variables,
			const char *path);

/* A script: its interpreter's path, the argument beside that (or NULL) and the script's path take the
 * place of the first argument. 0 or -E2BIG. */
int exec_arguments_put_script(struct exec_arguments *copied, const char *interpreter,
			      const char *argument, const char *script);

void exec_arguments_release(struct exec_arguments *copied);

#endif

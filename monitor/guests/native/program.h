/* The program that a monitor runs, and its ELF interpreter: where they come from.
 *
 * Without a root they are files of the host, and the program is static. With one, both lie in the
 * root: the program's name is a path in it, or is searched as execvp(3) would. What begins with #!
 * is run by the interpreter that it names there.
 */
#ifndef MAYFLY_MONITOR_PROGRAM_H
#define MAYFLY_MONITOR_PROGRAM_H

#include <limits.h>

#include "monitor/elf/elf_file.h"
#include "root/tree.h"

struct program {
	struct elf_file file;
	struct elf_file interpreter; /* of a dynamic program; else empty */
	char path[PATH_MAX];	     /* absolute, without links: /proc/self/exe */
	/* A script: what stands in the arguments in the place of its name. */
	struct program_script {
		char interpreter[PATH_MAX]; /* as the script says; empty: this is no script */
		char argument[PATH_MAX];    /* one, with all blanks in it; empty: none */
		char path[PATH_MAX];	    /* of the script */
	} script;
};

/* Finds and reads the program called `name`; `root` is NULL without a root. `directory`: where a
 * relative path begins in the root, "" or from a slash on. `environment`: the program's, for its
 * PATH. Release by program_release(), also where it failed. */
int program_open(struct program *program, const char *name, const struct root_tree *root,
		 const char *directory, const char *const *environment, struct error *error);
void program_release(struct program *program);

/* The arguments that the program gets, of those that it was called with: those of a script have its
 * interpreter before them. A fresh array, NULL-terminated, of strings that belong to others; NULL:
 * no memory. */
const char **program_arguments(const struct program *program, const char *const *arguments);

#endif

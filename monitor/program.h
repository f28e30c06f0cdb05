/* The program that a monitor runs, and its ELF interpreter: where they come from.
 *
 * Without a root they are files of the host, and the program is static. With one, both lie in the
 * root image: the program's name is a path in it, or is searched as execvp(3) would.
 */
#ifndef MAYFLY_MONITOR_PROGRAM_H
#define MAYFLY_MONITOR_PROGRAM_H

#include <limits.h>

#include "elf_file.h"
#include "root/image.h"

struct program {
	struct elf_file file;
	struct elf_file interpreter; /* of a dynamic program; else empty */
	char path[PATH_MAX];	     /* absolute, without links: /proc/self/exe */
};

/* Finds and reads the program called `name`; `root` is NULL without a root. `environment`: the
 * program's, for its PATH. Release by program_release(), also where it failed. */
int program_open(struct program *program, const char *name, const struct root_image *root,
		 const char *const *environment, struct error *error);
void program_release(struct program *program);

#endif

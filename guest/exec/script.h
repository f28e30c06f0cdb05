/* Scripts: files that begin with "#!" and the program that runs them. */
#ifndef MAYFLY_GUEST_SCRIPT_H
#define MAYFLY_GUEST_SCRIPT_H

#include <stddef.h>

#define SCRIPT_LINE_MAX 256 /* bytes of the file that count; as Linux (BINPRM_BUF_SIZE) */

/* So many scripts may be each other's interpreters; as Linux. */
#define SCRIPT_DEPTH_MAX 5

struct script {
	char *interpreter;
	char *argument; /* one, up to the end of the line; NULL: there is none */
};

/* Reads a script's first line, of a file whose first `length` bytes `line` has and which end in a
 * NUL at line[length]; `length` is SCRIPT_LINE_MAX where the file is longer. The texts lie in
 * `line`. 0 or -ENOEXEC: it is no script, or names nothing. */
int script_parse(struct script *script, char *line, size_t length);

#endif

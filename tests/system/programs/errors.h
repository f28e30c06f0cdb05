/* What the programs errors_*.c share: each makes calls at the edge of what is allowed and prints
 * what comes of it, one line a call. The host's lines are the truth; same_as_host.py compares.
 *
 * Where the program is started with the argument "root", the host's user is root, as the guest's
 * is: what depends on that is asked only then. */
#ifndef MAYFLY_TESTS_ERRORS_H
#define MAYFLY_TESTS_ERRORS_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline void print_result(const char *call, long result)
{
	if (result == -1)
		printf("%s: %s\n", call, strerror(errno));
	else
		printf("%s: %ld\n", call, result);
}

/* Prints a call with its result: a number that is the same everywhere, or the error. */
#define TRY(call) print_result(#call, (long)(call))

/* The same for a call whose good result is any: a descriptor, an address. */
#define TRY_ANY(call)                                                                              \
	do {                                                                                       \
		long any_result = (long)(call);                                                    \
		print_result(#call, any_result == -1 ? -1 : 0);                                    \
	} while (0)

static inline bool is_root(int argc, char **argv)
{
	return argc > 1 && !strcmp(argv[1], "root");
}

/* A name and a path that are too long, as texts for buffers of those sizes. */
static inline void make_long(char *name, size_t name_size, char *path, size_t path_size)
{
	memset(name, 'n', name_size - 1);
	for (size_t i = 0; i < path_size - 1; i++)
		path[i] = i % 2 ? '/' : '.';
}

/* Makes a fresh directory the current one. It is left empty, or not at all. */
static inline void enter_scratch(char path[64])
{
	snprintf(path, 64, "/tmp/mayfly-errors-XXXXXX");
	if (!mkdtemp(path) || chdir(path)) {
		perror(path);
		exit(1);
	}
	umask(022);
}

static inline int make_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");
	if (!file || fputs(text, file) < 0 || fclose(file)) {
		perror(name);
		exit(1);
	}
	return 0;
}

#endif

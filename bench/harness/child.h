/* Programs as ordinary processes, with a request and a response. */
#ifndef MAYFLY_BENCH_CHILD_H
#define MAYFLY_BENCH_CHILD_H

#include <stddef.h>

#include "util/error.h"

/* Runs the program `arguments[0]` with `input` as standard input, and waits for its end. Its
 * standard output goes to `answer`, with a NUL behind it. -EPROTO where it does not exit with
 * status 0 or answers with nothing or more than `size` - 1 bytes. */
int child_run(const char *const arguments[], int input, char *answer, size_t size,
	      struct error *error);

#endif

/* The example functions that come with Mayfly, as the help and the completion name them. */
#ifndef MAYFLY_MONITOR_FUNCTIONS_H
#define MAYFLY_MONITOR_FUNCTIONS_H

#include <stddef.h>

struct example_function {
	const char *name;
	const char *task; /* which models it takes as its argument (model.txt); NULL: none */
};

extern const struct example_function example_functions[];
extern const size_t example_function_count;

#endif

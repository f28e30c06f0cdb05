/* The names of what system calls take: calls, flags, constants. Internal to line.c. */
#ifndef MAYFLY_MONITOR_TRACE_NAMES_H
#define MAYFLY_MONITOR_TRACE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace_name {
	uint64_t value;
	const char *name;
};

/* The names for the values of one kind of argument. */
struct trace_names {
	char letter;   /* in calls.def */
	bool flags;    /* several may be set at once; else the value is one of them */
	uint64_t mask; /* of flags: the bits that are one value together, first in the list */
	const struct trace_name *names;
	size_t count;
	const char *none; /* of flags: what 0 is called */
};

/* NULL where the letter has no names. */
const struct trace_names *trace_names_of(char letter);

/* The letters of a call's arguments, and its name; NULL where the library OS does not have it. */
const char *trace_call_letters(uint64_t number, const char **name);

#endif

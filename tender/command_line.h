/* The command line of Solo5's tenders. */
#ifndef MAYFLY_TENDER_COMMAND_LINE_H
#define MAYFLY_TENDER_COMMAND_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "util/error.h"

struct command_line {
	bool wants_help, wants_version;
	bool executable_heap;
	uint64_t memory; /* bytes */
	/* The image, and what the guest gets; NULL-terminated. Words of argv. */
	const char **arguments;
	const char **devices; /* KIND:NAME=WHAT each, NULL-terminated; texts of our own */
};

/* Reads [OPTION...] [--] IMAGE [ARG...]. EINVAL. Release by command_line_release(), whatever comes
 * back. `for_spt`: with the options that only the tender spt has. */
int command_line_read(struct command_line *line, bool for_spt, int argc, char **argv,
		      struct error *error);
void command_line_release(struct command_line *line);

void command_line_print_help(FILE *out, const char *name, bool for_spt);

#endif

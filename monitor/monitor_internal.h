/* What the monitor's own files know of a monitor. */
#ifndef MAYFLY_MONITOR_INTERNAL_H
#define MAYFLY_MONITOR_INTERNAL_H

#include "accelerator.h"
#include "elf_file.h"
#include "guest_time.h"
#include "image.h"
#include "isolation.h"
#include "monitor.h"

struct monitor {
	const struct isolation *isolation;
	char *name; /* the program's, for messages */
	struct elf_file program, library_os;
	uint64_t program_base;
	struct guest_time time;
	bool debug;

	/* The image that clones start from: as loaded, or frozen by the set-up. */
	struct image image;
	bool prepared, frozen;
	/* What the set-up wrote to standard output: every response begins with it. */
	uint8_t *prefix;
	size_t prefix_length;
	struct accelerator_journal journal;

	/* During the set-up: calls are journalled, output goes into the prefix. */
	bool preparing;
	struct slot *first_slot;
};

/* Answers `request` with the prefix, and forgets it: the set-up turned out to be the request. */
int monitor_answer_prefix(struct monitor *monitor, const struct request *request,
			  struct error *error);

#endif

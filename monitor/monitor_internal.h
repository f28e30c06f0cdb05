/* What the monitor's own files know of a monitor. */
#ifndef MAYFLY_MONITOR_INTERNAL_H
#define MAYFLY_MONITOR_INTERNAL_H

#include "accelerator.h"
#include "elf_file.h"
#include "guest_time.h"
#include "image.h"
#include "isolation.h"
#include "monitor.h"
#include "prefix.h"
#include "program.h"
#include "root/pack.h"

struct monitor {
	const struct isolation *isolation;
	char *name; /* the program's, for messages */
	struct program program;
	struct elf_file library_os;
	struct root_image root; /* its descriptor is -1 where there is none */
	uint64_t program_base;
	struct guest_time time;
	bool debug;

	/* The image that clones start from: as loaded, or frozen by the set-up. */
	struct image image;
	bool prepared, frozen;
	struct prefix prefix;
	struct accelerator_journal journal;

	/* During the set-up: calls are journalled, output goes into the prefix. */
	bool preparing;
	struct slot *first_slot;
};

#endif

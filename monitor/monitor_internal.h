/* What the monitor's own files know of a monitor. */
#ifndef MAYFLY_MONITOR_INTERNAL_H
#define MAYFLY_MONITOR_INTERNAL_H

#include "accel_client/accel_client.h"
#include "accelerator.h"
#include "elf_file.h"
#include "footprint.h"
#include "guest_time.h"
#include "image.h"
#include "isolation.h"
#include "monitor.h"
#include "prefix.h"
#include "program.h"
#include "root/pack.h"
#include "root_server/client.h"
#include "snapshot_file.h"

#define MONITOR_LIBRARY_OS "guest/libos.elf" /* for paths_part() */

struct monitor {
	const struct isolation *isolation;
	struct isolation_host *host; /* NULL while there is none, or where it needs none */
	char *name;		     /* the program's, for messages */
	struct program program;
	struct elf_file library_os;
	struct root_image root;	   /* its descriptor is -1 where there is none */
	char *root_path;	   /* of the root image's file; NULL where there is none */
	struct root_client *files; /* of a root directory; NULL where there is none */
	char *library_path;	   /* the program's LD_LIBRARY_PATH, or NULL */
	uint64_t program_base;
	struct guest_time time;
	bool debug;

	/* The image that clones start from: as loaded, or frozen by the set-up. */
	struct image image;
	bool prepared, frozen;
	struct footprint footprint; /* of requests in clones of the image */
	struct prefix prefix;
	struct accel_dialer dialer;
	struct accelerator_journal journal;

	/* What monitor_plan_save() began; borrows from the rest. NULL: nothing is to be saved. */
	struct snapshot *draft;

	/* During the set-up: calls are journalled, output goes into the prefix. */
	bool preparing;
	/* The request to warm up with, and whether the set-up is at it: output is thrown away. */
	uint8_t *warm_up;
	size_t warm_up_length;
	bool warming_up;
	struct slot *first_slot;
};

/* Chooses the isolation of a new monitor, and makes room for as many descriptors as its slots may
 * need. */
int monitor_choose_isolation(struct monitor *monitor, const char *wanted, struct error *error);

#endif

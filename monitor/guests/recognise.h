/* What a file is that somebody wants to run, and which kind of guest that makes.
 *
 * For fronts as well as for the monitor: nothing here needs a machine. One table (recognise.c) tells
 * the formats apart by what files begin with. */
#ifndef MAYFLY_MONITOR_RECOGNISE_H
#define MAYFLY_MONITOR_RECOGNISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes at the beginning of a file that formats are known by. */
#define GUEST_FILE_HEAD 4096

struct guest_file {
	const char *path;
	int fd; /* open to be read; -1 for a directory */
	uint8_t head[GUEST_FILE_HEAD];
	size_t length; /* of the head */
};

struct guest_format {
	/* The kind of guest that runs it (kind.h); NULL: it is no program but has or names one. */
	const char *kind;
	bool (*recognise)(const struct guest_file *file);
	/* A name without a slash is enough for such a file: it was made to be run by Mayfly. Other
	 * programs need a path, as a name is a function's. */
	bool needs_no_path;
};

extern const struct guest_format guest_format_snapshot;	  /* says itself what kind it has */
extern const struct guest_format guest_format_root_image; /* packed, or an OCI layout */
extern const struct guest_format guest_format_script;	  /* its interpreter is in the root */
extern const struct guest_format guest_format_linux; /* a bzImage, or a kernel in an ELF file */
extern const struct guest_format guest_format_elf;
extern const struct guest_format guest_format_raw;	 /* raw_image.h */
extern const struct guest_format guest_format_solo5;	 /* for the tender hvt */
extern const struct guest_format guest_format_solo5_spt; /* for the tender spt */
extern const struct guest_format guest_format_unikraft;	 /* or another kernel by multiboot */

/* The format of the file at `path`; NULL: of none, or it cannot be read. Follows links, opens no
 * device, and leaves nothing open. Thread-safe. */
const struct guest_format *guest_format_of(const char *path);

#endif

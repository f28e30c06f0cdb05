/* The kind `native`: a Linux program beside the library OS, which serves its system calls and asks
 * the monitor by hypercalls (mayfly/guest_abi.h). Internal to this folder. */
#ifndef MAYFLY_MONITOR_NATIVE_GUEST_H
#define MAYFLY_MONITOR_NATIVE_GUEST_H

#include "monitor/elf/elf_file.h"
#include "monitor/guests/kind.h"
#include "program.h"
#include "root/image.h"

struct guest_native {
	struct guest guest;
	struct program program;
	uint64_t program_base; /* load base of the program */
	struct elf_file library_os;
	struct root_image root; /* its descriptor is -1 where there is none */
	char *root_path;	/* of the root image's file; NULL where there is none */
	char *library_path;	/* the program's LD_LIBRARY_PATH, or NULL */
};

static inline const struct guest_native *guest_native_of(const struct guest *guest)
{
	return (const struct guest_native *)guest;
}

/* These are guest_native's load, describe, restore and unload. */
int native_load(struct guest **guest, const struct guest_options *options, struct image *image,
		struct error *error);
int native_describe(const struct guest *guest, struct snapshot *snapshot, struct error *error);
int native_restore(struct guest **guest, struct snapshot *snapshot,
		   const struct guest_options *options, struct error *error);
void native_unload(struct guest *guest);

#endif

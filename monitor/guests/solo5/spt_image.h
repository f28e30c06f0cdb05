/* The memory of a Solo5 spt guest. */
#ifndef MAYFLY_MONITOR_SOLO5_SPT_IMAGE_H
#define MAYFLY_MONITOR_SOLO5_SPT_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/formats/solo5_abi.h"
#include "monitor/guests/solo5/program.h"
#include "monitor/isolation/direct.h"
#include "monitor/memory/image.h"
#include "util/error.h"

struct spt_program {
	const uint8_t *file; /* all of it; program was parsed from it */
	const struct solo5_program *program;
	const struct solo5_manifest *manifest; /* attached */
	const char *const *arguments;	       /* NULL-terminated, the program's name first */
	uint64_t memory;		       /* bytes, a multiple of the page size */
	bool executable_heap;		       /* memory beside the segments can be executed */
};

/* Makes the image: segments, boot information, manifest, command line. In *start goes how the guest
 * begins there; the number of its descriptors must be known. E2BIG for a command line that is too
 * long. */
int spt_image_build(const struct spt_program *what, struct image *image, struct direct_start *start,
		    struct error *error);

#endif

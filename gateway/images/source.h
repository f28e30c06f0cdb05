/* What the name of an image means. */
#ifndef MAYFLY_GATEWAY_IMAGE_SOURCE_H
#define MAYFLY_GATEWAY_IMAGE_SOURCE_H

#include <limits.h>
#include <stdbool.h>

#include "util/error.h"

enum image_source_kind {
	IMAGE_SOURCE_PROGRAM,  /* a file that a monitor starts as it is */
	IMAGE_SOURCE_ROOT,     /* a root image */
	IMAGE_SOURCE_SNAPSHOT, /* a snapshot file */
	IMAGE_SOURCE_PACKED,   /* a directory, layout or archive: to be packed into a root image */
	IMAGE_SOURCE_REGISTRY, /* to be fetched */
};

struct image_source {
	enum image_source_kind kind;
	char path[PATH_MAX]; /* of a registry: the image's name without a scheme */
	bool docker;	     /* it must be an archive of docker save */
	char tag[256];	     /* of a layout; "": none is named */
};

/* Finds it. `below`: paths are taken from there only, without links; NULL: from everywhere. EINVAL with a
 * sentence where there is no such image, or it is none. */
int image_source_find(const char *name, const char *below, struct image_source *source,
		      struct error *error);

#endif

/* Packing functions in Python, by the script that does it. */
#ifndef MAYFLY_CLI_PYTHON_IMAGE_H
#define MAYFLY_CLI_PYTHON_IMAGE_H

#include <stdbool.h>

#include "util/error.h"

#define PYTHON_USUAL "/usr/bin/python3"

struct python_image {
	const char *source; /* a folder with handler.py, or a file */
	const char *output; /* the image */
	const char *python; /* the interpreter that is packed */
	bool handler;	    /* handle() takes HTTP requests, also where it does not say so */
};

/* Packs it; what script_run() returns. */
int python_image_pack(const struct python_image *image, struct error *error);

/* Only finds versions and hashes of the packages, for requirements.txt. */
int python_image_lock(const char *source, const char *python, struct error *error);

#endif

/* Where the shared library of an engine is. */
#ifndef MAYFLY_ONNX_LIBRARY_FILE_H
#define MAYFLY_ONNX_LIBRARY_FILE_H

#include <limits.h>

#include "util/error.h"
#include "util/host_settings.h"

/* The path that `setting` names; else of the file `below` in the cache, which must be what
 * models/fetch.py installed. -ENOENT where there is none: the message tells how to get it. `what` is
 * the engine's name. */
int library_file_find(enum host_setting setting, const char *below, const char *what,
		      char path[PATH_MAX], struct error *error);

#endif

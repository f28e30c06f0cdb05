/* Where Mayfly keeps things: cache, run-time directory, and the parts installed beside a program.
 */
#ifndef MAYFLY_UTIL_PATHS_H
#define MAYFLY_UTIL_PATHS_H

#include <stddef.h>

#include "util/error.h"

/* ${MAYFLY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mayfly}/name, in a fixed buffer; `name` may be
 * "". The directory is not made. ENOENT where no home is known, ENAMETOOLONG. */
int paths_cache(char *out, size_t size, const char *name, struct error *error);

/* ${XDG_RUNTIME_DIR}/mayfly/name, else /run/user/<uid>/mayfly/name where that exists, else
 * /tmp/mayfly-<uid>/name. Makes the directory (mode 0700) and refuses one that belongs to someone
 * else or that others may enter. */
int paths_runtime(char *out, size_t size, const char *name, struct error *error);

/* A part of Mayfly that is built or installed with the running program: `name` is looked up below
 * ${MAYFLY_LIBDIR}, the program's own directory (a build tree: the command stands in build/ and the
 * parts in folders beneath), and ../lib/mayfly (an installation; there the last component of `name`
 * is enough). ENOENT names every place that was looked at. */
int paths_part(char *out, size_t size, const char *name, struct error *error);

#endif

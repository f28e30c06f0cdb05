/* Where Mayfly keeps things: cache, state, configuration, run-time directory, and the parts installed
 * beside a program. */
#ifndef MAYFLY_UTIL_PATHS_H
#define MAYFLY_UTIL_PATHS_H

#include <limits.h>
#include <stddef.h>

#include "util/error.h"

/* ${MAYFLY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mayfly}/name, in a fixed buffer; `name` may be
 * "". The directory is not made. ENOENT where no home is known, ENAMETOOLONG. */
int paths_cache(char *out, size_t size, const char *name, struct error *error);

/* ${XDG_CONFIG_HOME:-$HOME/.config}/mayfly/name, in the same way. */
int paths_config(char *out, size_t size, const char *name, struct error *error);

/* The gateway's state directory: `given`, or where that is NULL
 * ${XDG_STATE_HOME:-$HOME/.local/state}/mayfly; as an absolute path without links. Made, mode 0700,
 * where it is not there. */
int paths_state(char out[PATH_MAX], const char *given, struct error *error);

/* ${XDG_RUNTIME_DIR}/mayfly/name, else /run/user/<uid>/mayfly/name where that exists, else
 * /tmp/mayfly-<uid>/name. Makes the directory (mode 0700) and refuses one that belongs to someone
 * else, that others may enter, or to which others decide what leads (trust.h): -EPERM. */
int paths_runtime(char *out, size_t size, const char *name, struct error *error);

/* A part of Mayfly that is built or installed with the running program: `name` is looked up below
 * ${MAYFLY_LIBDIR}, the program's own directory (a build tree: the command stands in build/ and the
 * parts in folders beneath), and ../lib/mayfly (an installation; there the last component of `name`
 * is enough). ENOENT names every place that was looked at; EPERM: who found is not to be believed
 * (trust.h). */
int paths_part(char *out, size_t size, const char *name, struct error *error);

#endif

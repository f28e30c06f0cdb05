/* What somebody may have meant by the name of a program that is not there. */
#ifndef MAYFLY_MONITOR_PROGRAM_NAME_H
#define MAYFLY_MONITOR_PROGRAM_NAME_H

#include "util/error.h"

/* Says that there is no such file or function, and which name is near. Returns -ENOENT, or what
 * else keeps the file from being found. */
int program_name_missing(const char *name, struct error *error);

#endif

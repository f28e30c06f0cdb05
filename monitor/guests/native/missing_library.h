/* A program whose interpreter did not find a shared library: where was it looked for? */
#ifndef MAYFLY_MONITOR_MISSING_LIBRARY_H
#define MAYFLY_MONITOR_MISSING_LIBRARY_H

#include <stddef.h>

/* With this status an interpreter ends a program that it cannot load. */
#define MISSING_LIBRARY_STATUS 127

/* Where `log`, the end of a program's standard error, says that a library is missing, tells in one
 * line where an interpreter looks for it, and what to do. `library_path`: the program's
 * LD_LIBRARY_PATH, or NULL. Leaves `report` as it is where the log says nothing of the kind. */
void missing_library_report(char *report, size_t size, const char *log, const char *library_path);

#endif

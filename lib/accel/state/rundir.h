/* The library's directory for files that live as long as it, and directories below it. They are
 * made when the first file needs them: most runs never touch the file system. */
#ifndef MAYFLY_ACCEL_STATE_RUNDIR_H
#define MAYFLY_ACCEL_STATE_RUNDIR_H

#include "vaccel/id.h"

/* Chooses the directory's name; at bootstrap. */
void rundir_choose(void);

/* Removes the directory with all that is in it, if this process made it; at cleanup. */
void rundir_remove(void);

/* Writes "<rundir>/<kind>.<id>" to `out` of PATH_MAX bytes; "" where the library has none. */
void rundir_name(char *out, const char *kind, vaccel_id_t id);

/* Makes a directory that rundir_name() named. 0 or a VACCEL_E… code. */
int rundir_make(const char *path);

/* Removes a directory made by rundir_make(), with the files in it. */
void rundir_remove_below(const char *path);

#endif

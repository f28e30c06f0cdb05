/* Blobs, as resources use them. */
#ifndef MAYFLY_ACCEL_RESOURCES_BLOB_H
#define MAYFLY_ACCEL_RESOURCES_BLOB_H

#include <stdbool.h>

#include "vaccel/blob.h"

/* True for a name that stays in the directory it is put into. */
bool blob_name_is_safe(const char *name);

/* Opens a fresh file dir/name; with `randomize`, or where there is such a file, with six random
 * characters behind the name. Writes its path, PATH_MAX bytes. Returns the descriptor or a negative
 * errno, about which there is a line. */
int blob_create_file(char *path, const char *dir, const char *name, bool randomize);

#endif

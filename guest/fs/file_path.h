/* How an open file is called. */
#ifndef MAYFLY_GUEST_FILE_PATH_H
#define MAYFLY_GUEST_FILE_PATH_H

#include "file.h"

/* The path of what is open, where it has a name; else what Linux says of such things. Its
 * length; at most PATH_MAX with its NUL. */
size_t file_path(const struct file *file, char *text);

#endif

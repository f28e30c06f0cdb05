/* Folders of models: made aside and renamed, taken away by another name first. So there is never half
 * a model. */
#ifndef MAYFLY_CLI_MODELS_FOLDER_H
#define MAYFLY_CLI_MODELS_FOLDER_H

#include <limits.h>

#include "util/error.h"

/* Makes an empty folder beside the installed models, which is not one of them; *path is its place.
 * folder_install() or folder_discard() ends it. Returns a descriptor, which is closed after that, or a
 * negative errno: a folder for which nobody has one is removed by the next caller. */
int folder_begin(char path[PATH_MAX], struct error *error);

/* Copies a file, or the files and folders in a directory, to `name` in the folder. */
int folder_copy(const char *path, const char *name, const char *source, struct error *error);

/* Makes it the installed model `name`. -EEXIST where there is one. */
int folder_install(const char *path, const char *name, struct error *error);
void folder_discard(const char *path);

/* Removes the installed model `name`. -ENOENT where there is none. */
int folder_remove(const char *name, struct error *error);

#endif

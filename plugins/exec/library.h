/* Shared objects, opened from files and from memory. */
#ifndef MAYFLY_EXEC_LIBRARY_H
#define MAYFLY_EXEC_LIBRARY_H

#include <stdbool.h>

#include "util/error.h"
#include "vaccel/blob.h"

struct library {
	void *handle;
	/* The memory file that it was opened from; -1: none. The dynamic linker knows what it has
	 * opened by its name, and this file's is its number: so it stays open as long as the linker
	 * knows the library. */
	int file;
};

/* Opens the library in a file. `mode`: RTLD_NOW or RTLD_LAZY, and RTLD_GLOBAL where others need its
 * symbols. -EINVAL with what the dynamic linker says. */
int library_open_path(struct library *library, const char *path, int mode, struct error *error);

/* The same for a blob: its file, or its bytes. With `fallback`, the other of RTLD_NOW and RTLD_LAZY
 * is tried, too. */
int library_open_blob(struct library *library, const struct vaccel_blob *blob, int mode,
		      bool fallback, struct error *error);

/* False where the dynamic linker refuses. */
bool library_close(struct library *library);

#endif

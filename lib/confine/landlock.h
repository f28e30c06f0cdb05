/* Landlock: which files a process may still open, from Linux 5.13 on. */
#ifndef MAYFLY_CONFINE_LANDLOCK_H
#define MAYFLY_CONFINE_LANDLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

enum confine_access {
	CONFINE_READ = 1,    /* files and directories */
	CONFINE_EXECUTE = 2, /* programs; mapping a library is reading */
	CONFINE_WRITE = 4,   /* make, change and remove files, directories and sockets */
	CONFINE_KEEP = 16,   /* the same of files, directories and symbolic links, but no sockets */
	CONFINE_DEVICE = 8,  /* write to what is there, and its ioctls */
};

/* A file, or a directory with all that is below. */
struct confine_path {
	const char *path; /* where it does not exist there is nothing to permit */
	int fd;		  /* in place of the path, where that is NULL */
	unsigned access;  /* of enum confine_access */
};

/* The version of the kernel's interface, or a negative errno where there is none. */
int confine_landlock_version(void);

enum confine_network {
	CONFINE_CONNECTS = 1, /* by TCP */
	CONFINE_LISTENS = 2,
};

/* Forbids the calling thread, which must have no_new_privs, all files but these; from version 4 on
 * TCP, but for what `network` has (of enum confine_network); from version 6 on also abstract sockets
 * and signals to processes outside. What is open stays usable. Returns the version in force or a
 * negative errno. */
int confine_landlock(const struct confine_path *paths, size_t count, unsigned network,
		     struct error *error);

#endif

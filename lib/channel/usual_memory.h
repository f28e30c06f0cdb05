/* How much memory a program has where nobody says. Pages that it never touches cost nothing but their page
 * tables, 2 MiB for each GiB of a function's machines together. */
#ifndef MAYFLY_CHANNEL_USUAL_MEMORY_H
#define MAYFLY_CHANNEL_USUAL_MEMORY_H

#include <stdint.h>

/* Where the program finds its files. */
enum usual_memory_root {
	USUAL_MEMORY_NO_ROOT,
	USUAL_MEMORY_IMAGE,	/* pages of its files are the image's */
	USUAL_MEMORY_DIRECTORY, /* what it reads and maps is copied into its memory */
};

/* Bytes, for a machine (of ours) with that many. With a root no more than a quarter of them, and no less than the
 * least that interpreters need. */
uint64_t usual_memory_of(enum usual_memory_root root, uint64_t machine_bytes);

/* The same for this machine. */
uint64_t usual_memory(enum usual_memory_root root);

#endif

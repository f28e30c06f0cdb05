/* Writes the bytes of a root image, from its start to its end, in large aligned pieces: a file
 * system that can then keeps them in the page cache as large pages, which guests read without a
 * fault for each small one (monitor/x86_64/page_tables.c). */
#ifndef MAYFLY_ROOT_WRITER_H
#define MAYFLY_ROOT_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "mayfly/root_format.h"
#include "util/error.h"

struct root_writer {
	int fd;		  /* borrowed */
	const char *path; /* borrowed, for messages */
	uint8_t *piece;	  /* what comes next, from `start` on */
	uint64_t start;	  /* in the file; a multiple of ROOT_LARGE_PAGE */
	size_t length;
};

/* ENOMEM. Release it by root_writer_release() in any case. */
int root_writer_init(struct root_writer *writer, int fd, const char *path, struct error *error);
void root_writer_release(struct root_writer *writer);

/* Writes at `offset`, which lies behind all that was written before; zeros go between. */
int root_writer_put(struct root_writer *writer, const void *data, size_t length, uint64_t offset,
		    struct error *error);

/* Writes what was kept back so far, and `header` over the start of the file. Nothing may be written
 * afterwards. */
int root_writer_finish(struct root_writer *writer, const void *header, size_t length,
		       struct error *error);

#endif

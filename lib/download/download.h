/* Fetching files from URLs: http, https, ftp. */
#ifndef MAYFLY_DOWNLOAD_DOWNLOAD_H
#define MAYFLY_DOWNLOAD_DOWNLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

struct download_limits {
	uint64_t bytes;	      /* of the file */
	unsigned connect_s;   /* until somebody answers */
	unsigned stall_s;     /* without a KiB a second */
	uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0: none */
};

/* Writes the file at `url` to the descriptor. Redirections are followed to http and https. 0, or a
 * negative errno: -ENOENT without libcurl, -EFBIG, -ETIMEDOUT, -EREMOTEIO for all else that the
 * other side or the network did. Thread-safe. */
int download_to(const char *url, int fd, const struct download_limits *limits, struct error *error);

#endif

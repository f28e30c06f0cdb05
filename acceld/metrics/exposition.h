/* The text that Prometheus reads (version 0.0.4 of its format). */
#ifndef MAYFLY_ACCELD_EXPOSITION_H
#define MAYFLY_ACCELD_EXPOSITION_H

#include <stdio.h>

struct host_statistics;

/* Writes what the host has told; NULL: it tells nothing now, and only that is written. */
void exposition_write(FILE *out, const struct host_statistics *statistics);

#endif

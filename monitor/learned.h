/* What a monitor finds out about its requests, as a later monitor of the same program reads it. */
#ifndef MAYFLY_MONITOR_LEARNED_H
#define MAYFLY_MONITOR_LEARNED_H

struct monitor;

/* Begins with what an earlier monitor wrote into the file. Nothing is believed: what does not fit is
 * as if it were not there. */
void learned_read(struct monitor *monitor, int fd);

/* A new memory file with what this monitor has found; -1: nothing yet, nothing new, or it cannot be
 * made. The file is the caller's. */
int learned_write(const struct monitor *monitor);

#endif

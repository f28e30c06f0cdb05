/* How many descriptors this process may have, which of them it keeps, and whether they block. */
#ifndef MAYFLY_UTIL_DESCRIPTORS_H
#define MAYFLY_UTIL_DESCRIPTORS_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/* Raises the limit of open descriptors as far as this process may: the usual 1024 is for programs
 * that use select(2). Returns the limit in force, UINT64_MAX where there is none. */
uint64_t descriptors_raise_limit(void);

/* A pipe or terminal that this process writes to and shares with its starter gets, at the same
 * number, an open file description that is this process' own and does not block: who shares it
 * does not notice. Where that cannot be had, nothing changes. */
void descriptors_unblock(int fd);

/* Refuses standard streams that are a way into a file system and not a stream: a directory, or what
 * was opened by O_PATH. 0 or a negative errno. */
int descriptors_check_streams(struct error *error);

#define DESCRIPTORS_KEPT_MAX 128

/* Those of a process that are to stay. */
struct descriptors_kept {
	int numbers[DESCRIPTORS_KEPT_MAX];
	size_t count;
};

/* Adds one; -1: none. -E2BIG where there are too many. */
int descriptors_keep(struct descriptors_kept *kept, int number);

/* Closes all other descriptors. 0 or a negative errno. */
int descriptors_close_others(struct descriptors_kept *kept);

#endif

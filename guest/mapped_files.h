/* Which files the program's mappings are of, for /proc/self/maps: names only, nothing else depends
 * on them. A file that is mapped stays, as on Linux, when its descriptor is closed. */
#ifndef MAYFLY_GUEST_MAPPED_FILES_H
#define MAYFLY_GUEST_MAPPED_FILES_H

#include <stdint.h>

struct file;

/* [start, end) is mapped anew: from `offset` of a file, or of none (NULL). Without memory for it
 * the mapping has no name. */
void mapped_files_set(uint64_t start, uint64_t end, struct file *file, uint64_t offset);

/* What is mapped in [start, end) goes to `target`. */
void mapped_files_move(uint64_t start, uint64_t end, uint64_t target);

/* The file that `address` is mapped from, with the address' offset in it; NULL: none. *limit is
 * moved down to where that ends to be so. */
const struct file *mapped_files_at(uint64_t address, uint64_t *offset, uint64_t *limit);

#endif

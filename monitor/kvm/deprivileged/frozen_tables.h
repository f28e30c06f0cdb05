/* The page tables that the clones of a deprivileged kernel begin with. A request that changed none of
 * them, and loaded no others, leaves the real processor no translation that the next one must not
 * have; only then is a reset as short as that of a native guest. */
#ifndef MAYFLY_MONITOR_DEPRIVILEGED_FROZEN_TABLES_H
#define MAYFLY_MONITOR_DEPRIVILEGED_FROZEN_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "monitor/memory/image.h"
#include "util/error.h"

struct frozen_tables;

/* Finds the tables below `root` (CR3) in an image. Where they are too many all memory counts as
 * tables. */
int frozen_tables_create(struct frozen_tables **tables, const struct image *image, uint64_t root,
			 struct error *error);
void frozen_tables_release(struct frozen_tables *tables);

/* True where [start, end) of guest-physical memory, page-aligned, has a table. */
bool frozen_tables_touch(const struct frozen_tables *tables, uint64_t start, uint64_t end);

/* True where a table in there is not as in the image, seen by the processor: its notes of what was
 * accessed do not count. */
bool frozen_tables_changed(const struct frozen_tables *tables, const uint8_t *memory,
			   uint64_t start, uint64_t end);

#endif

/* What flags_search() finds in a kernel's code, remembered in the user's cache by the digest of the
 * code: no data of the kernel are part of either. Nothing depends on it: where the cache cannot be
 * used, nothing is remembered. */
#ifndef MAYFLY_MONITOR_KERNEL_FLAGS_CACHE_H
#define MAYFLY_MONITOR_KERNEL_FLAGS_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "flags_search.h"
#include "monitor/isolation/kernel.h"
#include "util/hash.h"

/* So many codes are remembered. */
#define FLAGS_CACHE_FILES 64

/* The name that the code's places are kept by; "" where it has none. */
void flags_cache_name(const uint8_t *memory, const struct kernel_start *kernel,
		      char name[HASH_HEX_SIZE]);

/* What was remembered, if anything; the caller frees it with flags_places_free(). A file that others
 * could have written, or that is damaged, is none. It is to be compared with the code nevertheless. */
bool flags_cache_recall(const char *name, struct flags_places *places);

/* Remembers that, and forgets what was used longest ago where there is too much. */
void flags_cache_remember(const char *name, const struct flags_places *places);

#endif

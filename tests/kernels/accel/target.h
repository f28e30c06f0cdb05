/* What hvt.c and spt.c have in common: notes, and finding a block device. */
#ifndef MAYFLY_TESTS_ACCEL_TARGET_H
#define MAYFLY_TESTS_ACCEL_TARGET_H

#include <stdbool.h>

#include "monitor/formats/solo5_abi.h"
#include "solo5.h"

#define ENTRIES 3

struct manifest {
	uint32_t version, count;
	struct solo5_entry entries[ENTRIES];
};

#define NOTES(of_target)                                                                           \
	static const struct {                                                                      \
		struct solo5_note note;                                                            \
		struct solo5_abi abi;                                                              \
	} abi_note __attribute__((section(".note.abi"), used, aligned(4))) = {                     \
	    {6, sizeof(struct solo5_abi), SOLO5_NOTE_ABI, SOLO5_NOTE_NAME},                        \
	    {(of_target), SOLO5_ABI_VERSION, {0, 0}},                                              \
	};                                                                                         \
	static const struct {                                                                      \
		struct solo5_note note;                                                            \
		uint32_t padding;                                                                  \
		struct manifest manifest;                                                          \
	} manifest_note __attribute__((section(".note.manifest"), used, aligned(8))) = {           \
	    {6, SOLO5_MANIFEST_PADDING + sizeof(struct manifest), SOLO5_NOTE_MANIFEST,             \
	     SOLO5_NOTE_NAME},                                                                     \
	    0,                                                                                     \
	    {SOLO5_MANIFEST_VERSION,                                                               \
	     ENTRIES,                                                                              \
	     {{.type = SOLO5_RESERVED},                                                            \
	      {.name = "request", .type = SOLO5_BLOCK},                                            \
	      {.name = "accel", .type = SOLO5_BLOCK}}},                                            \
	}

static inline bool is_equal(const char *text, const char *other)
{
	while (*text && *text == *other) {
		text++;
		other++;
	}
	return *text == *other;
}

static inline solo5_result_t find_block(const struct manifest *manifest, const char *name,
					solo5_handle_t *handle, struct solo5_block_info *info)
{
	for (uint32_t i = 1; i < manifest->count; i++) {
		const struct solo5_entry *entry = &manifest->entries[i];
		if (!is_equal(entry->name, name) || !entry->attached)
			continue;
		*handle = i;
		*info = (struct solo5_block_info){entry->block.capacity, entry->block.block_size};
		return SOLO5_R_OK;
	}
	return SOLO5_R_EINVAL;
}

#endif

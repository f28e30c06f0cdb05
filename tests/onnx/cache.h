/* What tests with real models need from Mayfly's cache; without it they are skipped. */
#ifndef MAYFLY_TESTS_ONNX_CACHE_H
#define MAYFLY_TESTS_ONNX_CACHE_H

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "util/file.h"
#include "util/paths.h"

#define PHOTO_BYTES_MAX (16u << 20)

/* Ends the program as skipped where `name` is not in the cache. */
static inline void cache_require(const char *name)
{
	char path[PATH_MAX];
	struct error error = {0};
	if (!paths_cache(path, sizeof(path), name, &error) && !access(path, R_OK))
		return;
	printf("skipped: %s is not in the cache: run models/fetch.py\n", name);
	exit(CHECK_SKIPPED);
}

/* Reads a photograph; the caller frees it. NULL, with a failed check, where that is impossible. */
static inline uint8_t *cache_photo(const char *name, size_t *length)
{
	char path[PATH_MAX];
	uint8_t *data = NULL;
	struct error error = {0};
	*length = 0;
	CHECK_NUMBER(paths_cache(path, sizeof(path), name, &error), 0);
	if (!CHECK_NUMBER(file_read(path, PHOTO_BYTES_MAX, &data, length, &error), 0))
		fprintf(stderr, "  %s\n", error.text);
	return data;
}

#endif

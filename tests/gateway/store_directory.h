/* A directory for a store, which each test of it needs. */
#ifndef MAYFLY_TESTS_GATEWAY_STORE_DIRECTORY_H
#define MAYFLY_TESTS_GATEWAY_STORE_DIRECTORY_H

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/store.h"

static inline void make_directory(char directory[PATH_MAX])
{
	const char *above = getenv("TMPDIR");
	snprintf(directory, PATH_MAX, "%s/mayfly-store-XXXXXX", above ? above : "/tmp");
	if (!mkdtemp(directory)) {
		perror(directory);
		exit(1);
	}
}

static inline int remove_one(const char *path, const struct stat *status, int kind,
			     struct FTW *place)
{
	return remove(path);
}

static inline void remove_directory(const char *directory)
{
	nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* One that can be opened. */
static inline struct store *open_store(const char *directory)
{
	struct store *store = NULL;
	struct error error = {0};
	if (store_open(&store, directory, &error)) {
		fprintf(stderr, "%s\n", error.text);
		exit(1);
	}
	return store;
}

#endif

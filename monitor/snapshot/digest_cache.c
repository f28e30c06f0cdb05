/* Which large files were read from end to end; see digest_cache.h. */
#include "digest_cache.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/log.h"
#include "util/paths.h"
#include "util/trust.h"

#define CACHE_FOLDER	"snapshots"
#define SETTLED_SECONDS 2
#define RECORD_SIZE	256

/* The beginning of a file's record, which is the same as long as the file is. */
static void describe(const struct stat *status, char out[RECORD_SIZE])
{
	snprintf(out, RECORD_SIZE, "%jd %jd.%09ld %jd.%09ld ", (intmax_t)status->st_size,
		 (intmax_t)status->st_mtim.tv_sec, status->st_mtim.tv_nsec,
		 (intmax_t)status->st_ctim.tv_sec, status->st_ctim.tv_nsec);
}

static int record_path(const struct stat *status, char *out, size_t size, struct error *error)
{
	char name[128];
	snprintf(name, sizeof(name), CACHE_FOLDER "/%jx-%jx", (uintmax_t)status->st_dev,
		 (uintmax_t)status->st_ino);
	return paths_cache(out, size, name, error);
}

bool digest_cache_recall(const struct stat *status, char word[DIGEST_CACHE_WORD_SIZE])
{
	char path[PATH_MAX], wanted[RECORD_SIZE];
	cleanup_free uint8_t *found = NULL;
	size_t length;
	describe(status, wanted);
	if (record_path(status, path, sizeof(path), NULL) || trust_path(path, NULL) ||
	    file_read(path, RECORD_SIZE, &found, &length, NULL) ||
	    strncmp((const char *)found, wanted, strlen(wanted)) != 0)
		return false;
	const char *rest = (const char *)found + strlen(wanted);
	size_t end = strcspn(rest, "\n");
	if (!rest[end] || end >= DIGEST_CACHE_WORD_SIZE)
		return false;
	memcpy(word, rest, end);
	word[end] = 0;
	return true;
}

void digest_cache_remember(const struct stat *status, const char *word)
{
	char path[PATH_MAX], record[RECORD_SIZE];
	struct error error = {0};
	if (time(NULL) < status->st_ctim.tv_sec + SETTLED_SECONDS)
		return;
	describe(status, record);
	size_t used = strlen(record);
	snprintf(record + used, sizeof(record) - used, "%s\n", word);
	int result = paths_cache(path, sizeof(path), CACHE_FOLDER, &error);
	if (!result)
		result = file_make_directories(path, &error);
	if (!result)
		result = record_path(status, path, sizeof(path), &error);
	if (!result)
		result = file_replace(path, record, strlen(record), &error);
	if (result)
		log_debug("a verified file is not remembered: %s", error.text);
}

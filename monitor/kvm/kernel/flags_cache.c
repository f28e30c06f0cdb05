/* What flags_search() found, in the user's cache; see flags_cache.h. */
#include "flags_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/log.h"
#include "util/paths.h"
#include "util/trust.h"

#define CACHE_FOLDER   "kernels"
#define CACHE_VERSION  5    /* changes with what flags_search() finds */
#define CACHE_LOOK_MAX 4096 /* files that are looked at when the oldest are removed */

/* Before the places, and the tables behind them. */
struct cache_header {
	uint32_t version, count, table_count;
	char digest[HASH_HEX_SIZE]; /* of the file's name and all behind the header */
	char reserved[3];
};

/* What file_replace() puts behind a name while it writes: a dot and six characters. */
#define ASIDE_SIZE 7

struct cached_file {
	char name[HASH_HEX_SIZE + ASIDE_SIZE];
	struct timespec used;
};

void flags_cache_name(const uint8_t *memory, const struct kernel_start *kernel,
		      char name[HASH_HEX_SIZE])
{
	const size_t head = sizeof(kernel->code);
	size_t length = head;
	*name = 0;
	for (size_t i = 0; i < kernel->code_count; i++)
		length += kernel->code[i].length;
	cleanup_free uint8_t *all = calloc(1, length);
	if (!all)
		return;
	memcpy(all, kernel->code, kernel->code_count * sizeof(*kernel->code));
	uint8_t *at = all + head;
	for (size_t i = 0; i < kernel->code_count; i++) {
		memcpy(at, memory + kernel->code[i].address, kernel->code[i].length);
		at += kernel->code[i].length;
	}
	if (hash_buffer(all, length, name, NULL))
		*name = 0;
}

static int cache_path(const char *name, char *out, size_t size, struct error *error)
{
	char file[sizeof(CACHE_FOLDER) + HASH_HEX_SIZE];
	snprintf(file, sizeof(file), CACHE_FOLDER "/%s", name);
	return paths_cache(out, size, file, error);
}

/* A file that is damaged, or is another code's, has another one. */
static bool digest_found(const char *name, const uint8_t *found, size_t size,
			 char digest[HASH_HEX_SIZE])
{
	cleanup_free uint8_t *all = malloc(HASH_HEX_SIZE + size);
	memset(digest, 0, HASH_HEX_SIZE);
	if (!all)
		return false;
	memcpy(all, name, HASH_HEX_SIZE);
	memcpy(all + HASH_HEX_SIZE, found, size);
	return !hash_buffer(all, HASH_HEX_SIZE + size, digest, NULL);
}

static size_t places_size(const struct cache_header *header)
{
	return header->count * sizeof(struct flags_place);
}

static size_t tables_size(const struct cache_header *header)
{
	return header->table_count * sizeof(uint32_t);
}

/* `size` bytes follow the header. */
static bool is_intact(const char *name, const struct cache_header *header, const uint8_t *found,
		      size_t size)
{
	char digest[HASH_HEX_SIZE];
	return header->version == CACHE_VERSION && header->count <= FLAGS_PLACES_MAX &&
	       header->table_count <= FLAGS_TABLES_MAX &&
	       size == places_size(header) + tables_size(header) &&
	       digest_found(name, found, size, digest) &&
	       !memcmp(digest, header->digest, sizeof(digest));
}

bool flags_cache_recall(const char *name, struct flags_places *places)
{
	char path[PATH_MAX];
	cleanup_free uint8_t *found = NULL;
	size_t length;
	struct cache_header header;
	const size_t limit = sizeof(header) + FLAGS_PLACES_MAX * sizeof(*places->places) +
			     FLAGS_TABLES_MAX * sizeof(*places->tables);
	if (!*name || cache_path(name, path, sizeof(path), NULL) || trust_path(path, NULL) ||
	    file_read(path, limit, &found, &length, NULL) || length < sizeof(header))
		return false;
	memcpy(&header, found, sizeof(header));
	const uint8_t *at = found + sizeof(header);
	if (!is_intact(name, &header, at, length - sizeof(header)))
		return false;
	*places = (struct flags_places){.places = malloc(length),
					.count = header.count,
					.tables = malloc(length),
					.table_count = header.table_count};
	if (!places->places || !places->tables) {
		flags_places_free(places);
		return false;
	}
	memcpy(places->places, at, places_size(&header));
	memcpy(places->tables, at + places_size(&header), tables_size(&header));
	/* Those that are used longest ago are removed first; see keep_newest(). */
	utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
	return true;
}

/* ── no more than so many files ──────────────────────────────────────────────────────────────── */

static int compare_ages(const void *one, const void *other)
{
	const struct timespec *first = &((const struct cached_file *)one)->used;
	const struct timespec *second = &((const struct cached_file *)other)->used;
	if (first->tv_sec != second->tv_sec)
		return first->tv_sec < second->tv_sec ? -1 : 1;
	return (first->tv_nsec > second->tv_nsec) - (first->tv_nsec < second->tv_nsec);
}

/* A file's, or that of one which somebody was killed over. */
static bool is_name(const char *name)
{
	const size_t length = strlen(name), digits = strspn(name, "0123456789abcdef");
	return digits == HASH_HEX_SIZE - 1 &&
	       (length == digits || (length == digits + ASIDE_SIZE && name[digits] == '.'));
}

/* Whether it is a file of this cache; nothing else is touched. */
static bool look_at_file(DIR *folder, const char *name, struct cached_file *file)
{
	struct stat status;
	if (!is_name(name) || fstatat(dirfd(folder), name, &status, AT_SYMLINK_NOFOLLOW) ||
	    !S_ISREG(status.st_mode))
		return false;
	memcpy(file->name, name, strlen(name) + 1);
	file->used = status.st_mtim;
	return true;
}

/* Removes what was used longest ago beyond FLAGS_CACHE_FILES. Others may do the same meanwhile. */
static void keep_newest(const char *path)
{
	DIR *folder = trust_path(path, NULL) ? NULL : opendir(path);
	struct cached_file *files = calloc(CACHE_LOOK_MAX, sizeof(*files));
	size_t count = 0;
	for (const struct dirent *entry; folder && files && (entry = readdir(folder));)
		if (count < CACHE_LOOK_MAX && look_at_file(folder, entry->d_name, &files[count]))
			count++;
	if (count > FLAGS_CACHE_FILES) {
		qsort(files, count, sizeof(*files), compare_ages);
		for (size_t i = 0; i < count - FLAGS_CACHE_FILES; i++)
			unlinkat(dirfd(folder), files[i].name, 0);
	}
	free(files);
	if (folder)
		closedir(folder);
}

void flags_cache_remember(const char *name, const struct flags_places *places)
{
	char folder[PATH_MAX], path[PATH_MAX];
	struct error error = {0};
	struct cache_header header = {.version = CACHE_VERSION,
				      .count = (uint32_t)places->count,
				      .table_count = (uint32_t)places->table_count};
	const size_t size = places_size(&header) + tables_size(&header);
	cleanup_free uint8_t *record = malloc(sizeof(header) + size);
	if (!*name || !record)
		return;
	uint8_t *found = record + sizeof(header);
	if (places->count)
		memcpy(found, places->places, places_size(&header));
	if (places->table_count)
		memcpy(found + places_size(&header), places->tables, tables_size(&header));
	if (!digest_found(name, found, size, header.digest))
		return;
	memcpy(record, &header, sizeof(header));
	int result = paths_cache(folder, sizeof(folder), CACHE_FOLDER, &error);
	if (!result)
		result = file_make_directories(folder, &error);
	if (!result)
		result = cache_path(name, path, sizeof(path), &error);
	if (!result)
		result = file_replace(path, record, sizeof(header) + size, &error);
	if (result)
		log_debug("the places of a kernel's interrupt flag are not remembered: %s",
			  error.text);
	else
		keep_newest(folder);
}

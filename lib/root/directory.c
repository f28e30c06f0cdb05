/* Packing a directory: a walk that stays on its file system and follows no link. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "root/builder.h"
#include "root/pack.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/hash.h"
#include "util/log.h"

#define BLOCK_SIZE 65536

static void release_walk(FTS **walk)
{
	if (*walk)
		fts_close(*walk);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static FTS *open_walk(const char *source, struct error *error)
{
	char *const sources[] = {(char *)source, NULL};
	FTS *walk =
	    fts_open(sources, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV | FTS_COMFOLLOW, by_name);
	if (!walk)
		error_set_errno(error, errno, "cannot read the directory %s", source);
	return walk;
}

/* The next thing in the tree, each directory once. NULL at the end (0) or for an error. */
static int next_entry(FTS *walk, FTSENT **entry, struct error *error)
{
	for (;;) {
		errno = 0;
		*entry = fts_read(walk);
		if (!*entry)
			return errno ? error_set_errno(error, errno, "cannot read the directory")
				     : 0;
		switch ((*entry)->fts_info) {
		case FTS_DP:
			continue;
		case FTS_DNR:
		case FTS_ERR:
		case FTS_NS:
			return error_set_errno(error, (*entry)->fts_errno, "cannot read %s",
					       (*entry)->fts_path);
		default:
			return 0;
		}
	}
}

struct packing {
	struct root_builder *builder;
	size_t prefix;	/* of the path of the directory itself */
	uint64_t bytes; /* of the files so far */
	uint64_t kept;	/* what they take on disk */
};

static int copy_contents(struct root_builder *builder, const char *path, struct error *error)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	uint8_t block[BLOCK_SIZE];
	if (fd < 0)
		return error_set_errno(error, errno, "cannot open %s", path);
	for (;;) {
		ssize_t got = read(fd, block, sizeof(block));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set_errno(error, errno, "cannot read %s", path);
		if (!got)
			return 0;
		int result = root_builder_write(builder, block, (size_t)got, error);
		if (result)
			return result;
	}
}

/* A file system may keep next to nothing for files with holes. All of a tree count together. */
static int check_growth(struct packing *packing, const FTSENT *entry, struct error *error)
{
	packing->kept += (uint64_t)entry->fts_statp->st_blocks * 512;
	if (add_overflows(packing->bytes, (uint64_t)entry->fts_statp->st_size, &packing->bytes))
		packing->bytes = UINT64_MAX;
	if (packing->bytes <= root_growth_limit(packing->kept))
		return 0;
	return error_set(error, EFBIG,
			 "the files up to %s have %" PRIu64 " MiB, which are almost only holes: in "
			 "an image they would grow to more than %d times what they take on disk",
			 entry->fts_path, packing->bytes >> 20, ROOT_GROWTH_MAX);
}

static int add_entry(struct packing *packing, const FTSENT *entry, struct error *error)
{
	const struct stat *status = entry->fts_statp;
	char target[PATH_MAX];
	struct root_attributes attributes = {
	    .mode = status->st_mode,
	    .owner = status->st_uid,
	    .group = status->st_gid,
	    .modified = status->st_mtim,
	};
	if (!S_ISREG(status->st_mode) && !S_ISDIR(status->st_mode) && !S_ISLNK(status->st_mode)) {
		log_info("%s is left out: a root image holds files, directories and links",
			 entry->fts_path);
		return 0;
	}
	if (S_ISLNK(status->st_mode)) {
		ssize_t length = readlink(entry->fts_accpath, target, sizeof(target) - 1);
		if (length < 0)
			return error_set_errno(error, errno, "cannot read %s", entry->fts_path);
		target[length] = 0;
		attributes.target = target;
	}
	int result = S_ISREG(status->st_mode) ? check_growth(packing, entry, error) : 0;
	if (!result)
		result = root_builder_add(packing->builder, entry->fts_path + packing->prefix,
					  &attributes, error);
	return result || !S_ISREG(status->st_mode)
		   ? result
		   : copy_contents(packing->builder, entry->fts_accpath, error);
}

int root_pack_directory(struct root_builder *builder, const char *source, struct error *error)
{
	cleanup(release_walk) FTS *walk = open_walk(source, error);
	if (!walk)
		return -error->code;
	struct packing packing = {.builder = builder, .prefix = strlen(source)};
	for (;;) {
		FTSENT *entry;
		int result = next_entry(walk, &entry, error);
		if (result || !entry)
			return result;
		result = add_entry(&packing, entry, error);
		if (result)
			return result;
	}
}

int root_directory_key(const char *source, uint64_t limit, char *key, size_t size,
		       struct error *error)
{
	cleanup(release_walk) FTS *walk = open_walk(source, error);
	if (!walk)
		return -error->code;
	cleanup_free char *text = NULL;
	size_t length = 0;
	cleanup_fclose FILE *stream = open_memstream(&text, &length);
	uint64_t total = 0;
	FTSENT *entry;
	int result = stream ? 0 : error_set(error, ENOMEM, "no memory for the tree's key");
	while (!result && !(result = next_entry(walk, &entry, error)) && entry) {
		const struct stat *status = entry->fts_statp;
		fprintf(stream, "%s%c%o %u %u %jd %jd.%09ld %ju\n",
			entry->fts_path + strlen(source), 0, status->st_mode, status->st_uid,
			status->st_gid, (intmax_t)status->st_size, (intmax_t)status->st_ctim.tv_sec,
			status->st_ctim.tv_nsec, (uintmax_t)status->st_ino);
		total += S_ISREG(status->st_mode) ? (uint64_t)status->st_size : 0;
		if (total > limit)
			result = error_set(error, EFBIG,
					   "%s has more than %" PRIu64
					   " MiB: pack what is needed of it once by "
					   "mayfly root build, and give the image",
					   source, limit >> 20);
	}
	char hex[HASH_HEX_SIZE];
	if (!result && fflush(stream))
		result = error_set(error, ENOMEM, "no memory for the tree's key");
	if (!result)
		result = hash_buffer(text, length, hex, error);
	if (!result)
		snprintf(key, size, "%s", hex);
	return result;
}

/* Packing a tar archive. */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "root/builder.h"
#include "root/pack.h"
#include "root/tar.h"
#include "util/cleanup.h"
#include "util/log.h"

#define BLOCK_SIZE 65536

/* An archive that is being packed. */
struct packing {
	struct root_builder *builder;
	const struct tar *tar;
	const struct root_sources *sources; /* those before */
	uint64_t before;		    /* what the image had in it already */
};

/* May the image grow by that much? A few kilobytes of an archive can describe holes and zeros that
 * fill a disk, or take hours only to be skipped. */
static int check_growth(const struct packing *packing, uint64_t length, struct error *error)
{
	const la_int64_t read =
	    packing->tar->library.archive_filter_bytes(packing->tar->archive, -1);
	const la_int64_t unpacked =
	    packing->tar->library.archive_filter_bytes(packing->tar->archive, 0);
	uint64_t size = root_builder_size(packing->builder);
	uint64_t limit =
	    root_growth_limit(packing->sources->bytes + (read > 0 ? (uint64_t)read : 0));
	if (unpacked > 0 && packing->before + (uint64_t)unpacked > size)
		size = packing->before + (uint64_t)unpacked;
	if (size <= limit && length <= limit - size)
		return 0;
	return error_set(
	    error, EFBIG,
	    "it would grow to more than %d times its size and to more than %lu MiB, because it "
	    "holds almost nothing but holes or zeros: unpack it, and pack the directory",
	    ROOT_GROWTH_MAX, ROOT_GROWTH_FREE >> 20);
}

static int copy_contents(const struct packing *packing, struct error *error)
{
	uint8_t block[BLOCK_SIZE];
	const struct tar *tar = packing->tar;
	for (;;) {
		la_ssize_t got = tar->library.archive_read_data(tar->archive, block, sizeof(block));
		if (got < 0)
			return tar_failed(tar, error);
		if (!got)
			return 0;
		int result = check_growth(packing, (uint64_t)got, error);
		if (!result)
			result = root_builder_write(packing->builder, block, (size_t)got, error);
		if (result)
			return result;
	}
}

static int add_entry(const struct packing *packing, struct archive_entry *entry,
		     struct error *error)
{
	struct root_builder *builder = packing->builder;
	const struct archive_library *library = &packing->tar->library;
	const char *path = library->archive_entry_pathname(entry);
	const char *existing = library->archive_entry_hardlink(entry);
	if (!path)
		return error_set(error, EINVAL, "it has a name that is no text");
	if (existing)
		return root_builder_link(builder, path, existing, error);
	mode_t type = library->archive_entry_filetype(entry);
	if (type != S_IFREG && type != S_IFDIR && type != S_IFLNK) {
		log_info("%s is left out: a root image holds files, directories and links", path);
		return 0;
	}
	struct root_attributes attributes = {
	    .mode = type | (library->archive_entry_mode(entry) & 07777),
	    .owner = (uint32_t)library->archive_entry_uid(entry),
	    .group = (uint32_t)library->archive_entry_gid(entry),
	    .modified = {library->archive_entry_mtime(entry),
			 library->archive_entry_mtime_nsec(entry)},
	    .target = type == S_IFLNK ? library->archive_entry_symlink(entry) : NULL,
	};
	if (type == S_IFLNK && !attributes.target)
		return error_set(error, EINVAL, "%s is a link without a target", path);
	int result = root_builder_add(builder, path, &attributes, error);
	return result || type != S_IFREG ? result : copy_contents(packing, error);
}

#define REMOVAL	    ".wh."
#define REMOVAL_ALL ".wh..wh..opq" /* takes away all in the directory that it lies in */

/* The last component of a path, without slashes behind it, if it says that something is removed;
 * else NULL. */
static const char *removal_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	return strncmp(name, REMOVAL, strlen(REMOVAL)) ? NULL : name;
}

static int apply_removal(struct root_builder *builder, const char *path, const char *name,
			 struct error *error)
{
	char removed[PATH_MAX];
	bool all = !strcmp(name, REMOVAL_ALL);
	int written = snprintf(removed, sizeof(removed), "%.*s%s", (int)(name - path), path,
			       all ? "" : name + strlen(REMOVAL));
	if (written < 0 || (size_t)written >= sizeof(removed))
		return error_set(error, ENAMETOOLONG, "a path in a layer is too long");
	return root_builder_remove(builder, removed, all, error);
}

int root_pack_archive(struct root_builder *builder, const char *source, enum root_archive_part part,
		      const struct root_sources *sources, struct error *error)
{
	cleanup(tar_release) struct tar tar = {.archive = NULL};
	int result = tar_open(&tar, source, error);
	if (result)
		return result;
	const struct archive_library *library = &tar.library;
	const struct packing packing = {builder, &tar, sources, root_builder_size(builder)};
	for (;;) {
		struct archive_entry *entry;
		int got = tar_next(&tar, &entry, error);
		if (got <= 0)
			return got;
		const char *path = library->archive_entry_pathname(entry);
		const char *removal = path && part != ROOT_ARCHIVE ? removal_name(path) : NULL;
		const la_int64_t size = library->archive_entry_size(entry);
		/* Checked before any of its contents are written or skipped. */
		result = check_growth(&packing, size > 0 ? (uint64_t)size : 0, error);
		if (result)
			return result;
		if (removal && part == ROOT_LAYER_REMOVALS)
			result = apply_removal(builder, path, removal, error);
		else if (!removal && part != ROOT_LAYER_REMOVALS)
			result = add_entry(&packing, entry, error);
		if (result)
			return result;
	}
}

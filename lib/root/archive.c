/* Packing a tar archive, read by libarchive: it knows the dialects and compressions. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "root/builder.h"
#include "root/pack.h"
#include "util/cleanup.h"
#include "util/log.h"

#define BLOCK_SIZE 65536

static void release_archive(struct archive **archive)
{
	archive_read_free(*archive);
}

static int archive_failed(struct archive *archive, struct error *error)
{
	const char *reason = archive_error_string(archive);
	if (!archive_format(archive))
		return error_set(error, EINVAL,
				 "it is no tar archive (%s); a root is a directory, a tar archive, "
				 "an OCI layout, or an image that mayfly root build made of one",
				 reason ? reason : "no reason known");
	return error_set(error, EINVAL, "the archive is damaged: %s",
			 reason ? reason : "no reason known");
}

static int copy_contents(struct root_builder *builder, struct archive *archive, struct error *error)
{
	uint8_t block[BLOCK_SIZE];
	for (;;) {
		la_ssize_t got = archive_read_data(archive, block, sizeof(block));
		if (got < 0)
			return archive_failed(archive, error);
		if (!got)
			return 0;
		int result = root_builder_write(builder, block, (size_t)got, error);
		if (result)
			return result;
	}
}

static int add_entry(struct root_builder *builder, struct archive *archive,
		     struct archive_entry *entry, struct error *error)
{
	const char *path = archive_entry_pathname(entry);
	const char *existing = archive_entry_hardlink(entry);
	if (!path)
		return error_set(error, EINVAL, "it has a name that is no text");
	if (existing)
		return root_builder_link(builder, path, existing, error);
	mode_t type = archive_entry_filetype(entry);
	if (type != S_IFREG && type != S_IFDIR && type != S_IFLNK) {
		log_info("%s is left out: a root image holds files, directories and links", path);
		return 0;
	}
	struct root_attributes attributes = {
	    .mode = type | (archive_entry_mode(entry) & 07777),
	    .owner = (uint32_t)archive_entry_uid(entry),
	    .group = (uint32_t)archive_entry_gid(entry),
	    .modified = {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)},
	    .target = type == S_IFLNK ? archive_entry_symlink(entry) : NULL,
	};
	if (type == S_IFLNK && !attributes.target)
		return error_set(error, EINVAL, "%s is a link without a target", path);
	int result = root_builder_add(builder, path, &attributes, error);
	return result || type != S_IFREG ? result : copy_contents(builder, archive, error);
}

#define REMOVAL	    ".wh."
#define REMOVAL_ALL ".wh..wh..opq" /* of the directory that it lies in */

/* The last component of a path, without a slash behind it, where it is a removal; else NULL. */
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

/* The compressions that libarchive undoes itself. For others it would start programs, and an
 * archive from a stranger is no reason to do so. */
static void support_compressions(struct archive *archive)
{
	static int (*const enable[])(struct archive *) = {
	    archive_read_support_filter_gzip, archive_read_support_filter_bzip2,
	    archive_read_support_filter_xz,   archive_read_support_filter_lzma,
	    archive_read_support_filter_zstd, archive_read_support_filter_lz4,
	};
	for (size_t i = 0; i < sizeof(enable) / sizeof(enable[0]); i++)
		enable[i](archive);
}

int root_pack_archive(struct root_builder *builder, const char *source, enum root_archive_part part,
		      struct error *error)
{
	cleanup(release_archive) struct archive *archive = archive_read_new();
	if (!archive)
		return error_set(error, ENOMEM, "no memory for an archive");
	support_compressions(archive);
	archive_read_support_format_tar(archive);
	if (archive_read_open_filename(archive, source, BLOCK_SIZE) != ARCHIVE_OK)
		return archive_failed(archive, error);
	for (;;) {
		struct archive_entry *entry;
		int got = archive_read_next_header(archive, &entry);
		if (got == ARCHIVE_EOF)
			return 0;
		if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
			return archive_failed(archive, error);
		const char *path = archive_entry_pathname(entry);
		const char *removal = path && part != ROOT_ARCHIVE ? removal_name(path) : NULL;
		int result = 0;
		if (removal && part == ROOT_LAYER_REMOVALS)
			result = apply_removal(builder, path, removal, error);
		else if (!removal && part != ROOT_LAYER_REMOVALS)
			result = add_entry(builder, archive, entry, error);
		if (result)
			return result;
	}
}

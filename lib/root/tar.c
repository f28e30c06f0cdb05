/* Reading a tar archive by libarchive; see tar.h. */
#include "root/tar.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>

#include "sizes/sizes.h"

#define BLOCK_SIZE 65536

#define LIBRARY "libarchive.so.13"

static int load_library(struct archive_library *library, struct error *error)
{
	/* It stays loaded: it does not support anything else. */
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return error_set(error, ENOTSUP, "%s is needed to read an archive: %s", LIBRARY,
				 dlerror());
	bool whole = true;
#define ARCHIVE_LOOK_UP(name)                                                                      \
	*(void **)&library->name = dlsym(handle, #name);                                           \
	whole &= library->name != NULL;
	ARCHIVE_FUNCTIONS(ARCHIVE_LOOK_UP)
	return whole ? 0 : error_set(error, ENOTSUP, "%s is too old", LIBRARY);
}

int tar_prepare(struct error *error)
{
	struct archive_library library;
	return load_library(&library, error);
}

void tar_release(struct tar *tar)
{
	if (tar->archive)
		tar->library.archive_read_free(tar->archive);
}

int tar_failed(const struct tar *tar, struct error *error)
{
	const struct archive_library *library = &tar->library;
	struct archive *archive = tar->archive;
	const char *reason = library->archive_error_string(archive);
	if (!library->archive_format(archive))
		return error_set(error, EINVAL,
				 "it is no tar archive (%s); a root is a directory, a tar archive, "
				 "an OCI layout, or an image that mayfly root build made of one",
				 reason ? reason : "no reason known");
	return error_set(error, EINVAL, "the archive is damaged: %s",
			 reason ? reason : "no reason known");
}

/* The compressions that libarchive undoes itself. For others it would start programs, and an
 * archive from a stranger is no reason to do so. */
static void support_compressions(const struct tar *tar)
{
	const struct archive_library *library = &tar->library;
	int (*const enable[])(struct archive *) = {
	    library->archive_read_support_filter_gzip, library->archive_read_support_filter_bzip2,
	    library->archive_read_support_filter_xz,   library->archive_read_support_filter_lzma,
	    library->archive_read_support_filter_zstd, library->archive_read_support_filter_lz4,
	};
	for (size_t i = 0; i < ARRAY_SIZE(enable); i++)
		enable[i](tar->archive);
}

int tar_open(struct tar *tar, const char *path, struct error *error)
{
	tar->archive = NULL;
	int result = load_library(&tar->library, error);
	if (result)
		return result;
	tar->archive = tar->library.archive_read_new();
	if (!tar->archive)
		return error_set(error, ENOMEM, "no memory for an archive");
	support_compressions(tar);
	tar->library.archive_read_support_format_tar(tar->archive);
	if (tar->library.archive_read_open_filename(tar->archive, path, BLOCK_SIZE) != ARCHIVE_OK)
		return tar_failed(tar, error);
	return 0;
}

int tar_next(const struct tar *tar, struct archive_entry **entry, struct error *error)
{
	int got = tar->library.archive_read_next_header(tar->archive, entry);
	if (got == ARCHIVE_EOF)
		return 0;
	return got == ARCHIVE_OK || got == ARCHIVE_WARN ? 1 : tar_failed(tar, error);
}

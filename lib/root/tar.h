/* Reading a tar archive by libarchive: it knows the dialects and compressions.
 *
 * The library is loaded when there is an archive: with what it needs itself (libxml2, libicu) it
 * would add 4 ms to the start of each command and monitor. */
#ifndef MAYFLY_ROOT_TAR_H
#define MAYFLY_ROOT_TAR_H

#include <archive.h>
#include <archive_entry.h>

#include "util/error.h"

/* What is used of the library. */
#define ARCHIVE_FUNCTIONS(X)                                                                       \
	X(archive_entry_filetype)                                                                  \
	X(archive_entry_gid)                                                                       \
	X(archive_entry_hardlink)                                                                  \
	X(archive_entry_mode)                                                                      \
	X(archive_entry_mtime)                                                                     \
	X(archive_entry_mtime_nsec)                                                                \
	X(archive_entry_pathname)                                                                  \
	X(archive_entry_size)                                                                      \
	X(archive_entry_symlink)                                                                   \
	X(archive_entry_uid)                                                                       \
	X(archive_error_string)                                                                    \
	X(archive_filter_bytes)                                                                    \
	X(archive_format)                                                                          \
	X(archive_read_data)                                                                       \
	X(archive_read_free)                                                                       \
	X(archive_read_new)                                                                        \
	X(archive_read_next_header)                                                                \
	X(archive_read_open_filename)                                                              \
	X(archive_read_support_filter_bzip2)                                                       \
	X(archive_read_support_filter_gzip)                                                        \
	X(archive_read_support_filter_lz4)                                                         \
	X(archive_read_support_filter_lzma)                                                        \
	X(archive_read_support_filter_xz)                                                          \
	X(archive_read_support_filter_zstd)                                                        \
	X(archive_read_support_format_tar)

#define ARCHIVE_POINTER(name) __typeof__(name) *name;
struct archive_library {
	ARCHIVE_FUNCTIONS(ARCHIVE_POINTER)
};

/* An archive that is open. */
struct tar {
	struct archive_library library;
	struct archive *archive;
};

/* Opens the file `path`. Release it by tar_release() in any case. */
int tar_open(struct tar *tar, const char *path, struct error *error);
void tar_release(struct tar *tar);

/* The next entry: 1, and 0 at the end; a negative errno. */
int tar_next(const struct tar *tar, struct archive_entry **entry, struct error *error);

/* Says what the library found wrong. Returns -EINVAL. */
int tar_failed(const struct tar *tar, struct error *error);

/* Loads the library now, for who will be able to open fewer files later. */
int tar_prepare(struct error *error);

#endif

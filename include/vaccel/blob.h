/* Blobs: one file or one piece of memory that a resource consists of. */
#ifndef VACCEL_BLOB_H
#define VACCEL_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export.h"
#include "utils/enum.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
#define VACCEL_BLOB_TYPE_ENUM_LIST(ITEM) \
	ITEM(FILE, 0, VACCEL_BLOB) \
	ITEM(BUFFER, 1, VACCEL_BLOB) \
	ITEM(MAPPED, 2, VACCEL_BLOB)
/* clang-format on */
VACCEL_ENUM_DEF_WITH_STR_FUNCS(vaccel_blob_type, VACCEL_BLOB, VACCEL_BLOB_TYPE_ENUM_LIST)

struct vaccel_blob {
	vaccel_blob_type_t type; /* FILE: not in memory; BUFFER: no file; MAPPED: a mapped file */
	char *name;
	char *path;	 /* NULL for a BUFFER */
	bool path_owned; /* the file goes when the blob goes */
	uint8_t *data;	 /* NULL for a FILE */
	bool data_owned;
	size_t size; /* bytes at data */
};

/* A blob for the regular file `path`, which must exist (VACCEL_EINVAL). It is not read yet. */
VACCEL_API int vaccel_blob_init(struct vaccel_blob *blob, const char *path);

/* A blob for memory. It is copied where `own` is set, else the caller keeps it alive. With `dir`,
 * it is written to the fresh file dir/filename and mapped from there (VACCEL_ENOENT without the
 * directory). With `randomize`, or where there is such a file, six random characters are added to the
 * name. A file name holds no '/', and is not "." or ".." (VACCEL_EINVAL). */
VACCEL_API int vaccel_blob_init_from_buf(struct vaccel_blob *blob, const uint8_t *buf, size_t size,
					 bool own, const char *filename, const char *dir,
					 bool randomize);

/* Frees what the blob owns, its file included. */
VACCEL_API int vaccel_blob_release(struct vaccel_blob *blob);

/* The same on the heap; vaccel_blob_delete() frees it. */
VACCEL_API int vaccel_blob_new(struct vaccel_blob **blob, const char *path);
VACCEL_API int vaccel_blob_from_buf(struct vaccel_blob **blob, const uint8_t *buf, size_t size,
				    bool own, const char *filename, const char *dir,
				    bool randomize);
VACCEL_API int vaccel_blob_delete(struct vaccel_blob *blob);

/* Writes a BUFFER blob to the fresh file dir/filename and maps it from there. VACCEL_EEXIST for one
 * that is in a file already. */
VACCEL_API int vaccel_blob_persist(struct vaccel_blob *blob, const char *dir, const char *filename,
				   bool randomize);

/* Maps a FILE blob; one that is in memory stays as it is. */
VACCEL_API int vaccel_blob_read(struct vaccel_blob *blob);

/* The blob's bytes, read where they were not yet; NULL on failure. The blob keeps them. */
VACCEL_API uint8_t *vaccel_blob_data(struct vaccel_blob *blob, size_t *size);

VACCEL_API const char *vaccel_blob_path(struct vaccel_blob *blob);

/* True where the blob has a known type and what that type needs. */
VACCEL_API bool vaccel_blob_valid(const struct vaccel_blob *blob);

#ifdef __cplusplus
}
#endif

#endif

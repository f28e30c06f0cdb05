/* Packing a tree into a root image: from a directory, or from a tar archive. */
#ifndef MAYFLY_ROOT_PACK_H
#define MAYFLY_ROOT_PACK_H

#include <stdbool.h>
#include <stddef.h>

#include "root/image.h"
#include "util/error.h"

/* An OCI layout that is given as a root itself, and not packed by `mayfly root build`, is packed
 * each time it changed: up to this size. */
#define ROOT_PACK_QUIET_MAX (2UL << 30)

/* Packs `source`, a directory, an OCI image layout or a tar archive (compressed or not), into the
 * image `path`. Devices, sockets and pipes are left out; what lies on other file systems below a
 * directory, too. */
int root_pack(const char *source, const char *path, struct error *error);

/* Opens a root image: an image is opened, an archive or OCI layout is packed into the cache first,
 * unless it lies there and nothing changed since. A directory that is no layout is refused: it need
 * not be packed (lib/root_server). */
int root_open(struct root_image *image, const char *source, struct error *error);

/* For root_pack(): each adds all of `source` to the image. */
struct root_builder;
int root_pack_directory(struct root_builder *builder, const char *source, struct error *error);
int root_pack_oci(struct root_builder *builder, const char *source, struct error *error);

/* What is taken of an archive: all of it; or, as of a layer of a container's image, either what it
 * takes away from the layers below (names that begin with .wh.), or the rest. */
enum root_archive_part { ROOT_ARCHIVE, ROOT_LAYER_REMOVALS, ROOT_LAYER_FILES };
int root_pack_archive(struct root_builder *builder, const char *source, enum root_archive_part part,
		      struct error *error);

/* The directory is an OCI image layout. */
bool root_is_oci_layout(const char *source);

/* A directory, and no OCI image layout: the tree itself. */
bool root_is_directory(const char *source);

/* A key that is another one when anything in the directory tree changed: names, sizes, times. EFBIG
 * where files have more than `limit` bytes together. */
int root_directory_key(const char *source, uint64_t limit, char *key, size_t size,
		       struct error *error);

#endif

/* Packing a tree into a root image: from a directory, or from a tar archive. */
#ifndef MAYFLY_ROOT_PACK_H
#define MAYFLY_ROOT_PACK_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "root/image.h"
#include "util/error.h"
#include "util/hash.h"

/* What an image says about its program: cli/image_command.h has the form. */
#define ROOT_DESCRIPTION "/etc/mayfly/function.json"

/* An OCI layout that is given as a root itself, and not packed by `mayfly root build`, is packed
 * each time it changed: up to this size. */
#define ROOT_PACK_QUIET_MAX (2UL << 30)

/* Packs `source`, a directory, an OCI image layout, a tar archive (compressed or not), or such an
 * archive of `docker save` into the image `path`. Devices, sockets and pipes are left out; what lies
 * on other file systems below a directory, too. */
int root_pack(const char *source, const char *path, struct error *error);

/* The same for what a user has said more of. */
struct root_choice {
	const char *tag; /* of an OCI layout: what its index calls the image; NULL: the last one */
	bool is_docker;	 /* it must be an archive of `docker save` */
};
int root_pack_choice(const char *source, const struct root_choice *choice, const char *path,
		     struct error *error);

/* The folder that an image `path` is made in, with all that lies there meanwhile. ENAMETOOLONG. */
int root_pack_folder(const char *path, char folder[PATH_MAX], struct error *error);

/* Opens a root image: an image is opened, an archive or OCI layout is packed into the cache first,
 * unless it lies there and nothing changed since. A directory that is no layout is refused: it need
 * not be packed (lib/root_server). */
int root_open(struct root_image *image, const char *source, struct error *error);

/* For root_pack(): each adds all of `source` to the image. */
struct root_builder;
int root_pack_directory(struct root_builder *builder, const char *source, struct error *error);
int root_pack_oci(struct root_builder *builder, const char *source, const char *tag,
		  struct error *error);

/* An archive of `docker save`; `folder` is where its layers may lie meanwhile, without names. */
int root_pack_docker(struct root_builder *builder, const char *source, const char *folder,
		     struct error *error);

/* 1: the archive has what an archive of `docker save` has, and nothing else; 0: it has not; a negative
 * errno. */
int root_is_docker_archive(const char *source, struct error *error);

/* The SHA-256 of the manifest that stands for the image. */
int root_oci_digest(const char *source, const char *tag, char hex[HASH_HEX_SIZE],
		    struct error *error);

/* What is taken of an archive: all of it; or, as of a layer of a container's image, either what it
 * takes away from the layers below (names that begin with .wh.), or the rest. */
enum root_archive_part { ROOT_ARCHIVE, ROOT_LAYER_REMOVALS, ROOT_LAYER_FILES };

/* Archives of the same image that were packed before: what they say of how large it may become
 * (root_growth_limit()) counts for all together. */
struct root_sources {
	uint64_t bytes;
};
int root_pack_archive(struct root_builder *builder, const char *source, enum root_archive_part part,
		      const struct root_sources *sources, struct error *error);

/* The directory is an OCI image layout. */
bool root_is_oci_layout(const char *source);

/* A directory, and no OCI image layout: the tree itself. */
bool root_is_directory(const char *source);

/* A key that changes when anything in the directory tree changes: names, sizes, times. EFBIG where
 * files have more than `limit` bytes together. */
int root_directory_key(const char *source, uint64_t limit, char *key, size_t size,
		       struct error *error);

/* What is packed may become so much larger than it is, beyond what is free: archives of real trees
 * are compressed to a tenth, and seldom to a fiftieth. */
#define ROOT_GROWTH_MAX	 200
#define ROOT_GROWTH_FREE (256UL << 20)

/* How many bytes of contents may come of so many bytes of a source. */
static inline uint64_t root_growth_limit(uint64_t source)
{
	return source > (UINT64_MAX - ROOT_GROWTH_FREE) / ROOT_GROWTH_MAX
		   ? UINT64_MAX
		   : ROOT_GROWTH_FREE + source * ROOT_GROWTH_MAX;
}

#endif

/* What a root may be given as, and the cache of what was packed; see pack.h. */
#include "root/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "root/builder.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/hash.h"
#include "util/log.h"
#include "util/paths.h"
#include "util/trust.h"

static void close_builder(struct root_builder **builder)
{
	root_builder_close(*builder);
}

int root_pack_folder(const char *path, char folder[PATH_MAX], struct error *error)
{
	const char *slash = strrchr(path, '/');
	const int length = slash ? (int)(slash - path) + 1 : 1;
	if (snprintf(folder, PATH_MAX, "%.*s", length, slash ? path : ".") >= PATH_MAX)
		return error_set(error, ENAMETOOLONG, "%s: the path is too long", path);
	return 0;
}

static int pack_file(struct root_builder *builder, const char *source, const char *path,
		     bool is_docker, struct error *error)
{
	char folder[PATH_MAX];
	const struct root_sources none = {0};
	int found = is_docker ? 1 : root_is_docker_archive(source, error);
	if (found < 0)
		return found;
	if (!found)
		return root_pack_archive(builder, source, ROOT_ARCHIVE, &none, error);
	int result = root_pack_folder(path, folder, error);
	return result ? result : root_pack_docker(builder, source, folder, error);
}

int root_pack(const char *source, const char *path, struct error *error)
{
	const struct root_choice any = {.tag = NULL};
	return root_pack_choice(source, &any, path, error);
}

int root_pack_choice(const char *source, const struct root_choice *choice, const char *path,
		     struct error *error)
{
	cleanup(close_builder) struct root_builder *builder = NULL;
	struct stat status;
	if (stat(source, &status))
		return error_set_errno(error, errno, "cannot find %s", source);
	int result = root_builder_open(&builder, path, error);
	if (result)
		return result;
	if (!S_ISDIR(status.st_mode))
		result = pack_file(builder, source, path, choice->is_docker, error);
	else if (root_is_oci_layout(source))
		result = root_pack_oci(builder, source, choice->tag, error);
	else
		result = root_pack_directory(builder, source, error);
	if (!result)
		result = root_builder_finish(builder, error);
	return result ? error_wrap(error, "cannot pack %s", source) : 0;
}

/* The key of an archive: which file it is, and when it was written. */
static int archive_key(const char *source, const struct stat *status, char *key, size_t size,
		       struct error *error)
{
	char text[256], hex[HASH_HEX_SIZE];
	int length = snprintf(text, sizeof(text), "%jd %jd %jd %jd.%09ld", (intmax_t)status->st_dev,
			      (intmax_t)status->st_ino, (intmax_t)status->st_size,
			      (intmax_t)status->st_ctim.tv_sec, status->st_ctim.tv_nsec);
	int result = hash_buffer(text, (size_t)length, hex, error);
	if (result)
		return error_wrap(error, "%s", source);
	snprintf(key, size, "%s", hex);
	return 0;
}

/* The name that the packed form of `source` has in the cache. */
static int cached_path(const char *source, const struct stat *status, char *path, size_t size,
		       struct error *error)
{
	char key[HASH_HEX_SIZE], name[HASH_HEX_SIZE + 16], folder[PATH_MAX];
	int result = S_ISDIR(status->st_mode)
			 ? root_directory_key(source, ROOT_PACK_QUIET_MAX, key, sizeof(key), error)
			 : archive_key(source, status, key, sizeof(key), error);
	if (!result)
		result = paths_cache(folder, sizeof(folder), "roots", error);
	if (!result)
		result = file_make_directories(folder, error);
	if (!result)
		result = trust_path(folder, error);
	if (result)
		return result;
	snprintf(name, sizeof(name), "roots/%s.img", key);
	return paths_cache(path, size, name, error);
}

bool root_is_directory(const char *source)
{
	struct stat status;
	return !stat(source, &status) && S_ISDIR(status.st_mode) && !root_is_oci_layout(source);
}

int root_open(struct root_image *image, const char *source, struct error *error)
{
	*image = (struct root_image){.fd = -1};
	cleanup_close int fd = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	if (fd < 0 || fstat(fd, &status))
		return error_set_errno(error, errno, "cannot open the root %s", source);
	if (!S_ISREG(status.st_mode) && !(S_ISDIR(status.st_mode) && root_is_oci_layout(source)))
		return error_set(error, EINVAL,
				 "%s is no root: give a directory, a tar archive, or an image made "
				 "by mayfly root build",
				 source);
	if (S_ISREG(status.st_mode) && root_image_recognise(fd)) {
		int fault = trust_open_file(fd, source, error);
		if (fault)
			return fault;
		int result = root_image_open_descriptor(image, take_fd(&fd), error);
		return result ? error_wrap(error, "%s", source) : 0;
	}
	char path[PATH_MAX];
	int result = cached_path(source, &status, path, sizeof(path), error);
	if (result)
		return result;
	if (!trust_path(path, NULL) && !root_image_open(image, path, NULL))
		return 0;
	log_info("packing %s into %s", source, path);
	result = root_pack(source, path, error);
	return result ? result : root_image_open(image, path, error);
}

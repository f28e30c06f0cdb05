/* The root image of a snapshot; see root.h. */
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "digest_cache.h"
#include "root/image.h"
#include "util/cleanup.h"
#include "util/trust.h"

/* The SHA-256 of an open file; remembered, as reading an image takes a good part of a second. */
static int find_digest(int fd, const struct stat *status, char digest[HASH_HEX_SIZE],
		       struct error *error)
{
	char word[DIGEST_CACHE_WORD_SIZE];
	if (digest_cache_recall(status, word) && strlen(word) == HASH_HEX_SIZE - 1) {
		memcpy(digest, word, HASH_HEX_SIZE);
		return 0;
	}
	int result = hash_descriptor(fd, digest, error);
	if (!result)
		digest_cache_remember(status, digest);
	return result;
}

int snapshot_root_describe(struct snapshot_root *root, int fd, struct error *error)
{
	struct stat status;
	if (fstat(fd, &status))
		return error_set_errno(error, errno, "cannot read the root %s", root->path);
	root->size = (uint64_t)status.st_size;
	int result = find_digest(fd, &status, root->digest, error);
	return result ? error_wrap(error, "the root %s", root->path) : 0;
}

/* Returns 0 if `fd` is the image that the set-up had. */
static int check_image(const struct snapshot_root *root, int fd, const char *path,
		       struct error *error)
{
	struct stat status;
	char digest[HASH_HEX_SIZE];
	if (fstat(fd, &status))
		return error_set_errno(error, errno, "cannot read the root %s", path);
	if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size != root->size ||
	    !root_image_recognise(fd))
		return error_set(error, EBADMSG,
				 "its root %s is not the one that it was made with: make the "
				 "snapshot again",
				 path);
	int result = find_digest(fd, &status, digest, error);
	if (!result && strcmp(digest, root->digest) != 0)
		result = error_set(error, EBADMSG,
				   "its root %s is not what it was made with (SHA-256 %.12s…, not "
				   "%.12s…): make the snapshot again",
				   path, digest, root->digest);
	return result;
}

/* The place of the image beside the snapshot, where both were moved together. */
static int find_beside(const struct snapshot_root *root, const char *snapshot, char *path,
		       size_t size)
{
	const char *folder_end = strrchr(snapshot, '/');
	const char *name = strrchr(root->path, '/');
	int written = snprintf(path, size, "%.*s%s", folder_end ? (int)(folder_end - snapshot) : 1,
			       folder_end ? snapshot : ".", name ? name : "/");
	return written < 0 || (size_t)written >= size ? -ENAMETOOLONG : 0;
}

int snapshot_root_open(const struct snapshot_root *root, const char *snapshot, int *fd,
		       struct error *error)
{
	char beside[PATH_MAX];
	const char *path = root->path;
	cleanup_close int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int reason = errno;
	if (file < 0 && !find_beside(root, snapshot, beside, sizeof(beside))) {
		path = beside;
		file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	}
	if (file < 0)
		return error_set_errno(error, reason,
				       "its root image cannot be opened, neither as %s nor beside "
				       "the snapshot",
				       root->path);
	int result = trust_open_file(file, path, error);
	if (!result)
		result = check_image(root, file, path, error);
	if (!result)
		*fd = take_fd(&file);
	return result;
}

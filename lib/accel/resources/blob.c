/* Blobs; see vaccel/blob.h. */
#include "accel/resources/blob.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/log.h"
#include "vaccel.h"

bool blob_name_is_safe(const char *name)
{
	return *name && strlen(name) <= NAME_MAX && !strchr(name, '/') && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

/* A copy of a name that stays in its directory; NULL for any other, and without memory. Most names
 * are short: they are looked at and copied at once. */
static inline char *copy_name(const char *name)
{
	enum { SHORT = 24 };
	char *copy = malloc(SHORT);
	size_t length = 0;
	while (copy && length < SHORT && name[length] && name[length] != '/') {
		copy[length] = name[length];
		length++;
	}
	if (copy && length > 2 && length < SHORT && !name[length]) {
		copy[length] = 0;
		return copy;
	}
	free(copy);
	return blob_name_is_safe(name) ? strdup(name) : NULL;
}

int vaccel_blob_init(struct vaccel_blob *blob, const char *path)
{
	struct stat status;
	if (!blob || !path)
		return VACCEL_EINVAL;
	if (stat(path, &status) || !S_ISREG(status.st_mode)) {
		log_error("%s is not a file that can be read", path);
		return VACCEL_EINVAL;
	}
	const char *slash = strrchr(path, '/');
	char *name = strdup(slash ? slash + 1 : path);
	char *own_path = strdup(path);
	if (!name || !own_path) {
		free(name);
		free(own_path);
		return VACCEL_ENOMEM;
	}
	*blob = (struct vaccel_blob){.type = VACCEL_BLOB_FILE, .name = name, .path = own_path};
	return VACCEL_OK;
}

/* Brings the file behind `fd` into memory: mapped, or read where its file system cannot map. The
 * mapping is private: what a plugin writes there does not change the file. */
static int blob_map(struct vaccel_blob *blob, int fd)
{
	struct stat status;
	if (fstat(fd, &status))
		return errno;
	blob->size = (size_t)status.st_size;
	blob->data = NULL;
	blob->type = VACCEL_BLOB_MAPPED;
	if (!blob->size)
		return VACCEL_OK;
	void *data = mmap(NULL, blob->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (data != MAP_FAILED) {
		blob->data = data;
		return VACCEL_OK;
	}
	if (errno != ENODEV && errno != ENOSYS)
		return errno;
	blob->data =
	    mmap(NULL, blob->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (blob->data == MAP_FAILED)
		return errno;
	ssize_t got = file_read_full(fd, blob->data, blob->size);
	if (got == (ssize_t)blob->size)
		return VACCEL_OK;
	munmap(blob->data, blob->size);
	return got < 0 ? (int)-got : VACCEL_EIO;
}

int vaccel_blob_read(struct vaccel_blob *blob)
{
	if (!vaccel_blob_valid(blob))
		return VACCEL_EINVAL;
	if (blob->type != VACCEL_BLOB_FILE)
		return VACCEL_OK;
	cleanup_close int fd = open(blob->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		int result = errno;
		log_error("cannot open %s: %s", blob->path, strerror(result));
		return result;
	}
	struct vaccel_blob mapped = *blob;
	int result = blob_map(&mapped, fd);
	if (result)
		log_error("cannot read %s: %s", blob->path, strerror(result));
	else
		*blob = mapped;
	return result;
}

static int open_fresh(char *path, const char *dir, const char *name, bool randomize)
{
	int length = snprintf(path, PATH_MAX, "%s/%s%s", dir, name, randomize ? ".XXXXXX" : "");
	if (length < 0 || length >= PATH_MAX)
		return -ENAMETOOLONG;
	int fd = randomize ? mkostemp(path, O_CLOEXEC)
			   : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

int blob_create_file(char *path, const char *dir, const char *name, bool randomize)
{
	int fd = open_fresh(path, dir, name, randomize);
	if (fd == -EEXIST && !randomize) {
		log_warn("there is a file %s already: the new one gets a name of its own", path);
		fd = open_fresh(path, dir, name, true);
	}
	if (fd < 0)
		log_error("cannot create %s in %s: %s", name, dir, strerror(-fd));
	return fd;
}

int vaccel_blob_persist(struct vaccel_blob *blob, const char *dir, const char *filename,
			bool randomize)
{
	if (!blob || !filename || !blob->data || !blob->size)
		return VACCEL_EINVAL;
	if (!blob_name_is_safe(filename)) {
		log_error("\"%s\" is not a plain file name", filename);
		return VACCEL_EINVAL;
	}
	if (!dir)
		return VACCEL_ENOENT;
	if (blob->path) {
		log_error("%s is in a file already", blob->path);
		return VACCEL_EEXIST;
	}
	char path[PATH_MAX];
	cleanup_close int fd = blob_create_file(path, dir, filename, randomize);
	if (fd < 0)
		return -fd;
	struct vaccel_blob persisted = {.path_owned = true, .data_owned = true};
	int result = -file_write_all(fd, blob->data, blob->size);
	if (!result)
		result = blob_map(&persisted, fd);
	if (!result) {
		persisted.path = strdup(path);
		persisted.name = strdup(strrchr(path, '/') + 1);
		if (!persisted.path || !persisted.name)
			result = VACCEL_ENOMEM;
	}
	if (result) {
		log_error("cannot write %s: %s", path, strerror(result));
		unlink(path);
		if (persisted.data)
			munmap(persisted.data, persisted.size);
		free(persisted.path);
		free(persisted.name);
		return result;
	}
	vaccel_blob_release(blob);
	*blob = persisted;
	return VACCEL_OK;
}

static int name_fault(const char *name)
{
	if (blob_name_is_safe(name))
		return VACCEL_ENOMEM;
	log_error("\"%s\" is not a plain file name", name);
	return VACCEL_EINVAL;
}

/* Puts a copy of the content into memory, or into a file, which needs no other copy. */
static __attribute__((noinline)) int own_content(struct vaccel_blob *blob, const char *filename,
						 const char *dir, bool randomize)
{
	void *copy = dir ? NULL : malloc(blob->size);
	if (copy) {
		blob->data = memcpy(copy, blob->data, blob->size);
		blob->data_owned = true;
		return VACCEL_OK;
	}
	int result = dir ? vaccel_blob_persist(blob, dir, filename, randomize) : VACCEL_ENOMEM;
	if (result)
		vaccel_blob_release(blob);
	return result;
}

int vaccel_blob_init_from_buf(struct vaccel_blob *blob, const uint8_t *buf, size_t size, bool own,
			      const char *filename, const char *dir, bool randomize)
{
	if (!blob || !buf || !size || !filename)
		return VACCEL_EINVAL;
	char *name = copy_name(filename);
	if (!name)
		return name_fault(filename);
	blob->type = VACCEL_BLOB_BUFFER;
	blob->name = name;
	blob->path = NULL;
	blob->path_owned = false;
	blob->data = (uint8_t *)buf;
	blob->data_owned = false;
	blob->size = size;
	return own || dir ? own_content(blob, filename, dir, randomize) : VACCEL_OK;
}

int vaccel_blob_release(struct vaccel_blob *blob)
{
	if (!blob || blob->type >= VACCEL_BLOB_MAX)
		return VACCEL_EINVAL;
	/* A mapping belongs to the blob, whoever owns the file. */
	if (blob->type == VACCEL_BLOB_MAPPED && blob->data)
		munmap(blob->data, blob->size);
	else if (blob->data_owned)
		free(blob->data);
	int result = VACCEL_OK;
	if (blob->path) {
		if (blob->path_owned && unlink(blob->path) && errno != ENOENT) {
			result = errno;
			log_warn("cannot remove %s: %s", blob->path, strerror(result));
		}
		free(blob->path);
	}
	free(blob->name);
	blob->type = VACCEL_BLOB_MAX;
	blob->name = NULL;
	blob->path = NULL;
	blob->path_owned = false;
	blob->data = NULL;
	blob->data_owned = false;
	blob->size = 0;
	return result;
}

static int hand_out(struct vaccel_blob **out, struct vaccel_blob *blob, int result)
{
	if (result)
		free(blob);
	else
		*out = blob;
	return result;
}

int vaccel_blob_new(struct vaccel_blob **blob, const char *path)
{
	if (!blob)
		return VACCEL_EINVAL;
	struct vaccel_blob *fresh = malloc(sizeof(*fresh));
	if (!fresh)
		return VACCEL_ENOMEM;
	return hand_out(blob, fresh, vaccel_blob_init(fresh, path));
}

int vaccel_blob_from_buf(struct vaccel_blob **blob, const uint8_t *buf, size_t size, bool own,
			 const char *filename, const char *dir, bool randomize)
{
	if (!blob)
		return VACCEL_EINVAL;
	struct vaccel_blob *fresh = malloc(sizeof(*fresh));
	if (!fresh)
		return VACCEL_ENOMEM;
	return hand_out(blob, fresh,
			vaccel_blob_init_from_buf(fresh, buf, size, own, filename, dir, randomize));
}

int vaccel_blob_delete(struct vaccel_blob *blob)
{
	int result = vaccel_blob_release(blob);
	if (result != VACCEL_EINVAL)
		free(blob);
	return result;
}

uint8_t *vaccel_blob_data(struct vaccel_blob *blob, size_t *size)
{
	if (size)
		*size = 0;
	if (!blob || vaccel_blob_read(blob))
		return NULL;
	if (size)
		*size = blob->size;
	return blob->data;
}

const char *vaccel_blob_path(struct vaccel_blob *blob)
{
	return blob ? blob->path : NULL;
}

bool vaccel_blob_valid(const struct vaccel_blob *blob)
{
	if (!blob || !blob->name)
		return false;
	switch (blob->type) {
	case VACCEL_BLOB_FILE:
		return blob->path;
	case VACCEL_BLOB_MAPPED:
		return blob->path && (blob->data || !blob->size);
	case VACCEL_BLOB_BUFFER:
		return blob->data && blob->size;
	default:
		return false;
	}
}

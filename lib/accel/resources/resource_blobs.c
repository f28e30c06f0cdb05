/* The bytes of resources: blobs made from files, directories, memory and other blobs. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accel/resources/blob.h"
#include "accel/resources/resource.h"
#include "accel/state/build.h"
#include "accel/state/rundir.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/lock.h"
#include "util/log.h"
#include "vaccel.h"

/* Of files whose makers have no name for them. */
#define DEFAULT_NAME "file"

/* Pointers to `count` blobs, and behind them the blobs, in one piece of memory. */
static struct vaccel_blob **new_blobs(size_t count)
{
	size_t bytes;
	struct vaccel_blob **blobs;
	if (mul_overflows(count ? count : 1,
			  sizeof(struct vaccel_blob *) + sizeof(struct vaccel_blob), &bytes))
		return NULL;
	blobs = malloc(bytes);
	for (size_t i = 0; blobs && i < count; i++)
		blobs[i] = (struct vaccel_blob *)(blobs + count) + i;
	return blobs;
}

static void free_blobs(struct vaccel_blob **blobs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		vaccel_blob_release(blobs[i]);
	free(blobs);
}

/* A walk through a directory and those below it, in the order of names. */
struct directory_walk {
	struct vaccel_blob **blobs;
	size_t count, room;
};

static int walk_directory(struct directory_walk *walk, const char *path, unsigned int depth)
{
	enum { DEPTH_MAX = 16 }; /* a link may lead back up */
	if (depth > DEPTH_MAX)
		return VACCEL_ELOOP;
	struct dirent **entries;
	int entry_count = scandir(path, &entries, NULL, alphasort);
	if (entry_count < 0)
		return errno;
	int result = VACCEL_OK;
	for (int i = 0; i < entry_count; i++) {
		const char *name = entries[i]->d_name;
		char child[PATH_MAX];
		struct stat status;
		if (!result && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
			int length = snprintf(child, sizeof(child), "%s/%s", path, name);
			if (length < 0 || (size_t)length >= sizeof(child))
				result = VACCEL_ENAMETOOLONG;
			else if (stat(child, &status))
				result = errno;
			else if (S_ISDIR(status.st_mode))
				result = walk_directory(walk, child, depth + 1);
			else if (S_ISREG(status.st_mode) && walk->count == walk->room)
				result = VACCEL_ERANGE;
			else if (S_ISREG(status.st_mode)) {
				result = vaccel_blob_init(walk->blobs[walk->count], child);
				walk->count += !result;
			}
		}
		free(entries[i]);
	}
	free(entries);
	return result;
}

/* Makes the directory of the resource's own files. */
static int ensure_directory(struct vaccel_resource *resource)
{
	if (resource->rundir)
		return VACCEL_OK;
	char path[PATH_MAX];
	rundir_name(path, "resource", resource->id);
	int result = rundir_make(path);
	if (result)
		return result;
	resource->rundir = strdup(path);
	return resource->rundir ? VACCEL_OK : VACCEL_ENOMEM;
}

/* The name of the file at a URL, for a file of the resource's own. */
static void name_after_url(const char *url, char name[NAME_MAX + 1])
{
	const char *path = strstr(url, "://") + 3;
	size_t length = strcspn(path, "?#");
	size_t begin = length;
	while (begin && path[begin - 1] != '/')
		begin--;
	/* A host alone names no file. Room must be left for what makes the name unique. */
	size_t room = NAME_MAX - 16;
	length = begin ? length - begin : 0;
	snprintf(name, NAME_MAX + 1, "%.*s", (int)(length < room ? length : room), path + begin);
	if (!blob_name_is_safe(name))
		memcpy(name, DEFAULT_NAME, sizeof(DEFAULT_NAME));
}

/* A blob for what is at a URL: a file in the resource's directory, which goes with it. */
static int fetch_blob(struct vaccel_resource *resource, struct vaccel_blob *blob, const char *url)
{
	if (!accel_build.fetch) {
		log_error("%s: nothing can be fetched here", url);
		return VACCEL_ENOTSUP;
	}
	int result = ensure_directory(resource);
	if (result)
		return result;
	char name[NAME_MAX + 1], path[PATH_MAX];
	name_after_url(url, name);
	cleanup_close int fd = blob_create_file(path, resource->rundir, name, false);
	if (fd < 0)
		return -fd;
	struct error error = {0};
	result = -accel_build.fetch(url, fd, &error);
	if (result)
		log_error("%s", error.text);
	else
		result = vaccel_blob_init(blob, path);
	if (result)
		unlink(path);
	else
		blob->path_owned = true;
	/* Without libcurl. */
	return result == ENOENT ? VACCEL_ENOTSUP : result;
}

static int blob_from_path(struct vaccel_resource *resource, struct vaccel_blob *blob,
			  const char *path)
{
	return resource->path_type == VACCEL_PATH_REMOTE_FILE ? fetch_blob(resource, blob, path)
							      : vaccel_blob_init(blob, path);
}

/* Gives back the room for blobs that there are not. */
static int shrink(struct directory_walk *walk)
{
	struct vaccel_blob **blobs = new_blobs(walk->count);
	if (!blobs)
		return VACCEL_ENOMEM;
	for (size_t i = 0; i < walk->count; i++)
		*blobs[i] = *walk->blobs[i];
	free(walk->blobs);
	walk->blobs = blobs;
	walk->room = walk->count;
	return VACCEL_OK;
}

/* Makes the blobs of all paths. The caller holds the resource's lock. */
static int blobs_from_paths(struct vaccel_resource *resource)
{
	bool directory = resource->path_type == VACCEL_PATH_LOCAL_DIR;
	struct directory_walk walk = {.room = directory ? RESOURCE_FILES_MAX : resource->nr_paths};
	walk.blobs = new_blobs(walk.room);
	if (!walk.blobs)
		return VACCEL_ENOMEM;
	int result = VACCEL_OK;
	if (directory)
		result = walk_directory(&walk, resource->paths[0], 0);
	for (size_t i = 0; !directory && !result && i < resource->nr_paths; i++) {
		result = blob_from_path(resource, walk.blobs[i], resource->paths[i]);
		walk.count += !result;
	}
	if (!result && walk.count < walk.room)
		result = shrink(&walk);
	if (result) {
		log_error("cannot take in %s: %s", resource->paths[0], strerror(result));
		free_blobs(walk.blobs, walk.count);
		return result;
	}
	resource->blobs = walk.blobs;
	__atomic_store_n(&resource->nr_blobs, walk.count, __ATOMIC_RELEASE);
	return VACCEL_OK;
}

int resource_open_blobs(struct vaccel_resource *resource, bool in_memory)
{
	/* Blobs stay as they are once they are there, so only their making needs the lock. */
	if (!in_memory && __atomic_load_n(&resource->nr_blobs, __ATOMIC_ACQUIRE))
		return VACCEL_OK;
	if (resource_model_name(resource))
		return VACCEL_OK;
	lock_scoped(&resource->sessions_lock);
	int result = VACCEL_OK;
	if (!resource->blobs)
		result = blobs_from_paths(resource);
	for (size_t i = 0; in_memory && !result && i < resource->nr_blobs; i++)
		result = vaccel_blob_read(resource->blobs[i]);
	return result;
}

void resource_close_blobs(struct vaccel_resource *resource)
{
	free_blobs(resource->blobs, resource->nr_blobs);
	resource->blobs = NULL;
	resource->nr_blobs = 0;
	if (resource->rundir) {
		rundir_remove_below(resource->rundir);
		free(resource->rundir);
		resource->rundir = NULL;
	}
}

int resource_blobs_from_buffer(struct vaccel_resource *resource, const void *data, size_t size,
			       const char *name, bool memory_only)
{
	int result = memory_only ? VACCEL_OK : ensure_directory(resource);
	if (result)
		return result;
	resource->blobs = new_blobs(1);
	if (!resource->blobs)
		return VACCEL_ENOMEM;
	result = vaccel_blob_init_from_buf(resource->blobs[0], data, size, false,
					   name ? name : DEFAULT_NAME,
					   memory_only ? NULL : resource->rundir, !name);
	resource->nr_blobs = !result;
	return result;
}

/* A blob of the resource's own for a caller's: the same file; the same memory, copied where the
 * caller's blob owns its own; the content of a mapped file in a file that the resource owns. */
static int copy_blob(struct vaccel_resource *resource, struct vaccel_blob *out,
		     const struct vaccel_blob *blob)
{
	if (!blob || !vaccel_blob_valid(blob))
		return VACCEL_EINVAL;
	if (blob->type == VACCEL_BLOB_FILE)
		return vaccel_blob_init(out, blob->path);
	if (blob->type == VACCEL_BLOB_BUFFER)
		return vaccel_blob_init_from_buf(out, blob->data, blob->size, blob->data_owned,
						 blob->name, NULL, false);
	return vaccel_blob_init_from_buf(out, blob->data, blob->size, false, blob->name,
					 resource->rundir, false);
}

int resource_blobs_from_blobs(struct vaccel_resource *resource, const struct vaccel_blob **blobs,
			      size_t count)
{
	resource->blobs = new_blobs(count);
	if (!resource->blobs)
		return VACCEL_ENOMEM;
	for (size_t i = 0; i < count; i++) {
		/* Whatever is a file, or comes from one, has a directory. */
		bool is_file = blobs[i] && blobs[i]->type != VACCEL_BLOB_BUFFER;
		int result = is_file ? ensure_directory(resource) : VACCEL_OK;
		if (result)
			return result;
		result = copy_blob(resource, resource->blobs[i], blobs[i]);
		if (result)
			return result;
		resource->nr_blobs++;
	}
	return VACCEL_OK;
}

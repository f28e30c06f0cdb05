/* The bytes of resources: blobs made from files, directories, memory and other blobs. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "accel/blob.h"
#include "accel/resource.h"
#include "accel/rundir.h"
#include "util/cleanup.h"
#include "util/lock.h"
#include "vaccel.h"

static void free_blobs(struct vaccel_blob **blobs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		vaccel_blob_delete(blobs[i]);
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
				result = vaccel_blob_new(&walk->blobs[walk->count], child);
				walk->count += !result;
			}
		}
		free(entries[i]);
	}
	free(entries);
	return result;
}

/* Makes the blobs of all paths. The caller holds the resource's lock. */
static int blobs_from_paths(struct vaccel_resource *resource)
{
	bool directory = resource->path_type == VACCEL_PATH_LOCAL_DIR;
	struct directory_walk walk = {.room = directory ? RESOURCE_FILES_MAX : resource->nr_paths};
	walk.blobs = calloc(walk.room, sizeof(struct vaccel_blob *));
	if (!walk.blobs)
		return VACCEL_ENOMEM;
	int result = VACCEL_OK;
	if (directory)
		result = walk_directory(&walk, resource->paths[0], 0);
	for (size_t i = 0; !directory && !result && i < resource->nr_paths; i++) {
		result = vaccel_blob_new(&walk.blobs[i], resource->paths[i]);
		walk.count += !result;
	}
	if (!result && !walk.count)
		result = VACCEL_ENOENT;
	if (result) {
		vaccel_error("cannot take in %s: %s", resource->paths[0], strerror(result));
		free_blobs(walk.blobs, walk.count);
		return result;
	}
	resource->blobs = walk.blobs;
	resource->nr_blobs = walk.count;
	return VACCEL_OK;
}

int resource_open_blobs(struct vaccel_resource *resource, bool in_memory)
{
	if (resource_model_name(resource))
		return VACCEL_OK;
	lock_scoped(&resource->sessions_lock);
	int result = VACCEL_OK;
	if (!resource->nr_blobs)
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
	if (resource->rundir)
		rundir_remove_below(resource->rundir);
	free(resource->rundir);
	resource->rundir = NULL;
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

int resource_blobs_from_buffer(struct vaccel_resource *resource, const void *data, size_t size,
			       const char *name, bool memory_only)
{
	if (!blob_name_is_safe(name)) {
		vaccel_error("\"%s\" is not a plain file name", name);
		return VACCEL_EINVAL;
	}
	int result = memory_only ? VACCEL_OK : ensure_directory(resource);
	if (result)
		return result;
	resource->blobs = calloc(1, sizeof(struct vaccel_blob *));
	if (!resource->blobs)
		return VACCEL_ENOMEM;
	result = vaccel_blob_from_buf(&resource->blobs[0], data, size, false, name,
				      memory_only ? NULL : resource->rundir, false);
	resource->nr_blobs = !result;
	return result;
}

/* A blob of the resource's own for a caller's: the same file; the same memory, copied where the
 * caller's blob owns its own; the content of a mapped file in a file that the resource owns. */
static int copy_blob(struct vaccel_resource *resource, struct vaccel_blob **out,
		     const struct vaccel_blob *blob)
{
	if (!vaccel_blob_valid(blob))
		return VACCEL_EINVAL;
	if (blob->type == VACCEL_BLOB_FILE)
		return vaccel_blob_new(out, blob->path);
	if (blob->type == VACCEL_BLOB_BUFFER)
		return vaccel_blob_from_buf(out, blob->data, blob->size, blob->data_owned,
					    blob->name, NULL, false);
	int result = ensure_directory(resource);
	if (result)
		return result;
	return vaccel_blob_from_buf(out, blob->data, blob->size, false, blob->name,
				    resource->rundir, true);
}

int resource_blobs_from_blobs(struct vaccel_resource *resource, const struct vaccel_blob **blobs,
			      size_t count)
{
	resource->blobs = calloc(count, sizeof(struct vaccel_blob *));
	if (!resource->blobs)
		return VACCEL_ENOMEM;
	for (size_t i = 0; i < count; i++) {
		int result = copy_blob(resource, &resource->blobs[i], blobs[i]);
		if (result)
			return result;
		resource->nr_blobs++;
	}
	return VACCEL_OK;
}

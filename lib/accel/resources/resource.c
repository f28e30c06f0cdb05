/* Life of resources: made from paths, memory or blobs. */
#include "accel/resources/resource.h"

#include <ctype.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "accel/resources/registration.h"
#include "accel/state/build.h"
#include "accel/state/list.h"
#include "accel/state/state.h"
#include "mayfly/results.h"
#include "sizes/sizes.h"
#include "util/log.h"
#include "vaccel.h"

/* A URL of something that can be fetched: a scheme, and a host or user, without blanks. */
static bool is_remote(const char *path)
{
	static const char *const schemes[] = {"http://", "https://", "ftp://", "ftps://"};
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		size_t length = strlen(schemes[i]);
		if (strncasecmp(path, schemes[i], length) != 0)
			continue;
		const char *host = path + length;
		for (const unsigned char *next = (const unsigned char *)host; *next; next++)
			if (*next <= ' ' || *next == 0x7f)
				return false;
		return *host && *host != '/' && *host != ':';
	}
	return false;
}

/* Strips "file://" and finds out what kind of thing the path names. 0 or a VACCEL_E… code. */
static int classify_path(const char **path, vaccel_path_type_t *kind, vaccel_resource_type_t type)
{
	static const char file_scheme[] = "file://";
	*kind = VACCEL_PATH_LOCAL_FILE;
	if (!strncmp(*path, RESOURCE_MODEL_SCHEME, strlen(RESOURCE_MODEL_SCHEME))) {
		const char *name = *path + strlen(RESOURCE_MODEL_SCHEME);
		size_t length = strlen(name);
		bool plain =
		    type == VACCEL_RESOURCE_MODEL && length && length <= 128 && name[0] != '.';
		for (const char *next = name; plain && *next; next++)
			plain = isalnum((unsigned char)*next) || strchr("._-", *next);
		if (!plain) {
			log_error("%s does not name a model: see mayfly models", *path);
			mayfly_op_set_reason("it does not name a model");
		}
		return plain ? VACCEL_OK : VACCEL_EINVAL;
	}
	if (!strncmp(*path, file_scheme, strlen(file_scheme))) {
		*path += strlen(file_scheme);
	} else if (is_remote(*path)) {
		*kind = VACCEL_PATH_REMOTE_FILE;
		return VACCEL_OK;
	} else if (strstr(*path, "://")) {
		log_error("%s is no URL of a file: file, http, https and ftp are known", *path);
		return VACCEL_EINVAL;
	}
	struct stat status;
	if (stat(*path, &status)) {
		int result = errno;
		log_error("%s: %s", *path, strerror(result));
		return result == ENOENT ? VACCEL_EINVAL : result;
	}
	if (S_ISDIR(status.st_mode))
		*kind = VACCEL_PATH_LOCAL_DIR;
	else if (!S_ISREG(status.st_mode))
		return VACCEL_EINVAL;
	return VACCEL_OK;
}

static void free_paths(struct vaccel_resource *resource)
{
	for (size_t i = 0; i < resource->nr_paths; i++)
		free(resource->paths[i]);
	free(resource->paths);
	resource->paths = NULL;
	resource->nr_paths = 0;
}

static int copy_paths(struct vaccel_resource *resource, const char **paths, size_t count)
{
	resource->paths = calloc(count, sizeof(char *));
	if (!resource->paths)
		return VACCEL_ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const char *path = paths[i];
		vaccel_path_type_t kind;
		if (!path)
			return VACCEL_EINVAL;
		int result = classify_path(&path, &kind, resource->type);
		if (result)
			return result;
		if (count > 1 && kind == VACCEL_PATH_LOCAL_DIR) {
			log_error("%s is a directory; it cannot be one of several paths", path);
			return VACCEL_ENOTSUP;
		}
		if (i && kind != resource->path_type) {
			log_error("%s: files and URLs cannot be paths of one resource", path);
			return VACCEL_EINVAL;
		}
		resource->path_type = kind;
		resource->paths[i] = strdup(path);
		if (!resource->paths[i])
			return VACCEL_ENOMEM;
		resource->nr_paths++;
	}
	return VACCEL_OK;
}

static int resource_begin(struct vaccel_resource *resource, vaccel_resource_type_t type)
{
	memset(resource, 0, sizeof(*resource));
	resource->type = type;
	list_init(&resource->entry);
	list_init(&resource->sessions);
	/* The id comes first: a directory of the resource's is named after it. */
	resource->id = id_table_add(&accel_state.resources, resource,
				    &accel_state.all_resources[type], &resource->entry);
	if (!resource->id) {
		log_error("there are %u resources already; release some",
			  accel_build.resources_max);
		return VACCEL_EUSERS;
	}
	pthread_mutex_init(&resource->sessions_lock, NULL);
	return VACCEL_OK;
}

static void resource_end(struct vaccel_resource *resource)
{
	id_table_remove(&accel_state.resources, resource->id, resource, &resource->entry);
	resource->id = 0;
	resource->remote_id = 0;
	resource->plugin_priv = NULL;
	resource_close_blobs(resource);
	if (resource->paths)
		free_paths(resource);
	pthread_mutex_destroy(&resource->sessions_lock);
}

int vaccel_resource_init_multi(struct vaccel_resource *res, const char **paths, size_t nr_paths,
			       vaccel_resource_type_t type)
{
	if (!accel_state.initialized)
		return VACCEL_EPERM;
	if (!res || !paths || !nr_paths || nr_paths > RESOURCE_FILES_MAX ||
	    type >= VACCEL_RESOURCE_MAX)
		return VACCEL_EINVAL;
	int result = resource_begin(res, type);
	if (result)
		return result;
	result = copy_paths(res, paths, nr_paths);
	if (result)
		resource_end(res);
	return result;
}

int vaccel_resource_init(struct vaccel_resource *res, const char *path, vaccel_resource_type_t type)
{
	return vaccel_resource_init_multi(res, path ? &path : NULL, 1, type);
}

int vaccel_resource_init_from_buf(struct vaccel_resource *res, const void *buf, size_t nr_bytes,
				  vaccel_resource_type_t type, const char *filename, bool mem_only)
{
	if (!accel_state.initialized)
		return VACCEL_EPERM;
	if (!res || !buf || !nr_bytes || type >= VACCEL_RESOURCE_MAX)
		return VACCEL_EINVAL;
	int result = resource_begin(res, type);
	if (result)
		return result;
	result = resource_blobs_from_buffer(res, buf, nr_bytes, filename, mem_only);
	if (result)
		resource_end(res);
	return result;
}

int vaccel_resource_init_from_blobs(struct vaccel_resource *res, const struct vaccel_blob **blobs,
				    size_t nr_blobs, vaccel_resource_type_t type)
{
	if (!accel_state.initialized)
		return VACCEL_EPERM;
	if (!res || !blobs || !nr_blobs || nr_blobs > RESOURCE_FILES_MAX ||
	    type >= VACCEL_RESOURCE_MAX)
		return VACCEL_EINVAL;
	int result = resource_begin(res, type);
	if (result)
		return result;
	result = resource_blobs_from_blobs(res, blobs, nr_blobs);
	if (result)
		resource_end(res);
	return result;
}

int vaccel_resource_release(struct vaccel_resource *res)
{
	if (!accel_state.initialized)
		return VACCEL_EPERM;
	if (!res || res->id < 1 || id_table_find(&accel_state.resources, res->id) != res)
		return VACCEL_EINVAL;
	struct vaccel_session *session;
	while (atomic_load(&res->refcount) && (session = registration_first_session(res)))
		vaccel_resource_unregister(res, session);
	resource_end(res);
	return VACCEL_OK;
}

/* The heap's twins: each hands out what it made, or frees it. */
static int hand_out(struct vaccel_resource **out, struct vaccel_resource *resource, int result)
{
	if (result)
		free(resource);
	else
		*out = resource;
	return result;
}

int vaccel_resource_new(struct vaccel_resource **res, const char *path, vaccel_resource_type_t type)
{
	return vaccel_resource_multi_new(res, path ? &path : NULL, 1, type);
}

int vaccel_resource_multi_new(struct vaccel_resource **res, const char **paths, size_t nr_paths,
			      vaccel_resource_type_t type)
{
	if (!res)
		return VACCEL_EINVAL;
	struct vaccel_resource *fresh = malloc(sizeof(*fresh));
	if (!fresh)
		return VACCEL_ENOMEM;
	return hand_out(res, fresh, vaccel_resource_init_multi(fresh, paths, nr_paths, type));
}

int vaccel_resource_from_buf(struct vaccel_resource **res, const void *buf, size_t nr_bytes,
			     vaccel_resource_type_t type, const char *filename, bool mem_only)
{
	if (!res)
		return VACCEL_EINVAL;
	struct vaccel_resource *fresh = malloc(sizeof(*fresh));
	if (!fresh)
		return VACCEL_ENOMEM;
	return hand_out(
	    res, fresh,
	    vaccel_resource_init_from_buf(fresh, buf, nr_bytes, type, filename, mem_only));
}

int vaccel_resource_from_blobs(struct vaccel_resource **res, const struct vaccel_blob **blobs,
			       size_t nr_blobs, vaccel_resource_type_t type)
{
	if (!res)
		return VACCEL_EINVAL;
	struct vaccel_resource *fresh = malloc(sizeof(*fresh));
	if (!fresh)
		return VACCEL_ENOMEM;
	return hand_out(res, fresh, vaccel_resource_init_from_blobs(fresh, blobs, nr_blobs, type));
}

int vaccel_resource_delete(struct vaccel_resource *res)
{
	int result = vaccel_resource_release(res);
	if (!result)
		free(res);
	return result;
}

const char *resource_model_name(const struct vaccel_resource *resource)
{
	size_t scheme = strlen(RESOURCE_MODEL_SCHEME);
	if (!resource->nr_paths || strncmp(resource->paths[0], RESOURCE_MODEL_SCHEME, scheme) != 0)
		return NULL;
	return resource->paths[0] + scheme;
}

int vaccel_resource_directory(struct vaccel_resource *res, char *out_path, size_t out_path_size,
			      char **alloc_path)
{
	if (!res || (!alloc_path && (!out_path || !out_path_size)) || res->id < 1)
		return VACCEL_EINVAL;
	if (res->path_type != VACCEL_PATH_LOCAL_DIR || res->nr_paths != 1)
		return VACCEL_ENOTSUP;
	if (alloc_path) {
		*alloc_path = strdup(res->paths[0]);
		return *alloc_path ? VACCEL_OK : VACCEL_ENOMEM;
	}
	size_t bytes = strlen(res->paths[0]) + 1;
	if (bytes > out_path_size)
		return VACCEL_EINVAL;
	memcpy(out_path, res->paths[0], bytes);
	return VACCEL_OK;
}

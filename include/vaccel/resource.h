/* Resources: files, directories or memory that ops work with, such as models and libraries. */
#ifndef VACCEL_RESOURCE_H
#define VACCEL_RESOURCE_H

#include <pthread.h>
#include <stddef.h>
#include <sys/types.h>

#include "blob.h"
#include "export.h"
#include "id.h"
#include "list.h"
#include "utils/enum.h"
#include "utils/path.h"

#ifdef __cplusplus
#include <atomic>
#ifndef atomic_uint
typedef std::atomic<unsigned int> atomic_uint;
#endif
#else
#include <stdatomic.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
#define VACCEL_RESOURCE_TYPE_ENUM_LIST(ITEM) \
	ITEM(LIB, 0, VACCEL_RESOURCE) \
	ITEM(DATA, 1, VACCEL_RESOURCE) \
	ITEM(MODEL, 2, VACCEL_RESOURCE)
/* clang-format on */
VACCEL_ENUM_DEF_WITH_STR_FUNCS(vaccel_resource_type, VACCEL_RESOURCE,
			       VACCEL_RESOURCE_TYPE_ENUM_LIST)

/* The caller may own the struct, but only this library writes it. */
struct vaccel_resource {
	vaccel_id_t id;
	vaccel_id_t remote_id; /* for plugins that pass work on; 0: none */
	vaccel_resource_type_t type;
	vaccel_path_type_t path_type;
	char **paths;
	size_t nr_paths;
	char *rundir; /* of files that belong to the resource; NULL while there is none */
	struct vaccel_blob **blobs;
	size_t nr_blobs;
	struct vaccel_list_entry entry;
	struct vaccel_list_entry sessions; /* registrations */
	pthread_mutex_t sessions_lock;
	atomic_uint refcount; /* sessions that it is registered with */
	void *plugin_priv;    /* for the plugin */
};

/* A resource from a path: a file, a directory (all regular files in it), "file://" and a path, a URL
 * (http, https, ftp; fetched when the resource is registered with a session of this process), or
 * "model:NAME" (VACCEL_RESOURCE_MODEL only): a model that is installed where the op runs; no file
 * is opened for it. Files must exist; they are opened when the resource is registered. VACCEL_EPERM
 * before bootstrap, VACCEL_EUSERS above 65536 live resources (in a guest: 2048), VACCEL_EINVAL for
 * what names nothing. */
VACCEL_API int vaccel_resource_init(struct vaccel_resource *res, const char *path,
				    vaccel_resource_type_t type);

/* A resource from several files, or several URLs; directories are refused (VACCEL_ENOTSUP). */
VACCEL_API int vaccel_resource_init_multi(struct vaccel_resource *res, const char **paths,
					  size_t nr_paths, vaccel_resource_type_t type);

/* A resource from memory. With `mem_only` it points to the caller's memory, which must outlive it;
 * otherwise the memory is written to a file of its own, named `filename`, or "file" and six random
 * characters. Names with a directory part are refused (VACCEL_EINVAL). */
VACCEL_API int vaccel_resource_init_from_buf(struct vaccel_resource *res, const void *buf,
					     size_t nr_bytes, vaccel_resource_type_t type,
					     const char *filename, bool mem_only);

/* A resource from blobs of the caller's: files are referred to, memory is copied to a file. */
VACCEL_API int vaccel_resource_init_from_blobs(struct vaccel_resource *res,
					       const struct vaccel_blob **blobs, size_t nr_blobs,
					       vaccel_resource_type_t type);

/* Unregisters the resource everywhere and frees what it holds, its files included. */
VACCEL_API int vaccel_resource_release(struct vaccel_resource *res);

/* The same on the heap; vaccel_resource_delete() frees it. */
VACCEL_API int vaccel_resource_new(struct vaccel_resource **res, const char *path,
				   vaccel_resource_type_t type);
VACCEL_API int vaccel_resource_multi_new(struct vaccel_resource **res, const char **paths,
					 size_t nr_paths, vaccel_resource_type_t type);
VACCEL_API int vaccel_resource_from_buf(struct vaccel_resource **res, const void *buf,
					size_t nr_bytes, vaccel_resource_type_t type,
					const char *filename, bool mem_only);
VACCEL_API int vaccel_resource_from_blobs(struct vaccel_resource **res,
					  const struct vaccel_blob **blobs, size_t nr_blobs,
					  vaccel_resource_type_t type);
VACCEL_API int vaccel_resource_delete(struct vaccel_resource *res);

/* Live resources by id or type. The pointers are not counted: they hold as long as the caller
 * knows that the resource lives. The caller frees the array of get_all. VACCEL_ENOENT: none. */
VACCEL_API int vaccel_resource_get_by_id(struct vaccel_resource **res, vaccel_id_t id);
VACCEL_API int vaccel_resource_get_by_type(struct vaccel_resource **res,
					   vaccel_resource_type_t type);
VACCEL_API int vaccel_resource_get_all_by_type(struct vaccel_resource ***res, size_t *nr_found,
					       vaccel_resource_type_t type);

/* With how many sessions the resource is registered; a negative code for NULL. */
VACCEL_API long int vaccel_resource_refcount(const struct vaccel_resource *res);

struct vaccel_session;

/* Makes the resource usable by ops of the session. Doing it twice is no error. VACCEL_ENOTSUP for a
 * URL where libcurl is not installed, VACCEL_EREMOTEIO where it could not be fetched. */
VACCEL_API int vaccel_resource_register(struct vaccel_resource *res, struct vaccel_session *sess);

/* VACCEL_EINVAL where it is not registered. */
VACCEL_API int vaccel_resource_unregister(struct vaccel_resource *res, struct vaccel_session *sess);

/* Brings back what the other side of a remote session wrote to the resource's memory. VACCEL_EPERM
 * where it is not registered, VACCEL_EINVAL where its first blob is no BUFFER. */
VACCEL_API int vaccel_resource_sync(struct vaccel_resource *res, struct vaccel_session *sess);

/* The directory that the resource was made from: into `out_path`, or into fresh memory where
 * `alloc_path` is given. VACCEL_ENOTSUP where it was not made from one, VACCEL_EINVAL where there is
 * not enough room. */
VACCEL_API int vaccel_resource_directory(struct vaccel_resource *res, char *out_path,
					 size_t out_path_size, char **alloc_path);

#ifdef __cplusplus
}
#endif

#endif

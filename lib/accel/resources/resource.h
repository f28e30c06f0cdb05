/* Resources, as other parts of the library see them. */
#ifndef MAYFLY_ACCEL_RESOURCES_RESOURCE_H
#define MAYFLY_ACCEL_RESOURCES_RESOURCE_H

#include "vaccel/resource.h"

#define RESOURCE_MODEL_SCHEME "model:"
#define RESOURCE_FILES_MAX    1024 /* in a directory, or given by the caller */

/* The NAME of a "model:NAME" resource; NULL for any other. */
const char *resource_model_name(const struct vaccel_resource *resource);

/* Makes the blobs of the resource's paths, once: those at URLs are fetched. With `in_memory` their
 * bytes are there too. 0 or a VACCEL_E… code. */
int resource_open_blobs(struct vaccel_resource *resource, bool in_memory);

/* Frees the blobs, and the resource's directory. */
void resource_close_blobs(struct vaccel_resource *resource);

/* Makes blobs from what callers give: memory, and copies of other blobs. Without a name, memory gets
 * one that is the resource's own. */
int resource_blobs_from_buffer(struct vaccel_resource *resource, const void *data, size_t size,
			       const char *name, bool memory_only);
int resource_blobs_from_blobs(struct vaccel_resource *resource, const struct vaccel_blob **blobs,
			      size_t count);

#endif

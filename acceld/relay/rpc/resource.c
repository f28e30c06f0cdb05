/* The life of a resource; see resource.h. */
#include "acceld/relay/rpc/resource.h"

#include <stdlib.h>

void rpc_resource_hold(struct rpc_resource *resource)
{
	resource->references++;
}

static void free_resource(struct rpc_resource *resource)
{
	for (size_t i = 0; i < resource->blob_count; i++) {
		rpc_memory_free(&resource->memory, resource->blobs[i].name);
		rpc_memory_free(&resource->memory, resource->blobs[i].data);
	}
	rpc_memory_free(&resource->memory, resource->blobs);
	rpc_memory_free(&resource->memory, resource->model);
	free(resource);
}

void rpc_resource_drop(struct rpc_resource *resource)
{
	if (!--resource->references)
		free_resource(resource);
}

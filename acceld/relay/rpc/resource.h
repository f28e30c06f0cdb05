/* Resources of a client: their content stays here, because other sessions may register it, too, and
 * the client may ask for it again.
 */
#ifndef MAYFLY_ACCELD_RPC_RESOURCE_H
#define MAYFLY_ACCELD_RPC_RESOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "acceld/relay/rpc/memory.h"

struct rpc_client;

struct rpc_blob {
	char *name;
	uint8_t *data;
	size_t size;
};

struct rpc_resource {
	struct rpc_memory memory; /* of what it points to */
	uint32_t type;
	char *model; /* the name of an installed one; NULL: it has blobs */
	struct rpc_blob *blobs;
	size_t blob_count;

	/* Protected by the client's lock. */
	struct rpc_resource *next;
	int64_t id; /* 0: not known yet, or not any more */
	unsigned references;
	unsigned registrations; /* with sessions */
};

/* One more reference, or one less; the last frees it. With the client's lock held. */
void rpc_resource_hold(struct rpc_resource *resource);
void rpc_resource_drop(struct rpc_resource *resource);

#endif

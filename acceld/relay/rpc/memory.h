/* Memory that a client makes this process take: of messages while they are served, of resources while
 * they are registered. It is taken as bytes arrive, so that to announce many costs nothing; and
 * decoded messages are counted as they are made, so that no message becomes much larger than it was
 * in the socket.
 *
 * Used by one thread at a time.
 */
#ifndef MAYFLY_ACCELD_RPC_MEMORY_H
#define MAYFLY_ACCELD_RPC_MEMORY_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct budget;

struct rpc_memory {
	ProtobufCAllocator allocator; /* for protobuf-c: what it gives is counted here */
	struct budget *budget;	      /* NULL: of none */
	uint64_t taken, limit;
};

/* Stays where it is from then on: the allocator points to it. `limit`: bytes, beside the budget. */
void rpc_memory_init(struct rpc_memory *memory, struct budget *budget, uint64_t limit);

/* As malloc(3), realloc(3) and free(3), but counted: NULL where there is no memory, or no more may be
 * taken. Aligned to 16. Freed here only. */
void *rpc_memory_allocate(struct rpc_memory *memory, size_t size);
void *rpc_memory_resize(struct rpc_memory *memory, void *place, size_t size);
void rpc_memory_free(struct rpc_memory *memory, void *place);

/* What was allocated from `from` is counted in `to` from now on, whatever the limit of that is. Both
 * take from the same budget. NULL is fine. */
void rpc_memory_move(struct rpc_memory *from, struct rpc_memory *to, void *place);

/* Frees a decoded message; NULL is fine. */
void rpc_memory_free_message(struct rpc_memory *memory, ProtobufCMessage *message);

#endif

/* Memory that is counted; see memory.h. */
#include "acceld/relay/rpc/memory.h"

#include <stdlib.h>

#include "sizes/sizes.h"
#include "util/budget.h"

/* In front of everything that is allocated. It counts, too, as what malloc(3) has in front of it does
 * not: so many small things count for about what they take. */
struct head {
	_Alignas(16) size_t bytes; /* with the head */
};

static struct head *head_of(void *place)
{
	return (struct head *)place - 1;
}

static bool take(struct rpc_memory *memory, uint64_t bytes)
{
	uint64_t sum;
	if (add_overflows(memory->taken, bytes, &sum) || sum > memory->limit ||
	    (memory->budget && !budget_take(memory->budget, bytes)))
		return false;
	memory->taken = sum;
	return true;
}

static void give(struct rpc_memory *memory, uint64_t bytes)
{
	memory->taken -= bytes;
	if (memory->budget)
		budget_give(memory->budget, bytes);
}

static void *allocate(void *context, size_t size)
{
	return rpc_memory_allocate(context, size);
}

static void release(void *context, void *place)
{
	rpc_memory_free(context, place);
}

void rpc_memory_init(struct rpc_memory *memory, struct budget *budget, uint64_t limit)
{
	*memory = (struct rpc_memory){
	    .allocator = {.alloc = allocate, .free = release, .allocator_data = memory},
	    .budget = budget,
	    .limit = limit,
	};
}

void *rpc_memory_allocate(struct rpc_memory *memory, size_t size)
{
	size_t bytes;
	if (add_overflows(size, sizeof(struct head), &bytes) || !take(memory, bytes))
		return NULL;
	struct head *head = malloc(bytes);
	if (!head) {
		give(memory, bytes);
		return NULL;
	}
	head->bytes = bytes;
	return head + 1;
}

void *rpc_memory_resize(struct rpc_memory *memory, void *place, size_t size)
{
	if (!place)
		return rpc_memory_allocate(memory, size);
	struct head *head = head_of(place);
	size_t before = head->bytes, bytes;
	if (add_overflows(size, sizeof(*head), &bytes) ||
	    (bytes > before && !take(memory, bytes - before)))
		return NULL;
	struct head *resized = realloc(head, bytes);
	if (!resized) {
		if (bytes > before)
			give(memory, bytes - before);
		return NULL;
	}
	if (bytes < before)
		give(memory, before - bytes);
	resized->bytes = bytes;
	return resized + 1;
}

void rpc_memory_free(struct rpc_memory *memory, void *place)
{
	if (!place)
		return;
	struct head *head = head_of(place);
	give(memory, head->bytes);
	free(head);
}

void rpc_memory_move(struct rpc_memory *from, struct rpc_memory *to, void *place)
{
	if (!place)
		return;
	from->taken -= head_of(place)->bytes;
	to->taken += head_of(place)->bytes;
}

void rpc_memory_free_message(struct rpc_memory *memory, ProtobufCMessage *message)
{
	if (message)
		protobuf_c_message_free_unpacked(message, &memory->allocator);
}

/* What a worker leaves behind when it dies; see ledger.h. */
#include "ledger.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>

#include "mayfly/wire.h"
#include "vaccel/op.h"

/* enum wire_op, from its first and from its second number on. */
static const char *const housekeeping_names[] = {
    "SESSION_INIT",
    "SESSION_RELEASE",
    "RESOURCE_REGISTER",
    "RESOURCE_UNREGISTER",
};
static const char *const result_names[] = {
    "DETECT_OBJECTS",
    "CLASSIFY_LABELS",
    "POSE_KEYPOINTS",
    "SEGMENT_MASK",
};

#define COUNT(table)	   (sizeof(table) / sizeof((table)[0]))
#define FIRST_HOUSEKEEPING ((size_t)VACCEL_OP_MAX)
#define FIRST_RESULT	   (FIRST_HOUSEKEEPING + COUNT(housekeeping_names))
#define OPS		   (FIRST_RESULT + COUNT(result_names))

struct ledger {
	atomic_bool served;
	atomic_uint under_way[OPS];
};

struct ledger *ledger_new(struct error *error)
{
	void *page = mmap(NULL, sizeof(struct ledger), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page != MAP_FAILED)
		return page; /* zeros, as ledger_clear() leaves it */
	error_set_errno(error, errno, "no memory that supervisor and worker share");
	return NULL;
}

void ledger_delete(struct ledger *ledger)
{
	if (ledger)
		munmap(ledger, sizeof(*ledger));
}

void ledger_clear(struct ledger *ledger)
{
	atomic_store(&ledger->served, false);
	for (size_t i = 0; i < OPS; i++)
		atomic_store(&ledger->under_way[i], 0);
}

/* OPS where there is no such op. */
static size_t place_of(size_t op)
{
	if (op < VACCEL_OP_MAX)
		return op;
	if (op >= WIRE_OP_DETECT_OBJECTS && op - WIRE_OP_DETECT_OBJECTS < COUNT(result_names))
		return FIRST_RESULT + op - WIRE_OP_DETECT_OBJECTS;
	if (op >= WIRE_OP_SESSION_INIT && op - WIRE_OP_SESSION_INIT < COUNT(housekeeping_names))
		return FIRST_HOUSEKEEPING + op - WIRE_OP_SESSION_INIT;
	return OPS;
}

void ledger_begin(struct ledger *ledger, uint16_t op)
{
	size_t place = place_of(op);
	if (place < OPS)
		atomic_fetch_add_explicit(&ledger->under_way[place], 1, memory_order_relaxed);
}

void ledger_end(struct ledger *ledger, uint16_t op)
{
	size_t place = place_of(op);
	if (place < OPS)
		atomic_fetch_sub_explicit(&ledger->under_way[place], 1, memory_order_relaxed);
	/* Read first: the page is written once and not by each op of each thread. */
	if (!atomic_load_explicit(&ledger->served, memory_order_relaxed))
		atomic_store_explicit(&ledger->served, true, memory_order_relaxed);
}

bool ledger_has_served(const struct ledger *ledger)
{
	return atomic_load(&ledger->served);
}

static const char *name_of(size_t place)
{
	if (place >= FIRST_RESULT)
		return result_names[place - FIRST_RESULT];
	if (place >= FIRST_HOUSEKEEPING)
		return housekeeping_names[place - FIRST_HOUSEKEEPING];
	return vaccel_op_type_to_base_str((vaccel_op_type_t)place);
}

void ledger_describe(const struct ledger *ledger, char *text, size_t size)
{
	size_t used = 0;
	text[0] = 0;
	for (size_t i = 0; i < OPS; i++) {
		if (!atomic_load(&ledger->under_way[i]))
			continue;
		int length =
		    snprintf(text + used, size - used, "%s%s", used ? ", " : "", name_of(i));
		if (length < 0 || (size_t)length >= size - used) {
			text[used] = 0;
			return;
		}
		used += (size_t)length;
	}
}

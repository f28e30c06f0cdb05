/* What a worker leaves behind when it dies; see in_flight.h. */
#include "acceld/common/in_flight.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>

#include "accel/wire/ops.h"

struct in_flight {
	atomic_bool served;
	atomic_uint under_way[WIRE_OP_PLACES];
};

struct in_flight *in_flight_new(struct error *error)
{
	void *page = mmap(NULL, sizeof(struct in_flight), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page != MAP_FAILED)
		return page; /* zeros, as in_flight_clear() leaves it */
	error_set_errno(error, errno, "no memory that supervisor and worker share");
	return NULL;
}

void in_flight_delete(struct in_flight *in_flight)
{
	if (in_flight)
		munmap(in_flight, sizeof(*in_flight));
}

void in_flight_clear(struct in_flight *in_flight)
{
	atomic_store(&in_flight->served, false);
	for (size_t i = 0; i < WIRE_OP_PLACES; i++)
		atomic_store(&in_flight->under_way[i], 0);
}

void in_flight_begin(struct in_flight *in_flight, uint16_t op)
{
	enum wire_op_place place = wire_op_place(op);
	if (place < WIRE_OP_PLACES)
		atomic_fetch_add_explicit(&in_flight->under_way[place], 1, memory_order_relaxed);
}

void in_flight_end(struct in_flight *in_flight, uint16_t op)
{
	enum wire_op_place place = wire_op_place(op);
	if (place < WIRE_OP_PLACES)
		atomic_fetch_sub_explicit(&in_flight->under_way[place], 1, memory_order_relaxed);
	/* Read first, so that the shared page is written once and not by each op of each thread. */
	if (!atomic_load_explicit(&in_flight->served, memory_order_relaxed))
		atomic_store_explicit(&in_flight->served, true, memory_order_relaxed);
}

bool in_flight_has_served(const struct in_flight *in_flight)
{
	return atomic_load(&in_flight->served);
}

void in_flight_describe(const struct in_flight *in_flight, char *text, size_t size)
{
	size_t used = 0;
	text[0] = 0;
	for (size_t i = 0; i < WIRE_OP_PLACES; i++) {
		if (!atomic_load(&in_flight->under_way[i]))
			continue;
		int length = snprintf(text + used, size - used, "%s%s", used ? ", " : "",
				      wire_op_facts[i].name);
		if (length < 0 || (size_t)length >= size - used) {
			text[used] = 0;
			return;
		}
		used += (size_t)length;
	}
}

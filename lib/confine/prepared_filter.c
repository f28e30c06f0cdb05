/* Finding filters that were made before; see prepared_filter.h. */
#include "confine/prepared_filter.h"

/* All that a filter depends on. */
static bool is_same(const struct confine_call *one, const struct confine_call *other)
{
	return one->number == other->number && one->argument == other->argument &&
	       one->mask == other->mask && one->value == other->value &&
	       one->absent == other->absent && one->trapped == other->trapped;
}

static bool is_of(const struct confine_prepared_filter *prepared, const struct confine_call *calls,
		  size_t count, enum confine_refusal refusal)
{
	if (prepared->call_count != count || prepared->refusal != refusal)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!is_same(&prepared->calls[i], &calls[i]))
			return false;
	return true;
}

const struct confine_prepared_filter *
confine_prepared_find(const struct confine_prepared_filter *table, size_t table_count,
		      const struct confine_call *calls, size_t count, enum confine_refusal refusal)
{
	for (size_t i = 0; i < table_count; i++)
		if (is_of(&table[i], calls, count, refusal))
			return &table[i];
	return NULL;
}

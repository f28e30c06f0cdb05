/* Filters of system calls that were made when the program was built.
 *
 * libseccomp takes 0.1 ms for a list of some 50 calls, in each process that gives up its rights. A list that is
 * always the same can be had before: what builds the program makes the filter by confine_filter_build(), and
 * writes it into a table together with the list. Whoever looks for a filter has the whole list compared, so that
 * none is taken that is of another one.
 */
#ifndef MAYFLY_CONFINE_PREPARED_FILTER_H
#define MAYFLY_CONFINE_PREPARED_FILTER_H

#include "confine/filter.h"

struct confine_prepared_filter {
	const struct confine_call *calls; /* without names and purposes */
	size_t call_count;
	enum confine_refusal refusal;
	const struct sock_filter *filter;
	size_t length; /* instructions */
};

/* The filter of exactly these calls in this order; NULL where the table has none. */
const struct confine_prepared_filter *
confine_prepared_find(const struct confine_prepared_filter *table, size_t table_count,
		      const struct confine_call *calls, size_t count, enum confine_refusal refusal);

#endif

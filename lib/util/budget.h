/* A number of bytes that many users share: each takes before it allocates, and gives back after it
 * has freed. Thread-safe. */
#ifndef MAYFLY_UTIL_BUDGET_H
#define MAYFLY_UTIL_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct budget {
	_Atomic uint64_t left; /* bytes */
};

/* False, with nothing taken, where less than `bytes` is left. */
static inline bool budget_take(struct budget *budget, uint64_t bytes)
{
	uint64_t left = atomic_load(&budget->left);
	do
		if (bytes > left)
			return false;
	while (!atomic_compare_exchange_weak(&budget->left, &left, left - bytes));
	return true;
}

static inline void budget_give(struct budget *budget, uint64_t bytes)
{
	atomic_fetch_add(&budget->left, bytes);
}

#endif

/* A number of bytes or things that many users share: each takes before it allocates, and gives back
 * after it has freed. Thread-safe.
 *
 * A budget may be a tenant's part of another one. There is no fixed quota: a tenant may hold as
 * much as would still be free afterwards (the dynamic threshold of Choudhury and Hahne, for buffers
 * that the ports of a switch share). One that is alone gets half; n greedy ones leave 1/(n + 1), so
 * that whoever comes next always finds something; and what nobody else wants is not kept from those
 * who do. Who holds nothing may take one in any case: one connection, one session. A part may have a
 * limit of its own besides.
 */
#ifndef MAYFLY_UTIL_BUDGET_H
#define MAYFLY_UTIL_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct budget {
	_Atomic uint64_t left;	/* of a whole one */
	_Atomic uint64_t held;	/* of a part: by its tenant */
	_Atomic uint64_t limit; /* of a part: what may be held at most; 0: none */
	struct budget *whole;	/* of a part; NULL: it is a whole one */
};

static inline void budget_init(struct budget *budget, uint64_t amount)
{
	budget->whole = NULL;
	atomic_init(&budget->limit, 0);
	atomic_init(&budget->held, 0);
	atomic_init(&budget->left, amount);
}

static inline void budget_init_part(struct budget *part, struct budget *whole)
{
	part->whole = whole;
	atomic_init(&part->limit, 0);
	atomic_init(&part->held, 0);
	atomic_init(&part->left, 0);
}

static inline void budget_give(struct budget *budget, uint64_t amount)
{
	if (budget->whole) {
		atomic_fetch_sub(&budget->held, amount);
		budget = budget->whole;
	}
	atomic_fetch_add(&budget->left, amount);
}

/* From now on; what is held already may be more. */
static inline void budget_limit(struct budget *part, uint64_t limit)
{
	atomic_store(&part->limit, limit);
}

/* False, with nothing taken, where less than `amount` is left, or where a part's tenant would hold
 * more than is left then, or more than its limit. */
static inline bool budget_take(struct budget *budget, uint64_t amount)
{
	struct budget *whole = budget->whole ? budget->whole : budget;
	/* Counted before it is taken, so that two threads of one tenant are judged by their sum. */
	uint64_t held = budget->whole ? atomic_fetch_add(&budget->held, amount) + amount : 0;
	uint64_t limit = budget->whole ? atomic_load(&budget->limit) : 0;
	bool permitted = !limit || (amount <= limit && held <= limit);
	uint64_t left = atomic_load(&whole->left);
	do {
		if (permitted && amount <= left && (held <= left - amount || held <= 1))
			continue;
		if (budget->whole)
			atomic_fetch_sub(&budget->held, amount);
		return false;
	} while (!atomic_compare_exchange_weak(&whole->left, &left, left - amount));
	return true;
}

#endif

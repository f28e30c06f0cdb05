/* What each tenant has of what all share.
 *
 * A tenant is a listening socket of the configuration, with a policy of its own; at the host's own
 * socket it is the process at the other end of a connection, as the kernel knows it (SO_PEERCRED):
 * for the connections of a run that is its broker, so that all slots of a function are one tenant.
 * Whatever a connection takes it takes out of its tenant's account, and each entry of that is a
 * part of the whole in the sense of util/budget.h.
 */
#ifndef MAYFLY_ACCELD_ACCOUNT_H
#define MAYFLY_ACCELD_ACCOUNT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "accel/ops/table.h"
#include "acceld/common/policy.h"
#include "acceld/tenants/fair_queue.h"
#include "acceld/tenants/model_share.h"
#include "acceld/tenants/op_gate.h"
#include "util/budget.h"

/* All that is limited. The table: name, what it counts in words. */
#define ACCOUNT_BUDGETS(X)                                                                         \
	X(memory, "bytes of resources and large messages")                                         \
	X(threads, "connections") /* also those that are refused */                                \
	X(connections, "connections")                                                              \
	X(sessions, "sessions")				  /* in libvaccel */                       \
	X(resources, "resources")			  /* in libvaccel */                       \
	X(models, "models that it has sent")		  /* each holds a descriptor */            \
	X(workers, "workers for models that it has sent") /* that are at work */

struct account_budgets {
#define ACCOUNT_BUDGET(name, words) struct budget name;
	ACCOUNT_BUDGETS(ACCOUNT_BUDGET)
#undef ACCOUNT_BUDGET
};

enum account_budget {
#define ACCOUNT_BUDGET(name, words) ACCOUNT_##name,
	ACCOUNT_BUDGETS(ACCOUNT_BUDGET)
#undef ACCOUNT_BUDGET
};

/* How much there is of each. */
struct account_limits {
#define ACCOUNT_LIMIT(name, words) uint64_t name;
	ACCOUNT_BUDGETS(ACCOUNT_LIMIT)
#undef ACCOUNT_LIMIT
};

/* A tenant's number: that of its listener, or of its process. */
struct account_tenant {
	bool is_process;
	uint64_t number;
};

struct account {
	struct account_budgets parts;
	/* What it may do, now: account_set_policy() replaces it. What was read here once is valid for
	 * as long as the account is open. Never NULL. */
	_Atomic(const struct policy *) policy;
	struct fair_queue_flow flows[MAYFLY_DEVICES]; /* of its ops, on each device */
	struct op_gate gate;			      /* of its ops in flight */
	struct model_share models;		      /* that its ops have used lately */
	struct accounts *accounts;
	atomic_uint busy; /* threads that serve it now */
	/* CLOCK_MONOTONIC: when it was served last (within some ms), when it is to be judged again,
	 * and until when it has to stand behind others. */
	_Atomic uint64_t served_ns, judge_ns, behind_ns;
	/* When its messages would be due, at the pace that it may have. */
	_Atomic uint64_t paced_ns;
	/* Under the lock of struct accounts. */
	struct account_tenant tenant;
	struct account_policy *policies; /* of which the first is the one in force */
	unsigned users;
	struct account *next;
};

struct accounts {
	struct account_budgets wholes;
	struct fair_queue queues[MAYFLY_DEVICES];
	uint64_t memory;      /* how much there is in all */
	int niceness;	      /* of threads that stand behind others */
	pthread_mutex_t lock; /* of the list */
	struct account *list;
};

void accounts_init(struct accounts *accounts, const struct account_limits *limits);

/* No account may be in use. */
void accounts_release(struct accounts *accounts);

/* The account of `tenant`, which stays until it is closed as often as it was opened; NULL where
 * there is no memory. It gets a copy of `policy` as account_set_policy() would. */
struct account *account_open(struct accounts *accounts, struct account_tenant tenant,
			     const struct policy *policy);
void account_close(struct accounts *accounts, struct account *account);

/* A tenant with an open account may do what a copy of `policy` says from now on. 0 or -ENOMEM. */
int account_set_policy(struct account *account, const struct policy *policy);

/* Says why budget_take() has refused: which limit it was, and what the tenant holds. To `text`, and
 * account_explain() to the reason of this thread's op. */
void account_describe(const struct account *account, enum account_budget which, char *text,
		      size_t size);
void account_explain(const struct account *account, enum account_budget which);

/* False, with the reason set, where the tenant may not have this done. */
bool account_allows_op(const struct account *account, uint16_t op);
bool account_allows_plugin(const struct account *account, const char *plugin);
bool account_allows_model(const struct account *account, const char *model);
bool account_allows_sending(const struct account *account);
bool account_allows_code(const struct account *account);

/* Around each message that is served. */
void account_begin(struct account *account);
void account_end(struct account *account);

/* True while the tenant has several messages served at once, and others have been served in the
 * last second: its threads are then to yield to theirs. */
bool account_is_behind(struct account *account);

/* Waits if a tenant that has to yield to others opens, registers or connects faster than anybody
 * needs to, since even refusing that would keep processors from others. Other tenants do not wait.
 * `messages`: how many messages this is worth; an ordinary one counts 1. */
void account_pace(struct account *account, unsigned messages);

/* The calling thread runs when others do not want to, from now on: an ordinary user cannot take
 * that back. */
void account_step_back(const struct account *account);

#endif

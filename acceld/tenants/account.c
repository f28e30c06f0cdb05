/* What each tenant has of what all share; see account.h. */
#include "acceld/tenants/account.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "accel/wire/ops.h"
#include "mayfly/results.h"
#include "util/clock.h"
#include "util/lock.h"

/* A thread that stands behind gets a tenth of a processor beside one that does not, and all of it
 * where there is none. */
#define STEP_BACK    10
#define NICENESS_MAX 19

#define JUDGE_NS  (10 * 1000000ULL)
#define BEHIND_NS (200 * 1000000ULL)
#define RECENT_NS NANOSECONDS_PER_SECOND

/* A thousand messages a second that are no ops, and some more at once. */
#define PACE_NS	    (1 * 1000000ULL)
#define BURST_NS    (20 * 1000000ULL)
#define PACE_MAX_NS NANOSECONDS_PER_SECOND

/* On each device; 0: as many as there are processors. An accelerator that computes for one op can
 * take the data of the next one meanwhile. */
static const unsigned ops_at_once[MAYFLY_DEVICES] = {
    [MAYFLY_DEVICE_GPU] = 2, [MAYFLY_DEVICE_FPGA] = 1};

void accounts_init(struct accounts *accounts, const struct account_limits *limits)
{
	accounts->list = NULL;
	accounts->memory = limits->memory;
#define INIT(name, words) budget_init(&accounts->wholes.name, limits->name);
	ACCOUNT_BUDGETS(INIT)
#undef INIT
	int niceness = getpriority(PRIO_PROCESS, 0) + STEP_BACK;
	accounts->niceness = niceness < NICENESS_MAX ? niceness : NICENESS_MAX;
	for (int device = 0; device < MAYFLY_DEVICES; device++)
		fair_queue_init(&accounts->queues[device], ops_at_once[device]);
	pthread_mutex_init(&accounts->lock, NULL);
}

/* Those before stay, since threads may be reading them: there are as many as somebody has changed
 * the configuration while the account was open. */
struct account_policy {
	struct policy policy;
	struct account_policy *before;
};

static void free_policies(struct account_policy *first)
{
	while (first) {
		struct account_policy *each = first;
		first = each->before;
		free(each);
	}
}

static void free_account(struct account *account)
{
	free_policies(account->policies);
	op_gate_release(&account->gate);
	model_share_release(&account->models);
	free(account);
}

static void grant(struct account *account, const struct policy *policy)
{
	budget_limit(&account->parts.memory, policy->resource_memory);
	budget_limit(&account->parts.connections, policy->connections);
	budget_limit(&account->parts.sessions, policy->sessions);
	budget_limit(&account->parts.resources, policy->resources);
	for (int device = 0; device < MAYFLY_DEVICES; device++)
		fair_queue_grant(&account->flows[device], policy->weight,
				 policy->device_time_per_s);
}

/* With the lock held. */
static int set_policy(struct account *account, const struct policy *policy)
{
	struct account_policy *before = account->policies;
	if (before ? policy_equals(&before->policy, policy) : policy == &policy_default)
		return 0;
	struct account_policy *next = malloc(sizeof(*next));
	if (!next)
		return -ENOMEM;
	*next = (struct account_policy){.policy = *policy, .before = before};
	account->policies = next;
	atomic_store(&account->policy, &next->policy);
	grant(account, policy);
	if (!account->users) {
		free_policies(before);
		next->before = NULL;
	}
	return 0;
}

static bool owes(const struct account *account)
{
	for (int device = 0; device < MAYFLY_DEVICES; device++)
		if (fair_queue_owes(&account->flows[device]))
			return true;
	return false;
}

void accounts_release(struct accounts *accounts)
{
	while (accounts->list) {
		struct account *account = accounts->list;
		accounts->list = account->next;
		free_account(account);
	}
	for (int device = 0; device < MAYFLY_DEVICES; device++)
		fair_queue_release(&accounts->queues[device]);
	pthread_mutex_destroy(&accounts->lock);
}

/* With the lock held. A tenant cannot escape its debts by hanging up and coming back: an account is
 * freed when it owes nothing. */
static void forget_settled(struct accounts *accounts)
{
	for (struct account **place = &accounts->list; *place;) {
		struct account *account = *place;
		if (account->users || owes(account)) {
			place = &account->next;
			continue;
		}
		*place = account->next;
		free_account(account);
	}
}

static struct account *new_account(struct accounts *accounts, struct account_tenant tenant)
{
	struct account *account = calloc(1, sizeof(*account));
	if (!account)
		return NULL;
#define INIT(name, words) budget_init_part(&account->parts.name, &accounts->wholes.name);
	ACCOUNT_BUDGETS(INIT)
#undef INIT
	for (int device = 0; device < MAYFLY_DEVICES; device++)
		fair_queue_join(&accounts->queues[device], &account->flows[device]);
	op_gate_init(&account->gate);
	model_share_init(&account->models);
	atomic_init(&account->policy, &policy_default);
	account->accounts = accounts;
	account->tenant = tenant;
	account->next = accounts->list;
	accounts->list = account;
	return account;
}

struct account *account_open(struct accounts *accounts, struct account_tenant tenant,
			     const struct policy *policy)
{
	lock_scoped(&accounts->lock);
	struct account *account = accounts->list;
	while (account && (account->tenant.number != tenant.number ||
			   account->tenant.is_process != tenant.is_process))
		account = account->next;
	if (!account) {
		forget_settled(accounts);
		account = new_account(accounts, tenant);
	}
	if (!account || set_policy(account, policy))
		return NULL;
	account->users++;
	return account;
}

int account_set_policy(struct account *account, const struct policy *policy)
{
	lock_scoped(&account->accounts->lock);
	return set_policy(account, policy);
}

void account_close(struct accounts *accounts, struct account *account)
{
	lock_scoped(&accounts->lock);
	if (!--account->users)
		forget_settled(accounts);
}

/* ── what policies say ───────────────────────────────────────────────────────────────────────── */

void account_describe(const struct account *account, enum account_budget which, char *text,
		      size_t size)
{
	static const struct {
		size_t place;
		const char *words;
	} budgets[] = {
#define PLACE(name, words) [ACCOUNT_##name] = {offsetof(struct account_budgets, name), words},
	    ACCOUNT_BUDGETS(PLACE)
#undef PLACE
	};
	const char *parts = (const char *)&account->parts;
	const struct budget *part = (const struct budget *)(parts + budgets[which].place);
	uint64_t limit = atomic_load(&part->limit), held = atomic_load(&part->held);
	if (limit)
		snprintf(text, size, "tenant %s has %ju %s, and may have %ju",
			 account->policy->name, (uintmax_t)held, budgets[which].words,
			 (uintmax_t)limit);
	else
		snprintf(text, size, "tenant %s has %ju %s, as many as it may beside others",
			 account->policy->name, (uintmax_t)held, budgets[which].words);
}

void account_explain(const struct account *account, enum account_budget which)
{
	char text[256];
	account_describe(account, which, text, sizeof(text));
	mayfly_op_set_reason(text);
}

static bool explain_refusal(const struct account *account, bool allowed, const char *what,
			    const char *name)
{
	char text[256];
	if (allowed)
		return true;
	snprintf(text, sizeof(text), "tenant %s may not %s%s", account->policy->name, what, name);
	mayfly_op_set_reason(text);
	return false;
}

bool account_allows_op(const struct account *account, uint16_t op)
{
	return explain_refusal(account, policy_allows_op(account->policy, op), "call ",
			       wire_op_name(op));
}

bool account_allows_plugin(const struct account *account, const char *plugin)
{
	return explain_refusal(account, policy_allows_name(&account->policy->plugins, plugin),
			       "use plugin ", plugin);
}

bool account_allows_model(const struct account *account, const char *model)
{
	return explain_refusal(account, policy_allows_model(account->policy, model), "use model ",
			       model);
}

bool account_allows_sending(const struct account *account)
{
	return explain_refusal(account, account->policy->send_models, "send models of its own", "");
}

bool account_allows_code(const struct account *account)
{
	return explain_refusal(account, account->policy->run_code, "run code that it sends", "");
}

/* ── who stands behind whom ──────────────────────────────────────────────────────────────────── */

static bool others_were_served(const struct account *account, uint64_t now_ns)
{
	struct accounts *accounts = account->accounts;
	lock_scoped(&accounts->lock);
	for (const struct account *other = accounts->list; other; other = other->next)
		if (other != account && (atomic_load(&other->busy) ||
					 atomic_load(&other->served_ns) + RECENT_NS > now_ns))
			return true;
	return false;
}

/* Done now and then, when a message of any thread comes by, which costs next to nothing. */
static void judge(struct account *account, uint64_t now_ns)
{
	atomic_store(&account->judge_ns, now_ns + JUDGE_NS);
	atomic_store(&account->served_ns, now_ns);
	if (atomic_load(&account->busy) > 1 && others_were_served(account, now_ns))
		atomic_store(&account->behind_ns, now_ns + BEHIND_NS);
}

void account_begin(struct account *account)
{
	atomic_fetch_add(&account->busy, 1);
}

void account_end(struct account *account)
{
	atomic_fetch_sub(&account->busy, 1);
}

bool account_is_behind(struct account *account)
{
	uint64_t now_ns = clock_now_ns();
	if (now_ns >= atomic_load(&account->judge_ns))
		judge(account, now_ns);
	return now_ns < atomic_load(&account->behind_ns);
}

void account_pace(struct account *account, unsigned messages)
{
	if (!account_is_behind(account))
		return;
	uint64_t now_ns = clock_now_ns(), due_ns, next_ns = atomic_load(&account->paced_ns);
	do {
		due_ns = (next_ns > now_ns ? next_ns : now_ns) + messages * PACE_NS;
		/* Nobody waits for longer. */
		if (due_ns > now_ns + PACE_MAX_NS)
			due_ns = now_ns + PACE_MAX_NS;
	} while (!atomic_compare_exchange_weak(&account->paced_ns, &next_ns, due_ns));
	if (due_ns <= now_ns + BURST_NS)
		return;
	const struct timespec until = clock_timespec(due_ns - BURST_NS);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* The first version of struct sched_attr: some C libraries contradict the kernel's header. */
struct scheduling {
	uint32_t size, policy;
	uint64_t flags;
	int32_t niceness;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

/* setpriority(2) could name other processes: a worker keeps this call instead, for itself. */
void account_step_back(const struct account *account)
{
	const struct scheduling attributes = {
	    .size = sizeof(attributes),
	    .policy = SCHED_OTHER,
	    .niceness = account->accounts->niceness,
	};
	syscall(SYS_sched_setattr, 0, &attributes, 0);
}

/* Shares of what all tenants share, and whose op runs next. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>

#include "acceld/tenants/account.h"
#include "acceld/tenants/fair_queue.h"
#include "check.h"
#include "util/clock.h"

#define MILLISECOND_NS 1000000L
#define TENANTS	       8

/* ── budgets ─────────────────────────────────────────────────────────────────────────────────── */

/* Takes in steps of `step` until it is refused. */
static uint64_t take_all(struct budget *budget, uint64_t step)
{
	uint64_t taken = 0;
	while (budget_take(budget, step))
		taken += step;
	return taken;
}

static void test_whole(void)
{
	struct budget whole;
	budget_init(&whole, 100);
	CHECK(budget_take(&whole, 100) && !budget_take(&whole, 1));
	budget_give(&whole, 100);
	CHECK(!budget_take(&whole, 101) && !budget_take(&whole, UINT64_MAX));
	CHECK_NUMBER(whole.left, 100);
}

/* However greedy those before are, each that comes finds something, and all goes back. */
static void test_greedy_tenants(void)
{
	struct budget whole, parts[TENANTS];
	uint64_t taken[TENANTS];
	budget_init(&whole, 1 << 20);
	for (int i = 0; i < TENANTS; i++) {
		budget_init_part(&parts[i], &whole);
		taken[i] = take_all(&parts[i], 1);
		/* Half of what the one before left. */
		CHECK_NUMBER(taken[i], (1 << 20) >> (i + 1));
		CHECK(!budget_take(&parts[i], 1));
	}
	/* Together they leave as much as the least of them holds. */
	CHECK_NUMBER(whole.left, (1 << 20) >> TENANTS);
	for (int i = 0; i < TENANTS; i++)
		budget_give(&parts[i], taken[i]);
	CHECK_NUMBER(whole.left, 1 << 20);
	CHECK_NUMBER(parts[0].held, 0);
	CHECK(!budget_take(&parts[0], (1 << 19) + 1) && budget_take(&parts[0], 1 << 19));
	CHECK(!budget_take(&parts[1], UINT64_MAX));
	CHECK_NUMBER(parts[1].held, 0);
}

/* n greedy tenants that come at the same time leave 1/(n + 1). */
static void test_equal_tenants(void)
{
	for (unsigned count = 1; count <= TENANTS; count++) {
		struct budget whole, parts[TENANTS];
		budget_init(&whole, 1 << 20);
		for (unsigned i = 0; i < count; i++)
			budget_init_part(&parts[i], &whole);
		bool any = true;
		while (any) {
			any = false;
			for (unsigned i = 0; i < count; i++)
				any |= budget_take(&parts[i], 1);
		}
		CHECK(whole.left <= (1 << 20) / (count + 1) + count);
		CHECK(whole.left + count >= (1 << 20) / (count + 1));
	}
}

/* Of few things each tenant may have one, as long as there are any. */
static void test_few(void)
{
	struct budget whole, parts[3];
	budget_init(&whole, 2);
	for (int i = 0; i < 3; i++)
		budget_init_part(&parts[i], &whole);
	CHECK_NUMBER(take_all(&parts[0], 1), 1);
	CHECK_NUMBER(take_all(&parts[1], 1), 1);
	CHECK_NUMBER(take_all(&parts[2], 1), 0);
	budget_give(&parts[0], 1);
	CHECK_NUMBER(take_all(&parts[2], 1), 1);
}

static struct account_tenant tenant_of(uint64_t number)
{
	return (struct account_tenant){.number = number};
}

/* A process and a listener of the same number are two tenants. What a thread has read of a policy
 * stays while the account is open. */
static void test_policies(void)
{
	struct accounts accounts;
	accounts_init(&accounts, &(struct account_limits){.sessions = 10});
	struct policy policy = policy_default;
	policy.weight = 7;
	struct account *listener = account_open(&accounts, tenant_of(1), &policy);
	struct account *process = account_open(
	    &accounts, (struct account_tenant){.is_process = true, .number = 1}, &policy_default);
	if (!CHECK(listener && process && listener != process))
		return;
	CHECK(atomic_load(&process->policy) == &policy_default);
	const struct policy *first = atomic_load(&listener->policy);
	CHECK_NUMBER(first->weight, 7);
	CHECK_NUMBER(account_set_policy(listener, &policy), 0);
	CHECK(atomic_load(&listener->policy) == first);
	policy.weight = 8;
	CHECK_NUMBER(account_set_policy(listener, &policy), 0);
	CHECK_NUMBER(atomic_load(&listener->policy)->weight, 8);
	CHECK_NUMBER(first->weight, 7);
	CHECK(account_open(&accounts, tenant_of(1), &policy_default) == listener);
	CHECK_NUMBER(atomic_load(&listener->policy)->weight, 100);
	account_close(&accounts, listener);
	account_close(&accounts, listener);
	account_close(&accounts, process);
	CHECK(!accounts.list);
	accounts_release(&accounts);
}

static void test_accounts(void)
{
	struct accounts accounts;
	accounts_init(&accounts, &(struct account_limits){.sessions = 10});
	struct account *a = account_open(&accounts, tenant_of(1), &policy_default),
		       *b = account_open(&accounts, tenant_of(2), &policy_default);
	CHECK(a && b && a != b);
	CHECK(account_open(&accounts, tenant_of(1), &policy_default) == a);
	CHECK_NUMBER(take_all(&a->parts.sessions, 1), 5);
	CHECK_NUMBER(take_all(&b->parts.sessions, 1), 2);
	CHECK_NUMBER(take_all(&a->parts.memory, 1), 0);
	account_close(&accounts, a);
	CHECK(account_open(&accounts, tenant_of(1), &policy_default) == a);
	account_close(&accounts, a);
	account_close(&accounts, a);
	CHECK(b && accounts.list == b && !b->next);
	account_close(&accounts, b);
	CHECK(!accounts.list);
	accounts_release(&accounts);
}

/* ── the fair queue ──────────────────────────────────────────────────────────────────────────── */

static void pause_ns(long pause)
{
	nanosleep(&(struct timespec){.tv_nsec = pause}, NULL);
}

struct op {
	struct fair_queue_flow *flow;
	uint64_t deadline_ns;
	atomic_int *order; /* counts ops as they begin */
	int place;	   /* what it was then; -1: it did not run */
	pthread_t thread;
};

static void *run_op(void *argument)
{
	struct op *op = argument;
	struct fair_queue_op queued;
	op->place = -1;
	if (fair_queue_enter(&queued, op->flow, op->deadline_ns))
		return NULL;
	op->place = atomic_fetch_add(op->order, 1);
	pause_ns(2 * MILLISECOND_NS);
	fair_queue_leave(&queued);
	return NULL;
}

static unsigned count_waiting(struct fair_queue *queue)
{
	unsigned count = 0;
	pthread_mutex_lock(&queue->lock);
	for (const struct fair_queue_op *queued = queue->waiting; queued; queued = queued->next)
		count++;
	pthread_mutex_unlock(&queue->lock);
	return count;
}

/* Starts an op that has to wait, and returns when it does. */
static void start_waiting(struct fair_queue *queue, struct op *op)
{
	unsigned before = count_waiting(queue);
	if (!CHECK(!pthread_create(&op->thread, NULL, run_op, op)))
		return;
	while (count_waiting(queue) == before)
		pause_ns(MILLISECOND_NS / 10);
}

/* One tenant sends many ops and another one few: the few run in between, and not at the end. */
static void test_order(void)
{
	enum { MANY = 12, FEW = 3 };
	struct fair_queue queue;
	struct fair_queue_flow greedy, other;
	struct fair_queue_op first, extra;
	struct op ops[MANY + FEW];
	atomic_int order = 0;
	fair_queue_init(&queue, 1);
	fair_queue_join(&queue, &greedy);
	fair_queue_join(&queue, &other);
	CHECK(!fair_queue_enter(&first, &greedy, 0));
	/* It has nothing yet: it need not wait. */
	CHECK(!fair_queue_enter(&extra, &other, 0));
	for (int i = 0; i < MANY + FEW; i++) {
		ops[i] = (struct op){.flow = i < MANY ? &greedy : &other, .order = &order};
		start_waiting(&queue, &ops[i]);
	}
	fair_queue_leave(&first);
	fair_queue_leave(&extra);
	for (int i = 0; i < MANY + FEW; i++)
		pthread_join(ops[i].thread, NULL);
	CHECK_NUMBER(order, MANY + FEW);
	/* In turns; the clocks may differ by what an op took longer than another. */
	CHECK(ops[MANY + FEW - 1].place < MANY);
	/* Within a tenant in the order of their coming. */
	for (int i = 1; i < MANY; i++)
		CHECK(ops[i].place > ops[i - 1].place);
	CHECK(!queue.running && !queue.waiting && !greedy.running && !greedy.waiting);
	fair_queue_release(&queue);
}

static void test_deadline(void)
{
	struct fair_queue queue;
	struct fair_queue_flow greedy;
	struct fair_queue_op first, next;
	fair_queue_init(&queue, 1);
	fair_queue_join(&queue, &greedy);
	CHECK(!fair_queue_enter(&first, &greedy, 0));
	uint64_t deadline_ns = clock_now_ns() + 20 * MILLISECOND_NS;
	CHECK_NUMBER(-ETIMEDOUT, fair_queue_enter(&next, &greedy, deadline_ns));
	CHECK(clock_now_ns() >= deadline_ns);
	CHECK(!queue.waiting && !greedy.waiting && queue.last == &queue.waiting);
	fair_queue_leave(&first);
	CHECK(!fair_queue_enter(&next, &greedy, 0));
	fair_queue_leave(&next);
	fair_queue_release(&queue);
}

/* What is long past its deadline keeps nobody from working. */
static void test_hanging(void)
{
	struct fair_queue queue;
	struct fair_queue_flow greedy;
	struct fair_queue_op hanging, next;
	fair_queue_init(&queue, 1);
	fair_queue_join(&queue, &greedy);
	CHECK(!fair_queue_enter(&hanging, &greedy, clock_now_ns() + MILLISECOND_NS));
	CHECK(!fair_queue_enter(&next, &greedy, 0));
	fair_queue_leave(&next);
	fair_queue_leave(&hanging);
	CHECK(!queue.running && !greedy.running);
	fair_queue_release(&queue);
}

/* A tenant that comes back for each op is still charged for those before. */
static void test_debts(void)
{
	struct fair_queue queue;
	struct fair_queue_flow greedy, other;
	struct fair_queue_op queued, running;
	fair_queue_init(&queue, 2);
	fair_queue_join(&queue, &greedy);
	fair_queue_join(&queue, &other);
	CHECK(!fair_queue_enter(&running, &other, 0));
	CHECK(!fair_queue_enter(&queued, &greedy, 0));
	CHECK(fair_queue_owes(&greedy));
	pause_ns(MILLISECOND_NS);
	fair_queue_leave(&queued);
	CHECK(fair_queue_owes(&greedy));
	fair_queue_leave(&running);
	CHECK(!fair_queue_owes(&greedy) && !fair_queue_owes(&other));
	fair_queue_release(&queue);
}

/* ── who stands behind whom ──────────────────────────────────────────────────────────────────── */

static void pause_ms(long milliseconds)
{
	nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * MILLISECOND_NS},
		  NULL);
}

static void *step_back(void *context)
{
	const struct account *account = context;
	int before = getpriority(PRIO_PROCESS, 0);
	account_step_back(account);
	int after = getpriority(PRIO_PROCESS, 0);
	CHECK(after > before || before == 19);
	return NULL;
}

static void test_places(void)
{
	struct accounts accounts;
	accounts_init(&accounts, &(struct account_limits){.sessions = 10});
	struct account *many = account_open(&accounts, tenant_of(1), &policy_default),
		       *one = account_open(&accounts, tenant_of(2), &policy_default);
	account_begin(many);
	account_begin(many);
	/* Alone, it may do as it likes. */
	CHECK(!account_is_behind(many));
	for (int i = 0; i < 10000; i++)
		account_pace(many, 1);
	account_begin(one);
	CHECK(!account_is_behind(one));
	account_end(one);
	pause_ms(15);
	CHECK(account_is_behind(many) && !account_is_behind(one));
	uint64_t start_ns = clock_now_ns();
	for (int i = 0; i < 60; i++)
		account_pace(many, 1);
	CHECK(clock_now_ns() - start_ns >= 39 * MILLISECOND_NS);
	/* Not for ever, and nobody pays for a flood for longer than a second. */
	account_pace(many, 1000000);
	CHECK(many->paced_ns <= clock_now_ns() + NANOSECONDS_PER_SECOND);
	pause_ms(300);
	CHECK(!account_is_behind(many));
	pthread_t thread;
	CHECK(!pthread_create(&thread, NULL, step_back, many));
	pthread_join(thread, NULL);
	account_end(many);
	account_end(many);
	account_close(&accounts, many);
	account_close(&accounts, one);
	accounts_release(&accounts);
}

int main(void)
{
	test_whole();
	test_greedy_tenants();
	test_equal_tenants();
	test_few();
	test_accounts();
	test_policies();
	test_order();
	test_deadline();
	test_hanging();
	test_debts();
	test_places();
	return check_status();
}

/* What policies say of ops that wait: weights, device time, ops in flight, memory of models; and ops
 * whose callers give them up while they wait. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "accel/state/op_host.h"
#include "acceld/tenants/fair_queue.h"
#include "acceld/tenants/model_share.h"
#include "acceld/tenants/op_gate.h"
#include "check.h"
#include "util/clock.h"

#define MILLISECOND_NS 1000000UL
#define THREADS	       8 /* of each tenant */
#define OPS	       200

static void pause_ns(uint64_t pause)
{
	const struct timespec time = {.tv_nsec = (long)pause};
	nanosleep(&time, NULL);
}

/* ── weights ─────────────────────────────────────────────────────────────────────────────────── */

struct tenant {
	struct fair_queue_flow flow;
	atomic_bool *over;
	uint64_t op_ns;
	_Atomic uint64_t had_ns, longest_ns;
	atomic_uint ops;
	pthread_t threads[THREADS];
};

static void count_op(struct tenant *tenant, uint64_t took_ns)
{
	uint64_t longest_ns = atomic_load(&tenant->longest_ns);
	while (took_ns > longest_ns &&
	       !atomic_compare_exchange_weak(&tenant->longest_ns, &longest_ns, took_ns))
		;
	atomic_fetch_add(&tenant->had_ns, took_ns);
	atomic_fetch_add(&tenant->ops, 1);
}

static void *flood(void *argument)
{
	struct tenant *tenant = argument;
	while (!atomic_load(tenant->over)) {
		struct fair_queue_op op;
		if (fair_queue_enter(&op, &tenant->flow, 0))
			break;
		pause_ns(tenant->op_ns);
		/* From when it was let in, which this thread may have learnt later. Those that still waited
		 * at the end run without others. */
		if (!atomic_load(tenant->over))
			count_op(tenant, clock_now_ns() - op.start_ns);
		fair_queue_leave(&op);
	}
	return NULL;
}

/* Both flood the device for some hundred ops, however long these take on a busy machine; *ratio is how
 * much more the second one has had, in hundredths. */
static void flood_by_weight(unsigned limit, uint32_t first, uint32_t second, uint64_t first_op_ns,
			    uint64_t *ratio)
{
	struct fair_queue queue;
	atomic_bool over = false;
	struct tenant tenants[2] = {{.over = &over, .op_ns = first_op_ns},
				    {.over = &over, .op_ns = 2 * MILLISECOND_NS}};
	const uint32_t weights[] = {first, second};
	fair_queue_init(&queue, limit);
	for (int i = 0; i < 2; i++) {
		fair_queue_join(&queue, &tenants[i].flow);
		fair_queue_grant(&tenants[i].flow, weights[i], 0);
	}
	for (int i = 0; i < 2; i++)
		for (int thread = 0; thread < THREADS; thread++)
			CHECK(
			    !pthread_create(&tenants[i].threads[thread], NULL, flood, &tenants[i]));
	while (atomic_load(&tenants[0].ops) + atomic_load(&tenants[1].ops) < OPS)
		pause_ns(5 * MILLISECOND_NS);
	atomic_store(&over, true);
	for (int i = 0; i < 2; i++)
		for (int thread = 0; thread < THREADS; thread++)
			pthread_join(tenants[i].threads[thread], NULL);
	*ratio = 100 * tenants[1].had_ns / (tenants[0].had_ns ? tenants[0].had_ns : 1);
	printf("weights %u:%u, %u at once, ops of %ju and 2 ms: device time 1:%ju.%02ju\n", first,
	       second, limit, (uintmax_t)(first_op_ns / MILLISECOND_NS), (uintmax_t)(*ratio / 100),
	       (uintmax_t)(*ratio % 100));
	fair_queue_release(&queue);
}

/* The ratio comes into these bounds, though not where something else has stopped the test for a
 * while: so there are some attempts. */
static void check_ratio(unsigned limit, uint32_t second, uint64_t first_op_ns, uint64_t least,
			uint64_t most)
{
	uint64_t ratio = 0;
	for (int i = 0; i < 5 && (ratio < least || ratio > most); i++)
		flood_by_weight(limit, 100, second, first_op_ns, &ratio);
	CHECK(ratio >= least && ratio <= most);
}

static void test_weights(void)
{
	for (unsigned limit = 1; limit <= 2; limit++) {
		check_ratio(limit, 300, 2 * MILLISECOND_NS, 260, 340);
		check_ratio(limit, 100, 2 * MILLISECOND_NS, 85, 118);
		/* It is the time that is shared, and not the number of ops. */
		check_ratio(limit, 300, 6 * MILLISECOND_NS, 230, 370);
	}
}

/* ── device time ─────────────────────────────────────────────────────────────────────────────── */

/* Two flood the device, one of which may use a tenth of each second and what an op has begun with. True
 * where both had about what they may. */
static bool flood_held(void)
{
	struct fair_queue queue;
	atomic_bool over = false;
	struct tenant held = {.over = &over, .op_ns = 2 * MILLISECOND_NS}, free = held;
	fair_queue_init(&queue, 2);
	fair_queue_join(&queue, &held.flow);
	fair_queue_join(&queue, &free.flow);
	fair_queue_grant(&held.flow, 100, NANOSECONDS_PER_SECOND / 10);
	uint64_t start_ns = clock_now_ns();
	CHECK(!pthread_create(&held.threads[0], NULL, flood, &held));
	CHECK(!pthread_create(&free.threads[0], NULL, flood, &free));
	pause_ns(400 * MILLISECOND_NS);
	atomic_store(&over, true);
	pthread_join(held.threads[0], NULL);
	pthread_join(free.threads[0], NULL);
	uint64_t whole_ns = clock_now_ns() - start_ns;
	printf("100 ms of each second: had %ju of %ju ms, another one %ju\n",
	       (uintmax_t)(held.had_ns / MILLISECOND_NS), (uintmax_t)(whole_ns / MILLISECOND_NS),
	       (uintmax_t)(free.had_ns / MILLISECOND_NS));
	CHECK(held.had_ns < whole_ns / 10 + held.longest_ns + 15 * MILLISECOND_NS);
	fair_queue_release(&queue);
	return held.had_ns > whole_ns / 16 && free.had_ns > whole_ns / 2;
}

/* One that is held never has more. Less it has where something else has stopped the test for a while:
 * so there are some attempts. */
static void test_device_time(void)
{
	bool had = false;
	for (int i = 0; i < 10 && !had; i++)
		had = flood_held();
	CHECK(had);
}

/* Whoever has had it waits until the deadline, also while nobody else wants the device. */
static void test_debt(void)
{
	struct fair_queue queue;
	struct fair_queue_flow flow;
	struct fair_queue_op op;
	fair_queue_init(&queue, 2);
	fair_queue_join(&queue, &flow);
	fair_queue_grant(&flow, 100, NANOSECONDS_PER_SECOND / 1000);
	CHECK(!fair_queue_enter(&op, &flow, 0));
	pause_ns(2 * MILLISECOND_NS);
	fair_queue_leave(&op);
	CHECK(fair_queue_must_pay(&flow) && fair_queue_owes(&flow));
	uint64_t deadline_ns = clock_now_ns() + 20 * MILLISECOND_NS;
	CHECK_NUMBER(fair_queue_enter(&op, &flow, deadline_ns), -ETIMEDOUT);
	CHECK(clock_now_ns() >= deadline_ns);
	fair_queue_grant(&flow, 100, 0);
	CHECK(!fair_queue_enter(&op, &flow, 0));
	fair_queue_leave(&op);
	CHECK(!queue.waiting && !queue.running && queue.last == &queue.waiting);
	fair_queue_release(&queue);
}

/* A policy that changes while an op runs, which takes less than was guessed. */
static void test_changes(void)
{
	struct fair_queue queue;
	struct fair_queue_flow flow;
	struct fair_queue_op op;
	fair_queue_init(&queue, 1);
	fair_queue_join(&queue, &flow);
	fair_queue_grant(&flow, 1000, 0);
	CHECK(!fair_queue_enter(&op, &flow, 0));
	pause_ns(10 * MILLISECOND_NS);
	fair_queue_leave(&op);
	const uint64_t before = flow.clock;
	CHECK(!fair_queue_enter(&op, &flow, 0));
	fair_queue_grant(&flow, 1, NANOSECONDS_PER_SECOND);
	fair_queue_leave(&op);
	/* Neither wraps around: it would have to wait for ever. */
	CHECK(flow.clock >= before && flow.clock - before < NANOSECONDS_PER_SECOND);
	CHECK(!fair_queue_must_pay(&flow));
	/* And to a tenth of that. */
	CHECK(!fair_queue_enter(&op, &flow, 0));
	fair_queue_grant(&flow, 1, NANOSECONDS_PER_SECOND / 10);
	fair_queue_leave(&op);
	CHECK(!fair_queue_must_pay(&flow));
	fair_queue_release(&queue);
}

/* ── ops that are given up ───────────────────────────────────────────────────────────────────── */

struct waiting {
	struct mayfly_op_stop stop;
	int (*wait)(void *what);
	void *what;
	int result;
	uint64_t left_ns;
	pthread_t thread;
};

static void *run_waiting(void *argument)
{
	struct waiting *waiting = argument;
	mayfly_op_set_stop(&waiting->stop);
	waiting->result = waiting->wait(waiting->what);
	waiting->left_ns = clock_now_ns();
	mayfly_op_set_stop(NULL);
	return NULL;
}

/* Waits, in a thread, for what cannot be had; is stopped after a while. */
static void check_stop(int (*wait)(void *what), void *what, const char *name)
{
	struct waiting waiting = {
	    .stop = MAYFLY_OP_STOP_INITIALIZER, .wait = wait, .what = what, .result = 1};
	if (!CHECK(!pthread_create(&waiting.thread, NULL, run_waiting, &waiting)))
		return;
	pause_ns(20 * MILLISECOND_NS);
	CHECK_NUMBER(waiting.result, 1);
	uint64_t stopped_ns = clock_now_ns();
	mayfly_op_stop(&waiting.stop);
	mayfly_op_stop(&waiting.stop); /* again: nothing */
	pthread_join(waiting.thread, NULL);
	CHECK_NUMBER(waiting.result, -ECANCELED);
	printf("an op that is given up leaves the %s after %ju us\n", name,
	       (uintmax_t)(waiting.left_ns - stopped_ns) / 1000);
	/* It was given up before it came. */
	waiting.result = 1;
	CHECK(!pthread_create(&waiting.thread, NULL, run_waiting, &waiting));
	pthread_join(waiting.thread, NULL);
	CHECK_NUMBER(waiting.result, -ECANCELED);
}

static int wait_in_queue(void *what)
{
	struct fair_queue_op op;
	return fair_queue_enter(&op, what, 0);
}

static int wait_at_gate(void *what)
{
	return op_gate_enter(what, 1, 0);
}

static void test_stops(void)
{
	struct fair_queue queue;
	struct fair_queue_flow flow;
	struct fair_queue_op op;
	struct op_gate gate;
	fair_queue_init(&queue, 1);
	fair_queue_join(&queue, &flow);
	CHECK(!fair_queue_enter(&op, &flow, 0));
	check_stop(wait_in_queue, &flow, "queue");
	CHECK(!queue.waiting && !flow.waiting && queue.last == &queue.waiting);
	fair_queue_leave(&op);
	CHECK(!queue.running && !flow.running);
	fair_queue_release(&queue);
	op_gate_init(&gate);
	CHECK(!op_gate_enter(&gate, 1, 0));
	check_stop(wait_at_gate, &gate, "gate");
	CHECK(!gate.waiting && gate.last == &gate.waiting && gate.inside == 1);
	op_gate_leave(&gate);
	CHECK(!gate.inside);
	op_gate_release(&gate);
}

/* ── ops in flight ───────────────────────────────────────────────────────────────────────────── */

#define IN_FLIGHT 3

struct gated {
	struct op_gate gate;
	atomic_uint inside, most;
};

static void *pass_gate(void *argument)
{
	struct gated *gated = argument;
	for (int i = 0; i < 20; i++) {
		if (!CHECK(!op_gate_enter(&gated->gate, IN_FLIGHT, 0)))
			break;
		unsigned inside = atomic_fetch_add(&gated->inside, 1) + 1;
		unsigned most = atomic_load(&gated->most);
		while (inside > most && !atomic_compare_exchange_weak(&gated->most, &most, inside))
			;
		pause_ns(MILLISECOND_NS / 5);
		atomic_fetch_sub(&gated->inside, 1);
		op_gate_leave(&gated->gate);
	}
	return NULL;
}

static void test_gate(void)
{
	struct gated gated = {0};
	pthread_t threads[8];
	op_gate_init(&gated.gate);
	for (size_t i = 0; i < 8; i++)
		CHECK(!pthread_create(&threads[i], NULL, pass_gate, &gated));
	for (size_t i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	CHECK_NUMBER(gated.most, IN_FLIGHT);
	CHECK(!gated.gate.inside && !gated.gate.waiting);
	/* Without a limit nobody waits; with one, until the deadline. */
	for (int i = 0; i < 5; i++)
		CHECK(!op_gate_enter(&gated.gate, 0, 0));
	uint64_t deadline_ns = clock_now_ns() + 10 * MILLISECOND_NS;
	CHECK_NUMBER(op_gate_enter(&gated.gate, IN_FLIGHT, deadline_ns), -ETIMEDOUT);
	CHECK(clock_now_ns() >= deadline_ns);
	for (int i = 0; i < 5; i++)
		op_gate_leave(&gated.gate);
	CHECK(!gated.gate.inside);
	op_gate_release(&gated.gate);
}

/* ── memory of models ────────────────────────────────────────────────────────────────────────── */

static void test_model_share(void)
{
	struct model_share share;
	model_share_init(&share);
	CHECK_NUMBER(model_share_use(&share, "a", 60, 100), 0);
	CHECK_NUMBER(model_share_use(&share, "a", 60, 100), 0);
	CHECK_NUMBER(model_share_use(&share, "b", 41, 100), -ENOMEM);
	CHECK_NUMBER(model_share_use(&share, "b", 40, 100), 0);
	CHECK_NUMBER(model_share_use(&share, "c", 1, 100), -ENOMEM);
	CHECK_NUMBER(model_share_use(&share, "c", UINT64_MAX, 100), -ENOMEM);
	CHECK_NUMBER(model_share_bytes(&share), 100);
	/* One that was not used for a minute does not count any more. */
	share.entries[0].used_ns -= 61 * NANOSECONDS_PER_SECOND;
	CHECK_NUMBER(model_share_use(&share, "c", 60, 100), 0);
	CHECK_NUMBER(model_share_use(&share, "a", 60, 100), -ENOMEM);
	CHECK_NUMBER(model_share_use(&share, "a", 1000, 0), 0);
	model_share_release(&share);
}

int main(void)
{
	test_weights();
	test_device_time();
	test_debt();
	test_changes();
	test_stops();
	test_gate();
	test_model_share();
	return check_status();
}

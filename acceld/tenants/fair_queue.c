/* Whose op runs next; see fair_queue.h. */
#include "acceld/tenants/fair_queue.h"

#include <errno.h>
#include <sched.h>

#include "accel/state/op_host.h"
#include "util/clock.h"
#include "util/lock.h"

/* An op that is so late hangs, or it would have noticed its deadline. */
#define LATE_NS (NANOSECONDS_PER_SECOND / 4)

/* How often those who wait look for ops that hang. */
#define LOOK_NS (NANOSECONDS_PER_SECOND / 10)

/* Device time may be used so much before it is paid for, so that what comes evenly is not held up. */
#define SAVED_NS (NANOSECONDS_PER_SECOND / 50)

static unsigned count_processors(void)
{
	cpu_set_t set;
	int count = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
	return count > 0 ? (unsigned)count : 1;
}

void fair_queue_init(struct fair_queue *queue, unsigned limit)
{
	*queue = (struct fair_queue){.limit = limit ? limit : count_processors()};
	queue->base = queue->limit;
	atomic_init(&queue->factor, 1);
	queue->last = &queue->waiting;
	pthread_mutex_init(&queue->lock, NULL);
}

void fair_queue_widen(struct fair_queue *queue, unsigned factor)
{
	if (atomic_load_explicit(&queue->factor, memory_order_relaxed) == factor)
		return;
	lock_scoped(&queue->lock);
	atomic_store(&queue->factor, factor);
	queue->limit = queue->base * factor;
}

void fair_queue_release(struct fair_queue *queue)
{
	pthread_mutex_destroy(&queue->lock);
}

void fair_queue_join(struct fair_queue *queue, struct fair_queue_flow *flow)
{
	*flow = (struct fair_queue_flow){.queue = queue, .weight = FAIR_QUEUE_WEIGHT};
}

void fair_queue_grant(struct fair_queue_flow *flow, uint32_t weight, uint64_t time_per_s)
{
	lock_scoped(&flow->queue->lock);
	flow->weight = weight;
	flow->time_per_s = time_per_s;
}

/* ── with the lock held ──────────────────────────────────────────────────────────────────────── */

static bool is_ahead(const struct fair_queue_flow *flow)
{
	return flow->clock > flow->queue->now;
}

/* Where its next op begins, by the clocks. */
static uint64_t find_start(const struct fair_queue_flow *flow)
{
	return is_ahead(flow) ? flow->clock : flow->queue->now;
}

/* How far so much time winds a tenant's clock on. */
static uint64_t weigh(const struct fair_queue_flow *flow, uint64_t ns)
{
	return ns * FAIR_QUEUE_WEIGHT / flow->weight;
}

/* How long it takes until so much device time is paid for. */
static uint64_t price_of(const struct fair_queue_flow *flow, uint64_t ns)
{
	return (uint64_t)((__uint128_t)ns * NANOSECONDS_PER_SECOND / flow->time_per_s);
}

/* What was not used is not saved up, but for a moment. Returns by how much the debt has grown. */
static uint64_t pay(struct fair_queue_flow *flow, uint64_t spent_ns, uint64_t now_ns)
{
	if (!flow->time_per_s)
		return 0;
	if (flow->paid_ns < now_ns)
		flow->paid_ns = now_ns;
	uint64_t price_ns = price_of(flow, spent_ns);
	flow->paid_ns += price_ns;
	return price_ns;
}

/* A first op may begin on credit; it is paid for before the next one. */
static bool must_pay(const struct fair_queue_flow *flow, uint64_t now_ns)
{
	return flow->time_per_s && flow->paid_ns > now_ns + SAVED_NS;
}

/* The ops that are not late yet, and so are expected to end. */
static unsigned count_running(const struct fair_queue *queue, uint64_t now_ns)
{
	unsigned count = 0;
	for (const struct fair_queue_op *op = queue->running; op; op = op->next)
		count += !op->deadline_ns || now_ns < op->deadline_ns + LATE_NS;
	return count;
}

/* What an op takes is known afterwards; until then it counts as much as the tenant's usual one. */
static void let_run(struct fair_queue_op *op, uint64_t now_ns, bool in_turn)
{
	struct fair_queue_flow *flow = op->flow;
	struct fair_queue *queue = flow->queue;
	uint64_t begun = find_start(flow);
	op->start_ns = now_ns;
	op->wound_ns = weigh(flow, flow->usual_ns);
	flow->clock = begun + op->wound_ns;
	op->price_ns = pay(flow, flow->usual_ns, now_ns);
	/* One that is let in out of turn takes nothing from those who wait. */
	if (in_turn)
		queue->now = begun;
	flow->running++;
	op->next = queue->running;
	queue->running = op;
	op->called = true;
}

static bool comes_before(const struct fair_queue_op *op, const struct fair_queue_op *other)
{
	uint64_t start = find_start(op->flow), others = find_start(other->flow);
	if (start == others)
		return !op->flow->running && other->flow->running;
	return start < others;
}

/* The place of the one that is next, the first of equals; NULL: none may run now. */
static struct fair_queue_op **find_next(struct fair_queue *queue, uint64_t now_ns)
{
	struct fair_queue_op **best = NULL;
	for (struct fair_queue_op **place = &queue->waiting; *place; place = &(*place)->next)
		if (!must_pay((*place)->flow, now_ns) && (!best || comes_before(*place, *best)))
			best = place;
	return best;
}

static struct fair_queue_op *stop_waiting(struct fair_queue *queue, struct fair_queue_op **place)
{
	struct fair_queue_op *op = *place;
	*place = op->next;
	if (queue->last == &op->next)
		queue->last = place;
	op->flow->waiting--;
	return op;
}

/* As many as there is room for. */
static void call_waiting(struct fair_queue *queue, uint64_t now_ns)
{
	unsigned running = queue->waiting ? count_running(queue, now_ns) : 0;
	for (; queue->waiting && running < queue->limit; running++) {
		struct fair_queue_op **place = find_next(queue, now_ns);
		if (!place)
			return;
		struct fair_queue_op *op = stop_waiting(queue, place);
		let_run(op, now_ns, true);
		pthread_cond_signal(&op->call);
	}
}

enum turn { TURN_WAITS, TURN_NOW, TURN_BESIDE };

/* Beside others: one more than the device takes, and no more. Many tenants who each ask for little
 * could otherwise fill the machine. */
static enum turn find_turn(const struct fair_queue_flow *flow, uint64_t now_ns)
{
	const struct fair_queue *queue = flow->queue;
	if (must_pay(flow, now_ns))
		return TURN_WAITS;
	unsigned running = queue->running ? count_running(queue, now_ns) : 0;
	if (running < queue->limit)
		return queue->waiting ? TURN_WAITS : TURN_NOW;
	bool little = running == queue->limit && !flow->running && !flow->waiting &&
		      flow->clock <= queue->now + weigh(flow, flow->usual_ns);
	return little ? TURN_BESIDE : TURN_WAITS;
}

static bool begin_at_once(struct fair_queue_op *op)
{
	uint64_t now_ns = clock_now_ns();
	enum turn turn = find_turn(op->flow, now_ns);
	if (turn == TURN_WAITS)
		return false;
	let_run(op, now_ns, turn == TURN_NOW);
	return true;
}

/* The next look at ops that hang, or what is due before: the deadline, or having paid. */
static struct timespec next_look(const struct fair_queue_op *op, uint64_t now_ns)
{
	uint64_t look_ns = now_ns + LOOK_NS;
	if (op->deadline_ns && op->deadline_ns < look_ns)
		look_ns = op->deadline_ns;
	if (must_pay(op->flow, now_ns) && op->flow->paid_ns - SAVED_NS < look_ns)
		look_ns = op->flow->paid_ns - SAVED_NS;
	return clock_timespec(look_ns);
}

static void leave_queue(struct fair_queue_op *op)
{
	struct fair_queue_op **place = &op->flow->queue->waiting;
	while (*place && *place != op)
		place = &(*place)->next;
	if (*place)
		stop_waiting(op->flow->queue, place);
}

/* 0, or why it does not wait any longer. */
static int wait_for_call(struct fair_queue_op *op)
{
	struct fair_queue *queue = op->flow->queue;
	int result = 0;
	*queue->last = op;
	queue->last = &op->next;
	op->flow->waiting++;
	for (;;) {
		uint64_t now_ns = clock_now_ns();
		call_waiting(queue, now_ns);
		if (op->called)
			return 0;
		if (op->stopped)
			result = -ECANCELED;
		else if (op->deadline_ns && now_ns >= op->deadline_ns)
			result = -ETIMEDOUT;
		if (result) {
			leave_queue(op);
			return result;
		}
		const struct timespec until = next_look(op, now_ns);
		pthread_cond_clockwait(&op->call, &queue->lock, CLOCK_MONOTONIC, &until);
	}
}

/* ── entering and leaving ────────────────────────────────────────────────────────────────────── */

bool fair_queue_owes(const struct fair_queue_flow *flow)
{
	lock_scoped(&flow->queue->lock);
	return flow->running || (is_ahead(flow) && flow->queue->running) ||
	       must_pay(flow, clock_now_ns());
}

bool fair_queue_must_pay(const struct fair_queue_flow *flow)
{
	lock_scoped(&flow->queue->lock);
	return must_pay(flow, clock_now_ns());
}

static void stop_op(void *context)
{
	struct fair_queue_op *op = context;
	lock_scoped(&op->flow->queue->lock);
	op->stopped = true;
	pthread_cond_signal(&op->call);
}

int fair_queue_enter(struct fair_queue_op *op, struct fair_queue_flow *flow, uint64_t deadline_ns)
{
	*op = (struct fair_queue_op){.flow = flow, .deadline_ns = deadline_ns};
	{
		lock_scoped(&flow->queue->lock);
		if (begin_at_once(op))
			return 0;
	}
	/* Not with the lock held: whoever stops the op has another one when it comes here. */
	pthread_cond_init(&op->call, NULL);
	int result = mayfly_op_on_stop(stop_op, op) ? -ECANCELED : 0;
	if (!result) {
		lock_scoped(&flow->queue->lock);
		result = begin_at_once(op) ? 0 : wait_for_call(op);
	}
	mayfly_op_on_stop(NULL, NULL);
	pthread_cond_destroy(&op->call);
	return result;
}

/* It took more than was guessed, or less. What was taken for the guess is what goes back: weight and
 * rate may be others now. */
static void settle(const struct fair_queue_op *op, uint64_t now_ns)
{
	struct fair_queue_flow *flow = op->flow;
	const uint64_t spent_ns = now_ns - op->start_ns;
	flow->clock += weigh(flow, spent_ns) - op->wound_ns;
	flow->paid_ns -= op->price_ns;
	pay(flow, spent_ns, op->start_ns);
	flow->usual_ns =
	    flow->usual_ns ? flow->usual_ns - flow->usual_ns / 4 + spent_ns / 4 : spent_ns;
}

void fair_queue_leave(struct fair_queue_op *op)
{
	struct fair_queue_flow *flow = op->flow;
	struct fair_queue *queue = flow->queue;
	uint64_t now_ns = clock_now_ns();
	lock_scoped(&queue->lock);
	struct fair_queue_op **place = &queue->running;
	while (*place != op)
		place = &(*place)->next;
	*place = op->next;
	settle(op, now_ns);
	flow->running--;
	call_waiting(queue, now_ns);
}

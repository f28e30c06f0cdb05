/* Requests for one model that are run together; see batch.h. */
#include "batch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "mayfly/plugin.h"
#include "sizes/sizes.h"
#include "util/clock.h"
#include "util/lock.h"

struct member {
	const struct network_call *call;
	int64_t rows, first;
	bool stopped; /* its caller has given it up */
};

struct batch {
	struct batcher *batcher;
	pthread_cond_t changed;
	struct member *members[BATCH_MAX];
	unsigned count, references; /* members, and results that are not released */
	int64_t rows;
	bool closed, done;
	int result; /* of the run; where it is not 0, each runs alone */
	struct network_result whole;
};

/* ── what fits together ──────────────────────────────────────────────────────────────────────── */

static bool can_batch(const struct network_call *call, int64_t *rows)
{
	*rows = 0;
	for (size_t i = 0; i < call->input_count; i++) {
		const struct network_port *port = &call->input_ports[i];
		const struct tensor *tensor = &call->inputs[i];
		bool grows = !port->any_rank && port->rank && port->shape[0] < 0;
		if (!grows || tensor->element == ELEMENT_TEXT || !tensor->rank ||
		    tensor->shape[0] < 1 || (*rows && tensor->shape[0] != *rows))
			return false;
		*rows = tensor->shape[0];
	}
	for (size_t i = 0; i < call->output_count; i++)
		if (call->output_ports[i].kind != NETWORK_PORT_TENSOR)
			return false;
	return *rows && *rows < call->batch->max;
}

static bool same_row(const struct tensor *a, const struct tensor *b)
{
	return a->element == b->element && a->rank == b->rank &&
	       !memcmp(a->shape + 1, b->shape + 1, (a->rank - 1) * sizeof(a->shape[0]));
}

static bool fits(const struct network_call *call, const struct network_call *other)
{
	if (call->input_count != other->input_count || call->output_count != other->output_count)
		return false;
	for (size_t i = 0; i < call->input_count; i++)
		if (!network_same_port(&call->input_ports[i], &other->input_ports[i]) ||
		    !same_row(&call->inputs[i], &other->inputs[i]))
			return false;
	for (size_t i = 0; i < call->output_count; i++)
		if (!network_same_port(&call->output_ports[i], &other->output_ports[i]))
			return false;
	return true;
}

/* ── with the lock held ──────────────────────────────────────────────────────────────────────── */

static void drop(struct batch *batch)
{
	if (--batch->references)
		return;
	network_result_release(&batch->whole);
	pthread_cond_destroy(&batch->changed);
	free(batch);
}

static void close_batch(struct batch *batch)
{
	batch->closed = true;
	if (batch->batcher->open == batch)
		batch->batcher->open = NULL;
	pthread_cond_broadcast(&batch->changed);
}

static void join(struct batch *batch, struct member *member, unsigned max)
{
	batch->members[batch->count++] = member;
	batch->references++;
	batch->rows += member->rows;
	if (batch->rows >= max || batch->count == BATCH_MAX)
		close_batch(batch);
}

static void leave(struct batch *batch, struct member *member)
{
	unsigned place = 0;
	while (batch->members[place] != member)
		place++;
	batch->members[place] = batch->members[--batch->count];
	batch->rows -= member->rows;
}

static struct batch *open_batch(struct batcher *batcher)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	if (!batch)
		return NULL;
	batch->batcher = batcher;
	pthread_cond_init(&batch->changed, NULL);
	return batcher->open = batch;
}

/* Puts the rows of all members behind each other. */
static int gather(struct batch *batch, struct tensor *inputs)
{
	const struct network_call *first = batch->members[0]->call;
	for (size_t i = 0; i < first->input_count; i++) {
		const struct tensor *like = &first->inputs[i];
		size_t row = like->size / (size_t)like->shape[0], size, used = 0;
		inputs[i] = *like;
		inputs[i].shape[0] = batch->rows;
		if (mul_overflows(row, (size_t)batch->rows, &size))
			return -ENOMEM;
		inputs[i].size = size;
		inputs[i].data = malloc(size ? size : 1);
		if (!inputs[i].data)
			return -ENOMEM;
		for (unsigned j = 0; j < batch->count; j++) {
			const struct tensor *part = &batch->members[j]->call->inputs[i];
			memcpy((char *)inputs[i].data + used, part->data, part->size);
			used += part->size;
		}
	}
	int64_t row = 0;
	for (unsigned j = 0; j < batch->count; j++) {
		batch->members[j]->first = row;
		row += batch->members[j]->rows;
	}
	return 0;
}

/* 0: none has a deadline, or one has none. */
static uint64_t latest_deadline(const struct batch *batch)
{
	uint64_t latest_ns = 0;
	for (unsigned i = 0; i < batch->count; i++) {
		uint64_t deadline_ns = batch->members[i]->call->deadline_ns;
		if (!deadline_ns)
			return 0;
		if (deadline_ns > latest_ns)
			latest_ns = deadline_ns;
	}
	return latest_ns;
}

/* ── running ─────────────────────────────────────────────────────────────────────────────────── */

static bool has_rows(const struct network_result *whole, int64_t rows)
{
	for (size_t i = 0; i < whole->count; i++) {
		const struct tensor *tensor = &whole->tensors[i];
		if (!tensor->rank || tensor->shape[0] != rows || tensor->element == ELEMENT_TEXT)
			return false;
	}
	return true;
}

/* Without the lock; nobody joins or leaves the list any more. */
static int run_whole(struct network *network, struct batch *batch, const struct tensor *inputs,
		     uint64_t deadline_ns)
{
	struct network_call call = *batch->members[0]->call;
	struct error ignored = {0}; /* each that runs alone gets an error of its own */
	call.inputs = inputs;
	call.deadline_ns = deadline_ns;
	batch->whole = (struct network_result){.count = call.output_count, .kind = network->kind};
	batch->whole.tensors = calloc(call.output_count + 1, sizeof(batch->whole.tensors[0]));
	if (!batch->whole.tensors)
		return -ENOMEM;
	int result = network->kind->run(network, &call, &batch->whole, &ignored);
	return result || has_rows(&batch->whole, batch->rows) ? result : -EDOM;
}

static void release_part(void *held)
{
	struct batch *batch = held;
	struct batcher *batcher = batch->batcher;
	lock_scoped(&batcher->lock);
	drop(batch);
}

static const struct network_kind part_kind = {.release = release_part};

/* The member's rows of the outputs, which stay where they are; its reference becomes the result's. */
static void take_part(struct batch *batch, const struct member *member, struct network_result *run)
{
	for (size_t i = 0; i < run->count; i++) {
		const struct tensor *whole = &batch->whole.tensors[i];
		size_t row = whole->size / (size_t)batch->rows;
		run->tensors[i] = *whole;
		run->tensors[i].shape[0] = member->rows;
		run->tensors[i].size = row * (size_t)member->rows;
		run->tensors[i].data = (char *)whole->data + row * (size_t)member->first;
	}
	run->kind = &part_kind;
	run->held = batch;
}

/* A caller, and the batch that it waits in. */
struct waiting {
	struct batch *batch;
	struct member member;
};

static void stop_member(void *context)
{
	struct waiting *waiting = context;
	lock_scoped(&waiting->batch->batcher->lock);
	waiting->member.stopped = true;
	pthread_cond_broadcast(&waiting->batch->changed);
}

/* With the lock held: until the batch is `done`, or else closed. 0, or why the member waits no more. */
static int wait_for(struct batch *batch, const struct member *member, bool done, uint64_t until_ns)
{
	const struct timespec until = clock_timespec(until_ns);
	int late = 0;
	while (!(done ? batch->done : batch->closed) && !late && !member->stopped)
		late = until_ns ? pthread_cond_clockwait(&batch->changed, &batch->batcher->lock,
							 CLOCK_MONOTONIC, &until)
				: pthread_cond_wait(&batch->changed, &batch->batcher->lock);
	if (done ? batch->done : batch->closed)
		return 0;
	return member->stopped ? -ECANCELED : -ETIMEDOUT;
}

/* The first one: with the lock held, which is let go of while the batch runs. True: there is a part of
 * a result for it. */
static bool lead(struct network *network, struct batch *batch, struct member *member)
{
	const struct network_call *call = member->call;
	struct batcher *batcher = batch->batcher;
	wait_for(batch, member, false,
		 clock_earlier(clock_now_ns() + call->batch->delay_ns, call->deadline_ns));
	close_batch(batch);
	struct tensor *inputs = calloc(call->input_count + 1, sizeof(*inputs));
	batch->result =
	    batch->count < 2 || member->stopped || !inputs ? -EAGAIN : gather(batch, inputs);
	if (!batch->result) {
		uint64_t deadline_ns = latest_deadline(batch);
		batcher->batches++;
		batcher->rows += (uint64_t)batch->rows;
		pthread_mutex_unlock(&batcher->lock);
		batch->result = run_whole(network, batch, inputs, deadline_ns);
		pthread_mutex_lock(&batcher->lock);
	}
	for (size_t i = 0; inputs && i < call->input_count; i++)
		free(inputs[i].data);
	free(inputs);
	batch->done = true;
	pthread_cond_broadcast(&batch->changed);
	return !batch->result;
}

/* One that came later: with the lock held. 1: there is a part of a result for it; 0: it is to run alone;
 * or a negative errno. */
static int follow(struct batch *batch, struct member *member)
{
	int result = wait_for(batch, member, true, member->call->deadline_ns);
	if (!result)
		return !batch->result;
	if (!batch->closed)
		leave(batch, member);
	return result;
}

static int explain(int result, struct error *error)
{
	return result == -ECANCELED
		   ? error_set(error, ECANCELED, "the op was cancelled while it waited for others")
		   : error_set(error, ETIMEDOUT, "the deadline passed while the model ran");
}

/* 1, 0 or a negative errno, as of follow(). */
static int run_in_batch(struct network *network, struct waiting *waiting,
			struct network_result *run)
{
	struct batcher *batcher = &network->batcher;
	struct member *member = &waiting->member;
	pthread_mutex_lock(&batcher->lock);
	struct batch *batch = batcher->open;
	bool joins = batch && batch->rows + member->rows <= member->call->batch->max &&
		     fits(member->call, batch->members[0]->call);
	if (!joins && (batch || !(batch = open_batch(batcher)))) {
		pthread_mutex_unlock(&batcher->lock); /* another kind is being gathered */
		return 0;
	}
	join(batch, member, member->call->batch->max);
	waiting->batch = batch;
	/* Whoever stops the op has another lock when it comes for this one. */
	pthread_mutex_unlock(&batcher->lock);
	if (mayfly_plugin_on_stop(stop_member, waiting))
		member->stopped = true;
	pthread_mutex_lock(&batcher->lock);
	int result = joins ? follow(batch, member) : lead(network, batch, member);
	pthread_mutex_unlock(&batcher->lock);
	mayfly_plugin_on_stop(NULL, NULL);
	pthread_mutex_lock(&batcher->lock);
	if (result > 0)
		take_part(batch, member, run);
	else
		drop(batch);
	pthread_mutex_unlock(&batcher->lock);
	return result;
}

int batch_run(struct network *network, const struct network_call *call, struct network_result *run,
	      struct error *error)
{
	struct waiting waiting = {.member = {.call = call}};
	int result = network_begin_run(network, call, run, error);
	if (result)
		return result;
	if (!call->batch || call->batch->max < 2 || !can_batch(call, &waiting.member.rows))
		return network->kind->run(network, call, run, error);
	mayfly_plugin_enter_phase(MAYFLY_PHASE_QUEUE);
	result = run_in_batch(network, &waiting, run);
	mayfly_plugin_enter_phase(MAYFLY_PHASE_OUTPUT);
	if (result < 0)
		return explain(result, error);
	return result ? 0 : network->kind->run(network, call, run, error);
}

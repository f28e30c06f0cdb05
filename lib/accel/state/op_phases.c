/* Where the time of a thread's op goes, and which models it uses; see op_host.h and
 * mayfly/plugin.h. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "accel/state/op_host.h"
#include "util/clock.h"

static _Thread_local struct {
	bool begun;
	bool named; /* by the plugin: a phase of its own */
	enum mayfly_phase phase;
	uint64_t since_ns;
	struct mayfly_op_times times;
	mayfly_model_guard *guard;
	void *context;
} op;

void mayfly_op_begin(enum mayfly_phase phase, mayfly_model_guard *guard, void *context)
{
	op.begun = true;
	op.named = false;
	op.phase = phase;
	op.guard = guard;
	op.context = context;
	memset(op.times.ns, 0, sizeof(op.times.ns));
	op.times.model[0] = 0;
	op.since_ns = clock_now_ns();
}

static void count_phase(void)
{
	uint64_t now_ns = clock_now_ns();
	op.times.ns[op.phase] += now_ns - op.since_ns;
	op.since_ns = now_ns;
}

void mayfly_op_enter_phase(enum mayfly_phase phase)
{
	if (!op.begun || phase >= MAYFLY_PHASES)
		return;
	count_phase();
	op.phase = phase;
	op.named |= phase == MAYFLY_PHASE_COMPUTE;
}

void mayfly_op_name_model(const char *model)
{
	snprintf(op.times.model, sizeof(op.times.model), "%s", model);
}

int mayfly_op_use_model(const char *model, uint64_t bytes)
{
	if (!op.begun)
		return 0;
	mayfly_op_name_model(model);
	return op.guard ? op.guard(op.context, model, bytes) : 0;
}

void mayfly_op_end(struct mayfly_op_times *times)
{
	count_phase();
	op.begun = false;
	if (!op.named) {
		op.times.ns[MAYFLY_PHASE_COMPUTE] = op.times.ns[MAYFLY_PHASE_INPUT];
		op.times.ns[MAYFLY_PHASE_INPUT] = 0;
	}
	*times = op.times;
}

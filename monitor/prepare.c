/* Preparing a monitor: its set-up, and the first slot; see monitor.h. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "monitor_internal.h"
#include "serve.h"
#include "util/clock.h"

/* Runs the set-up in a machine that writes into `image`, a copy of the image as loaded. *slot has the machine,
 * and is NULL where it could not be had. */
static int run_setup(struct monitor *monitor, struct image *image, const struct request *request,
		     struct slot **slot, enum slot_end *end, struct request_result *result,
		     struct error *error)
{
	struct slot *self = calloc(1, sizeof(*self));
	uint64_t begin = clock_now_ns();
	*slot = NULL;
	if (!self)
		return error_set(error, ENOMEM, "no memory for a slot");
	int code = slot_build(self, monitor, image, false, error);
	if (code) {
		free(self);
		return code;
	}
	*slot = self;
	self->setup = &monitor->setup;
	code = slot_begin(self, request, result, error);
	result->clone_ns = clock_now_ns() - begin;
	if (!code)
		code = slot_run(self, MACHINE_START, end, error);
	result->run_ns = clock_now_ns() - begin - result->clone_ns;
	const struct guest_kind *kind = monitor->guest->kind;
	if (!code && *end == SLOT_FROZEN && kind->save)
		code = kind->save(self, &monitor->setup.state, error);
	return code;
}

bool monitor_listens(const struct monitor *monitor)
{
	return monitor->setup.listens;
}

int monitor_prepare(struct monitor *monitor, const struct request *request, bool *finished,
		    struct request_result *result, struct error *error)
{
	struct image copy;
	struct slot *slot;
	enum slot_end end = SLOT_FINISHED;
	if (monitor->prepared)
		return error_set(error, EINVAL, "%s is prepared already", monitor->guest->name);
	if (monitor->fresh) {
		*result = (struct request_result){.outcome = OUTCOME_EXITED};
		if (monitor->guest->kind->starts_afresh)
			snprintf(result->report, sizeof(result->report),
				 "%s is a guest of the kind %s, which starts afresh for each "
				 "request",
				 monitor->guest->name, monitor->guest->kind->name);
		monitor->prepared = *finished = true;
		return 0;
	}
	int code = image_copy(&copy, &monitor->image, error);
	if (code)
		return code;
	code = run_setup(monitor, &copy, request, &slot, &end, result, error);
	if (!code && monitor->setup.warm_up && end == SLOT_FINISHED &&
	    result->outcome == OUTCOME_EXITED)
		code = error_set(error, ENOTSUP,
				 "it ended with status %d instead of waiting for the request after "
				 "the warm-up; only a program that serves one request after "
				 "another can be warmed up",
				 result->status);
	const bool frozen = !code && end == SLOT_FROZEN;
	if (!frozen)
		slot_close(slot);
	if (code) {
		image_release(&copy);
		return error_wrap(error, "cannot start %s", monitor->guest->name);
	}
	monitor->prepared = true;
	*finished = !frozen;
	if (*finished) {
		/* There is no set-up to keep: every request runs the whole program. */
		image_release(&copy);
		accelerator_journal_release(&monitor->setup.journal);
		code = setup_output_answer(&monitor->setup.output, request,
					   clock_now_ns() + request->timeout_ns, error);
		setup_output_release(&monitor->setup.output);
		return slot_judge_delivery(result, code, error);
	}
	image_release(&monitor->image);
	monitor->image = copy;
	monitor->image.working_set = &monitor->working_set;
	monitor->frozen = true;
	if (slot_become_clone(slot))
		monitor->spare = slot;
	else
		slot_close(slot);
	/* From here on the snapshot is only read. */
	if (mprotect(copy.memory, copy.size, PROT_READ))
		return error_set_errno(error, errno, "cannot protect the snapshot");
	return 0;
}

int monitor_serve(struct monitor *monitor, const struct request *request,
		  struct request_result *result, struct error *error)
{
	if (!monitor->prepared) {
		bool finished = false;
		int code = monitor_prepare(monitor, request, &finished, result, error);
		if (code || (finished && !monitor->fresh))
			return code;
	}
	if (!monitor->first_slot) {
		int code = slot_open(&monitor->first_slot, monitor, error);
		if (code)
			return code;
	}
	int code = slot_serve(monitor->first_slot, request, result, error);
	if (code) {
		slot_close(monitor->first_slot);
		monitor->first_slot = NULL;
	}
	return code;
}

/* A slot and the life of one request in it; see slot.h and monitor.h. */
#include "slot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "crash.h"
#include "hypercall.h"
#include "monitor_internal.h"
#include "root_calls.h"
#include "trace.h"
#include "util/clock.h"
#include "util/log.h"

int slot_build(struct slot *slot, struct monitor *monitor, const struct image *image, bool private,
	       struct error *error)
{
	*slot = (struct slot){.monitor = monitor, .window.memfd = -1};
	int result = window_create(&slot->window, error);
	if (!result)
		result = monitor->isolation->create(&slot->machine, monitor->host, image,
						    &slot->window, private, error);
	if (result) {
		slot->machine = NULL;
		slot_dismantle(slot);
		return result;
	}
	accelerator_init(&slot->accelerator, &slot->window, &monitor->dialer);
	return 0;
}

void slot_dismantle(struct slot *slot)
{
	accelerator_release(&slot->accelerator);
	if (slot->machine)
		slot->machine->isolation->destroy(slot->machine);
	window_release(&slot->window);
	*slot = (struct slot){.window.memfd = -1};
}

int slot_begin(struct slot *slot, const struct request *request, struct request_result *result,
	       struct error *error)
{
	struct monitor *monitor = slot->monitor;
	volatile struct guest_control *control = window_control(&slot->window);
	*result = (struct request_result){0};
	slot->request = request;
	slot->result = result;
	slot->consumed = 0;
	slot->responded = slot->logged = 0;
	slot->log_length = 0;
	const uint64_t now_ns = clock_now_ns();
	slot->deadline_ns = now_ns + request->timeout_ns;
	if (getrandom((void *)control->entropy, GUEST_ENTROPY_SIZE, 0) != GUEST_ENTROPY_SIZE)
		return error_set_errno(error, errno, "cannot draw random bytes");
	guest_time_fill(&monitor->time, slot->machine->same_counter, &control->clock);
	control->debug = monitor->debug;
	alarm_begin(&slot->machine->alarm, now_ns);
	control->warm_up = monitor->preparing && monitor->warm_up;
	trace_begin(slot);
	root_call_begin(slot);
	/* A set-up must not see the request: what it saw would be in every clone. */
	if (!monitor->preparing)
		hypercall_fill_request(slot);
	return 0;
}

int slot_flush_response(struct slot *slot, uint64_t length, struct error *error)
{
	if (!length)
		return 0;
	int result = slot->request->respond(slot->request->context,
					    slot->window.memory + WINDOW_RESPONSE_OFFSET, length,
					    slot->deadline_ns);
	if (result)
		return error_set_errno(error, -result, "cannot write the response");
	slot->responded += length;
	return 0;
}

static void slot_report_crash(struct slot *slot, const struct guest_fault *fault)
{
	struct monitor *monitor = slot->monitor;
	slot->log[slot->log_length] = 0;
	slot->result->outcome = OUTCOME_CRASHED;
	slot->result->status = crash_signal(fault->vector);
	crash_report(slot->result->report, sizeof(slot->result->report), fault,
		     &monitor->program.file, monitor->name, monitor->program_base,
		     &monitor->library_os, slot->log);
}

/* The library OS has a handler for such a fault. Under process isolation it was called already: a
 * fault that comes here has none, whatever the guest writes into the control page. */
static bool slot_takes_fault(const struct slot *slot, const struct guest_fault *fault)
{
	return slot->machine->isolation->makes_upcalls && fault->vector < GUEST_VECTOR_TICK &&
	       window_control(&slot->window)->upcalls >> fault->vector & 1;
}

/* Tells the library OS what interrupted the program. False where it is not the program that was
 * interrupted, nor the library OS on its behalf. */
static bool slot_make_upcall(struct slot *slot, const struct guest_fault *fault)
{
	if (!guest_takes_upcall(fault->vector, fault->rip, fault->address))
		return false;
	window_control(&slot->window)->fault = *fault;
	return true;
}

static int slot_run_untold(struct slot *slot, enum machine_entry entry, enum slot_end *end,
			   struct error *error)
{
	const struct isolation *isolation = slot->machine->isolation;
	*end = SLOT_FINISHED;
	for (;;) {
		enum machine_stop stop;
		struct guest_fault fault;
		/* Also for a guest that makes hypercalls faster than they are served. */
		if (clock_now_ns() >= slot->deadline_ns) {
			slot->result->outcome = OUTCOME_DEADLINE;
			return 0;
		}
		int result =
		    isolation->run(slot->machine, entry, slot->deadline_ns, &stop, &fault, error);
		if (result)
			return result;
		switch (stop) {
		case MACHINE_HYPERCALL:
			break;
		case MACHINE_TICK:
			entry = MACHINE_UPCALL;
			if (!slot_make_upcall(slot, &fault)) {
				window_control(&slot->window)->tick_missed = 1;
				alarm_retry(&slot->machine->alarm);
				entry = MACHINE_CONTINUE;
			}
			continue;
		case MACHINE_FAULT:
			entry = MACHINE_UPCALL;
			if (slot_takes_fault(slot, &fault) && slot_make_upcall(slot, &fault))
				continue;
			slot_report_crash(slot, &fault);
			return 0;
		case MACHINE_DEADLINE:
			slot->result->outcome = OUTCOME_DEADLINE;
			return 0;
		case MACHINE_LOST:
			slot->result->outcome = OUTCOME_LOST;
			return 0;
		}
		enum hypercall_next next;
		result = hypercall_serve(slot, &next, error);
		if (result)
			return result;
		if (next == HYPERCALL_NEXT_FINISHED)
			return 0;
		if (next == HYPERCALL_NEXT_FROZEN && slot->monitor->preparing) {
			*end = SLOT_FROZEN;
			return 0;
		}
		/* There is a snapshot already, or there will be none: the program goes on as its
		 * clone would. */
		entry = next == HYPERCALL_NEXT_FROZEN ? MACHINE_RESUME : MACHINE_CONTINUE;
	}
}

int slot_run(struct slot *slot, enum machine_entry entry, enum slot_end *end, struct error *error)
{
	int result = slot_run_untold(slot, entry, end, error);
	if (!result)
		trace_finish(slot, *end);
	return result;
}

int slot_open(struct slot **slot, struct monitor *monitor, struct error *error)
{
	struct slot *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a slot");
	int result = slot_build(self, monitor, &monitor->image, true, error);
	if (result) {
		free(self);
		return error_wrap(error, "cannot clone %s", monitor->name);
	}
	*slot = self;
	return 0;
}

void slot_close(struct slot *slot)
{
	if (!slot)
		return;
	slot_dismantle(slot);
	free(slot);
}

uint64_t slot_private_bytes(const struct slot *slot)
{
	return slot->machine->isolation->private_bytes(slot->machine) +
	       window_resident_bytes(&slot->window);
}

/* Leaves a clean slot: memory, registers, window, sessions. */
static int slot_reset(struct slot *slot, struct error *error)
{
	struct monitor *monitor = slot->monitor;
	if (slot->stale || slot->result->outcome == OUTCOME_LOST) {
		slot_dismantle(slot);
		return slot_build(slot, monitor, &monitor->image, true, error);
	}
	accelerator_reset(&slot->accelerator);
	alarm_end(&slot->machine->alarm, window_control(&slot->window));
	int result = slot->machine->isolation->reset(slot->machine, &slot->result->pages, error);
	if (!result)
		result = window_clear(&slot->window, error);
	return result;
}

void slot_miss_deadline(struct slot *slot, const char *reason)
{
	slot->result->outcome = OUTCOME_DEADLINE;
	snprintf(slot->result->report, sizeof(slot->result->report), "%s", reason);
}

/* Makes sure that the accelerator host knows what the snapshot knows. *restored: it does; else the
 * request has missed its deadline. */
static int slot_restore(struct slot *slot, bool *restored, struct error *error)
{
	struct error reason = {0};
	int code = accelerator_restore(&slot->accelerator, &slot->monitor->journal,
				       slot->deadline_ns, &reason);
	*restored = !code;
	if (!code)
		return 0;
	slot->stale = true;
	if (clock_now_ns() >= slot->deadline_ns) {
		slot_miss_deadline(slot, reason.text);
		return 0;
	}
	if (error)
		*error = reason;
	return code;
}

/* Has the request answered, and leaves the slot as that ended. */
static int slot_answer(struct slot *slot, const struct request *request, struct error *error)
{
	const struct monitor *monitor = slot->monitor;
	enum slot_end end;
	int code = prefix_answer(&monitor->prefix, request, slot->deadline_ns, error);
	if (code == -ETIMEDOUT) {
		slot->result->outcome = OUTCOME_DEADLINE; /* the program has not begun */
		return 0;
	}
	if (code)
		return code;
	slot->responded = monitor->prefix.length;
	return slot_run(slot, monitor->frozen ? MACHINE_RESUME : MACHINE_START, &end, error);
}

int slot_serve(struct slot *slot, const struct request *request, struct request_result *result,
	       struct error *error)
{
	uint64_t begin = clock_now_ns();
	bool restored;
	int code = slot_begin(slot, request, result, error);
	if (!code)
		code = slot_restore(slot, &restored, error);
	if (code)
		return code;
	uint64_t running = clock_now_ns();
	if (restored)
		code = slot_answer(slot, request, error);
	if (code)
		return code;
	uint64_t finished = clock_now_ns();
	/* Also where the program did not run: the request is in the window. */
	code = slot_reset(slot, error);
	result->clone_ns = running - begin;
	result->run_ns = finished - running;
	result->reset_ns = clock_now_ns() - finished;
	return code;
}

/* A slot and the life of one request in it; see serve.h and monitor.h. */
#include "serve.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "monitor_internal.h"
#include "util/clock.h"
#include "util/log.h"

int slot_build(struct slot *slot, struct monitor *monitor, const struct image *image, bool private,
	       struct error *error)
{
	const struct guest_kind *kind = monitor->guest->kind;
	*slot = (struct slot){
	    .monitor = monitor,
	    .guest = monitor->guest,
	    .name = monitor->guest->name,
	    .image = image,
	    .time = &monitor->time,
	    .reuse = monitor->reuse,
	    .state = monitor->frozen && kind->save ? &monitor->setup.state : NULL,
	    .window.memfd = -1,
	};
	const struct machine_description description = {
	    .image = image,
	    .window = &slot->window,
	    .entries = monitor->guest->entries,
	    .state = slot->state ? &slot->state->machine : NULL,
	    .kernel = monitor->guest->kernel,
	    .direct = monitor->guest->direct,
	    .private = private,
	};
	int result = window_create(&slot->window, error);
	if (!result)
		result =
		    monitor->isolation->create(&slot->machine, monitor->host, &description, error);
	if (result)
		slot->machine = NULL;
	else
		accelerator_init(&slot->accelerator, &slot->window, &monitor->dialer);
	if (!result && kind->open)
		result = kind->open(slot, error);
	if (result)
		slot_dismantle(slot);
	return result;
}

void slot_dismantle(struct slot *slot)
{
	if (slot->guest && slot->guest->kind->close)
		slot->guest->kind->close(slot);
	accelerator_release(&slot->accelerator);
	if (slot->machine)
		slot->machine->isolation->destroy(slot->machine);
	window_release(&slot->window);
	*slot = (struct slot){.window.memfd = -1};
}

/* Whether what the guest is asked, and answers, is told apart from what it was asked before. */
static int check_reuse(const struct slot *slot, struct error *error)
{
	if (slot->reuse <= 1)
		return 0;
	if (slot->guest->kind->go_on && slot->console_is_log) {
		if (!slot->setup)
			log_info("%s: a machine serves up to %lu requests, and each finds what "
				 "those before it have left",
				 slot->name, slot->reuse);
		return 0;
	}
	return error_set(
	    error, EINVAL,
	    "machines of %s cannot be used again (--reuse): only those of a unikernel or "
	    "kernel can whose HTTP server gets its requests by a network (--net:NAME=http)",
	    slot->name);
}

int slot_begin(struct slot *slot, const struct request *request, struct request_result *result,
	       struct error *error)
{
	*result = (struct request_result){.served_before = slot->served};
	slot->answered = false;
	if (slot->response_kept) {
		int cleared = window_clear_response(&slot->window, error);
		if (cleared)
			return cleared;
		slot->response_kept = false;
	}
	slot->finishing = slot->console_is_log = false;
	slot->request = request;
	slot->result = result;
	slot->consumed = 0;
	slot->responded = slot->logged = 0;
	slot->log_length = 0;
	const uint64_t now_ns = clock_now_ns();
	slot->deadline_ns = now_ns + request->timeout_ns;
	alarm_begin(&slot->machine->alarm, now_ns);
	slot->machine->unwanted = request->unwanted;
	slot->machine->signals = request->signals;
	if (slot->served)
		return 0;
	int begun = slot->guest->kind->begin(slot, error);
	return begun ? begun : check_reuse(slot, error);
}

/* What the machine does next; false: the run is over. */
static bool go_on(enum guest_next next, enum machine_entry *entry, enum slot_end *end)
{
	switch (next) {
	case GUEST_CONTINUES:
		*entry = MACHINE_CONTINUE;
		return true;
	case GUEST_RESUMES:
		*entry = MACHINE_RESUME;
		return true;
	case GUEST_UPCALLED:
		*entry = MACHINE_UPCALL;
		return true;
	case GUEST_FROZEN:
		*end = SLOT_FROZEN;
		return false;
	case GUEST_FINISHED:
		break;
	}
	return false;
}

/* What the guest waits for is done before its machine runs. */
static int enter(struct slot *slot, enum machine_entry entry, enum guest_next *next,
		 struct error *error)
{
	const struct guest_kind *kind = slot->guest->kind;
	*next = GUEST_CONTINUES;
	if (entry == MACHINE_CONTINUE)
		return kind->go_on(slot, next, error);
	return entry == MACHINE_RESUME && kind->wake ? kind->wake(slot, next, error) : 0;
}

/* Whether the guest has answered, and its machine is at a place from where it can go on. */
static bool stops_answered(struct slot *slot, enum guest_next next)
{
	slot->answered = slot->answered && next != GUEST_FINISHED;
	return slot->answered;
}

static int run_to_its_end(struct slot *slot, enum machine_entry entry, enum slot_end *end,
			  struct error *error)
{
	const struct isolation *isolation = slot->machine->isolation;
	const struct guest_kind *kind = slot->guest->kind;
	struct machine_exit exit;
	enum guest_next next;
	*end = SLOT_FINISHED;
	int entered = enter(slot, entry, &next, error);
	if (entered || next == GUEST_FINISHED || stops_answered(slot, next))
		return entered;
	do {
		/* Checked here, too, for a guest that does nothing but hypercalls. */
		if (clock_now_ns() >= slot->deadline_ns || machine_is_unwanted(slot->machine)) {
			slot->result->outcome = OUTCOME_DEADLINE;
			return 0;
		}
		int result = isolation->run(slot->machine, entry, slot->deadline_ns, &exit, error);
		if (result)
			return result;
		if (exit.stop == MACHINE_DEADLINE || exit.stop == MACHINE_LOST) {
			slot->result->outcome =
			    exit.stop == MACHINE_LOST ? OUTCOME_LOST : OUTCOME_DEADLINE;
			return 0;
		}
		next = GUEST_CONTINUES;
		result = kind->serve_exit(slot, &exit, &next, error);
		if (result)
			return result;
	} while (!stops_answered(slot, next) && go_on(next, &entry, end));
	return 0;
}

int slot_run(struct slot *slot, enum machine_entry entry, enum slot_end *end, struct error *error)
{
	int result = run_to_its_end(slot, entry, end, error);
	/* Not the program's fault. */
	if (result || (*end == SLOT_FINISHED && slot->result->outcome != OUTCOME_EXITED)) {
		int cut = image_check_files(&slot->monitor->image, error);
		if (cut)
			return cut;
	}
	slot->finishing = true;
	return result ? result : slot->guest->kind->finish(slot, *end, error);
}

bool slot_become_clone(struct slot *slot)
{
	struct monitor *monitor = slot->monitor;
	const struct isolation *isolation = slot->machine->isolation;
	const struct guest_kind *kind = monitor->guest->kind;
	/* What the set-up has at the accelerator host is connected with this window. */
	if (!isolation->become_clone || kind->open || kind->save || slot->accelerator.client)
		return false;
	alarm_end(&slot->machine->alarm, window_control(&slot->window));
	if (window_clear(&slot->window, NULL) ||
	    isolation->become_clone(slot->machine, &monitor->image, NULL))
		return false;
	*slot = (struct slot){
	    .monitor = monitor,
	    .guest = monitor->guest,
	    .name = monitor->guest->name,
	    .image = &monitor->image,
	    .time = &monitor->time,
	    .window = slot->window,
	    .machine = slot->machine,
	};
	accelerator_init(&slot->accelerator, &slot->window, &monitor->dialer);
	return true;
}

int slot_open(struct slot **slot, struct monitor *monitor, struct error *error)
{
	*slot = atomic_exchange(&monitor->spare, NULL);
	if (*slot)
		return 0;
	struct slot *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a slot");
	int result = slot_build(self, monitor, &monitor->image, !monitor->once, error);
	if (result) {
		free(self);
		return error_wrap(error, "cannot clone %s", monitor->guest->name);
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

/* Clears the parts of the window that nobody reads any more. */
static int slot_clear_window(struct slot *slot, const struct request *request, struct error *error)
{
	slot->response_kept = request->answered;
	return slot->response_kept ? window_clear_around_response(&slot->window, error)
				   : window_clear(&slot->window, error);
}

/* Leaves the machine, its devices and its sessions for the next request. Only the window is clean. */
static int slot_keep(struct slot *slot, const struct request *request, struct error *error)
{
	slot->served++;
	alarm_end(&slot->machine->alarm, window_control(&slot->window));
	int result = slot_clear_window(slot, request, error);
	if (!result && request->answered)
		request->answered(request->context, true);
	return result;
}

/* Leaves a clean slot: memory, registers, window, sessions. */
static int slot_reset(struct slot *slot, const struct request *request, struct error *error)
{
	struct monitor *monitor = slot->monitor;
	if (slot->answered && !slot->stale && slot->result->outcome == OUTCOME_EXITED)
		return slot_keep(slot, request, error);
	if (slot->served)
		log_debug("%s: its machine has served %lu requests, and is taken back", slot->name,
			  slot->served + 1);
	slot->served = 0;
	if (slot->stale || slot->result->outcome == OUTCOME_LOST) {
		if (request->answered)
			request->answered(request->context, false);
		slot_dismantle(slot);
		return slot_build(slot, monitor, &monitor->image, true, error);
	}
	accelerator_reset(&slot->accelerator);
	if (slot->guest->kind->end)
		slot->guest->kind->end(slot);
	alarm_end(&slot->machine->alarm, window_control(&slot->window));
	const struct isolation *isolation = slot->machine->isolation;
	/* Whoever waits for the answer need not wait until the machine is reset. */
	const bool early = request->answered && isolation->leaves_window(slot->machine);
	int result = early ? slot_clear_window(slot, request, error) : 0;
	if (early && !result)
		request->answered(request->context, true);
	if (!result)
		result = isolation->reset(slot->machine, &slot->result->pages, error);
	if (early || result)
		return result;
	result = slot_clear_window(slot, request, error);
	if (!result && request->answered)
		request->answered(request->context, true);
	return result;
}

/* Makes sure that the accelerator host knows what the snapshot knows. *restored: it does; else the
 * request has missed its deadline. */
static int slot_restore(struct slot *slot, bool *restored, struct error *error)
{
	struct error reason = {0};
	*restored = true;
	if (slot->served) /* its guest goes on with what it has there */
		return 0;
	int code = accelerator_restore(&slot->accelerator, &slot->monitor->setup.journal,
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
	int code = setup_output_answer(&monitor->setup.output, request,
				       slot->deadline_ns + MONITOR_DELIVERY_NS, error);
	if (code == -ETIMEDOUT) {
		slot->result->outcome = OUTCOME_DEADLINE; /* the program has not begun */
		return 0;
	}
	if (code)
		return code;
	slot->responded = monitor->setup.output.length;
	const enum machine_entry first = monitor->frozen ? MACHINE_RESUME : MACHINE_START;
	return slot_run(slot, slot->served ? MACHINE_CONTINUE : first, &end, error);
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
	/* Not where it is over before it has begun, because no guest could take it. */
	if (restored && result->outcome == OUTCOME_EXITED)
		code = slot_answer(slot, request, error);
	if (code)
		return code;
	uint64_t finished = clock_now_ns();
	result->clone_ns = running - begin;
	result->run_ns = finished - running;
	code = request->settle ? request->settle(request->context) : 0;
	if (code)
		return error_set_errno(error, -code, "cannot end the request's input");
	/* Even if the program did not run: the request lies in the window. */
	code = slot_reset(slot, request, error);
	result->reset_ns = clock_now_ns() - finished;
	return code;
}

/* The hypercalls; see hypercall.h. One function for each, found by a table. Arguments are copied
 * out of the control page once, before anything is decided. */
#include "hypercall.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "mayfly/guest_abi.h"
#include "missing_library.h"
#include "monitor/memory/page_area.h"
#include "monitor/slot/slot.h"
#include "monitor/trace/trace.h"
#include "root_calls.h"
#include "sizes/sizes.h"
#include "space_calls.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

struct hypercall {
	uint64_t arguments[4];
	int64_t result; /* for the guest */
	enum guest_next next;
	struct error *error;
};

typedef int hypercall_function(struct slot *slot, struct hypercall *call);

/* ── request ─────────────────────────────────────────────────────────────────────────────────── */

void hypercall_fill_request(struct slot *slot)
{
	volatile struct guest_control *control = window_control(&slot->window);
	bool last;
	control->request_length = slot_fill_request(slot, &last);
	control->request_complete = last;
}

static int finish_past_deadline(struct slot *slot, struct hypercall *call)
{
	slot->result->outcome = OUTCOME_DEADLINE;
	call->next = GUEST_FINISHED;
	return 0;
}

static int take_part(struct slot *slot, struct hypercall *call, uint64_t length);

/* What the program has answered does not wait with it. Sets call->next where the request ends here. */
static int hand_on(struct slot *slot, struct hypercall *call)
{
	const volatile struct guest_control *control = window_control(&slot->window);
	const uint64_t length = control->response_length;
	return control->hand_on && length && length <= WINDOW_RESPONSE_SIZE
		   ? take_part(slot, call, length)
		   : 0;
}

/* Waits no longer than until a signal comes. */
static int read_request(struct slot *slot, uint64_t until_ns, uint64_t *length, bool *last,
			struct error *error)
{
	volatile struct guest_control *control = window_control(&slot->window);
	if (!slot->machine->signals)
		return slot_read_request(slot, until_ns, length, last, error);
	for (;;) {
		const uint64_t look_ns = machine_look_ns(slot->machine, until_ns);
		int result = slot_read_request(slot, look_ns, length, last, error);
		if (result != -EAGAIN || look_ns == until_ns ||
		    machine_is_unwanted(slot->machine) ||
		    machine_pass_signals(slot->machine, control))
			return result;
	}
}

static int serve_read(struct slot *slot, struct hypercall *call)
{
	volatile struct guest_control *control = window_control(&slot->window);
	if (slot->setup && !slot->setup->warming_up) {
		call->result = -EPERM; /* the request comes after the snapshot */
		return 0;
	}
	hypercall_fill_request(slot);
	if (!control->request_length && !control->request_complete) {
		uint64_t until_ns = call->arguments[0], length;
		bool last;
		int result = until_ns ? hand_on(slot, call) : 0;
		if (result || call->next == GUEST_FINISHED)
			return result;
		if (until_ns > slot->deadline_ns)
			until_ns = slot->deadline_ns;
		result = read_request(slot, until_ns, &length, &last, call->error);
		if (result == -EAGAIN && control->signals) {
			call->result = -EAGAIN;
			return 0;
		}
		if (result == -EAGAIN) {
			call->result = -EAGAIN;
			return until_ns == slot->deadline_ns ? finish_past_deadline(slot, call) : 0;
		}
		if (result)
			return result;
		control->request_length = length;
		control->request_complete = last;
	}
	call->result = (int64_t)control->request_length;
	return 0;
}

/* ── response and log ────────────────────────────────────────────────────────────────────────── */

/* Takes `length` bytes, which fit into the response area. */
static int take_response(struct slot *slot, uint64_t length, bool *beyond, struct error *error)
{
	window_control(&slot->window)->response_length = 0; /* nothing is taken twice */
	return slot_take_response(slot, slot->window.memory + WINDOW_RESPONSE_OFFSET, length,
				  beyond, error);
}

/* The same for a request that goes on. */
static int take_part(struct slot *slot, struct hypercall *call, uint64_t length)
{
	bool beyond;
	int result = take_response(slot, length, &beyond, call->error);
	if (result == -ETIMEDOUT)
		return finish_past_deadline(slot, call);
	if (result || !beyond)
		return result;
	slot_end_beyond_limit(slot);
	call->next = GUEST_FINISHED;
	return 0;
}

static int serve_write(struct slot *slot, struct hypercall *call)
{
	if (call->arguments[0] > WINDOW_RESPONSE_SIZE) {
		call->result = -EINVAL;
		return 0;
	}
	return take_part(slot, call, call->arguments[0]);
}

static int serve_log(struct slot *slot, struct hypercall *call)
{
	uint64_t length = call->arguments[0];
	if (length > WINDOW_LOG_SIZE) {
		call->result = -EINVAL;
		return 0;
	}
	const uint8_t *data = slot->window.memory + WINDOW_LOG_OFFSET;
	/* So that traced calls and the program's output come in their order. */
	trace_take(slot);
	slot_take_log(slot, data, length);
	return 0;
}

static int serve_debug(struct slot *slot, struct hypercall *call)
{
	char line[256];
	uint64_t length = call->arguments[0];
	if (length >= sizeof(line))
		length = sizeof(line) - 1;
	memcpy(line, slot->window.memory + WINDOW_LOG_OFFSET, length);
	text_make_line(line, length);
	line[length] = 0;
	log_debug("%s: %s", slot->name, line);
	return 0;
}

static int serve_trace(struct slot *slot, struct hypercall *call)
{
	trace_take(slot);
	return 0;
}

/* ── the end ─────────────────────────────────────────────────────────────────────────────────── */

/* An impossible length comes from a library OS that was overwritten. */
static void end_overwritten(struct slot *slot, uint64_t length)
{
	struct request_result *result = slot->result;
	result->outcome = OUTCOME_CRASHED;
	result->status = SIGSEGV;
	snprintf(
	    result->report, sizeof(result->report),
	    "%s crashed: it overwrote the library OS (a response of %lu bytes in an area of %lu)",
	    slot->name, length, WINDOW_RESPONSE_SIZE);
}

/* Returns false if that ends the request. */
static bool read_response_length(struct slot *slot, struct hypercall *call, uint64_t *length)
{
	*length = window_control(&slot->window)->response_length;
	if (*length <= WINDOW_RESPONSE_SIZE)
		return true;
	end_overwritten(slot, *length);
	call->next = GUEST_FINISHED;
	return false;
}

int hypercall_take_rest(struct slot *slot, struct error *error)
{
	const uint64_t length = window_control(&slot->window)->response_length;
	struct request_result *request = slot->result;
	const bool fell =
	    request->outcome != OUTCOME_EXITED && request->outcome != OUTCOME_SIGNALED;
	bool beyond = false;
	int result = 0;
	if (length <= WINDOW_RESPONSE_SIZE)
		result = take_response(slot, length, &beyond, error);
	else if (!fell)
		end_overwritten(slot, length);
	if (!result && beyond && !fell)
		slot_end_beyond_limit(slot);
	return slot_judge_delivery(request, result, error);
}

/* The response area is looked at when the request is over. */
static int finish(struct slot *slot, struct hypercall *call, enum outcome outcome, int status)
{
	call->next = GUEST_FINISHED;
	slot->result->outcome = outcome;
	slot->result->status = status;
	return 0;
}

static int serve_exit(struct slot *slot, struct hypercall *call)
{
	const struct guest_native *guest = guest_native_of(slot->guest);
	int status = (int)(call->arguments[0] & 0xff);
	if (status == MISSING_LIBRARY_STATUS && guest->program.file.interpreter[0])
		missing_library_report(slot->result->report, sizeof(slot->result->report),
				       slot_last_log(slot), guest->library_path);
	return finish(slot, call, OUTCOME_EXITED, status);
}

static int serve_abort(struct slot *slot, struct hypercall *call)
{
	return finish(slot, call, OUTCOME_SIGNALED, (int)(call->arguments[0] & 0x7f));
}

/* The set-up goes on with the warm-up request, which nobody sent. */
static int serve_warm_up(struct slot *slot, struct hypercall *call)
{
	const struct setup *setup = slot->setup;
	if (!setup || !setup->warm_up || setup->warming_up) {
		call->result = -EINVAL;
		return 0;
	}
	uint64_t length;
	if (!read_response_length(slot, call, &length))
		return 0;
	int result = take_part(slot, call, length);
	if (result || call->next == GUEST_FINISHED)
		return result;
	slot_begin_warm_up(slot);
	hypercall_fill_request(slot);
	return 0;
}

static int serve_freeze(struct slot *slot, struct hypercall *call)
{
	uint64_t length;
	if (!read_response_length(slot, call, &length))
		return 0;
	int result = take_part(slot, call, length);
	if (result || call->next == GUEST_FINISHED)
		return result;
	if (slot->setup)
		slot->setup->listens = call->arguments[0] == 1;
	/* There is a snapshot already, or there will be none: the program goes on as its clone
	 * would. */
	call->next = slot->setup ? GUEST_FROZEN : GUEST_RESUMES;
	return 0;
}

/* ── the rest ────────────────────────────────────────────────────────────────────────────────── */

static int serve_accelerate(struct slot *slot, struct hypercall *call)
{
	bool over;
	call->result = slot_accelerate(slot, call->arguments[0], call->arguments[1], &over);
	if (over)
		call->next = GUEST_FINISHED;
	return 0;
}

static int serve_sleep(struct slot *slot, struct hypercall *call)
{
	uint64_t until;
	const int result = hand_on(slot, call);
	if (result || call->next == GUEST_FINISHED)
		return result;
	if (add_overflows(clock_now_ns(), call->arguments[0], &until) || until > slot->deadline_ns)
		until = slot->deadline_ns;
	volatile struct guest_control *control = window_control(&slot->window);
	while (clock_now_ns() < until && !machine_is_unwanted(slot->machine)) {
		if (machine_pass_signals(slot->machine, control))
			return 0;
		const struct timespec when = clock_timespec(machine_look_ns(slot->machine, until));
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
	}
	return until == slot->deadline_ns ? finish_past_deadline(slot, call) : 0;
}

static int serve_clock(struct slot *slot, struct hypercall *call)
{
	guest_time_fill(slot->time, slot->machine->same_counter,
			&window_control(&slot->window)->clock);
	return 0;
}

/* Only makes the guest stop, so that its alarm is looked at before it goes on. */
static int serve_tick(struct slot *slot, struct hypercall *call)
{
	return 0;
}

static int serve_protect(struct slot *slot, struct hypercall *call)
{
	uint64_t address = call->arguments[0], length = call->arguments[1], end;
	uint64_t protection = call->arguments[2];
	const struct image *image = slot->image;
	if (address % GUEST_PAGE_SIZE || round_up_overflows(length, GUEST_PAGE_SIZE, &length) ||
	    add_overflows(address, length, &end) ||
	    protection & ~(uint64_t)(GUEST_READ | GUEST_WRITE | GUEST_EXECUTE)) {
		call->result = -EINVAL;
		return 0;
	}
	/* Only the program's own regions and what is mapped for it, in other spaces also where the
	 * first has its stack: neither the library OS nor what lies outside. */
	const bool in_area = address >= GUEST_AREA_BASE && end <= GUEST_STACK_TOP;
	for (uint64_t at = address; at < end && !in_area;) {
		const struct image_region *region = image_region_at(image, at);
		if (!region || region->address >= GUEST_LIBOS_BASE) {
			call->result = -ENOMEM;
			return 0;
		}
		at = region->address + region->length;
	}
	call->result =
	    slot->machine->isolation->protect(slot->machine, address, length, (uint32_t)protection);
	return 0;
}

static int serve_map(struct slot *slot, struct hypercall *call)
{
	const struct page_run run = {
	    .address = call->arguments[0],
	    .source = call->arguments[1],
	    .length = call->arguments[2],
	    .protection = (uint32_t)call->arguments[3] & ~GUEST_SHARED,
	    .shared = call->arguments[3] & GUEST_SHARED,
	};
	if ((run.address | run.source | run.length) % GUEST_PAGE_SIZE ||
	    call->arguments[3] &
		~(uint64_t)(GUEST_READ | GUEST_WRITE | GUEST_EXECUTE | GUEST_SHARED))
		call->result = -EINVAL;
	else
		call->result = slot->machine->isolation->map(slot->machine, &run);
	return 0;
}

static int serve_unmap(struct slot *slot, struct hypercall *call)
{
	uint64_t address = call->arguments[0], length = call->arguments[1], end;
	if ((address | length) % GUEST_PAGE_SIZE || add_overflows(address, length, &end) ||
	    address < GUEST_AREA_BASE || end > GUEST_FILES_BASE)
		call->result = -EINVAL;
	else
		call->result = slot->machine->isolation->unmap(slot->machine, address, length);
	return 0;
}

static int serve_root(struct slot *slot, struct hypercall *call)
{
	call->result = root_call_serve(slot);
	return call->result == -ETIMEDOUT ? finish_past_deadline(slot, call) : 0;
}

static int serve_space(struct slot *slot, struct hypercall *call)
{
	call->result = space_call_serve(slot, call->arguments);
	return 0;
}

static hypercall_function *const hypercalls[] = {
    [HYPERCALL_FREEZE] = serve_freeze,	 [HYPERCALL_EXIT] = serve_exit,
    [HYPERCALL_ABORT] = serve_abort,	 [HYPERCALL_READ] = serve_read,
    [HYPERCALL_WRITE] = serve_write,	 [HYPERCALL_LOG] = serve_log,
    [HYPERCALL_DEBUG] = serve_debug,	 [HYPERCALL_ACCELERATE] = serve_accelerate,
    [HYPERCALL_SLEEP] = serve_sleep,	 [HYPERCALL_CLOCK] = serve_clock,
    [HYPERCALL_PROTECT] = serve_protect, [HYPERCALL_TICK] = serve_tick,
    [HYPERCALL_TRACE] = serve_trace,	 [HYPERCALL_WARM_UP] = serve_warm_up,
    [HYPERCALL_MAP] = serve_map,	 [HYPERCALL_UNMAP] = serve_unmap,
    [HYPERCALL_ROOT] = serve_root,	 [HYPERCALL_SPACE] = serve_space,
};

int hypercall_serve(struct slot *slot, enum guest_next *next, struct error *error)
{
	volatile struct guest_control *control = window_control(&slot->window);
	struct hypercall call = {.next = GUEST_CONTINUES, .error = error};
	uint64_t number = control->hypercall;
	for (size_t i = 0; i < 4; i++)
		call.arguments[i] = control->arguments[i];
	int result = 0;
	if (number < ARRAY_SIZE(hypercalls) && hypercalls[number])
		result = hypercalls[number](slot, &call);
	else
		call.result = -ENOSYS;
	control->result = call.result;
	*next = call.next;
	return result;
}

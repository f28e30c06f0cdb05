/* The hypercalls; see hypercall.h. One function for each, found by a table. Arguments are copied
 * out of the control page once, before anything is decided. */
#include "hypercall.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mayfly/guest_abi.h"
#include "missing_library.h"
#include "monitor_internal.h"
#include "page_area.h"
#include "root_calls.h"
#include "slot.h"
#include "trace.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"

struct hypercall {
	uint64_t arguments[4];
	int64_t result; /* for the guest */
	enum hypercall_next next;
	struct error *error;
};

typedef int hypercall_function(struct slot *slot, struct hypercall *call);

/* ── request ─────────────────────────────────────────────────────────────────────────────────── */

void hypercall_fill_request(struct slot *slot)
{
	volatile struct guest_control *control = window_control(&slot->window);
	const struct request *request = slot->request;
	size_t left = request->length - slot->consumed;
	size_t part = left < WINDOW_REQUEST_SIZE ? left : WINDOW_REQUEST_SIZE;
	if (part)
		memcpy(slot->window.memory + WINDOW_REQUEST_OFFSET,
		       (const uint8_t *)request->data + slot->consumed, part);
	slot->consumed += part;
	control->request_length = part;
	control->request_complete = part == left && request->fd < 0;
}

/* Waits until the request's descriptor can be read; false where it could not until that time. */
static bool wait_readable(const struct slot *slot, uint64_t until_ns)
{
	struct pollfd readable = {.fd = slot->request->fd, .events = POLLIN};
	for (;;) {
		struct timespec timeout = clock_left_until(until_ns);
		int ready = ppoll(&readable, 1, &timeout, NULL);
		if (ready >= 0 || errno != EINTR)
			return ready > 0;
	}
}

static int finish_past_deadline(struct slot *slot, struct hypercall *call)
{
	slot->result->outcome = OUTCOME_DEADLINE;
	call->next = HYPERCALL_NEXT_FINISHED;
	return 0;
}

static int serve_read(struct slot *slot, struct hypercall *call)
{
	volatile struct guest_control *control = window_control(&slot->window);
	if (slot->monitor->preparing && !slot->monitor->warming_up) {
		call->result = -EPERM; /* the request comes after the snapshot */
		return 0;
	}
	hypercall_fill_request(slot);
	if (!control->request_length && slot->request->fd >= 0) {
		uint64_t until_ns = call->arguments[0];
		if (until_ns > slot->deadline_ns)
			until_ns = slot->deadline_ns;
		if (!wait_readable(slot, until_ns)) {
			call->result = -EAGAIN;
			return until_ns == slot->deadline_ns ? finish_past_deadline(slot, call) : 0;
		}
		ssize_t got;
		do {
			got = read(slot->request->fd, slot->window.memory + WINDOW_REQUEST_OFFSET,
				   WINDOW_REQUEST_SIZE);
		} while (got < 0 && errno == EINTR);
		if (got < 0)
			return error_set_errno(call->error, errno, "cannot read the request");
		control->request_length = (uint64_t)got;
		control->request_complete = got == 0;
	}
	call->result = (int64_t)control->request_length;
	return 0;
}

/* ── response and log ────────────────────────────────────────────────────────────────────────── */

/* Output of the set-up is kept. A program that writes much before it reads has no set-up worth
 * keeping: it is answered while it runs, and every request runs it from its start. */
static int keep_output(struct slot *slot, uint64_t length, struct error *error)
{
	struct monitor *monitor = slot->monitor;
	int result = prefix_add(&monitor->prefix, slot->window.memory + WINDOW_RESPONSE_OFFSET,
				length, error);
	if (result != -EFBIG)
		return result;
	if (monitor->warm_up)
		return error_wrap(error, "it cannot be warmed up");
	monitor->preparing = false;
	result = prefix_answer(&monitor->prefix, slot->request, slot->deadline_ns, error);
	slot->responded = monitor->prefix.length;
	prefix_release(&monitor->prefix);
	return result ? result : slot_flush_response(slot, length, error);
}

static int finish_beyond_limit(struct slot *slot, struct hypercall *call)
{
	struct request_result *result = slot->result;
	result->outcome = OUTCOME_CRASHED;
	result->status = SIGXFSZ;
	snprintf(result->report, sizeof(result->report),
		 "%s was stopped: its response is longer than %lu bytes; give more with "
		 "--response-limit",
		 slot->monitor->name, slot->request->response_limit);
	call->next = HYPERCALL_NEXT_FINISHED;
	return 0;
}

/* Takes `length` bytes, which fit into the response area. */
static int take_response(struct slot *slot, struct hypercall *call, uint64_t length)
{
	const struct monitor *monitor = slot->monitor;
	uint64_t limit = slot->request->response_limit;
	uint64_t before = monitor->preparing ? monitor->prefix.length : slot->responded;
	if (monitor->warming_up)
		return 0;
	if (limit && (before > limit || length > limit - before))
		return finish_beyond_limit(slot, call);
	int result = monitor->preparing ? keep_output(slot, length, call->error)
					: slot_flush_response(slot, length, call->error);
	return result == -ETIMEDOUT ? finish_past_deadline(slot, call) : result;
}

static int serve_write(struct slot *slot, struct hypercall *call)
{
	if (call->arguments[0] > WINDOW_RESPONSE_SIZE) {
		call->result = -EINVAL;
		return 0;
	}
	return take_response(slot, call, call->arguments[0]);
}

/* Keeps the last SLOT_LOG_KEPT bytes for a crash report. */
static void remember_log(struct slot *slot, const uint8_t *data, size_t length)
{
	if (length > SLOT_LOG_KEPT) {
		data += length - SLOT_LOG_KEPT;
		length = SLOT_LOG_KEPT;
	}
	size_t kept = slot->log_length;
	if (kept > SLOT_LOG_KEPT - length)
		kept = SLOT_LOG_KEPT - length;
	memmove(slot->log, slot->log + slot->log_length - kept, kept);
	memcpy(slot->log + kept, data, length);
	slot->log_length = kept + length;
}

/* Hands on as much as the limit leaves. */
static void pass_log(struct slot *slot, const uint8_t *data, size_t length)
{
	uint64_t limit = slot->request->log_limit;
	uint64_t left = limit ? limit - slot->logged : length;
	bool fits = length <= left;
	slot->request->log(slot->request->context, data, fits ? length : left);
	if (!fits && left)
		log_warn(
		    "%s: the rest of its log is dropped: it is longer than %lu bytes; give more "
		    "with --log-limit",
		    slot->monitor->name, limit);
	slot->logged += fits ? length : left;
}

static int serve_log(struct slot *slot, struct hypercall *call)
{
	uint64_t length = call->arguments[0];
	if (length > WINDOW_LOG_SIZE) {
		call->result = -EINVAL;
		return 0;
	}
	const uint8_t *data = slot->window.memory + WINDOW_LOG_OFFSET;
	/* Calls and what the program says come in their order. */
	trace_take(slot);
	remember_log(slot, data, length);
	pass_log(slot, data, length);
	return 0;
}

static int serve_debug(struct slot *slot, struct hypercall *call)
{
	char line[256];
	uint64_t length = call->arguments[0];
	if (length >= sizeof(line))
		length = sizeof(line) - 1;
	memcpy(line, slot->window.memory + WINDOW_LOG_OFFSET, length);
	for (size_t i = 0; i < length; i++)
		if (line[i] < ' ' || line[i] > '~')
			line[i] = '?';
	line[length] = 0;
	log_debug("%s: %s", slot->monitor->name, line);
	return 0;
}

static int serve_trace(struct slot *slot, struct hypercall *call)
{
	trace_take(slot);
	return 0;
}

/* ── the end ─────────────────────────────────────────────────────────────────────────────────── */

/* A length that cannot be is a library OS's that was overwritten. */
static int finish_overwritten(struct slot *slot, struct hypercall *call, uint64_t length)
{
	struct request_result *result = slot->result;
	result->outcome = OUTCOME_CRASHED;
	result->status = SIGSEGV;
	snprintf(
	    result->report, sizeof(result->report),
	    "%s crashed: it overwrote the library OS (a response of %lu bytes in an area of %lu)",
	    slot->monitor->name, length, WINDOW_RESPONSE_SIZE);
	call->next = HYPERCALL_NEXT_FINISHED;
	return 0;
}

/* Takes what stands in the response area at the end of a request or a set-up. */
static int take_last_response(struct slot *slot, struct hypercall *call)
{
	uint64_t length = window_control(&slot->window)->response_length;
	if (length > WINDOW_RESPONSE_SIZE)
		return finish_overwritten(slot, call, length);
	return take_response(slot, call, length);
}

static int finish(struct slot *slot, struct hypercall *call, enum outcome outcome, int status)
{
	call->next = HYPERCALL_NEXT_FINISHED;
	slot->result->outcome = outcome;
	slot->result->status = status;
	return take_last_response(slot, call);
}

static int serve_exit(struct slot *slot, struct hypercall *call)
{
	const struct monitor *monitor = slot->monitor;
	int status = (int)(call->arguments[0] & 0xff);
	int result = finish(slot, call, OUTCOME_EXITED, status);
	slot->log[slot->log_length] = 0;
	if (!result && status == MISSING_LIBRARY_STATUS && monitor->program.file.interpreter[0])
		missing_library_report(slot->result->report, sizeof(slot->result->report),
				       slot->log, monitor->library_path);
	return result;
}

static int serve_abort(struct slot *slot, struct hypercall *call)
{
	return finish(slot, call, OUTCOME_SIGNALED, (int)(call->arguments[0] & 0x7f));
}

/* The set-up goes on with a request that is nobody's. */
static int serve_warm_up(struct slot *slot, struct hypercall *call)
{
	volatile struct guest_control *control = window_control(&slot->window);
	struct monitor *monitor = slot->monitor;
	if (!monitor->preparing || !monitor->warm_up || monitor->warming_up) {
		call->result = -EINVAL;
		return 0;
	}
	uint64_t length = control->response_length;
	control->response_length = 0;
	if (length > WINDOW_RESPONSE_SIZE)
		return finish_overwritten(slot, call, length);
	int result = take_response(slot, call, length);
	if (result)
		return result;
	monitor->warming_up = true;
	slot->warm_up = *slot->request;
	slot->warm_up.data = monitor->warm_up;
	slot->warm_up.length = monitor->warm_up_length;
	slot->warm_up.fd = -1;
	slot->request = &slot->warm_up;
	slot->consumed = 0;
	hypercall_fill_request(slot);
	return 0;
}

static int serve_freeze(struct slot *slot, struct hypercall *call)
{
	call->next = HYPERCALL_NEXT_FROZEN;
	int result = take_last_response(slot, call);
	window_control(&slot->window)->response_length = 0;
	return result;
}

/* ── the rest ────────────────────────────────────────────────────────────────────────────────── */

static int serve_accelerate(struct slot *slot, struct hypercall *call)
{
	struct monitor *monitor = slot->monitor;
	struct error reason = {0};
	uint64_t begin = clock_now_ns();
	int result = accelerator_call(&slot->accelerator, call->arguments[0], call->arguments[1],
				      slot->deadline_ns,
				      monitor->preparing ? &monitor->journal : NULL, &reason);
	slot->result->ops++;
	slot->result->op_ns += clock_now_ns() - begin;
	call->result = result;
	if (!result)
		return 0;
	/* A message that cannot be served is the guest's mistake; it may make many. */
	bool guests_own = result == -EBADMSG || result == -EFAULT;
	/* The host may still be at work for a lost connection, and write its results. */
	if (!guests_own)
		slot->stale = true;
	if (!guests_own && clock_now_ns() >= slot->deadline_ns) {
		slot_miss_deadline(slot, reason.text);
		call->next = HYPERCALL_NEXT_FINISHED;
		return 0;
	}
	log_at(guests_own ? LOG_DEBUG : LOG_ERROR, "%s: accelerated call failed: %s", monitor->name,
	       reason.text);
	return 0;
}

static int serve_sleep(struct slot *slot, struct hypercall *call)
{
	uint64_t until;
	if (add_overflows(clock_now_ns(), call->arguments[0], &until) || until > slot->deadline_ns)
		until = slot->deadline_ns;
	const struct timespec when = clock_timespec(until);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
		;
	return until == slot->deadline_ns ? finish_past_deadline(slot, call) : 0;
}

static int serve_clock(struct slot *slot, struct hypercall *call)
{
	guest_time_fill(&slot->monitor->time, slot->machine->same_counter,
			&window_control(&slot->window)->clock);
	return 0;
}

/* Before the guest goes on, its alarm is looked at. */
static int serve_tick(struct slot *slot, struct hypercall *call)
{
	return 0;
}

static int serve_protect(struct slot *slot, struct hypercall *call)
{
	uint64_t address = call->arguments[0], length = call->arguments[1], end;
	uint64_t protection = call->arguments[2];
	const struct image *image = &slot->monitor->image;
	if (address % GUEST_PAGE_SIZE || align_up_overflows(length, GUEST_PAGE_SIZE, &length) ||
	    add_overflows(address, length, &end) ||
	    protection & ~(uint64_t)(GUEST_READ | GUEST_WRITE | GUEST_EXECUTE)) {
		call->result = -EINVAL;
		return 0;
	}
	if ((protection & GUEST_WRITE) && (protection & GUEST_EXECUTE)) {
		call->result = -EACCES;
		return 0;
	}
	/* Only the program's own regions and what is mapped in the area: neither the library OS nor
	 * what lies outside. */
	const bool in_area = address >= GUEST_AREA_BASE && end <= GUEST_AREA_END;
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
	    .protection = (uint32_t)call->arguments[3],
	};
	if ((run.address | run.source | run.length) % GUEST_PAGE_SIZE ||
	    call->arguments[3] & ~(uint64_t)(GUEST_READ | GUEST_WRITE | GUEST_EXECUTE))
		call->result = -EINVAL;
	else
		call->result = slot->machine->isolation->map(slot->machine, &run);
	return 0;
}

static int serve_unmap(struct slot *slot, struct hypercall *call)
{
	uint64_t address = call->arguments[0], length = call->arguments[1], end;
	if ((address | length) % GUEST_PAGE_SIZE || add_overflows(address, length, &end) ||
	    address < GUEST_AREA_BASE || end > GUEST_AREA_END)
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

static hypercall_function *const hypercalls[] = {
    [HYPERCALL_FREEZE] = serve_freeze,	 [HYPERCALL_EXIT] = serve_exit,
    [HYPERCALL_ABORT] = serve_abort,	 [HYPERCALL_READ] = serve_read,
    [HYPERCALL_WRITE] = serve_write,	 [HYPERCALL_LOG] = serve_log,
    [HYPERCALL_DEBUG] = serve_debug,	 [HYPERCALL_ACCELERATE] = serve_accelerate,
    [HYPERCALL_SLEEP] = serve_sleep,	 [HYPERCALL_CLOCK] = serve_clock,
    [HYPERCALL_PROTECT] = serve_protect, [HYPERCALL_TICK] = serve_tick,
    [HYPERCALL_TRACE] = serve_trace,	 [HYPERCALL_WARM_UP] = serve_warm_up,
    [HYPERCALL_MAP] = serve_map,	 [HYPERCALL_UNMAP] = serve_unmap,
    [HYPERCALL_ROOT] = serve_root,
};

int hypercall_serve(struct slot *slot, enum hypercall_next *next, struct error *error)
{
	volatile struct guest_control *control = window_control(&slot->window);
	struct hypercall call = {.next = HYPERCALL_NEXT_CONTINUE, .error = error};
	uint64_t number = control->hypercall;
	for (size_t i = 0; i < 4; i++)
		call.arguments[i] = control->arguments[i];
	int result = 0;
	if (number < sizeof(hypercalls) / sizeof(hypercalls[0]) && hypercalls[number])
		result = hypercalls[number](slot, &call);
	else
		call.result = -ENOSYS;
	control->result = call.result;
	*next = call.next;
	return result;
}

/* What a slot does with request, response and log, whatever kind of guest it holds; see slot.h. */
#include "slot.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"

/* ── request ─────────────────────────────────────────────────────────────────────────────────── */

size_t slot_fill_request(struct slot *slot, bool *last)
{
	const struct request *request = slot->request;
	const size_t left = request->length - slot->consumed;
	const size_t part = left < WINDOW_REQUEST_SIZE ? left : WINDOW_REQUEST_SIZE;
	if (part && request->data)
		memcpy(slot->window.memory + WINDOW_REQUEST_OFFSET,
		       (const uint8_t *)request->data + slot->consumed, part);
	slot->consumed += part;
	*last = part == left && request->fd < 0 && !request->refill;
	return part;
}

static int read_descriptor(struct slot *slot, uint64_t until_ns, uint64_t *length, bool *last,
			   struct error *error)
{
	if (file_wait_ready(slot->request->fd, POLLIN, until_ns))
		return -EAGAIN;
	ssize_t got;
	do {
		got = read(slot->request->fd, slot->window.memory + WINDOW_REQUEST_OFFSET,
			   WINDOW_REQUEST_SIZE);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return error_set_errno(error, errno, "cannot read the request");
	*length = (uint64_t)got;
	*last = got == 0;
	return 0;
}

/* Bytes have moved. */
static void extend_time(struct slot *slot)
{
	if (slot->request->lasts && slot->responded)
		slot->deadline_ns = clock_now_ns() + slot->request->timeout_ns;
}

int slot_read_request(struct slot *slot, uint64_t until_ns, uint64_t *length, bool *last,
		      struct error *error)
{
	const struct request *request = slot->request;
	*length = 0;
	*last = true;
	if (!request->refill)
		return request->fd < 0 ? 0 : read_descriptor(slot, until_ns, length, last, error);
	int result = request->refill(request->context, until_ns, length, last);
	if (result && result != -EAGAIN)
		return error_set_errno(error, -result, "cannot get the rest of the request");
	if (!result && *length)
		extend_time(slot);
	return result;
}

void slot_begin_warm_up(struct slot *slot)
{
	struct setup *setup = slot->setup;
	setup->warming_up = true;
	slot->warm_up = *slot->request;
	slot->warm_up.data = setup->warm_up;
	slot->warm_up.length = setup->warm_up_length;
	slot->warm_up.fd = -1;
	slot->warm_up.refill = NULL;
	slot->warm_up.settle = NULL;
	slot->request = &slot->warm_up;
	slot->consumed = 0;
}

/* ── response ────────────────────────────────────────────────────────────────────────────────── */

static int flush_response(struct slot *slot, const uint8_t *data, uint64_t length,
			  struct error *error)
{
	if (!length)
		return 0;
	int result = slot->request->respond(slot->request->context, data, length,
					    slot->deadline_ns + MONITOR_DELIVERY_NS);
	if (result)
		return error_set_errno(error, -result, "cannot write the response");
	slot->responded += length;
	extend_time(slot);
	return 0;
}

/* Output of the set-up is kept. A program that writes much before it reads has no set-up worth
 * keeping: it is answered while it runs, and every request runs it from its start. */
static int keep_output(struct slot *slot, const uint8_t *data, uint64_t length, struct error *error)
{
	struct setup *setup = slot->setup;
	int result = setup_output_add(&setup->output, data, length, error);
	if (!result && slot->request->setup_delivered)
		result = setup_output_answer(&setup->output, slot->request,
					     slot->deadline_ns + MONITOR_DELIVERY_NS, error);
	if (result != -EFBIG)
		return result;
	if (setup->warm_up)
		return error_wrap(error, "it cannot be warmed up");
	slot->setup = NULL;
	result = setup_output_answer(&setup->output, slot->request,
				     slot->deadline_ns + MONITOR_DELIVERY_NS, error);
	slot->responded = setup->output.length;
	setup_output_release(&setup->output);
	return result ? result : flush_response(slot, data, length, error);
}

int slot_take_response(struct slot *slot, const uint8_t *data, uint64_t length, bool *beyond,
		       struct error *error)
{
	const struct setup *setup = slot->setup;
	const uint64_t limit = slot->request->response_limit;
	const uint64_t before = setup ? setup->output.length : slot->responded;
	*beyond = false;
	if (setup && setup->warming_up)
		return 0;
	*beyond = limit && (before > limit || length > limit - before);
	if (*beyond)
		length = before < limit ? limit - before : 0;
	return setup ? keep_output(slot, data, length, error)
		     : flush_response(slot, data, length, error);
}

/* ── log ─────────────────────────────────────────────────────────────────────────────────────── */

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
	slot->request->log(slot->request->context, data, fits ? length : left, slot->deadline_ns);
	if (!fits && left)
		log_warn(
		    "%s: the rest of its log is dropped: it is longer than %lu bytes; give more "
		    "with --log-limit",
		    slot->name, limit);
	slot->logged += fits ? length : left;
}

void slot_take_log(struct slot *slot, const uint8_t *data, size_t length)
{
	remember_log(slot, data, length);
	pass_log(slot, data, length);
}

const char *slot_last_log(struct slot *slot)
{
	slot->log[slot->log_length] = 0;
	return slot->log;
}

int slot_take_console(struct slot *slot, const uint8_t *data, uint64_t length, bool *beyond,
		      struct error *error)
{
	if (!slot->console_is_log)
		return slot_take_response(slot, data, length, beyond, error);
	*beyond = false;
	slot_take_log(slot, data, length);
	return 0;
}

void slot_make_console_log(struct slot *slot)
{
	struct setup_output *written = slot->setup ? &slot->setup->output : NULL;
	if (slot->console_is_log)
		return;
	slot->console_is_log = true;
	if (written && written->length)
		slot_take_log(slot, written->data, written->length);
	if (written)
		written->length = 0;
}

/* ── accelerated calls ───────────────────────────────────────────────────────────────────────── */

int slot_accelerate(struct slot *slot, uint64_t offset, uint64_t length, bool *over)
{
	struct error reason = {0};
	const uint64_t begin = clock_now_ns();
	int result = accelerator_call(&slot->accelerator, offset, length, slot->deadline_ns,
				      slot->setup ? &slot->setup->journal : NULL, &reason);
	slot->result->ops++;
	slot->result->op_ns += clock_now_ns() - begin;
	*over = false;
	if (!result)
		return 0;
	/* A message that cannot be served is the guest's mistake; it may make many. Of calls that fail
	 * otherwise it may make many, too: the log tells of a request's first. */
	const bool guests_own = result == -EBADMSG || result == -EFAULT;
	const bool told = guests_own || slot->stale;
	/* The accelerator host may still be at work for the lost connection and write results into
	 * the window. */
	if (!guests_own)
		slot->stale = true;
	*over = !guests_own && clock_now_ns() >= slot->deadline_ns;
	if (*over)
		slot_miss_deadline(slot, reason.text);
	else
		log_at(told ? LOG_DEBUG : LOG_ERROR, "%s: accelerated call failed: %s", slot->name,
		       reason.text);
	return result;
}

/* ── the end ─────────────────────────────────────────────────────────────────────────────────── */

void slot_miss_deadline(struct slot *slot, const char *reason)
{
	slot->result->outcome = OUTCOME_DEADLINE;
	snprintf(slot->result->report, sizeof(slot->result->report), "%s", reason);
}

void slot_end_beyond_limit(struct slot *slot)
{
	struct request_result *result = slot->result;
	result->outcome = OUTCOME_CRASHED;
	result->status = SIGXFSZ;
	snprintf(result->report, sizeof(result->report),
		 "%s was stopped: its response is longer than %lu bytes; give more with "
		 "--response-limit",
		 slot->name, slot->request->response_limit);
}

bool slot_end_answered(struct slot *slot)
{
	slot->answered = slot->served + 1 < slot->reuse;
	return slot->answered;
}

int slot_judge_delivery(struct request_result *result, int code, const struct error *error)
{
	const bool fell = result->outcome != OUTCOME_EXITED && result->outcome != OUTCOME_SIGNALED;
	if (!code || (!fell && code != -ETIMEDOUT))
		return code;
	if (!fell)
		result->outcome = OUTCOME_DEADLINE;
	else if (code != -ETIMEDOUT && code != -EPIPE)
		log_error("%s", error ? error->text : strerror(-code));
	return 0;
}

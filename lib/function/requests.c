/* Requests: accepted, waiting, handed to a slot, done. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "function/function.h"
#include "mayfly/guest_abi.h"
#include "sizes/sizes.h"
#include "util/clock.h"
#include "util/lock.h"
#include "util/text.h"

#define REPEAT_MAX 100000000UL

/* ── the end of a request ────────────────────────────────────────────────────────────────────── */

void requests_set_text(struct entry *entry, const char *text)
{
	free(entry->text);
	entry->text = *text ? strdup(text) : NULL;
	if (entry->text)
		text_make_printable(entry->text, strlen(entry->text));
}

static void count_outcome(struct mayfly_statistics *statistics, const struct mayfly_result *result)
{
	uint64_t *const counts[] = {
	    [MAYFLY_EXITED] = &statistics->exited,   [MAYFLY_SIGNALED] = &statistics->signaled,
	    [MAYFLY_CRASHED] = &statistics->crashed, [MAYFLY_DEADLINE] = &statistics->deadline,
	    [MAYFLY_LOST] = &statistics->lost,	     [MAYFLY_CANCELLED] = &statistics->cancelled,
	    [MAYFLY_FAILED] = &statistics->failed,
	};
	++*counts[result->outcome];
	statistics->run_ns += result->run_ns;
	statistics->waited_ns += result->waited_ns;
}

void requests_add_told(struct mayfly_function *function, struct entry *entry)
{
	entry->next = NULL;
	*function->told_end = entry;
	function->told_end = &entry->next;
}

void requests_finish(struct mayfly_function *function, struct entry *entry)
{
	const uint64_t until_ns = entry->dispatched_ns ? entry->dispatched_ns : clock_now_ns();
	entry->result.responded = entry->responded;
	entry->result.waited_ns = until_ns - entry->submitted_ns;
	count_outcome(&function->statistics, &entry->result);
	enum entry_copy copying = ENTRY_COPYING;
	if (!atomic_compare_exchange_strong(&entry->copy, &copying, ENTRY_ENDED))
		requests_add_told(function, entry);
}

void requests_fail(struct mayfly_function *function, struct entry *entry,
		   const struct error *reason)
{
	entry->result.outcome = MAYFLY_FAILED;
	entry->result.error = -reason->code;
	entry->result.figures = -1;
	requests_set_text(entry, reason->text);
	requests_finish(function, entry);
}

void requests_tell(struct entry *entry)
{
	entry->result.text = entry->text ? entry->text : "";
	if (entry->request.done)
		entry->request.done(entry->request.context, &entry->result);
	if (entry->result.figures >= 0)
		close(entry->result.figures);
	free(entry->text);
	free(entry);
}

/* ── the queue ───────────────────────────────────────────────────────────────────────────────── */

/* `link` is what points to it. */
static struct entry *take(struct mayfly_function *function, struct entry **link)
{
	struct entry *entry = *link;
	*link = entry->next;
	if (function->queue_end == &entry->next)
		function->queue_end = link;
	function->queue_length--;
	if (!function->queue)
		demand_note_waiting(&function->demand, false, clock_now_ns());
	return entry;
}

struct entry *requests_take(struct mayfly_function *function)
{
	if (!function->queue)
		return NULL;
	function->running++;
	return take(function, &function->queue);
}

void requests_fail_all(struct mayfly_function *function, const struct error *reason)
{
	while (function->queue)
		requests_fail(function, take(function, &function->queue), reason);
}

static void end_waiting(struct mayfly_function *function, struct entry **link,
			enum mayfly_outcome outcome, const char *text)
{
	struct entry *entry = take(function, link);
	entry->result.outcome = outcome;
	requests_set_text(entry, text);
	requests_finish(function, entry);
}

uint64_t requests_check_time(struct mayfly_function *function, uint64_t now_ns)
{
	uint64_t next_ns = late_check(function, now_ns);
	for (struct entry **link = &function->queue; *link;) {
		const uint64_t deadline_ns = (*link)->request.deadline_ns;
		if (deadline_ns && deadline_ns <= now_ns) {
			end_waiting(function, link, MAYFLY_DEADLINE, "it waited for a slot");
			continue;
		}
		if (deadline_ns && deadline_ns < next_ns)
			next_ns = deadline_ns;
		link = &(*link)->next;
	}
	return next_ns;
}

/* ── handing over ────────────────────────────────────────────────────────────────────────────── */

/* The time by which a monitor that begins with the entry now must have sent something. */
static uint64_t find_late(const struct mayfly_request *request, uint64_t now_ns)
{
	uint64_t time_ns = request->timeout_ns + PATIENCE_NS;
	if (request->repeat > 1 && mul_overflows(time_ns, request->repeat + 1, &time_ns))
		return UINT64_MAX;
	return add_overflows(now_ns, time_ns, &time_ns) ? UINT64_MAX : time_ns;
}

void requests_begin(struct mayfly_function *function, struct entry *entry, uint64_t before_ns)
{
	entry->dispatched_ns = function->taken_ns = clock_now_ns();
	entry->late_ns = find_late(&entry->request, entry->dispatched_ns);
	if (add_overflows(entry->late_ns, before_ns, &entry->late_ns))
		entry->late_ns = UINT64_MAX;
	if (entry->late_ns != UINT64_MAX)
		loop_wake_at(function, entry->late_ns);
}

void requests_extend(struct entry *entry)
{
	if (entry->request.flags & MAYFLY_LASTING && entry->responded && !entry->cancelled)
		entry->late_ns = find_late(&entry->request, clock_now_ns());
}

int requests_send(struct function_slot *slot, struct entry *entry, uint16_t kind)
{
	struct channel_message message = {.kind = kind, .slot = slot->number};
	if (!entry)
		return channel_send(slot->socket, &message, NULL, NULL, 0, MSG_DONTWAIT);
	const struct mayfly_request *request = &entry->request;
	message.serial = entry->serial;
	message.request = (struct channel_request){
	    .timeout_ns = request->timeout_ns,
	    .deadline_ns = request->deadline_ns,
	    .response_limit = request->response_limit,
	    .log_limit = request->log_limit,
	    .repeat = request->repeat,
	    .variable_count = entry->variable_count,
	    .lasts = !!(request->flags & MAYFLY_LASTING),
	};
	if (entry->variable_count)
		variables_place(slot->view, request->variables, entry->variable_count);
	if (request->flags & MAYFLY_STREAMS) {
		message.flags |= CHANNEL_STREAMS;
	} else {
		bool last;
		message.length = feed_copy_part(entry, slot->window, &last);
		message.flags |= last ? CHANNEL_FINAL : 0;
	}
	if (request->flags & MAYFLY_UNBUFFERED)
		message.flags |= CHANNEL_UNBUFFERED;
	if (request->flags & MAYFLY_FIGURES)
		message.flags |= CHANNEL_FIGURES;
	/* From here on the entry is whoever's ends it. */
	if (atomic_exchange(&entry->copy, ENTRY_AT_REST) == ENTRY_ENDED)
		return -ECANCELED;
	return channel_send(slot->socket, &message, NULL, NULL, 0, MSG_DONTWAIT);
}

/* Gives an idle slot an entry to be busy with; NULL if no slot is idle. */
static struct function_slot *occupy(struct mayfly_function *function, struct entry *entry)
{
	struct function_slot *slot = function->idle[--function->idle_count];
	slot->state = SLOT_BUSY;
	slot->entry = entry;
	slot->references++;
	entry->copy = ENTRY_COPYING;
	requests_begin(function, entry, 0);
	return slot;
}

/* Takes the lock, and lets it go for the copy. */
static void hand_over(struct mayfly_function *function, struct function_slot *slot,
		      struct entry *entry)
{
	int result = requests_send(slot, entry, CHANNEL_SERVE);
	pthread_mutex_lock(&function->lock);
	monitor_note_sent(function, result);
	if (result == -ECANCELED) {
		requests_add_told(function, entry);
		loop_wake(function);
	}
	slots_release(slot);
	pthread_mutex_unlock(&function->lock);
}

void requests_dispatch(struct mayfly_function *function)
{
	for (;;) {
		struct function_slot *slot = NULL;
		struct entry *entry = NULL;
		pthread_mutex_lock(&function->lock);
		if (function->state == FUNCTION_READY && function->queue && function->idle_count) {
			entry = requests_take(function);
			slot = occupy(function, entry);
		}
		pthread_mutex_unlock(&function->lock);
		if (!slot)
			return;
		hand_over(function, slot, entry);
	}
}

/* ── for anybody ─────────────────────────────────────────────────────────────────────────────── */

void mayfly_request_init(struct mayfly_request *request, size_t size)
{
	const struct mayfly_request usual = {
	    .size = size,
	    .timeout_ns = 30 * NANOSECONDS_PER_SECOND,
	    .response_limit = 1UL << 30,
	    .log_limit = 64UL << 20,
	    .repeat = 1,
	};
	if (!request)
		return;
	memset(request, 0, size);
	memcpy(request, &usual, size < sizeof(usual) ? size : sizeof(usual));
}

static int check_request(const struct mayfly_request *request, struct error *error)
{
	const bool by_streams = request->flags & MAYFLY_STREAMS;
	size_t total;
	const unsigned known =
	    MAYFLY_STREAMS | MAYFLY_FIGURES | MAYFLY_FED | MAYFLY_UNBUFFERED | MAYFLY_LASTING;
	if (request->flags & ~known)
		return error_set(error, EINVAL, "a request with a flag that nobody knows");
	if ((request->length && !request->data) || (request->head_length && !request->head) ||
	    add_overflows(request->head_length, request->length, &total))
		return error_set(error, EINVAL, "a request of %zu and %zu bytes without data",
				 request->head_length, request->length);
	if (by_streams && (total || request->flags & MAYFLY_FED))
		return error_set(error, EINVAL, "a request by streams has no data of its own");
	if (by_streams && request->variables)
		return error_set(error, EINVAL, "a request by streams has no variables");
	if (by_streams && request->flags & (MAYFLY_UNBUFFERED | MAYFLY_LASTING))
		return error_set(error, EINVAL,
				 "only what `respond` takes can come at each write, or last");
	if (!request->timeout_ns || request->timeout_ns > TIMEOUT_MAX_NS)
		return error_set(error, EINVAL, "a request may take from 1 ns to 7 days");
	if (!request->repeat || request->repeat > REPEAT_MAX ||
	    (request->repeat > 1 && !by_streams))
		return error_set(error, EINVAL,
				 "a request is served once, or by streams up to %lu times",
				 REPEAT_MAX);
	if (request->flags & MAYFLY_FIGURES && !by_streams)
		return error_set(error, EINVAL, "figures are for requests by streams");
	return 0;
}

static int check_state(const struct mayfly_function *function, struct error *error)
{
	if (function->draining || function->closing)
		return error_set(error, ESHUTDOWN, "the function takes no more requests");
	if ((function->state == FUNCTION_ENDING && !function->start_wanted) ||
	    function->stop_wanted ||
	    (function->state == FUNCTION_CLOSED && function->statistics.starts))
		return error_set(error, ESHUTDOWN, "the function is not running");
	return 0;
}

static int check_room(const struct mayfly_function *function, const struct entry *entry,
		      struct error *error)
{
	if (entry->variable_count <= function->variables_room)
		return 0;
	return error_set(error, E2BIG,
			 "a request with %u variables: the program has room for %u "
			 "(request_variables)",
			 entry->variable_count, function->variables_room);
}

void requests_check_room(struct mayfly_function *function)
{
	struct error error;
	for (struct entry **link = &function->queue; *link;) {
		if (check_room(function, *link, &error))
			requests_fail(function, take(function, link), &error);
		else
			link = &(*link)->next;
	}
}

/* Takes the lock. *slot: the slot that serves it at once; NULL: it waits, and may be done at any
 * time, by another thread. */
static int accept_entry(struct mayfly_function *function, struct entry *entry, uint64_t *serial,
			struct function_slot **slot, struct error *error)
{
	lock_scoped(&function->lock);
	int result = check_state(function, error);
	if (!result)
		result = check_room(function, entry, error);
	if (result)
		return result;
	const bool at_once =
	    function->state == FUNCTION_READY && !function->queue && function->idle_count;
	if (!at_once && function->queue_length >= function->queue_limit)
		return error_set(error, EAGAIN, "%zu requests wait already",
				 function->queue_length);
	entry->serial = ++function->next_serial;
	if (serial)
		*serial = entry->serial;
	function->statistics.submitted++;
	*slot = NULL;
	if (at_once) {
		function->running++;
		*slot = occupy(function, entry);
		return 0;
	}
	if (!function->queue)
		demand_note_waiting(&function->demand, true, clock_now_ns());
	*function->queue_end = entry;
	function->queue_end = &entry->next;
	function->queue_length++;
	if (entry->request.deadline_ns)
		loop_wake_at(function, entry->request.deadline_ns);
	if (function->state == FUNCTION_READY && function->slot_count < function->slots_wanted)
		loop_wake(function);
	return 0;
}

int mayfly_function_submit(struct mayfly_function *function, const struct mayfly_request *request,
			   uint64_t *serial, struct mayfly_error *told)
{
	struct error *error = (struct error *)told;
	struct function_slot *slot = NULL;
	if (!function || !request || request->size < REQUEST_SIZE_FIRST ||
	    request->size > sizeof(*request))
		return error_set(error, EINVAL,
				 "no request, or one that mayfly_request_init() did not make, or "
				 "one for a newer libmayfly");
	if (!function_is_ours(function))
		return error_set(error, EPERM, "the function is of another process");
	struct entry *entry = calloc(1, sizeof(*entry));
	if (!entry)
		return error_set(error, ENOMEM, "no memory for a request");
	memcpy(&entry->request, request, request->size);
	entry->submitted_ns = clock_now_ns();
	entry->result.figures = -1;
	int result = check_request(&entry->request, error);
	if (!result)
		result = variables_check(entry->request.variables, &entry->variable_count, error);
	if (!result)
		result = accept_entry(function, entry, serial, &slot, error);
	if (result) {
		free(entry);
		return result;
	}
	if (slot)
		hand_over(function, slot, entry);
	return 0;
}

/* Has it end by then at the latest. */
static void expect_end(struct mayfly_function *function, struct entry *entry, uint64_t moment_ns)
{
	if (moment_ns >= entry->late_ns)
		return;
	entry->late_ns = moment_ns;
	loop_wake_at(function, moment_ns);
}

static int cancel_running(struct mayfly_function *function, struct function_slot *slot)
{
	struct entry *entry = slot->entry;
	struct channel_message message = {
	    .kind = CHANNEL_CANCEL, .slot = slot->number, .serial = entry->serial};
	if (entry->request.flags & MAYFLY_STREAMS)
		return -ENOTSUP;
	entry->cancelled = true;
	/* It is to end soon, also where its monitor does not care. */
	expect_end(function, entry, clock_now_ns() + PATIENCE_NS);
	channel_send(function->control, &message, NULL, NULL, 0, MSG_DONTWAIT);
	feed_cancel(function, slot);
	if (entry->held)
		slots_go_on(function, slot, 0); /* to where it is stopped */
	return 0;
}

int mayfly_function_cancel(struct mayfly_function *function, uint64_t serial)
{
	int usable = function_check(function);
	if (usable)
		return usable;
	lock_scoped(&function->lock);
	for (struct entry **link = &function->queue; *link; link = &(*link)->next) {
		if ((*link)->serial != serial)
			continue;
		end_waiting(function, link, MAYFLY_CANCELLED, "");
		loop_wake(function);
		return 0;
	}
	struct function_slot *slot = slots_find(function, serial);
	return slot ? cancel_running(function, slot) : -ENOENT;
}

int mayfly_function_signal(struct mayfly_function *function, uint64_t serial, int signal)
{
	int usable = function_check(function);
	if (usable)
		return usable;
	if (signal < 1 || signal > GUEST_SIGNALS_MAX)
		return -EINVAL;
	lock_scoped(&function->lock);
	const struct function_slot *slot = slots_find(function, serial);
	if (!slot)
		return -ENOENT;
	if (!(function->flags & MAYFLY_SIGNALS) || slot->entry->request.flags & MAYFLY_STREAMS)
		return -ENOTSUP;
	struct channel_message message = {.kind = CHANNEL_SIGNAL,
					  .slot = slot->number,
					  .serial = serial,
					  .length = (uint64_t)signal};
	monitor_send(function, function->control, &message, NULL, NULL, 0);
	return 0;
}

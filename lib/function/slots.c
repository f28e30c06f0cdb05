/* Slots as their front sees them: opened, idle, busy, closed; and what their monitor says. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "function/function.h"
#include "mayfly/guest_abi.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/lock.h"

/* The part of a window that a front maps: variables, request area and response area. */
#define VIEW_OFFSET WINDOW_VARIABLES_OFFSET
#define VIEW_SIZE   (WINDOW_RESPONSE_OFFSET + WINDOW_RESPONSE_SIZE - VIEW_OFFSET)
_Static_assert(WINDOW_REQUEST_OFFSET == WINDOW_VARIABLES_OFFSET + WINDOW_VARIABLES_SIZE &&
		   WINDOW_RESPONSE_OFFSET == WINDOW_REQUEST_OFFSET + WINDOW_REQUEST_SIZE,
	       "the areas follow each other");

/* How long a slot idles that need not be kept warm. */
#define IDLE_NS (10 * NANOSECONDS_PER_SECOND)

/* How long one may take to open. */
#define OPEN_NS (10 * NANOSECONDS_PER_SECOND)

/* How long no slot is opened where one could not be. */
#define RETRY_NS (2 * NANOSECONDS_PER_SECOND)

/* How long a monitor may have closed a socket and not be gone. */
#define LOST_NS NANOSECONDS_PER_SECOND

/* Has the monitor taken for dead where a slot does not open. One that has lost a slot is anyway. */
static void expect_slots(struct mayfly_function *function)
{
	if (function->lost)
		return;
	if (!function->opening_count) {
		late_expect(function, UINT64_MAX);
	} else {
		late_expect(function, clock_now_ns() + OPEN_NS);
	}
}

void slots_note_lost(struct mayfly_function *function)
{
	function->lost = true;
	late_expect(function, clock_now_ns() + LOST_NS);
}

/* ── opening and closing ─────────────────────────────────────────────────────────────────────── */

void slots_release(struct function_slot *slot)
{
	if (--slot->references)
		return;
	if (slot->view)
		munmap(slot->view, VIEW_SIZE);
	close(slot->socket);
	free(slot);
}

static unsigned find_number(const struct mayfly_function *function)
{
	unsigned number = 0;
	while (function->slots[number])
		number++;
	return number;
}

int slots_open_one(struct mayfly_function *function, bool for_setup, struct function_slot **opened)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	cleanup_close int its = pair[1];
	struct function_slot *slot = calloc(1, sizeof(*slot));
	if (!slot) {
		close(pair[0]);
		return -ENOMEM;
	}
	*slot = (struct function_slot){
	    .number = find_number(function),
	    .references = 1,
	    .socket = pair[0],
	    .asked_ns = for_setup ? 0 : clock_now_ns(),
	};
	struct channel_message message = {
	    .kind = CHANNEL_OPEN_SLOT, .flags = for_setup ? 0 : CHANNEL_FREE, .slot = slot->number};
	int result = loop_watch(function, slot->socket, SOURCE_SLOT, slot->number);
	if (!result)
		result = channel_send(function->control, &message, NULL, &its, 1, MSG_DONTWAIT);
	if (result) {
		slots_release(slot);
		return result;
	}
	function->slots[slot->number] = slot;
	function->slot_count++;
	function->fresh_count++;
	function->opening_count++;
	function->statistics.slots_opened++;
	demand_note_opening(&function->demand);
	if (!for_setup)
		expect_slots(function);
	*opened = slot;
	return 0;
}

/* Its entry, if it has one, is the caller's. */
static void close_slot(struct mayfly_function *function, struct function_slot *slot)
{
	if (slot->state == SLOT_OPENING)
		function->opening_count--;
	/* Those that are left stay in their order. */
	size_t kept = 0;
	for (size_t i = 0; i < function->idle_count; i++)
		if (function->idle[i] != slot)
			function->idle[kept++] = function->idle[i];
	function->idle_count = kept;
	function->slots[slot->number] = NULL;
	function->slot_count--;
	function->fresh_count -= slot->served ? 0 : 1;
	loop_unwatch(function, slot->socket);
	/* The monitor closes its side when it sees the end of ours. */
	shutdown(slot->socket, SHUT_RDWR);
	slots_release(slot);
}

void slots_close_all(struct mayfly_function *function)
{
	for (unsigned i = 0; i < function->slots_described && function->slot_count; i++) {
		struct function_slot *slot = function->slots[i];
		if (!slot)
			continue;
		struct entry *entry = slot->state == SLOT_BUSY ? slot->entry : NULL;
		if (entry) {
			/* The entry fails with the others. */
			slot->entry = NULL;
			function->running--;
			entry->next = function->queue;
			if (!function->queue)
				function->queue_end = &entry->next;
			function->queue = entry;
			function->queue_length++;
		}
		close_slot(function, slot);
	}
}

void slots_adjust(struct mayfly_function *function)
{
	struct function_slot *opened;
	if (function->state != FUNCTION_READY)
		return;
	const uint64_t now_ns = clock_now_ns();
	const size_t wanted = demand_slots(function, now_ns);
	int result = 0;
	while (function->slot_count < wanted &&
	       function->opening_count < function->demand.at_once && !result)
		result = slots_open_one(function, false, &opened);
	/* Those that there are have to do. */
	if (result && !function->slot_count) {
		struct error error;
		error_set_errno(&error, -result, "cannot open a slot");
		monitor_give_up(function, &error);
		return;
	}
	/* The first slots of the list have been idle longest. */
	while (function->slot_count > wanted && function->idle_count) {
		struct function_slot *slot = function->idle[0];
		const uint64_t until_ns = slot->idle_since_ns + IDLE_NS;
		if (function->slot_count <= function->slots_wanted && now_ns < until_ns) {
			loop_wake_at(function, until_ns);
			break;
		}
		close_slot(function, slot);
	}
}

static void make_idle(struct mayfly_function *function, struct function_slot *slot)
{
	slot->state = SLOT_IDLE;
	slot->idle_since_ns = clock_now_ns();
	function->idle[function->idle_count++] = slot;
}

/* ── windows ─────────────────────────────────────────────────────────────────────────────────── */

#define NOT_WRITABLE (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

/* A file that could shrink, or is not memory, could make us fault. */
static bool is_window(int fd)
{
	struct stat status;
	struct statfs system;
	const int seals = fcntl(fd, F_GET_SEALS);
	/* Huge pages may be lacking when they are needed. */
	return seals >= 0 && seals & F_SEAL_SHRINK && !(seals & NOT_WRITABLE) &&
	       !fstat(fd, &status) && status.st_size == (off_t)WINDOW_SIZE &&
	       !fstatfs(fd, &system) && system.f_type == TMPFS_MAGIC;
}

static int map_window(struct function_slot *slot, int fd)
{
	if (!is_window(fd))
		return -EPROTO;
	void *view =
	    mmap(NULL, VIEW_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)VIEW_OFFSET);
	if (view == MAP_FAILED)
		return -errno;
	madvise(view, VIEW_SIZE, MADV_DONTFORK);
	if (slot->view)
		munmap(slot->view, VIEW_SIZE);
	slot->view = view;
	slot->window = slot->view + (WINDOW_REQUEST_OFFSET - VIEW_OFFSET);
	return 0;
}

/* ── what a monitor says of a slot ───────────────────────────────────────────────────────────── */

/* A message, while it is looked at. */
struct heard {
	struct mayfly_function *function;
	struct function_slot *slot;
	struct channel_message message;
	int descriptors[CHANNEL_PASSED_MAX];
	char text[CHANNEL_TEXT_MAX];
};

static void hear_ready(struct heard *heard)
{
	struct function_slot *slot = heard->slot;
	int result = slot->state == SLOT_OPENING && heard->descriptors[0] >= 0
			 ? map_window(slot, heard->descriptors[0])
			 : -EPROTO;
	if (result == -EPROTO) {
		monitor_distrust(heard->function, "a window that cannot be");
		return;
	}
	if (result) {
		struct error error;
		error_set_errno(&error, -result, "cannot map the window of a slot");
		monitor_give_up(heard->function, &error);
		return;
	}
	heard->function->opening_count--;
	if (slot->asked_ns)
		slot->opening_ns = clock_now_ns() - slot->asked_ns;
	slot->asked_ns = 0;
	expect_slots(heard->function);
	make_idle(heard->function, slot);
	slots_adjust(heard->function);
}

static void hear_prepared(struct heard *heard)
{
	struct mayfly_function *function = heard->function;
	struct function_slot *slot = heard->slot;
	if (function->state != FUNCTION_SETTING_UP || slot->state != SLOT_BUSY) {
		monitor_distrust(function, "it was prepared already");
		return;
	}
	if (!slot->entry) {
		slot->state = SLOT_OPENING;
		function->opening_count++;
	}
	monitor_note_prepared(function, &heard->message, heard->text);
	if (function->state == FUNCTION_READY)
		expect_slots(function);
}

/* The slot that serves the request of that name; NULL: it waits, or there is none. */
struct function_slot *slots_find(struct mayfly_function *function, uint64_t serial)
{
	size_t left = function->slot_count;
	for (unsigned i = 0; i < function->slots_described && left; i++) {
		struct function_slot *slot = function->slots[i];
		left -= slot ? 1 : 0;
		if (slot && slot->state == SLOT_BUSY && slot->entry &&
		    slot->entry->serial == serial)
			return slot;
	}
	return NULL;
}

/* Calls `respond` without the lock. The slot stays as it is meanwhile: only whoever drives the
 * function, which is this thread, changes a slot that is not idle. */
static int pass_response(struct heard *heard, uint64_t length)
{
	struct entry *entry = heard->slot->entry;
	const struct mayfly_request *request = &entry->request;
	const uint8_t *response = heard->slot->window + WINDOW_REQUEST_SIZE;
	entry->responded += length;
	if (!length || !request->respond || entry->unwanted || entry->cancelled)
		return 0;
	pthread_mutex_unlock(&heard->function->lock);
	int result = request->respond(request->context, response, length);
	pthread_mutex_lock(&heard->function->lock);
	if (result == MAYFLY_HOLD)
		return MAYFLY_HOLD;
	entry->unwanted = result != 0;
	return result ? -EPIPE : 0;
}

void slots_go_on(struct mayfly_function *function, struct function_slot *slot, int result)
{
	struct channel_message answer = {
	    .kind = CHANNEL_GO_ON, .serial = slot->entry->serial, .result = result};
	slot->entry->held = slot->entry->go_on = false;
	monitor_send(function, slot->socket, &answer, NULL, NULL, 0);
}

int mayfly_function_go_on(struct mayfly_function *function, uint64_t serial)
{
	int usable = function_check(function);
	if (usable)
		return usable;
	lock_scoped(&function->lock);
	struct function_slot *slot = slots_find(function, serial);
	if (!slot)
		return -ENOENT;
	if (slot->entry->held)
		slots_go_on(function, slot, 0);
	else
		slot->entry->go_on = true;
	loop_wake(function); /* where the message could not be sent */
	return 0;
}

/* How much of the response lies in the window. The monitor says so, and it may say anything. */
static bool is_response(const struct heard *heard)
{
	const struct entry *entry = heard->slot->entry;
	const uint64_t length = heard->message.length, limit = entry->request.response_limit;
	return length <= WINDOW_RESPONSE_SIZE && heard->slot->window &&
	       (!limit || (length <= limit && entry->responded <= limit - length));
}

static void hear_part(struct heard *heard)
{
	struct function_slot *slot = heard->slot;
	if (!is_response(heard) || slot->entry->held) {
		monitor_distrust(heard->function, "a response that cannot be");
		return;
	}
	slot->entry->go_on = false;
	requests_extend(slot->entry);
	const int result = pass_response(heard, heard->message.length);
	if (result != MAYFLY_HOLD)
		slots_go_on(heard->function, slot, result);
	else if (slot->entry->cancelled || slot->entry->go_on)
		slots_go_on(heard->function, slot, 0);
	else
		slot->entry->held = true;
}

static void hear_more(struct heard *heard)
{
	struct function_slot *slot = heard->slot;
	const struct entry *entry = slot->entry;
	if (!slot->window || entry->request.flags & MAYFLY_STREAMS || entry->feed != FEED_NONE)
		monitor_distrust(heard->function, "a request that has no more");
	else
		feed_hear_more(heard->function, slot);
}

static void fill_result(struct entry *entry, const struct channel_message *message)
{
	const struct channel_result *told = &message->outcome;
	struct mayfly_result *result = &entry->result;
	*result = (struct mayfly_result){
	    .outcome =
		told->outcome <= MAYFLY_LOST ? (enum mayfly_outcome)told->outcome : MAYFLY_LOST,
	    .status = told->status,
	    .first_status = told->first_status,
	    .clone_ns = told->clone_ns,
	    .run_ns = told->run_ns,
	    .reset_ns = told->reset_ns,
	    .pages = told->pages,
	    .ops = told->ops,
	    .op_ns = told->op_ns,
	    .repeated = told->repeated,
	    .private_bytes = told->private_bytes,
	    .shared_bytes = told->shared_bytes,
	    .served_before = told->served_before,
	    .machines = told->machines,
	    .figures = -1,
	};
	const bool stopped = result->outcome == MAYFLY_DEADLINE || result->outcome == MAYFLY_LOST;
	if (entry->cancelled && stopped)
		result->outcome = MAYFLY_CANCELLED;
}

/* The entry is told while the window still has the end of its response. */
static void hear_done(struct heard *heard)
{
	struct mayfly_function *function = heard->function;
	struct function_slot *slot = heard->slot;
	struct entry *entry = slot->entry;
	const bool by_streams = entry->request.flags & MAYFLY_STREAMS;
	if (!by_streams && !is_response(heard)) {
		monitor_distrust(function, "a response that cannot be");
		return;
	}
	fill_result(entry, &heard->message);
	entry->result.trace_cut = !!(heard->message.flags & CHANNEL_TRACE_CUT);
	requests_set_text(entry, heard->text);
	if (heard->message.flags & CHANNEL_FIGURES && entry->request.flags & MAYFLY_FIGURES)
		entry->result.figures = take_fd(&heard->descriptors[0]);
	slot->state = SLOT_DONE;
	function->running--;
	demand_note_served(function, slot,
			   entry->result.clone_ns + entry->result.run_ns + entry->result.reset_ns);
	if (by_streams)
		entry->responded = heard->message.outcome.responded;
	else
		pass_response(heard, heard->message.length);
	if (entry->unwanted && entry->result.outcome != MAYFLY_CANCELLED) {
		entry->result.outcome = MAYFLY_FAILED;
		entry->result.error = -EPIPE;
		requests_set_text(entry, "the response was not taken");
	}
	slot->entry = NULL;
	requests_finish(function, entry);
	if (function->state == FUNCTION_SETTING_UP) {
		monitor_ask_setup(function, slot);
		return;
	}
	if (heard->message.flags & CHANNEL_FREE && slot->window) {
		make_idle(function, slot);
		return;
	}
	slot->state = SLOT_OPENING;
	function->opening_count++;
	expect_slots(function);
}

/* The slot is lost; its monitor is not. */
static void hear_failed(struct heard *heard)
{
	struct mayfly_function *function = heard->function;
	struct function_slot *slot = heard->slot;
	struct entry *entry = slot->state == SLOT_BUSY ? slot->entry : NULL;
	const int32_t told = heard->message.result;
	struct error error;
	error_set(&error, told < 0 && told > -4096 ? -told : EIO, "%s", heard->text);
	const bool opening = slot->state == SLOT_OPENING;
	function->saving = heard->message.flags & CHANNEL_SAVING;
	if (entry) {
		slot->entry = NULL;
		function->running--;
		entry->result.reader_gone = !!(heard->message.flags & CHANNEL_READER_GONE);
		requests_fail(function, entry, &error);
	}
	close_slot(function, slot);
	/* If no more slots can be opened, those that there are have to do for a while. */
	if (opening && function->slot_count) {
		function->slots_possible = function->slot_count;
		function->retry_ns = clock_now_ns() + RETRY_NS;
	}
	if (function->state == FUNCTION_SETTING_UP || (opening && !function->slot_count))
		monitor_give_up(function, &error);
	else
		slots_adjust(function);
}

/* A request whose input does not come in time is done before the set-up has begun. One whose request
 * area is still ours is not done. */
static bool may_be_done(const struct heard *heard)
{
	const bool by_streams = heard->slot->entry->request.flags & MAYFLY_STREAMS;
	return (heard->function->state == FUNCTION_READY &&
		heard->slot->entry->feed == FEED_NONE) ||
	       (heard->function->state == FUNCTION_SETTING_UP && by_streams);
}

static void hear_message(struct heard *heard)
{
	struct function_slot *slot = heard->slot;
	/* What is still being copied has not been asked. */
	const bool busy = slot->state == SLOT_BUSY && slot->entry &&
			  (slot->entry->copy == ENTRY_AT_REST || slot->entry->feed == FEED_COPYING);
	switch (heard->message.kind) {
	case CHANNEL_READY:
		hear_ready(heard);
		return;
	case CHANNEL_PREPARED:
		hear_prepared(heard);
		return;
	case CHANNEL_FAILED:
		hear_failed(heard);
		return;
	case CHANNEL_LEARNED:
		if (!learned_keep(heard->function, heard->descriptors[0]))
			monitor_distrust(heard->function, "it learned what cannot be");
		return;
	default:
		break;
	}
	if (!busy || heard->message.serial != slot->entry->serial)
		monitor_distrust(heard->function, "an answer without a request");
	else if (heard->message.kind == CHANNEL_PART)
		hear_part(heard);
	else if (heard->message.kind == CHANNEL_MORE)
		hear_more(heard);
	else if (heard->message.kind == CHANNEL_ENOUGH)
		feed_hear_enough(heard->function, slot);
	else if (heard->message.kind == CHANNEL_DONE && may_be_done(heard))
		hear_done(heard);
	else
		monitor_distrust(heard->function, "a message that nobody knows");
}

void slots_hear(struct mayfly_function *function, unsigned number)
{
	struct heard heard;
	pthread_mutex_lock(&function->lock);
	struct function_slot *slot =
	    number < function->slots_described ? function->slots[number] : NULL;
	int result = -EAGAIN;
	if (slot)
		result = channel_receive(slot->socket, &heard.message, heard.descriptors,
					 heard.text, MSG_DONTWAIT);
	if (!result) {
		heard.function = function;
		heard.slot = slot;
		hear_message(&heard);
		channel_close_descriptors(heard.descriptors);
	} else if (result == -EPIPE) {
		loop_unwatch(function, slot->socket);
		slots_note_lost(function);
	} else if (result == -EPROTO) {
		monitor_distrust(function, "a message that is none");
	}
	pthread_mutex_unlock(&function->lock);
}

/* The thread of one slot: takes requests from its socket, and serves them one after the other; see
 * server.h. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "monitor/monitor_internal.h"
#include "monitor/server/repeat.h"
#include "monitor/server/server.h"
#include "monitor/server/streams.h"
#include "monitor/slot/slot.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"

/* A thread needs little stack: for reports, and the packets that carry them. */
#define STACK_SIZE (1UL << 20)

struct slot_server {
	struct server *server;
	uint32_t number;
	int socket;
	bool for_setup;
	struct slot *slot; /* NULL: not open */
	/* The request that is served. */
	struct channel_message request;
	struct request_result result;
	uint64_t left;	    /* of the response, in the window, when it is over */
	uint64_t responded; /* handed over before */
	bool window_known;  /* to the front */
	bool reader_gone;   /* nobody reads the output stream any more */
	bool saving;	    /* the snapshot is written, or that failed */
	uint64_t reset_ns;  /* of the request before */
	/* More of the request. */
	bool asked;			/* the request area is the front's */
	bool fed;			/* not any more: */
	struct channel_message portion; /* the last CHANNEL_FED */
};

/* ── what the front is told ──────────────────────────────────────────────────────────────────── */

static int tell(struct slot_server *self, struct channel_message *message, const char *text,
		int descriptor)
{
	message->slot = self->number;
	message->serial = self->request.serial;
	return channel_send(self->socket, message, text, &descriptor, descriptor >= 0 ? 1 : 0, 0);
}

/* A request is over. For a request that is served many times, it tells about all of them. */
static int tell_done(struct slot_server *self, bool free, const struct repeat *repeat)
{
	const struct request_result *result = &self->result;
	struct channel_message message = {
	    .kind = CHANNEL_DONE,
	    .flags = (free ? CHANNEL_FREE : 0) |
		     (trace_out_is_cut(&self->server->trace) ? CHANNEL_TRACE_CUT : 0),
	    .length = self->left,
	    .outcome =
		{
		    .outcome = (uint32_t)result->outcome,
		    .status = result->status,
		    .first_status = result->status,
		    .clone_ns = result->clone_ns,
		    .run_ns = result->run_ns,
		    .reset_ns = self->reset_ns,
		    .pages = (uint32_t)result->pages,
		    .ops = result->ops,
		    .op_ns = result->op_ns,
		    .responded = self->responded + self->left,
		    .repeated = 1,
		    .served_before = (uint32_t)result->served_before,
		},
	};
	if (repeat) {
		message.flags |= repeat->figures >= 0 ? CHANNEL_FIGURES : 0;
		message.outcome.first_status = repeat->first_status;
		message.outcome.repeated = repeat->count;
		message.outcome.machines = (uint32_t)repeat->machines;
		message.outcome.private_bytes = self->slot ? slot_private_bytes(self->slot) : 0;
		message.outcome.shared_bytes = monitor_shared_bytes(self->server->monitor);
	}
	return tell(self, &message, *result->report ? result->report : NULL,
		    repeat ? repeat->figures : -1);
}

/* ── a request by the window ─────────────────────────────────────────────────────────────────── */

/* Waits for the front's next word until that time. What it feeds is kept. */
static int await_word(struct slot_server *self, uint64_t until_ns, struct channel_message *message)
{
	int descriptors[CHANNEL_PASSED_MAX];
	int result = file_wait_ready(self->socket, POLLIN, until_ns);
	if (!result)
		result = channel_receive(self->socket, message, descriptors, NULL, 0);
	if (result)
		return result;
	channel_close_descriptors(descriptors);
	if (message->kind == CHANNEL_FED) {
		self->portion = *message;
		self->fed = message->result != -EAGAIN;
	} else if (message->kind != CHANNEL_GO_ON) {
		return -EPROTO;
	}
	return 0;
}

/* The front answers at once, if only that there is nothing yet. */
static int ask_for_more(struct slot_server *self)
{
	struct channel_message message = {.kind = CHANNEL_MORE};
	self->asked = true;
	self->fed = false;
	int result = tell(self, &message, NULL, -1);
	return result ? result : await_word(self, UINT64_MAX, &message);
}

static int refill(void *context, uint64_t until_ns, uint64_t *length, bool *complete)
{
	struct slot_server *self = context;
	struct channel_message message;
	int result = self->asked ? 0 : ask_for_more(self);
	if (!result && !self->fed)
		result = await_word(self, until_ns, &message);
	if (result)
		return result == -ETIMEDOUT ? -EAGAIN : result;
	self->asked = false;
	if (self->portion.result) {
		server_note_unwanted(self->server, self->number);
		return -EAGAIN;
	}
	*length =
	    self->portion.length < WINDOW_REQUEST_SIZE ? self->portion.length : WINDOW_REQUEST_SIZE;
	*complete = self->portion.flags & CHANNEL_FINAL;
	return 0;
}

/* Has the front give the request area back. */
static int settle(void *context)
{
	struct slot_server *self = context;
	struct channel_message message = {.kind = CHANNEL_ENOUGH};
	if (!self->asked || self->fed)
		return 0;
	int result = tell(self, &message, NULL, -1);
	while (!result && !self->fed)
		result = await_word(self, UINT64_MAX, &message);
	return result;
}

/* One that came too late for the request before this one is none. */
static bool is_go_on(const struct slot_server *self, const struct channel_message *message)
{
	return message->kind == CHANNEL_GO_ON && message->serial == self->request.serial;
}

/* The front takes a part before the next one overwrites it. */
static int hand_over(struct slot_server *self, uint64_t length, uint64_t deadline_ns)
{
	struct channel_message message = {.kind = CHANNEL_PART, .length = length};
	int result = tell(self, &message, NULL, -1);
	while (!result && !is_go_on(self, &message))
		result = await_word(self, deadline_ns, &message);
	if (!result)
		self->responded += length;
	return result ? result : message.result;
}

/* The set-up's output does not lie in the window yet. */
static int hand_over_from(struct slot_server *self, const uint8_t *data, size_t length,
			  uint64_t deadline_ns)
{
	int result = 0;
	while (length && !result) {
		const size_t part = length < WINDOW_RESPONSE_SIZE ? length : WINDOW_RESPONSE_SIZE;
		memcpy(self->slot->window.memory + WINDOW_RESPONSE_OFFSET, data, part);
		result = hand_over(self, part, deadline_ns);
		data += part;
		length -= part;
	}
	return result;
}

static int respond(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	struct slot_server *self = context;
	if (data != self->slot->window.memory + WINDOW_RESPONSE_OFFSET)
		return hand_over_from(self, data, length, deadline_ns);
	if (!self->slot->finishing)
		return hand_over(self, length, deadline_ns);
	self->left = length;
	return 0;
}

static void answered(void *context, bool free)
{
	struct slot_server *self = context;
	trace_out_finish(&self->server->trace, clock_now_ns() + MONITOR_DELIVERY_NS);
	/* If the window is not free now, a new one takes its place. */
	self->window_known = free;
	tell_done(self, free, NULL);
}

static void pass_trace(void *context, const char *line, size_t length, uint64_t deadline_ns)
{
	struct slot_server *self = context;
	trace_out_add(&self->server->trace, line, length, deadline_ns);
}

/* How long a request that is served now may take; 0 if it is too late. */
static uint64_t time_left(const struct channel_request *wanted)
{
	const uint64_t now_ns = clock_now_ns();
	if (!wanted->deadline_ns)
		return wanted->timeout_ns;
	if (now_ns >= wanted->deadline_ns)
		return 0;
	const uint64_t left_ns = wanted->deadline_ns - now_ns;
	return left_ns < wanted->timeout_ns ? left_ns : wanted->timeout_ns;
}

static int serve_by_window(struct slot_server *self, struct error *error)
{
	const struct channel_message *wanted = &self->request;
	struct trace_out *trace = &self->server->trace;
	const struct request request = {
	    .length = wanted->length < WINDOW_REQUEST_SIZE ? wanted->length : WINDOW_REQUEST_SIZE,
	    .variable_count = wanted->request.variable_count < GUEST_VARIABLES_MAX
				  ? (uint32_t)wanted->request.variable_count
				  : GUEST_VARIABLES_MAX,
	    .unbuffered = wanted->flags & CHANNEL_UNBUFFERED,
	    .fd = -1,
	    .refill = wanted->flags & CHANNEL_FINAL ? NULL : refill,
	    .settle = wanted->flags & CHANNEL_FINAL ? NULL : settle,
	    .timeout_ns = time_left(&wanted->request),
	    .lasts = wanted->request.lasts,
	    .response_limit = wanted->request.response_limit,
	    .log_limit = wanted->request.log_limit,
	    .respond = respond,
	    .log = streams_log,
	    .trace = trace->fd >= 0 ? pass_trace : NULL,
	    .answered = answered,
	    .unwanted = &self->server->cancelling[self->number].unwanted,
	    .signals = self->server->description.flags & DESCRIPTION_SIGNALS
			   ? &self->server->cancelling[self->number].signals
			   : NULL,
	    .context = self,
	};
	if (!self->slot)
		return error_set(error, EPROTO, "a request for a slot that is not open");
	int result = slot_serve(self->slot, &request, &self->result, error);
	self->reset_ns = self->result.reset_ns;
	return result;
}

/* ── a request by streams, and the set-up ────────────────────────────────────────────────────── */

static int drop_response(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	return 0;
}

/* Runs the set-up, and tells how it went. *finished: the program ended in it, and has answered the
 * request where that is one. */
static int prepare(struct slot_server *self, const struct request *request, bool *finished,
		   struct error *error)
{
	struct server *server = self->server;
	struct channel_message message = {.kind = CHANNEL_PREPARED,
					  .length = server->monitor->guest->variables_room};
	int result = monitor_prepare(server->monitor, request, finished, &self->result, error);
	if (!result && !*finished && server->description.flags & DESCRIPTION_SAVE) {
		self->saving = true;
		result = monitor_save(server->monitor, CHANNEL_SAVE, error);
	}
	if (result)
		return result;
	server_note_prepared(server);
	if (!*finished)
		message.flags |= CHANNEL_FROZEN;
	if (monitor_listens(server->monitor))
		message.flags |= CHANNEL_LISTENS;
	message.outcome.outcome = (uint32_t)self->result.outcome;
	message.outcome.status = self->result.status;
	return tell(self, &message, *finished && *self->result.report ? self->result.report : NULL,
		    -1);
}

static int serve_once(void *context, const struct request *request, struct request_result *result,
		      struct error *error)
{
	struct slot_server *self = context;
	struct monitor *monitor = self->server->monitor;
	bool finished = false;
	int code = 0;
	if (!server_is_prepared(self->server)) {
		struct request setup = *request;
		setup.timeout_ns = self->server->description.timeout_ns;
		code = prepare(self, &setup, &finished, error);
		*result = self->result;
		finished &= !monitor->fresh;
	}
	if (!code && !finished && !self->slot)
		code = slot_open(&self->slot, monitor, error);
	return code || finished ? code : slot_serve(self->slot, request, result, error);
}

static int serve_by_streams(struct slot_server *self, struct error *error)
{
	struct repeat repeat = {
	    .serve = serve_once,
	    .context = self,
	    .trace = &self->server->trace,
	    .wanted = &self->request,
	};
	int result = repeat_run(&repeat, &self->result, error);
	self->reader_gone = repeat.reader_gone;
	self->responded = repeat.responded;
	if (!result)
		result = tell_done(self, self->window_known, &repeat);
	repeat_release(&repeat);
	return result;
}

static int prepare_alone(struct slot_server *self, struct error *error)
{
	const struct description *description = &self->server->description;
	const struct request request = {
	    .data = "",
	    .fd = -1,
	    .timeout_ns = description->timeout_ns,
	    .log_limit = description->log_limit,
	    .response_limit = description->response_limit,
	    .respond = drop_response,
	    .log = streams_log,
	    .trace = self->server->trace.fd >= 0 ? pass_trace : NULL,
	    .context = self,
	};
	bool finished = false;
	int result = prepare(self, &request, &finished, error);
	trace_out_finish(&self->server->trace, clock_now_ns() + MONITOR_DELIVERY_NS);
	return result;
}

/* ── the thread ──────────────────────────────────────────────────────────────────────────────── */

/* Leaves an open slot of which the front knows the window. */
static int make_ready(struct slot_server *self, struct error *error)
{
	int result = 0;
	if (self->window_known || !server_is_prepared(self->server))
		return 0;
	if (!self->slot)
		result = slot_open(&self->slot, self->server->monitor, error);
	if (result)
		return result;
	self->window_known = true;
	struct channel_message message = {.kind = CHANNEL_READY};
	return tell(self, &message, NULL, self->slot->window.memfd);
}

static int serve(struct slot_server *self, struct error *error)
{
	const bool streams = self->request.flags & CHANNEL_STREAMS;
	self->left = self->responded = 0;
	self->asked = self->fed = false;
	server_note_request(self->server, self->number, self->request.serial);
	self->reader_gone = false;
	if (self->request.kind == CHANNEL_PREPARE && server_is_prepared(self->server)) {
		/* It runs a snapshot file. */
		struct channel_message message = {.kind = CHANNEL_PREPARED,
						  .flags = CHANNEL_FROZEN,
						  .length =
						      self->server->monitor->guest->variables_room};
		int result = tell(self, &message, NULL, -1);
		if (result || !streams)
			return result;
	}
	if (streams)
		return serve_by_streams(self, error);
	return self->request.kind == CHANNEL_PREPARE ? prepare_alone(self, error)
						     : serve_by_window(self, error);
}

/* The front keeps it for later monitors. */
static void tell_learned(struct slot_server *self)
{
	cleanup_close int fd = server_take_learned(self->server);
	struct channel_message message = {.kind = CHANNEL_LEARNED};
	if (fd >= 0)
		tell(self, &message, NULL, fd);
}

static void tell_failure(struct slot_server *self, int result, const struct error *error)
{
	struct channel_message message = {
	    .kind = CHANNEL_FAILED,
	    .flags =
		(self->reader_gone ? CHANNEL_READER_GONE : 0) | (self->saving ? CHANNEL_SAVING : 0),
	    .result = result,
	};
	tell(self, &message, error->text, -1);
}

/* Takes requests until the front has gone or the slot is lost. */
static void take_requests(struct slot_server *self)
{
	int descriptors[CHANNEL_PASSED_MAX];
	struct error error = {0};
	int result = self->for_setup ? 0 : make_ready(self, &error);
	while (!result) {
		if (channel_receive(self->socket, &self->request, descriptors, NULL, 0))
			return;
		channel_close_descriptors(descriptors);
		if (self->request.kind == CHANNEL_GO_ON)
			continue; /* for a request whose time was up */
		if (self->request.kind != CHANNEL_PREPARE && self->request.kind != CHANNEL_SERVE)
			return;
		result = serve(self, &error);
		if (!result)
			result = make_ready(self, &error);
		if (!result)
			tell_learned(self);
	}
	tell_failure(self, result, &error);
}

static void *run(void *context)
{
	struct slot_server *self = context;
	take_requests(self);
	slot_close(self->slot);
	close(self->socket);
	free(self);
	return NULL;
}

int slot_server_start(struct server *server, uint32_t number, int socket, bool for_setup)
{
	pthread_t thread;
	pthread_attr_t attributes;
	struct slot_server *self = calloc(1, sizeof(*self));
	if (!self)
		return -ENOMEM;
	*self = (struct slot_server){
	    .server = server, .number = number, .socket = socket, .for_setup = for_setup};
	int code = pthread_attr_init(&attributes);
	if (!code) {
		pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
		pthread_attr_setstacksize(&attributes, STACK_SIZE);
		code = pthread_create(&thread, &attributes, run, self);
		pthread_attr_destroy(&attributes);
	}
	if (code)
		free(self);
	return -code;
}

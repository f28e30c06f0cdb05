#include "functions/revision.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/log.h"

/* After failures in a row: how long nothing is started. */
#define RETRY_MIN_NS (100 * NANOSECONDS_PER_SECOND / 1000)
#define RETRY_MAX_NS (30 * NANOSECONDS_PER_SECOND)

/* How long a program may take until it reads. Its image was prepared, so that it is known to. */
#define SETUP_NS (60 * NANOSECONDS_PER_SECOND)

/* Variables that each request of the contract "stdio" may have (contracts/contract.h). */
#define VARIABLES_MAX 64

struct waiting {
	struct waiting *next;
	struct invocation *invocation;
};

struct revision {
	struct event_loop *loop;
	struct image_description description;
	struct revision_owner owner;
	uint64_t number;
	unsigned minimum;
	unsigned room; /* for variables of requests */

	enum revision_state state;
	struct mayfly_function *function; /* NULL: none */
	struct event_loop_watch *watch;
	bool over;	   /* the function is to be closed when its call backs have returned */
	bool start_wanted; /* when it has ended */
	bool retiring, rest_wanted;
	int log;     /* of the function; -1: none */
	int learned; /* what its monitors found out about its memory, for the next; -1: none */
	struct waiting *waiting; /* requests that came while it ended, the last one first */
	size_t in_flight;
	struct slots_policy policy;
	uint64_t used_ns; /* when the last request came or was done */
	uint64_t woken_ns, last_start_ns;
	uint64_t deaths;
	unsigned failures; /* in a row */
	uint64_t retry_ns;
	char failure[MAYFLY_ERROR_TEXT_MAX];
	struct event_loop_post gone;
};

static void start(struct revision *self);

/* ── the end of a function ───────────────────────────────────────────────────────────────────── */

static void finish_retiring(struct event_loop_post *post)
{
	struct revision *self = (struct revision *)((char *)post - offsetof(struct revision, gone));
	const struct revision_owner owner = self->owner;
	image_description_release(&self->description);
	if (self->learned >= 0)
		close(self->learned);
	owner.retired(owner.context, self);
	free(self);
}

static void fail(struct invocation *invocation, int code, const char *text)
{
	const struct mayfly_result result = {
	    .outcome = MAYFLY_FAILED, .error = -code, .text = text, .figures = -1};
	invocation->done(invocation, &result);
}

static int hand_over(struct revision *self, struct invocation *invocation, struct error *error);

/* Those that came while it ended, in their order. */
static void hand_over_waiting(struct revision *self)
{
	struct waiting *list = NULL;
	while (self->waiting) {
		struct waiting *first = self->waiting;
		self->waiting = first->next;
		first->next = list;
		list = first;
	}
	while (list) {
		struct waiting *next = list->next;
		struct error error;
		if (!self->function) {
			fail(list->invocation, EBUSY, self->failure);
		} else if (hand_over(self, list->invocation, &error)) {
			fail(list->invocation, error.code, error.text);
		}
		free(list);
		list = next;
	}
}

static void close_log(struct revision *self)
{
	if (self->log >= 0)
		close(self->log);
	self->log = -1;
}

static void close_function(struct revision *self)
{
	event_loop_unwatch(self->loop, self->watch);
	mayfly_function_close(self->function);
	close_log(self);
	self->watch = NULL;
	self->function = NULL;
	self->over = false;
	self->state = REVISION_ZERO;
	if (self->retiring && !self->waiting) {
		self->gone.call = finish_retiring;
		event_loop_post(self->loop, &self->gone);
		return;
	}
	if (self->start_wanted || self->waiting) {
		self->start_wanted = false;
		start(self);
		hand_over_waiting(self);
	}
}

static void end(struct revision *self)
{
	if (self->state == REVISION_ENDING)
		return;
	self->state = REVISION_ENDING;
	if (mayfly_function_stop(self->function))
		self->over = true;
}

/* ── events ──────────────────────────────────────────────────────────────────────────────────── */

static void note_ready(struct revision *self)
{
	self->state = REVISION_READY;
	self->failures = 0;
	self->failure[0] = 0;
	self->last_start_ns = clock_now_ns() - self->woken_ns;
	self->owner.started(self->owner.context, self, NULL);
}

static void note_failure(struct revision *self, const char *text)
{
	const bool started = self->state != REVISION_STARTING;
	snprintf(self->failure, sizeof(self->failure), "%s", text);
	if (started) {
		self->deaths++;
		return;
	}
	uint64_t pause_ns = RETRY_MIN_NS << (self->failures < 16 ? self->failures : 16);
	if (pause_ns > RETRY_MAX_NS)
		pause_ns = RETRY_MAX_NS;
	self->failures++;
	self->retry_ns = clock_now_ns() + pause_ns;
	self->owner.started(self->owner.context, self, self->failure);
}

static void hear_event(void *context, const struct mayfly_event *event)
{
	struct revision *self = context;
	switch (event->kind) {
	case MAYFLY_PREPARED:
	case MAYFLY_FINISHED:
		self->room = event->request_variables;
		if (self->state == REVISION_STARTING)
			note_ready(self);
		break;
	case MAYFLY_DOWN:
		if (self->state != REVISION_ENDING)
			note_failure(self, event->text);
		self->over = true;
		break;
	case MAYFLY_STOPPED:
		self->over = true;
		break;
	default:
		break;
	}
}

static void drive(void *context, uint32_t events)
{
	struct revision *self = context;
	mayfly_function_process(self->function);
	if (self->over)
		close_function(self);
	else if (self->retiring && !self->in_flight)
		end(self);
}

/* ── the start ───────────────────────────────────────────────────────────────────────────────── */

static int open_function(struct revision *self, struct error *error)
{
	const struct image_description *from = &self->description;
	struct image_devices devices;
	struct mayfly_description described;
	mayfly_description_init(&described, sizeof(described));
	described.program = from->program;
	described.root = from->root;
	described.isolation = from->isolation ? from->isolation : "auto";
	described.arguments = (const char *const *)from->arguments;
	described.environment = (const char *const *)from->environment;
	described.memory = from->memory;
	described.devices = image_devices(&devices, from->contract, from->port);
	described.setup_timeout_ns = SETUP_NS;
	described.warm_slots = self->minimum ? self->minimum : 1;
	described.slots =
	    from->maximum > described.warm_slots ? from->maximum : described.warm_slots;
	described.queue_limit = from->queue;
	described.request_variables = VARIABLES_MAX;
	described.cpus = from->cpus;
	described.reuse = from->reuse;
	described.log = self->log;
	described.learned = self->learned;
	described.files = self->owner.files;
	described.file_count = self->owner.file_count;
	described.log_level = LOG_ERROR;
	described.flags = (from->no_acceleration ? MAYFLY_NO_ACCELERATION : 0U) |
			  (from->fresh ? MAYFLY_FRESH : 0U);
	described.event = hear_event;
	described.context = self;
	return mayfly_function_open(&self->function, &described, (struct mayfly_error *)error);
}

static void start(struct revision *self)
{
	struct error error;
	self->woken_ns = clock_now_ns();
	self->policy = (struct slots_policy){.busy_s = self->policy.busy_s};
	self->log = self->owner.open_log(self->owner.context, self);
	if (self->learned < 0)
		self->learned = memfd_create("mayfly-learned", MFD_CLOEXEC);
	int result = open_function(self, &error);
	if (!result)
		result = event_loop_watch(self->loop, mayfly_function_fd(self->function), EPOLLIN,
					  drive, self, &self->watch, &error);
	if (!result)
		result = mayfly_function_start(self->function, (struct mayfly_error *)&error);
	self->state = REVISION_STARTING;
	if (!result)
		return;
	event_loop_unwatch(self->loop, self->watch);
	if (self->function)
		mayfly_function_close(self->function);
	close_log(self);
	self->function = NULL;
	self->watch = NULL;
	note_failure(self, error.text);
	self->state = REVISION_ZERO;
}

void revision_start(struct revision *self)
{
	if (self->state == REVISION_ZERO && clock_now_ns() >= self->retry_ns && !self->retiring)
		start(self);
	else if (self->state == REVISION_ENDING)
		self->start_wanted = true;
}

/* ── requests ────────────────────────────────────────────────────────────────────────────────── */

static int respond(void *context, const void *data, size_t length)
{
	struct invocation *invocation = context;
	return invocation->respond(invocation, data, length);
}

static void wanted(void *context, size_t room)
{
	struct invocation *invocation = context;
	if (invocation->wanted)
		invocation->wanted(invocation);
}

static void note_done(struct revision *self, const struct mayfly_result *result)
{
	self->in_flight--;
	self->used_ns = clock_now_ns();
	if (result->run_ns)
		slots_policy_leave(&self->policy,
				   result->clone_ns + result->run_ns + result->reset_ns);
}

static void done(void *context, const struct mayfly_result *result)
{
	struct invocation *invocation = context;
	note_done(invocation->revision, result);
	invocation->done(invocation, result);
}

static int hand_over(struct revision *self, struct invocation *invocation, struct error *error)
{
	struct mayfly_request request;
	mayfly_request_init(&request, sizeof(request));
	request.head = invocation->prefix;
	request.head_length = invocation->prefix_length;
	request.variables = self->room ? invocation->variables : NULL;
	request.flags = (invocation->unbuffered ? MAYFLY_UNBUFFERED : 0U) |
			(invocation->fed ? MAYFLY_FED : 0U) |
			(invocation->lasts ? MAYFLY_LASTING : 0U);
	request.wanted = wanted;
	request.data = invocation->body;
	request.length = invocation->body_length;
	request.timeout_ns = self->description.timeout_ns;
	request.deadline_ns = invocation->deadline_ns;
	request.response_limit = invocation->response_limit;
	request.respond = respond;
	request.done = done;
	request.context = invocation;
	self->in_flight++;
	int result = mayfly_function_submit(self->function, &request, &invocation->serial,
					    (struct mayfly_error *)error);
	if (result)
		self->in_flight--;
	return result;
}

static int keep_waiting(struct revision *self, struct invocation *invocation, struct error *error)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting));
	if (!waiting)
		return error_set(error, ENOMEM, "no memory for a request");
	*waiting = (struct waiting){.next = self->waiting, .invocation = invocation};
	self->waiting = waiting;
	return 0;
}

int revision_submit(struct revision *self, struct invocation *invocation, struct error *error)
{
	invocation->revision = self;
	invocation->serial = 0;
	self->used_ns = clock_now_ns();
	if (self->retiring)
		return error_set(error, ESHUTDOWN, "this revision has ended");
	self->rest_wanted = false;
	slots_policy_arrive(&self->policy);
	if (self->state == REVISION_ENDING || self->over)
		return keep_waiting(self, invocation, error);
	if (self->state == REVISION_ZERO) {
		if (self->used_ns >= self->retry_ns)
			start(self);
		if (!self->function)
			return error_set(error, EBUSY, "it does not start: %s", self->failure);
	}
	return hand_over(self, invocation, error);
}

int revision_feed(struct invocation *invocation, const void *data, size_t length, bool last,
		  size_t *taken)
{
	struct revision *self = invocation->revision;
	*taken = 0;
	if (!invocation->serial || !self->function)
		return -EAGAIN;
	return mayfly_function_feed(self->function, invocation->serial, data, length, last, taken);
}

void revision_go_on(struct invocation *invocation)
{
	if (invocation->revision->function)
		mayfly_function_go_on(invocation->revision->function, invocation->serial);
}

void revision_cancel(struct invocation *invocation)
{
	struct revision *self = invocation->revision;
	if (invocation->serial) {
		mayfly_function_cancel(self->function, invocation->serial);
		return;
	}
	for (struct waiting **link = &self->waiting; *link; link = &(*link)->next)
		if ((*link)->invocation == invocation) {
			struct waiting *found = *link;
			*link = found->next;
			free(found);
			fail(invocation, ECANCELED, "nobody waits for it");
			return;
		}
}

/* ── slots ───────────────────────────────────────────────────────────────────────────────────── */

void revision_set_minimum(struct revision *self, unsigned minimum)
{
	const unsigned maximum = self->description.maximum;
	self->minimum = minimum < maximum ? minimum : maximum;
	if (self->minimum)
		revision_start(self);
}

static bool may_end(const struct revision *self, uint64_t now_ns, bool pressed)
{
	if (self->minimum || self->in_flight || self->waiting)
		return false;
	if (self->rest_wanted)
		return true;
	if (!self->description.idle_ns)
		return false;
	const uint64_t idle_ns = pressed ? 2 * NANOSECONDS_PER_SECOND : self->description.idle_ns;
	return now_ns - self->used_ns >= idle_ns;
}

void revision_tick(struct revision *self, uint64_t now_ns, bool pressed)
{
	if (self->state == REVISION_ZERO && self->minimum)
		revision_start(self);
	if (self->state != REVISION_READY)
		return;
	if (may_end(self, now_ns, pressed)) {
		end(self);
		return;
	}
	const unsigned least = self->minimum ? self->minimum : 1;
	const unsigned maximum =
	    self->description.maximum > least ? self->description.maximum : least;
	unsigned warm = slots_policy_want(&self->policy, now_ns, least, maximum);
	if (pressed)
		warm = least;
	mayfly_function_set_slots(self->function, warm, maximum);
}

/* ── the whole ───────────────────────────────────────────────────────────────────────────────── */

int revision_open(struct revision **revision, struct event_loop *loop, uint64_t number,
		  struct image_description *description, const struct revision_owner *owner,
		  struct error *error)
{
	struct revision *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a function");
	*self = (struct revision){
	    .loop = loop,
	    .description = *description,
	    .owner = *owner,
	    .number = number,
	    .log = -1,
	    .learned = -1,
	    .room = VARIABLES_MAX,
	    .minimum = description->minimum,
	    .used_ns = clock_now_ns(),
	};
	*description = (struct image_description){0};
	*revision = self;
	return 0;
}

void revision_rest(struct revision *self)
{
	self->rest_wanted = true;
	if (self->state == REVISION_READY && may_end(self, 0, false))
		end(self);
}

void revision_retire(struct revision *self)
{
	self->retiring = true;
	if (self->function) {
		if (!self->in_flight && !self->waiting)
			end(self);
		return;
	}
	self->gone.call = finish_retiring;
	event_loop_post(self->loop, &self->gone);
}

void revision_figures(struct revision *self, struct revision_figures *figures)
{
	struct mayfly_statistics statistics = {.size = sizeof(statistics)};
	if (self->function)
		mayfly_function_statistics(self->function, &statistics);
	*figures = (struct revision_figures){
	    .state = self->state,
	    .number = self->number,
	    .slots_open = (unsigned)statistics.slots_open,
	    .slots_idle = (unsigned)statistics.slots_idle,
	    .waiting = statistics.waiting,
	    .deaths = self->deaths,
	    .last_start_ns = self->last_start_ns,
	    .monitor = statistics.monitor,
	    .isolation = self->function ? mayfly_function_isolation(self->function) : "",
	    .way = self->function ? mayfly_function_way(self->function) : "",
	    .failure = self->failure,
	};
}

const struct image_description *revision_description(const struct revision *self)
{
	return &self->description;
}

uint64_t revision_number(const struct revision *self)
{
	return self->number;
}

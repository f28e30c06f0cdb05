/* Taking asynchronous calls from the store when they are due, and keeping what became of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "calls/calls.h"
#include "calls/errand.h"
#include "calls/spans.h"
#include "util/clock.h"
#include "util/lock.h"
#include "util/log.h"

/* A call that was taken waits again after so long, whatever became of it. Longer than any request. */
#define LEASE_NS (3600 * NANOSECONDS_PER_SECOND)

/* How long calls are kept that are over, and how often it is looked. */
#define KEPT_NS (3600 * NANOSECONDS_PER_SECOND)
#define TRIM_NS (60 * NANOSECONDS_PER_SECOND)

#define PAUSE_MAX_NS (300 * NANOSECONDS_PER_SECOND)

uint64_t errand_retry_ns(unsigned attempts)
{
	uint16_t chance = 0;
	if (attempts >= ATTEMPTS_MAX)
		return 0;
	uint64_t pause_ns = NANOSECONDS_PER_SECOND << attempts;
	if (pause_ns > PAUSE_MAX_NS)
		pause_ns = PAUSE_MAX_NS;
	if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
		chance = 0;
	return clock_real_ns() + pause_ns - pause_ns / 2 * chance / UINT16_MAX;
}

/* ── how many of each function ───────────────────────────────────────────────────────────────── */

static struct busy_function **find_busy(struct calls *calls, const char *name_space,
					const char *name)
{
	struct busy_function **link = &calls->busy;
	while (*link && (strcmp((*link)->name, name) || strcmp((*link)->name_space, name_space)))
		link = &(*link)->next;
	return link;
}

/* In a background thread, within the store. */
static bool is_busy(void *context, const char *name_space, const char *name)
{
	struct calls *calls = context;
	lock_scoped(&calls->lock);
	const struct busy_function *busy = *find_busy(calls, name_space, name);
	return busy && busy->count >= ERRANDS_EACH_MAX;
}

static void add_busy(struct calls *calls, const char *name_space, const char *name)
{
	lock_scoped(&calls->lock);
	struct busy_function **link = find_busy(calls, name_space, name);
	if (!*link) {
		struct busy_function *busy = calloc(1, sizeof(*busy));
		if (!busy)
			return;
		busy->name_space = strdup(name_space);
		busy->name = strdup(name);
		if (!busy->name_space || !busy->name) {
			free(busy->name_space);
			free(busy->name);
			free(busy);
			return;
		}
		*link = busy;
	}
	(*link)->count++;
}

/* Whether the function was busy until now. */
static bool remove_busy(struct calls *calls, const char *name_space, const char *name)
{
	lock_scoped(&calls->lock);
	struct busy_function **link = find_busy(calls, name_space, name);
	struct busy_function *busy = *link;
	if (!busy)
		return false;
	const bool was_busy = busy->count >= ERRANDS_EACH_MAX;
	if (--busy->count)
		return was_busy;
	*link = busy->next;
	free(busy->name_space);
	free(busy->name);
	free(busy);
	return was_busy;
}

/* ── errands ─────────────────────────────────────────────────────────────────────────────────── */

static void take_more(struct calls *calls, struct errand_queue *queue);

/* There is one at that time, or may be. Whoever is looking into the store may have missed it. */
static void look_again(struct errand_queue *queue, uint64_t due_ns)
{
	if (due_ns < queue->next_ns)
		queue->next_ns = due_ns;
	if (due_ns < queue->changed_ns)
		queue->changed_ns = due_ns;
}

void errand_drop(struct errand *self)
{
	struct calls *calls = self->calls;
	if (self->call.id) {
		/* Its function is counted for both queues. */
		if (remove_busy(calls, self->call.name_space, self->call.name)) {
			look_again(&calls->waiting, 0);
			look_again(&calls->answered, 0);
		}
		self->queue->under_way--;
	}
	contract_request_release(&self->composed);
	store_call_release(&self->call);
	free(self->output);
	free(self);
	take_more(calls, &calls->waiting);
	take_more(calls, &calls->answered);
}

static void keep(struct background_job *job)
{
	struct errand *self = (struct errand *)job;
	struct error error;
	/* ENOENT: somebody has trimmed it. Anything else: it is run again after its lease. */
	int result = store_call_set(self->calls->supervisor->store, &self->call, &error);
	if (result && result != -ENOENT)
		log_error("asynchronous call %s: %s", self->call.id, error.text);
}

static void note_kept(struct background_job *job)
{
	struct errand *self = (struct errand *)job;
	struct calls *calls = self->calls;
	if (self->call.state == STORE_CALL_ANSWERED)
		look_again(&calls->answered, self->call.due_ns);
	if (self->call.state == STORE_CALL_WAITING)
		look_again(&calls->waiting, self->call.due_ns);
	errand_drop(self);
}

void errand_keep(struct errand *self)
{
	self->job = (struct background_job){.work = keep, .finished = note_kept};
	background_add(self->calls->supervisor->background, BACKGROUND_QUICK, &self->job);
}

/* ── taking ──────────────────────────────────────────────────────────────────────────────────── */

static void take(struct background_job *job)
{
	struct errand *self = (struct errand *)job;
	struct calls *calls = self->calls;
	const uint64_t now_ns = clock_real_ns();
	self->result =
	    store_call_take(calls->supervisor->store, self->queue->state, now_ns, now_ns + LEASE_NS,
			    is_busy, calls, &self->call, &self->next_ns, &self->error);
	/* Before the next one is looked for. */
	if (!self->result && self->call.id)
		add_busy(calls, self->call.name_space, self->call.name);
}

static void note_taken(struct background_job *job)
{
	struct errand *self = (struct errand *)job;
	struct calls *calls = self->calls;
	struct errand_queue *queue = self->queue;
	queue->taking = false;
	if (self->result) {
		log_error("asynchronous calls: %s", self->error.text);
		self->call.id = NULL;
		queue->next_ns = clock_real_ns() + NANOSECONDS_PER_SECOND;
	} else if (!self->call.id) {
		queue->next_ns =
		    self->next_ns < queue->changed_ns ? self->next_ns : queue->changed_ns;
	}
	if (!self->call.id) {
		free(self);
		take_more(calls, queue);
		return;
	}
	queue->under_way++;
	if (calls->supervisor->stopping) {
		errand_drop(self);
		return;
	}
	queue->begin(self);
	take_more(calls, queue);
}

static void take_more(struct calls *calls, struct errand_queue *queue)
{
	struct supervisor *supervisor = calls->supervisor;
	if (queue->taking || queue->under_way >= ERRANDS_MAX || supervisor->stopping ||
	    queue->next_ns > clock_real_ns())
		return;
	struct errand *self = calloc(1, sizeof(*self));
	if (!self)
		return;
	queue->taking = true;
	queue->changed_ns = UINT64_MAX;
	*self = (struct errand){
	    .job = {.work = take, .finished = note_taken}, .calls = calls, .queue = queue};
	background_add(supervisor->background, BACKGROUND_QUICK, &self->job);
}

void calls_note_new(struct supervisor *supervisor)
{
	look_again(&supervisor->calls->waiting, 0);
	take_more(supervisor->calls, &supervisor->calls->waiting);
}

/* ── the whole ───────────────────────────────────────────────────────────────────────────────── */

struct trimming {
	struct background_job job;
	struct store *store;
};

static void trim(struct background_job *job)
{
	struct trimming *self = (struct trimming *)job;
	store_calls_trim(self->store, clock_real_ns() - KEPT_NS, NULL);
}

static void note_trimmed(struct background_job *job)
{
	free(job);
}

void calls_tick(struct supervisor *supervisor, uint64_t now_ns)
{
	struct calls *calls = supervisor->calls;
	take_more(calls, &calls->waiting);
	take_more(calls, &calls->answered);
	if (now_ns - calls->trimmed_ns < TRIM_NS || supervisor->stopping)
		return;
	struct trimming *trimming = calloc(1, sizeof(*trimming));
	if (!trimming)
		return;
	calls->trimmed_ns = now_ns;
	*trimming = (struct trimming){.job = {.work = trim, .finished = note_trimmed},
				      .store = supervisor->store};
	background_add(supervisor->background, BACKGROUND_QUICK, &trimming->job);
}

void calls_post_spans(struct supervisor *supervisor)
{
	if (!supervisor->stopping)
		spans_post(supervisor->spans, supervisor->calls->courier);
}

int calls_open(struct supervisor *supervisor, struct error *error)
{
	struct calls *calls = calloc(1, sizeof(*calls));
	if (!calls)
		return error_set(error, ENOMEM, "no memory for asynchronous calls");
	const struct courier_settings settings = {
	    .reach = supervisor->settings->callbacks_reach,
	};
	*calls = (struct calls){
	    .supervisor = supervisor,
	    .waiting = {.state = STORE_CALL_WAITING, .begin = errand_run},
	    .answered = {.state = STORE_CALL_ANSWERED, .begin = errand_tell},
	};
	pthread_mutex_init(&calls->lock, NULL);
	supervisor->calls = calls;
	return courier_start(&calls->courier, &settings, error);
}

void calls_stop(struct supervisor *supervisor)
{
	supervisor->stopping = true;
	if (supervisor->calls && supervisor->calls->courier)
		courier_stop(supervisor->calls->courier);
}

void calls_close(struct supervisor *supervisor)
{
	struct calls *calls = supervisor->calls;
	if (!calls)
		return;
	while (calls->busy) {
		struct busy_function *next = calls->busy->next;
		free(calls->busy->name_space);
		free(calls->busy->name);
		free(calls->busy);
		calls->busy = next;
	}
	pthread_mutex_destroy(&calls->lock);
	free(calls);
	supervisor->calls = NULL;
}

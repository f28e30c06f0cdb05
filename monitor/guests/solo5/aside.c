/* Hypercalls that are served while the machine runs.
 *
 * An exit costs 20 µs under PVM, much more than most calls. So a guest that makes many of them puts them
 * into a box in its memory (isolation/call_box.h), where a thread of the slot's, the server, finds them.
 * It serves them by solo5_hypercall(), as an exit would be, with the same checks. What it should not do,
 * because it takes long or ends something, it declines (solo5_aside_declines()), and the guest comes
 * out with it. So does a guest that has waited for a while.
 *
 * The server looks at the box only for a short time after each call, and then sleeps. It is woken where
 * calls come fast. Where the guest has waited in vain, as on a host with more work than processors, it is
 * left asleep for a while, longer each time.
 *
 * Slot and machine are the server's while it serves, and it serves only while the guest runs: that is
 * taken in turns. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "monitor/guests/solo5/solo5.h"
#include "monitor/guests/solo5/tables.h"
#include "monitor/isolation/call_box.h"
#include "util/clock.h"

#define STACK_SIZE (256UL << 10)

/* So long the guest waits for an answer, a bit longer than the server for a frame. */
#define PATIENCE_NS 50000UL

/* And so long the server for the next call. */
#define IDLE_NS 30000UL

/* Calls are fast where that many exits follow each other within this time. To make the thread takes as
 * long as some exits, which a guest that says a few lines and ends would not win back. */
#define FAST	   3
#define FAST_FIRST 32
#define FAST_NS	   200000UL

/* Where the server had no processor for that long when it wanted one, or none when the guest waited for
 * it, the guest does without it: for four times as long each time, and for the shortest time again after
 * so many calls that went well. */
#define LATE_NS	       100000UL
#define WITHOUT_NS     2000000UL
#define WITHOUT_NS_MAX (512 * WITHOUT_NS)
#define WELL	       4096

/* The same for frames that did not come while the server waited: so many POLLs are made outside, and all
 * of them short, before it waits again. */
#define POLLS	  8
#define POLLS_MAX 1024

/* What the server's last call came to, where that is not that the guest goes on. */
struct aside_outcome {
	bool is_there;
	int result;
	enum guest_next next;
	struct error error;
};

struct solo5_aside {
	struct slot *slot;
	struct call_box *box; /* of the guest's memory; changed while the server sleeps */
	pthread_t thread;
	bool started, cannot_start;
	/* Of the slot and its machine: taken by the slot's thread but while the guest runs. Not a mutex,
	 * as the slot may go from thread to thread meanwhile. */
	sem_t turn;
	/* Whoever has the turn. */
	bool serves, declined;
	uint32_t served;
	uint32_t polls_outside, polls_penalty; /* so many to come, and how many there were last */
	struct aside_outcome outcome;
	/* The slot's thread alone. */
	uint64_t last_ns, without_until_ns, without_ns;
	uint32_t fast, served_before;
	/* Whether the server is to be awake, and is. Both change under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	atomic_bool wanted;
	atomic_bool late; /* the server had to wait for a processor */
	uint64_t woken_ns;
	bool awake, ending;
	bool stays; /* awake, whatever the clock says */
};

/* ── the server ──────────────────────────────────────────────────────────────────────────────── */

static enum call_box_state serve(struct solo5_aside *self, struct call_box_call call)
{
	struct error error = {0};
	enum guest_next next = GUEST_CONTINUES;
	if (self->outcome.is_there || call.port <= SOLO5_PORT ||
	    call.port >= SOLO5_PORT + SOLO5_HALT)
		return CALL_BOX_REFUSED;
	self->serves = true;
	self->declined = false;
	int result = solo5_hypercall(self->slot, call.port - SOLO5_PORT, call.value, &next, &error);
	self->serves = false;
	if (self->declined)
		return CALL_BOX_REFUSED;
	if (!result && next == GUEST_CONTINUES) {
		self->served++;
		return CALL_BOX_ANSWERED;
	}
	/* The guest's next exit is the last one. */
	self->outcome = (struct aside_outcome){
	    .is_there = true, .result = result, .next = next, .error = error};
	return CALL_BOX_REFUSED;
}

/* Serves the call that the guest has posted. False: the guest has come out, and is served there. */
static bool take(struct solo5_aside *self)
{
	struct call_box *box = self->box;
	if (sem_trywait(&self->turn))
		return false;
	if (atomic_load(&box->state) == CALL_BOX_POSTED)
		atomic_store(&box->state, serve(self, call_box_look(box)));
	sem_post(&self->turn);
	return true;
}

/* Looks at the box until it is not wanted any more, there was nothing for a while, or others want the
 * processor: that shows in the time between two looks. */
static void watch(struct solo5_aside *self)
{
	struct call_box *box = self->box;
	uint64_t served_ns = clock_now_ns(), looked_ns = self->woken_ns;
	atomic_store(&box->awake, 1);
	while (atomic_load(&self->wanted)) {
		const uint64_t now_ns = clock_now_ns();
		if (now_ns - looked_ns > LATE_NS && !self->stays) {
			atomic_store(&self->late, true);
			break;
		}
		looked_ns = now_ns;
		if (atomic_load(&box->state) == CALL_BOX_POSTED && take(self)) {
			looked_ns = served_ns = clock_now_ns();
		} else if (now_ns - served_ns > IDLE_NS && !self->stays) {
			break;
		} else {
			__builtin_ia32_pause();
		}
	}
	atomic_store(&box->awake, 0);
}

static void *run(void *context)
{
	struct solo5_aside *self = context;
	pthread_mutex_lock(&self->lock);
	while (!self->ending) {
		if (!atomic_load(&self->wanted)) {
			pthread_cond_wait(&self->changed, &self->lock);
			continue;
		}
		self->awake = true;
		pthread_mutex_unlock(&self->lock);
		watch(self);
		pthread_mutex_lock(&self->lock);
		self->awake = false;
		atomic_store(&self->wanted, false);
		pthread_cond_broadcast(&self->changed);
	}
	pthread_mutex_unlock(&self->lock);
	return NULL;
}

bool solo5_aside_serves(const struct solo5_aside *self)
{
	return self->serves;
}

bool solo5_aside_may_wait(const struct solo5_aside *self)
{
	return !self->polls_outside;
}

bool solo5_aside_declines(struct solo5_aside *self)
{
	self->declined = self->serves;
	return self->serves;
}

/* ── making, waking, and sending to sleep ────────────────────────────────────────────────────── */

struct solo5_aside *solo5_aside_create(struct slot *slot)
{
	struct solo5_aside *self = calloc(1, sizeof(*self));
	if (!self)
		return NULL;
	self->slot = slot;
	sem_init(&self->turn, 0, 0);
	pthread_mutex_init(&self->lock, NULL);
	pthread_cond_init(&self->changed, NULL);
	return self;
}

void solo5_aside_retire(struct solo5_aside *self)
{
	self->fast = 0;
	self->last_ns = 0;
	self->outcome.is_there = false;
	if (!self->started)
		return;
	pthread_mutex_lock(&self->lock);
	atomic_store(&self->wanted, false);
	while (self->awake)
		pthread_cond_wait(&self->changed, &self->lock);
	self->box = NULL;
	pthread_mutex_unlock(&self->lock);
}

void solo5_aside_release(struct solo5_aside *self)
{
	if (!self)
		return;
	if (self->started) {
		pthread_mutex_lock(&self->lock);
		self->ending = true;
		atomic_store(&self->wanted, false);
		pthread_cond_broadcast(&self->changed);
		pthread_mutex_unlock(&self->lock);
		pthread_join(self->thread, NULL);
	}
	pthread_cond_destroy(&self->changed);
	pthread_mutex_destroy(&self->lock);
	sem_destroy(&self->turn);
	free(self);
}

void solo5_aside_stay(struct solo5_aside *self)
{
	self->stays = true;
}

uint32_t solo5_aside_served(const struct solo5_aside *self)
{
	return self->served;
}

static void begin_turn(void *context)
{
	struct solo5_aside *self = context;
	sem_post(&self->turn);
}

static void end_turn(void *context)
{
	struct solo5_aside *self = context;
	while (sem_wait(&self->turn) && errno == EINTR)
		;
}

/* With all signals blocked: they are for the slot's thread, as its deadline is. */
static int start(struct solo5_aside *self)
{
	sigset_t all, before;
	pthread_attr_t attributes;
	int code = pthread_attr_init(&attributes);
	if (code)
		return code;
	sigfillset(&all);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = pthread_create(&self->thread, &attributes, run, self);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return code;
}

/* The box of the guest as it is now; NULL where none of its instructions uses it. */
static struct call_box *find_box(const struct slot *slot)
{
	const struct isolation *isolation = slot->machine->isolation;
	const uint64_t ticks = isolation->counter_hz(slot->machine) / 1000000 * PATIENCE_NS / 1000;
	struct call_box *box = (struct call_box *)isolation->memory(
	    slot->machine, SOLO5_CALLS_ADDRESS, sizeof(struct call_box));
	if (!box || !box->stub_count || !ticks || ticks > UINT32_MAX)
		return NULL;
	atomic_store(&box->patience, (uint32_t)ticks);
	return box;
}

static void wake(struct solo5_aside *self)
{
	struct call_box *box = self->cannot_start ? NULL : find_box(self->slot);
	if (!box)
		return;
	if (!self->started) {
		self->cannot_start = start(self) != 0;
		self->started = !self->cannot_start;
		if (self->cannot_start)
			return;
		self->slot->machine->aside = (struct machine_aside){
		    .begin = begin_turn, .end = end_turn, .context = self, .wanted = true};
	}
	pthread_mutex_lock(&self->lock);
	if (!self->awake && !atomic_load(&self->wanted)) {
		self->box = box;
		self->woken_ns = clock_now_ns();
		atomic_store(&self->wanted, true);
		pthread_cond_broadcast(&self->changed);
	}
	pthread_mutex_unlock(&self->lock);
}

/* ── what comes out ──────────────────────────────────────────────────────────────────────────── */

/* The server has no processor when it is to have one. */
static void do_without(struct solo5_aside *self)
{
	if (self->stays)
		return;
	const bool went_well = self->served - self->served_before > WELL;
	self->served_before = self->served;
	self->without_ns = went_well || !self->without_ns ? WITHOUT_NS : self->without_ns * 4;
	if (self->without_ns > WITHOUT_NS_MAX)
		self->without_ns = WITHOUT_NS_MAX;
	self->without_until_ns = clock_now_ns() + self->without_ns;
	atomic_store(&self->wanted, false);
}

bool solo5_aside_settle(struct solo5_aside *self, uint32_t call, uint32_t address, int *result,
			enum guest_next *next, struct error *error)
{
	if (!self->started)
		return false;
	struct aside_outcome *outcome = &self->outcome;
	if (outcome->is_there) {
		*result = outcome->result;
		*next = outcome->next;
		if (outcome->result && error)
			*error = outcome->error;
		outcome->is_there = false;
		return true;
	}
	if (!call || !self->box)
		return false;
	const struct call_box_call posted = call_box_look(self->box);
	const uint32_t state = atomic_load(&self->box->state);
	atomic_store(&self->box->state, CALL_BOX_EMPTY);
	if (state == CALL_BOX_POSTED)
		do_without(self);
	if (state != CALL_BOX_ANSWERED || posted.port != SOLO5_PORT + call ||
	    posted.value != address)
		return false;
	*result = 0;
	*next = GUEST_CONTINUES;
	return true;
}

void solo5_aside_consider(struct solo5_aside *self)
{
	const uint64_t now_ns = clock_now_ns();
	self->fast = now_ns - self->last_ns < FAST_NS ? self->fast + 1 : 0;
	self->last_ns = now_ns;
	if (atomic_exchange(&self->late, false))
		do_without(self);
	const uint32_t fast = self->started ? FAST : FAST_FIRST;
	const bool pays = self->stays || (self->fast >= fast && now_ns >= self->without_until_ns);
	/* What the set-up does to the guest's code, its clones have. */
	if (pays || self->slot->setup)
		self->slot->machine->aside.wanted = true;
	if (pays && !self->slot->setup)
		wake(self);
}

void solo5_aside_polled(struct solo5_aside *self, uint64_t took_ns)
{
	const bool is_short = took_ns < PATIENCE_NS;
	if (self->serves && is_short) {
		self->polls_penalty -= self->polls_penalty > 0;
	} else if (self->serves) {
		self->polls_penalty = self->polls_penalty < POLLS ? POLLS : self->polls_penalty * 2;
		if (self->polls_penalty > POLLS_MAX)
			self->polls_penalty = POLLS_MAX;
		self->polls_outside = self->polls_penalty;
	} else if (self->polls_outside) {
		self->polls_outside = is_short ? self->polls_outside - 1 : self->polls_penalty;
	}
}

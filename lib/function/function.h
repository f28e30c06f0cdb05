/* What the files of libmayfly know of a function. include/mayfly/function.h is what others know.
 *
 * `lock` guards all of it. Calls back are made without it: what is to be told is put on a list, and
 * whoever drives the function delivers it (loop.c). Functions whose comment says nothing else are
 * called with the lock held.
 */
#ifndef MAYFLY_FUNCTION_INTERNAL_H
#define MAYFLY_FUNCTION_INTERNAL_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accel_client/accel_dial.h"
#include "channel/channel.h"
#include "confine/cgroup.h"
#include "mayfly/function.h"
#include "root_server/launcher.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/spawn.h"

/* Whoever hands an entry over copies the request into the window without the lock, and its end may
 * come meanwhile: then the entry is told when it has been copied. */
enum entry_copy {
	ENTRY_AT_REST,
	ENTRY_COPYING,
	ENTRY_ENDED, /* meanwhile */
};

/* How long the structures of fronts were in the first version: one that was built against it says
 * so, and what came later is then as its initialiser leaves it. */
#define DESCRIPTION_SIZE_FIRST (offsetof(struct mayfly_description, context) + sizeof(void *))
#define REQUEST_SIZE_FIRST     (offsetof(struct mayfly_request, context) + sizeof(void *))

/* How long beyond its time a set-up or a request may be under way before its monitor is taken for
 * dead: the monitor has half a second to deliver the end of a response, and machines may be busy. */
#define PATIENCE_NS (5 * NANOSECONDS_PER_SECOND)

/* Of a set-up or a request: 7 days. */
#define TIMEOUT_MAX_NS (7ULL * 86400 * NANOSECONDS_PER_SECOND)

/* How many devices may be descriptors of the caller's. */
#define DEVICES_PASSED_MAX 7

/* What becomes of a request that is fed. */
enum entry_feed {
	FEED_NONE,    /* the request area is the monitor's */
	FEED_WANTED,  /* it is ours */
	FEED_COPYING, /* and somebody copies into it without the lock */
};

/* A request that was accepted. */
struct entry {
	struct entry *next; /* in the queue, or of those to be told */
	struct mayfly_request request;
	uint64_t serial;
	uint64_t submitted_ns, dispatched_ns;
	uint64_t late_ns; /* when a monitor that says nothing is taken for dead */
	unsigned excuses; /* as of the function */
	size_t sent;	  /* of request.head and request.data */
	uint64_t responded;
	_Atomic(enum entry_copy) copy;
	enum entry_feed feed;
	bool asking;   /* `wanted` is being called: what is fed is gathered until it returns */
	size_t filled; /* bytes gathered in the request area */
	bool fed_all;  /* nothing follows what was fed */
	uint32_t variable_count;
	bool cancelled;
	bool unwanted; /* the response is not: `respond` said so */
	bool held;     /* the monitor waits for CHANNEL_GO_ON until mayfly_function_go_on() */
	bool go_on;    /* that was called before `respond` returned */
	struct mayfly_result result;
	char *text; /* NULL: there is nothing to say */
};

enum slot_state {
	SLOT_OPENING, /* no window yet, or a new one is on its way */
	SLOT_IDLE,
	SLOT_BUSY, /* `entry` is with the monitor */
	SLOT_DONE, /* its entry is being told */
};

struct function_slot {
	unsigned number;
	unsigned references; /* the function's, and of those who use the window without the lock */
	int socket;
	enum slot_state state;
	bool free;	 /* while `done` is called: the monitor waits for the next request */
	uint8_t *view;	 /* of the window, from the variables to the response; NULL: none yet */
	uint8_t *window; /* request and response area in it */
	struct entry *entry;
	uint64_t idle_since_ns;
	uint64_t asked_ns;   /* when it was to open; 0: it did something else first */
	uint64_t opening_ns; /* how long that took */
	bool served;	     /* a request */
};

/* What the number of slots is decided by: means that follow the last few. */
struct demand {
	/* What a new slot takes: until it is ready, and has served a request. That first one takes
	 * longer than others, because the slot's memory is not there yet. */
	uint64_t open_ns;
	uint64_t serve_ns; /* what a request takes after that; 0: not known yet */
	/* For how long requests have waited, however many at a time. */
	uint64_t waited_ns, window_ns;
	uint64_t waiting_since_ns; /* some do, and are not counted since then; 0: none */
	unsigned at_once;	   /* how many slots may open at a time: one for each processor */
};

enum function_state {
	FUNCTION_CLOSED,    /* never started, stopped, or down */
	FUNCTION_WANTED,    /* to be started by whoever drives it */
	FUNCTION_OPENING,   /* the monitor opens what it needs */
	FUNCTION_CONFINING, /* and gives up its rights */
	FUNCTION_SETTING_UP,
	FUNCTION_READY,
	FUNCTION_ENDING, /* its processes were killed, but have not ended yet */
};

struct told_event {
	struct told_event *next;
	struct mayfly_event event;
	char text[MAYFLY_ERROR_TEXT_MAX];
};

struct mayfly_function {
	uint8_t *ours; /* not 0 in the process that opened it */
	pthread_mutex_t lock;
	pthread_mutex_t driving; /* held by whoever is in mayfly_function_process() */
	pthread_t thread;	 /* where `own_thread` */
	bool own_thread, closing;
	sigset_t blocked; /* signals that the thread that opened it blocked */

	/* As described. */
	int description; /* a memory file for the monitor */
	char *root, *cgroup;
	uint64_t cpus;
	uint64_t open_timeout_ns, setup_timeout_ns;
	size_t queue_limit;
	unsigned variables_room; /* of a request; the most there may be until it is prepared */
	unsigned slots_described, slots_wanted, slots_warm;
	int streams[3], trace, save, learned, log_level;
	int passed[DEVICES_PASSED_MAX]; /* descriptors of devices: the monitor's last ones */
	size_t passed_count;
	unsigned flags;
	void (*event)(void *context, const struct mayfly_event *event);
	void *context;

	int epoll, wake, timer;
	uint64_t armed_ns; /* when the timer fires; UINT64_MAX: never */
	/* When a monitor that is setting up, or has lost a slot, is taken for dead; UINT64_MAX:
	 * never. */
	uint64_t late_ns;
	unsigned excuses; /* how often that was put off */

	enum function_state state;
	bool lost;	   /* the monitor has closed a socket */
	bool has_learned;  /* and said so */
	int send_result;   /* why a message could not be sent to it; 0: all were */
	bool saving;	   /* it failed to write its snapshot */
	bool start_wanted; /* when it has ended */
	bool stop_wanted;  /* by mayfly_function_stop(), for whoever drives it */
	bool draining, stopping, drain_told;
	struct spawn_process opener, monitor; /* mayfly-monitor before and after it is confined */
	pid_t opener_group;		      /* a process group of the opener's own; 0: none */
	bool follows;			      /* it ends with the thread that started it */
	int control, broker;		      /* sockets; -1: none */
	/* Makes room for the monitor's pidfd, without which nobody could end it or wait for it. */
	int spare;
	const char *isolation, *way; /* NULL: not known yet */
	struct confine_cgroup group;
	struct root_launcher launcher;
	struct root_parts parts; /* of the root: lists of our own */
	char *accelerator;	 /* the socket of a host that is never started; NULL: the user's */
	bool has_root_directory;
	struct accel_dial dial;
	char *vsock; /* path of its guest's vsock; NULL: it has none */
	bool dialing;
	int dialed;	    /* a descriptor that is polled for the dial; -1: none */
	uint64_t rested_ns; /* when the broker listens again; 0: it does */

	struct function_slot **slots, **idle; /* `slots_described` of each */
	size_t idle_count, slot_count, opening_count;
	size_t fresh_count; /* that have not served a request */
	/* Where one could not be opened: how many there may be until retry_ns. */
	size_t slots_possible;
	uint64_t retry_ns;
	struct demand demand;

	struct entry *queue, **queue_end;
	size_t queue_length, running;
	uint64_t taken_ns;		/* when the last one got a slot */
	struct entry *told, **told_end; /* done, to be told */
	struct told_event *events, **events_end;
	uint64_t next_serial;
	struct mayfly_statistics statistics;
};

/* Nobody else may use it: a child made by fork(2) has a copy. Without the lock. */
static inline bool function_is_ours(const struct mayfly_function *function)
{
	return *function->ours;
}

/* 0 where the caller may use it; a negative errno. Without the lock. */
static inline int function_check(const struct mayfly_function *function)
{
	if (!function)
		return -EINVAL;
	return function_is_ours(function) ? 0 : -EPERM;
}

/* ── loop.c ──────────────────────────────────────────────────────────────────────────────────── */

/* What a descriptor in the epoll set is: in the upper half of its data, the slot in the lower. */
enum source {
	SOURCE_WAKE,
	SOURCE_TIMER,
	SOURCE_CONTROL,
	SOURCE_BROKER,
	SOURCE_OPENER,
	SOURCE_MONITOR,
	SOURCE_DIAL,
	SOURCE_SLOT,
};

int loop_open(struct mayfly_function *function, struct error *error);
void loop_close(struct mayfly_function *function);
int loop_watch(struct mayfly_function *function, int fd, enum source source, unsigned slot);
void loop_unwatch(struct mayfly_function *function, int fd);

/* Wakes whoever drives the function. */
void loop_wake(struct mayfly_function *function);

/* Wakes it at that time (CLOCK_MONOTONIC), or earlier. */
void loop_wake_at(struct mayfly_function *function, uint64_t moment_ns);

/* Waits so many milliseconds at most, -1: for ever, and does what there is. Without the lock. */
void loop_run(struct mayfly_function *function, int timeout_ms);

/* ── monitor.c: the life of the monitor's process ────────────────────────────────────────────── */

void monitor_start(struct mayfly_function *function);
void monitor_hear_control(struct mayfly_function *function);
void monitor_hear_end(struct mayfly_function *function);

/* The set-up is over. */
void monitor_note_prepared(struct mayfly_function *function, const struct channel_message *message,
			   const char *text);

/* Kills what runs; all requests fail with this. */
void monitor_give_up(struct mayfly_function *function, const struct error *reason);

/* As mayfly_function_stop() wants. */
void monitor_stop(struct mayfly_function *function);

/* Ends a monitor that broke the protocol. */
void monitor_distrust(struct mayfly_function *function, const char *what);

/* Has an open slot do the set-up. */
void monitor_ask_setup(struct mayfly_function *function, struct function_slot *slot);

/* Sends a message. The monitor would wait for one that is lost, so then it is given up as soon as
 * the loop comes to monitor_check_sent(). A monitor that has gone, or does not read, is noticed
 * elsewhere. */
void monitor_send(struct mayfly_function *function, int socket, struct channel_message *message,
		  const char *text, const int *descriptors, size_t count);

/* The same for a message that was sent, or not, with `result`. */
void monitor_note_sent(struct mayfly_function *function, int result);
void monitor_check_sent(struct mayfly_function *function);

/* Waits for all its processes. Without the lock. */
void monitor_await_end(struct mayfly_function *function);

/* Has an event told, and returns it, for more to be said in it; `text` may be NULL. NULL where there
 * is no memory: then it is lost. */
struct mayfly_event *event_add(struct mayfly_function *function, enum mayfly_event_kind kind,
			       int error, const char *text);

/* ── broker.c: what the monitor asks for ─────────────────────────────────────────────────────── */

void broker_hear(struct mayfly_function *function);
void broker_go_on(struct mayfly_function *function);
void broker_close(struct mayfly_function *function);

/* ── slots.c ─────────────────────────────────────────────────────────────────────────────────── */

/* Opens one more, for requests, or for the set-up first. 0 or a negative errno. */
int slots_open_one(struct mayfly_function *function, bool for_setup, struct function_slot **opened);

/* Opens what is wanted and closes what idles. */
void slots_adjust(struct mayfly_function *function);
void slots_close_all(struct mayfly_function *function);
void slots_release(struct function_slot *slot);

/* The monitor has closed a socket: either it is ending, which its process will show, or it is taken
 * for dead soon. */
void slots_note_lost(struct mayfly_function *function);

/* The slot that has the request; NULL: none has. */
struct function_slot *slots_find(struct mayfly_function *function, uint64_t serial);

/* Lets the monitor go on that was held back, with 0 or why the response is not wanted. */
void slots_go_on(struct mayfly_function *function, struct function_slot *slot, int result);

/* A message of the slot with that number. Without the lock. */
void slots_hear(struct mayfly_function *function, unsigned number);

/* ── learned.c ───────────────────────────────────────────────────────────────────────────────── */

/* Keeps what the monitor has found out. False: it cannot be that. */
bool learned_keep(struct mayfly_function *function, int fd);

/* ── demand.c ────────────────────────────────────────────────────────────────────────────────── */

void demand_init(struct demand *demand);

/* The slot has served a request, which took so long. */
void demand_note_served(struct mayfly_function *function, struct function_slot *slot, uint64_t ns);

/* Whether there are requests that wait has changed, or not. Times are to be in order. */
void demand_note_waiting(struct demand *demand, bool waiting, uint64_t now_ns);

/* Another slot is being opened. */
void demand_note_opening(struct demand *demand);

/* How many slots there should be now, those that open included. Has the function looked at again
 * when that may change by itself. */
size_t demand_slots(struct mayfly_function *function, uint64_t now_ns);

/* ── requests.c ──────────────────────────────────────────────────────────────────────────────── */

/* Gives requests that wait to slots that idle. Takes the lock, and lets it go meanwhile. */
void requests_dispatch(struct mayfly_function *function);

/* The room for variables became known: ends entries that have more. */
void requests_check_room(struct mayfly_function *function);

/* Notes that the monitor begins with the entry now, and how much it has begun before. */
void requests_begin(struct mayfly_function *function, struct entry *entry, uint64_t before_ns);

/* Sends the entry to the slot, which is busy with it. Without the lock. -EPIPE: the slot is lost;
 * -ECANCELED: the entry has ended meanwhile, and is the caller's to tell. */
int requests_send(struct function_slot *slot, struct entry *entry, uint16_t kind);

/* MAYFLY_LASTING: bytes have moved, so its monitor has its time anew. */
void requests_extend(struct entry *entry);

/* The entry is done as its result says. */
void requests_finish(struct mayfly_function *function, struct entry *entry);
void requests_fail(struct mayfly_function *function, struct entry *entry,
		   const struct error *reason);
void requests_fail_all(struct mayfly_function *function, const struct error *reason);

/* Ends entries whose time is up. Returns when the next one's time is up. */
uint64_t requests_check_time(struct mayfly_function *function, uint64_t now_ns);

/* Sets the text of a result, made fit for a terminal; nothing if it is "". */
void requests_set_text(struct entry *entry, const char *text);

/* Has a finished entry told. */
void requests_add_told(struct mayfly_function *function, struct entry *entry);

/* Calls `done` for an entry. Without the lock. */
void requests_tell(struct entry *entry);

/* Takes the first of the queue; NULL where there is none. */
struct entry *requests_take(struct mayfly_function *function);

/* ── feed.c: the bytes of a request ──────────────────────────────────────────────────────────── */

/* Copies what follows of head and data into the window, as much as fits. *last: nothing follows
 * that. With or without the lock. */
size_t feed_copy_part(struct entry *entry, uint8_t *window, bool *last);

/* The program wants more. The slot is busy with an entry that is not by streams. */
void feed_hear_more(struct mayfly_function *function, struct function_slot *slot);

/* And no more of it. */
void feed_hear_enough(struct mayfly_function *function, struct function_slot *slot);

/* Wakes a program that waits for more: the request was cancelled. */
void feed_cancel(struct mayfly_function *function, struct function_slot *slot);

/* ── late.c ──────────────────────────────────────────────────────────────────────────────────── */

/* The monitor is to have set up, opened a slot or gone by then; UINT64_MAX: nothing of that is
 * expected. */
void late_expect(struct mayfly_function *function, uint64_t moment_ns);

/* Gives up a monitor that is late with that, or with a request. Returns when the next time is up. */
uint64_t late_check(struct mayfly_function *function, uint64_t now_ns);

/* ── files.c ─────────────────────────────────────────────────────────────────────────────────── */

/* Packs the description's files into fresh memory; NULL where there are none. EINVAL, E2BIG, ENOMEM.
 * Without the lock. */
int files_pack(const struct mayfly_description *description, uint8_t **packed, uint64_t *size,
	       struct error *error);

/* ── devices.c ───────────────────────────────────────────────────────────────────────────────── */

/* The description's devices as the monitor is to have them, in fresh memory for devices_release(),
 * whatever comes back; notes the descriptors that the monitor gets. EINVAL, E2BIG, ENOMEM. Without
 * the lock. */
int devices_translate(struct mayfly_function *function, const char *const *devices,
		      char ***translated, struct error *error);
void devices_release(char **translated);

/* ── variables.c ─────────────────────────────────────────────────────────────────────────────── */

/* Counts variables. EINVAL, E2BIG. */
int variables_check(const char *const *variables, uint32_t *count, struct error *error);

/* Puts that many into the variables area. */
void variables_place(uint8_t *area, const char *const *variables, uint32_t count);

#endif

/* The supervisor's event loop: one thread that waits for descriptors, and for what other threads post.
 *
 * All calls but event_loop_post() and event_loop_stop() are for the thread of the loop, or before it runs. Calls back are
 * made there, one after the other, and must not wait.
 */
#ifndef MAYFLY_GATEWAY_EVENT_LOOP_H
#define MAYFLY_GATEWAY_EVENT_LOOP_H

#include <stdint.h>

#include "util/error.h"

struct event_loop;
struct event_loop_watch;

int event_loop_open(struct event_loop **loop, struct error *error);

/* What is watched must have been unwatched. What was posted and has not been done is done. */
void event_loop_close(struct event_loop *loop);

/* Has `ready` called while the descriptor is ready for `events` (EPOLLIN …). It stays the caller's. */
int event_loop_watch(struct event_loop *loop, int fd, uint32_t events,
		     void (*ready)(void *context, uint32_t events), void *context,
		     struct event_loop_watch **watch, struct error *error);

/* May be called from `ready`, also for another watch: it is not called any more. NULL is fine. */
void event_loop_unwatch(struct event_loop *loop, struct event_loop_watch *watch);

/* A descriptor's watch waits for other events from now on. */
void event_loop_watch_for(struct event_loop *loop, struct event_loop_watch *watch, uint32_t events);

/* Has `call` called by the loop, once for each post, in their order. Thread-safe. `post` is the caller's until
 * then, and may be freed by `call`. */
struct event_loop_post {
	struct event_loop_post *next;
	void (*call)(struct event_loop_post *post);
};
void event_loop_post(struct event_loop *loop, struct event_loop_post *post);

/* Has `call` called within two milliseconds: for what may wait for something else that wakes the loop. For the
 * loop's thread; not called where the loop ends before. */
void event_loop_post_late(struct event_loop *loop, struct event_loop_post *post);

/* Does all that was posted, also what is posted meanwhile. */
void event_loop_flush(struct event_loop *loop);

/* Has `call` called about once a second; NULL: no more. */
void event_loop_set_tick(struct event_loop *loop, void (*call)(void *context, uint64_t now_ns),
			 void *context);

/* Runs until event_loop_stop(). 0, or what waiting failed with. */
int event_loop_run(struct event_loop *loop, struct error *error);
void event_loop_stop(struct event_loop *loop);

#endif

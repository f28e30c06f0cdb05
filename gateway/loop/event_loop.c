#include "loop/event_loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/lock.h"

#define EVENTS_MAX 64

/* Waiting is by the millisecond. */
#define LATE_NS 1000000

struct event_loop_watch {
	int fd;
	void (*ready)(void *context, uint32_t events); /* NULL: it is unwatched */
	void *context;
	struct event_loop_watch *next_dead;
};

struct event_loop {
	int epoll, wake;
	struct event_loop_watch *wake_watch, *dead;
	pthread_mutex_t lock;
	struct event_loop_post *posts, **posts_end; /* under the lock */
	struct event_loop_post *late;		    /* to be done at late_ns */
	uint64_t late_ns;
	atomic_bool stopping;
	_Atomic(pthread_t) thread; /* that runs it; 0: none yet */
	bool own_posts;		   /* of that thread, which need not be woken for them */
	void (*tick)(void *context, uint64_t now_ns);
	void *tick_context;
	uint64_t next_tick_ns;
};

/* ── what others post ────────────────────────────────────────────────────────────────────────── */

static void wake_up(struct event_loop *loop)
{
	eventfd_write(loop->wake, 1);
}

void event_loop_post(struct event_loop *loop, struct event_loop_post *post)
{
	post->next = NULL;
	lock_scoped(&loop->lock);
	*loop->posts_end = post;
	loop->posts_end = &post->next;
	if (loop->thread == pthread_self())
		loop->own_posts = true;
	else
		wake_up(loop);
}

void event_loop_post_late(struct event_loop *loop, struct event_loop_post *post)
{
	if (!loop->late)
		loop->late_ns = clock_now_ns() + LATE_NS;
	post->next = loop->late;
	loop->late = post;
}

static void do_late(struct event_loop *loop)
{
	struct event_loop_post *post = loop->late;
	loop->late = NULL;
	while (post) {
		struct event_loop_post *next = post->next;
		post->call(post);
		post = next;
	}
}

static void do_posts(struct event_loop *loop)
{
	loop->own_posts = false;
	pthread_mutex_lock(&loop->lock);
	struct event_loop_post *post = loop->posts;
	loop->posts = NULL;
	loop->posts_end = &loop->posts;
	pthread_mutex_unlock(&loop->lock);
	while (post) {
		struct event_loop_post *next = post->next;
		post->call(post);
		post = next;
	}
}

static void wake(void *context, uint32_t events)
{
	struct event_loop *loop = context;
	eventfd_t count;
	eventfd_read(loop->wake, &count);
	do_posts(loop);
}

void event_loop_flush(struct event_loop *loop)
{
	bool more = true;
	while (more) {
		do_posts(loop);
		lock_scoped(&loop->lock);
		more = loop->posts;
	}
}

void event_loop_stop(struct event_loop *loop)
{
	atomic_store(&loop->stopping, true);
	wake_up(loop);
}

/* ── descriptors ─────────────────────────────────────────────────────────────────────────────── */

int event_loop_watch(struct event_loop *loop, int fd, uint32_t events,
		     void (*ready)(void *context, uint32_t events), void *context,
		     struct event_loop_watch **watched, struct error *error)
{
	struct event_loop_watch *watch = calloc(1, sizeof(*watch));
	if (!watch)
		return error_set(error, ENOMEM, "no memory for an event");
	*watch = (struct event_loop_watch){.fd = fd, .ready = ready, .context = context};
	struct epoll_event event = {.events = events, .data.ptr = watch};
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event)) {
		free(watch);
		return error_set_errno(error, errno, "cannot wait for a descriptor");
	}
	*watched = watch;
	return 0;
}

void event_loop_watch_for(struct event_loop *loop, struct event_loop_watch *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};
	epoll_ctl(loop->epoll, EPOLL_CTL_MOD, watch->fd, &event);
}

void event_loop_unwatch(struct event_loop *loop, struct event_loop_watch *watch)
{
	if (!watch)
		return;
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
	/* An event of it may be among those that were taken already. */
	watch->ready = NULL;
	watch->next_dead = loop->dead;
	loop->dead = watch;
}

static void free_dead(struct event_loop *loop)
{
	while (loop->dead) {
		struct event_loop_watch *next = loop->dead->next_dead;
		free(loop->dead);
		loop->dead = next;
	}
}

/* ── its life ────────────────────────────────────────────────────────────────────────────────── */

void event_loop_set_tick(struct event_loop *loop, void (*call)(void *context, uint64_t now_ns),
			 void *context)
{
	loop->tick = call;
	loop->tick_context = context;
	loop->next_tick_ns = clock_now_ns() + NANOSECONDS_PER_SECOND;
}

static int find_timeout(const struct event_loop *loop)
{
	uint64_t next_ns = loop->tick ? loop->next_tick_ns : UINT64_MAX;
	if (loop->own_posts)
		return 0;
	if (loop->late && loop->late_ns < next_ns)
		next_ns = loop->late_ns;
	if (next_ns == UINT64_MAX)
		return -1;
	const uint64_t now_ns = clock_now_ns();
	return now_ns >= next_ns ? 0 : (int)((next_ns - now_ns) / 1000000 + 1);
}

static void tick_if_due(struct event_loop *loop)
{
	const uint64_t now_ns = clock_now_ns();
	if (!loop->tick || now_ns < loop->next_tick_ns)
		return;
	loop->next_tick_ns = now_ns + NANOSECONDS_PER_SECOND;
	loop->tick(loop->tick_context, now_ns);
}

int event_loop_run(struct event_loop *loop, struct error *error)
{
	struct epoll_event events[EVENTS_MAX];
	loop->thread = pthread_self();
	while (!atomic_load(&loop->stopping)) {
		const int count = epoll_wait(loop->epoll, events, EVENTS_MAX, find_timeout(loop));
		if (count < 0 && errno != EINTR)
			return error_set_errno(error, errno, "cannot wait for events");
		for (int i = 0; i < count; i++) {
			struct event_loop_watch *watch = events[i].data.ptr;
			if (watch->ready)
				watch->ready(watch->context, events[i].events);
		}
		if (loop->own_posts)
			do_posts(loop);
		if (loop->late && clock_now_ns() >= loop->late_ns)
			do_late(loop);
		tick_if_due(loop);
		free_dead(loop);
	}
	return 0;
}

int event_loop_open(struct event_loop **opened, struct error *error)
{
	struct event_loop *loop = calloc(1, sizeof(*loop));
	if (!loop)
		return error_set(error, ENOMEM, "no memory for an event loop");
	pthread_mutex_init(&loop->lock, NULL);
	loop->posts_end = &loop->posts;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int result = 0;
	if (loop->epoll < 0 || loop->wake < 0)
		result = error_set_errno(error, errno, "cannot make an event loop");
	else
		result = event_loop_watch(loop, loop->wake, EPOLLIN, wake, loop, &loop->wake_watch,
					  error);
	if (result)
		event_loop_close(loop);
	else
		*opened = loop;
	return result;
}

void event_loop_close(struct event_loop *loop)
{
	if (!loop)
		return;
	event_loop_flush(loop);
	event_loop_unwatch(loop, loop->wake_watch);
	free_dead(loop);
	if (loop->epoll >= 0)
		close(loop->epoll);
	if (loop->wake >= 0)
		close(loop->wake);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

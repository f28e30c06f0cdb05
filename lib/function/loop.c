/* Driving a function: what its descriptors bring, and the calls back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "function/function.h"
#include "sizes/sizes.h"
#include "util/clock.h"

#define BATCH 64

int loop_open(struct mayfly_function *function, struct error *error)
{
	function->epoll = epoll_create1(EPOLL_CLOEXEC);
	function->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	function->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	function->armed_ns = UINT64_MAX;
	if (function->epoll < 0 || function->wake < 0 || function->timer < 0)
		return error_set_errno(error, errno, "cannot make descriptors for a function");
	int result = loop_watch(function, function->wake, SOURCE_WAKE, 0);
	if (!result)
		result = loop_watch(function, function->timer, SOURCE_TIMER, 0);
	return result ? error_set_errno(error, -result, "cannot watch a descriptor") : 0;
}

void loop_close(struct mayfly_function *function)
{
	const int all[] = {function->epoll, function->wake, function->timer};
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i] >= 0)
			close(all[i]);
}

int loop_watch(struct mayfly_function *function, int fd, enum source source, unsigned slot)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)source << 32 | slot};
	return epoll_ctl(function->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

void loop_unwatch(struct mayfly_function *function, int fd)
{
	epoll_ctl(function->epoll, EPOLL_CTL_DEL, fd, NULL);
}

void loop_wake(struct mayfly_function *function)
{
	const uint64_t one = 1;
	/* If the eventfd is full, it is readable as well. Should it fail otherwise, the timer does. */
	if (write(function->wake, &one, sizeof(one)) < 0 && errno != EAGAIN) {
		const struct itimerspec now = {.it_value.tv_nsec = 1};
		timerfd_settime(function->timer, TFD_TIMER_ABSTIME, &now, NULL);
	}
}

void loop_wake_at(struct mayfly_function *function, uint64_t moment_ns)
{
	/* No system call if the timer fires earlier anyway, as it does when one request follows
	 * another. */
	if (moment_ns >= function->armed_ns)
		return;
	function->armed_ns = moment_ns;
	struct itimerspec when = {.it_value = clock_timespec(moment_ns ? moment_ns : 1)};
	timerfd_settime(function->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void drain_counter(int fd)
{
	uint64_t count;
	ssize_t got = read(fd, &count, sizeof(count));
	(void)got;
}

static void hear(struct mayfly_function *function, uint64_t data)
{
	const enum source source = (enum source)(data >> 32);
	if (source == SOURCE_SLOT) {
		slots_hear(function, (unsigned)data);
		return;
	}
	pthread_mutex_lock(&function->lock);
	switch (source) {
	case SOURCE_WAKE:
		drain_counter(function->wake);
		break;
	case SOURCE_TIMER:
		drain_counter(function->timer);
		function->armed_ns = UINT64_MAX;
		break;
	case SOURCE_CONTROL:
		monitor_hear_control(function);
		break;
	case SOURCE_BROKER:
		broker_hear(function);
		break;
	case SOURCE_OPENER:
	case SOURCE_MONITOR:
		monitor_hear_end(function);
		break;
	case SOURCE_DIAL:
	case SOURCE_SLOT:
		break;
	}
	pthread_mutex_unlock(&function->lock);
}

/* What is due now, and when to look again. */
static void look_at_time(struct mayfly_function *function)
{
	const uint64_t now_ns = clock_now_ns();
	monitor_check_sent(function);
	if (function->stop_wanted)
		monitor_stop(function);
	if (function->state == FUNCTION_WANTED)
		monitor_start(function);
	broker_go_on(function);
	const uint64_t next_ns = requests_check_time(function, now_ns);
	if (next_ns != UINT64_MAX)
		loop_wake_at(function, next_ns);
	slots_adjust(function);
	if (function->draining && !function->drain_told && !function->running && !function->queue) {
		function->drain_told = true;
		event_add(function, MAYFLY_DRAINED, 0, NULL);
	}
}

/* Events and results are told in the order in which they became known. */
static void deliver(struct mayfly_function *function)
{
	pthread_mutex_lock(&function->lock);
	while (function->told || function->events) {
		struct entry *told = function->told;
		struct told_event *event = function->events;
		function->told = NULL;
		function->told_end = &function->told;
		function->events = NULL;
		function->events_end = &function->events;
		pthread_mutex_unlock(&function->lock);
		while (told) {
			struct entry *next = told->next;
			requests_tell(told);
			told = next;
		}
		while (event) {
			struct told_event *next = event->next;
			if (function->event)
				function->event(function->context, &event->event);
			free(event);
			event = next;
		}
		pthread_mutex_lock(&function->lock);
	}
	pthread_mutex_unlock(&function->lock);
}

void loop_run(struct mayfly_function *function, int timeout_ms)
{
	struct epoll_event events[BATCH];
	int count = epoll_wait(function->epoll, events, BATCH, timeout_ms);
	bool others = count <= 0;
	for (int i = 0; i < count; i++) {
		hear(function, events[i].data.u64);
		others |= events[i].data.u64 >> 32 != SOURCE_SLOT;
	}
	requests_dispatch(function);
	/* Nothing of this comes of a request that is done. */
	pthread_mutex_lock(&function->lock);
	if (others || function->draining)
		look_at_time(function);
	const bool told = function->told || function->events;
	pthread_mutex_unlock(&function->lock);
	if (told)
		deliver(function);
}

/* Deadlines of running ops; see watchdog.h. */
#include "watchdog.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "util/clock.h"

static void *watchdog_main(void *argument)
{
	struct watchdog *watchdog = argument;
	pthread_mutex_lock(&watchdog->lock);
	while (!watchdog->stopping) {
		struct watchdog_entry *first = watchdog->entries;
		if (!first) {
			pthread_cond_wait(&watchdog->changed, &watchdog->lock);
			continue;
		}
		if (clock_now_ns() >= first->deadline_ns) {
			watchdog->entries = first->next;
			first->expired = true;
			first->expire(first->context);
			continue;
		}
		const struct timespec until = clock_timespec(first->deadline_ns);
		pthread_cond_timedwait(&watchdog->changed, &watchdog->lock, &until);
	}
	pthread_mutex_unlock(&watchdog->lock);
	return NULL;
}

int watchdog_init(struct watchdog *watchdog, struct error *error)
{
	*watchdog = (struct watchdog){.lock = PTHREAD_MUTEX_INITIALIZER};
	pthread_condattr_t attributes;
	int result = pthread_condattr_init(&attributes);
	if (result)
		return error_set_errno(error, result, "cannot make a condition variable");
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	result = pthread_cond_init(&watchdog->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	if (result)
		return error_set_errno(error, result, "cannot make a condition variable");
	return 0;
}

void watchdog_release(struct watchdog *watchdog)
{
	pthread_mutex_lock(&watchdog->lock);
	watchdog->stopping = true;
	pthread_cond_signal(&watchdog->changed);
	pthread_mutex_unlock(&watchdog->lock);
	if (watchdog->running)
		pthread_join(watchdog->thread, NULL);
	pthread_cond_destroy(&watchdog->changed);
	pthread_mutex_destroy(&watchdog->lock);
}

/* The thread must not take signals that the program means for its own threads. */
static int start_thread(struct watchdog *watchdog)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int result = pthread_create(&watchdog->thread, NULL, watchdog_main, watchdog);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	watchdog->running = !result;
	return result;
}

static int cannot_start(int result, struct error *error)
{
	return error_set_errno(error, result, "cannot start the thread that watches deadlines");
}

int watchdog_start(struct watchdog *watchdog, struct error *error)
{
	pthread_mutex_lock(&watchdog->lock);
	int result = watchdog->running ? 0 : start_thread(watchdog);
	pthread_mutex_unlock(&watchdog->lock);
	return result ? cannot_start(result, error) : 0;
}

int watchdog_add(struct watchdog *watchdog, struct watchdog_entry *entry, struct error *error)
{
	entry->expired = false;
	pthread_mutex_lock(&watchdog->lock);
	int result = watchdog->running ? 0 : start_thread(watchdog);
	if (!result) {
		struct watchdog_entry **place = &watchdog->entries;
		while (*place && (*place)->deadline_ns <= entry->deadline_ns)
			place = &(*place)->next;
		entry->next = *place;
		*place = entry;
		if (watchdog->entries == entry)
			pthread_cond_signal(&watchdog->changed);
	}
	pthread_mutex_unlock(&watchdog->lock);
	return result ? cannot_start(result, error) : 0;
}

bool watchdog_remove(struct watchdog *watchdog, struct watchdog_entry *entry)
{
	pthread_mutex_lock(&watchdog->lock);
	for (struct watchdog_entry **place = &watchdog->entries; *place; place = &(*place)->next) {
		if (*place == entry) {
			*place = entry->next;
			break;
		}
	}
	bool expired = entry->expired;
	pthread_mutex_unlock(&watchdog->lock);
	return expired;
}

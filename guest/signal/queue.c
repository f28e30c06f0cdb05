/* Signals that wait to be taken: standard ones once each, with what came first; real-time ones as
 * often as they were sent, in their order (signal(7)). */
#include "queue.h"

#include <errno.h>

#include "guest/lib/text.h"
#include "guest/mm/heap.h"
#include "guest/sched/limits.h"
#include "guest/sched/thread.h"

struct queued_signal {
	struct queued_signal *next;
	bool for_process; /* any thread may have it */
	siginfo_t information;
};

/* Of all queues together. */
static uint32_t queued;

/* The place of the first entry of that signal in the queue's list; it holds NULL where there is
 * none. */
static struct queued_signal **find_entry(struct signal_queue *queue, int signal)
{
	struct queued_signal **place = &queue->first;
	while (*place && (*place)->information.si_signo != signal)
		place = &(*place)->next;
	return place;
}

static void remove_entry(struct queued_signal **place)
{
	struct queued_signal *entry = *place;
	*place = entry->next;
	heap_free(entry, sizeof(*entry));
	queued--;
}

int signal_queue_add(struct signal_queue *queue, const siginfo_t *information, bool for_process)
{
	int signal = information->si_signo;
	if (signal < SIGNAL_REAL_TIME && queue->pending & SIGNAL_BIT(signal))
		return 0;
	struct queued_signal *entry =
	    queued < LIMIT_PENDING_SIGNALS ? heap_allocate(sizeof(*entry)) : NULL;
	if (!entry && signal >= SIGNAL_REAL_TIME && information->si_code != SI_USER)
		return -EAGAIN;
	queue->pending |= SIGNAL_BIT(signal);
	if (!entry)
		return 0; /* the signal is still sent, without its details */
	entry->for_process = for_process;
	entry->information = *information;
	struct queued_signal **end = &queue->first;
	while (*end)
		end = &(*end)->next;
	*end = entry;
	queued++;
	return 0;
}

int signal_queue_take(struct signal_queue *queue, uint64_t set, siginfo_t *information)
{
	const uint64_t faults = SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) |
				SIGNAL_BIT(SIGTRAP) | SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSYS);
	uint64_t found = queue->pending & set;
	if (!found)
		return 0;
	if (found & faults)
		found &= faults;
	int signal = __builtin_ctzl(found) + 1;
	struct queued_signal **place = find_entry(queue, signal);
	if (*place) {
		*information = (*place)->information;
		remove_entry(place);
	} else {
		memset(information, 0, sizeof(*information));
		information->si_signo = signal;
	}
	if (!*find_entry(queue, signal))
		queue->pending &= ~SIGNAL_BIT(signal);
	return signal;
}

void signal_queue_drop(struct signal_queue *queue, uint64_t set)
{
	queue->pending &= ~set;
	for (struct queued_signal **place = &queue->first; *place;) {
		if (set & SIGNAL_BIT((*place)->information.si_signo))
			remove_entry(place);
		else
			place = &(*place)->next;
	}
}

bool signal_queue_take_back(struct signal_queue *queue, uint64_t set, siginfo_t *information)
{
	for (struct queued_signal **place = &queue->first; *place; place = &(*place)->next) {
		int signal = (*place)->information.si_signo;
		if (!(*place)->for_process || !(set & SIGNAL_BIT(signal)))
			continue;
		*information = (*place)->information;
		remove_entry(place);
		if (!*find_entry(queue, signal))
			queue->pending &= ~SIGNAL_BIT(signal);
		return true;
	}
	return false;
}

void signal_queue_drop_timers(struct signal_queue *queue)
{
	for (struct queued_signal **place = &queue->first; *place;) {
		const siginfo_t *information = &(*place)->information;
		const int signal = information->si_signo;
		if (information->si_code != SI_TIMER) {
			place = &(*place)->next;
			continue;
		}
		remove_entry(place);
		if (!*find_entry(queue, signal))
			queue->pending &= ~SIGNAL_BIT(signal);
	}
}

siginfo_t *signal_queue_of_timer(struct signal_queue *queue, int signal, int timer)
{
	for (struct queued_signal *entry = queue->first; entry; entry = entry->next)
		if (entry->information.si_signo == signal &&
		    entry->information.si_code == SI_TIMER &&
		    entry->information.si_timerid == timer)
			return &entry->information;
	return NULL;
}

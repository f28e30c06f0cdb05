/* How many connections are let in; see admission.h. */
#include "acceld/worker/admission.h"

#include <time.h>

#include "acceld/tenants/account.h"
#include "util/clock.h"
#include "util/lock.h"

/* A connection that has just ended is still being released when the next one takes its place. */
#define ROOM_LIMIT_NS (200 * 1000000UL)

void admission_init(struct admission *admission)
{
	pthread_mutex_init(&admission->lock, NULL);
	pthread_cond_init(&admission->room, NULL);
}

void admission_release(struct admission *admission)
{
	pthread_cond_destroy(&admission->room);
	pthread_mutex_destroy(&admission->lock);
}

bool admission_enter(struct admission *admission, struct account *account)
{
	const struct timespec until = clock_timespec(clock_now_ns() + ROOM_LIMIT_NS);
	int waited = 0;
	lock_scoped(&admission->lock);
	for (;;) {
		if (budget_take(&account->parts.connections, 1))
			return true;
		if (waited)
			return false;
		waited = pthread_cond_clockwait(&admission->room, &admission->lock, CLOCK_MONOTONIC,
						&until);
	}
}

void admission_leave(struct admission *admission, struct account *account)
{
	lock_scoped(&admission->lock);
	budget_give(&account->parts.connections, 1);
	/* The one that waits may belong to a tenant that has its share already. */
	pthread_cond_broadcast(&admission->room);
}

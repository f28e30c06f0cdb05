/* Monitors that do not answer in time are taken for dead. */
#include <errno.h>

#include "function/function.h"
#include "util/clock.h"

/* What is looked at so long after its time waited for the front, and not for the monitor alone: its
 * answers may lie unread in a socket, or it may wait for one. */
#define FRONT_SLOW_NS (NANOSECONDS_PER_SECOND / 2)

/* How often a monitor gets more time for that. One that was taken over may talk on. */
#define EXCUSES_MAX 3

/* Its time is up. True if it gets more. */
static bool excuse(uint64_t *late_ns, unsigned *excuses, uint64_t now_ns)
{
	if (now_ns - *late_ns < FRONT_SLOW_NS || *excuses >= EXCUSES_MAX)
		return false;
	++*excuses;
	*late_ns = now_ns + PATIENCE_NS;
	return true;
}

/* False if the time is up. */
static bool check_one(uint64_t *late_ns, unsigned *excuses, uint64_t now_ns, uint64_t *next_ns)
{
	if (*late_ns <= now_ns && !excuse(late_ns, excuses, now_ns))
		return false;
	if (*late_ns < *next_ns)
		*next_ns = *late_ns;
	return true;
}

static void give_up(struct mayfly_function *function)
{
	struct error error;
	const bool opening =
	    function->state == FUNCTION_OPENING || function->state == FUNCTION_CONFINING;
	if (opening && !function->lost)
		error_set(&error, ETIMEDOUT,
			  "finding and opening what is to run takes longer than %.3g s",
			  (double)function->open_timeout_ns / NANOSECONDS_PER_SECOND);
	else
		error_set(&error, ETIMEDOUT, "the monitor does not answer");
	monitor_give_up(function, &error);
}

void late_expect(struct mayfly_function *function, uint64_t moment_ns)
{
	function->late_ns = moment_ns;
	function->excuses = 0;
	if (moment_ns != UINT64_MAX)
		loop_wake_at(function, moment_ns);
}

uint64_t late_check(struct mayfly_function *function, uint64_t now_ns)
{
	uint64_t next_ns = UINT64_MAX;
	bool in_time = check_one(&function->late_ns, &function->excuses, now_ns, &next_ns);
	for (unsigned i = 0; i < function->slots_described && in_time; i++) {
		const struct function_slot *slot = function->slots[i];
		struct entry *entry = slot && slot->state == SLOT_BUSY ? slot->entry : NULL;
		if (entry)
			in_time = check_one(&entry->late_ns, &entry->excuses, now_ns, &next_ns);
	}
	if (in_time)
		return next_ns;
	give_up(function);
	return UINT64_MAX;
}

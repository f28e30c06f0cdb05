/* How many slots a function should have.
 *
 * A request that waits need not have a slot of its own. Where requests take less time than a slot
 * takes to open, the slots that there are serve the queue sooner, and new ones would only take the
 * processor from them. */
#include <sched.h>

#include "function/function.h"
#include "sizes/sizes.h"

/* A mean changes by 1/4 of what is new. */
#define MEAN_SHIFT 2

/* What a new slot takes to open, as long as nobody knows. */
#define OPEN_NS (NANOSECONDS_PER_SECOND / 50)

/* What the first request of a slot may take for memory that is not there yet; the rest is its own. */
#define FIRST_NS (NANOSECONDS_PER_SECOND / 10)

/* What was waited before counts for so long. */
#define WINDOW_NS NANOSECONDS_PER_SECOND

void demand_init(struct demand *demand)
{
	cpu_set_t usable;
	*demand = (struct demand){.at_once = 1, .open_ns = OPEN_NS};
	if (!sched_getaffinity(0, sizeof(usable), &usable) && CPU_COUNT(&usable) > 1)
		demand->at_once = (unsigned)CPU_COUNT(&usable);
}

static void follow(uint64_t *mean, uint64_t value)
{
	if (value > TIMEOUT_MAX_NS) /* the monitor says so */
		value = TIMEOUT_MAX_NS;
	*mean = *mean ? *mean - (*mean >> MEAN_SHIFT) + (value >> MEAN_SHIFT) : value;
	if (!*mean)
		*mean = 1;
}

void demand_note_served(struct mayfly_function *function, struct function_slot *slot, uint64_t ns)
{
	struct demand *demand = &function->demand;
	if (slot->served || ns > FIRST_NS)
		follow(&demand->serve_ns, ns);
	if (slot->served)
		return;
	follow(&demand->open_ns, slot->opening_ns + (ns < FIRST_NS ? ns : FIRST_NS));
	slot->served = true;
	function->fresh_count--;
}

/* How many slots serve those that wait within the time that one more would take to open. */
static size_t slots_for_queue(const struct demand *demand, size_t waiting)
{
	uint64_t time_ns;
	if (!demand->serve_ns)
		return demand->at_once;
	if (mul_overflows(demand->serve_ns, waiting, &time_ns))
		return waiting;
	return (size_t)(time_ns / demand->open_ns);
}

void demand_note_waiting(struct demand *demand, bool waiting, uint64_t now_ns)
{
	if (now_ns - demand->window_ns > WINDOW_NS) {
		demand->window_ns = now_ns;
		demand->waited_ns = 0;
	} else if (demand->waiting_since_ns) {
		demand->waited_ns += now_ns - demand->waiting_since_ns;
	}
	demand->waiting_since_ns = waiting ? now_ns : 0;
}

void demand_note_opening(struct demand *demand)
{
	demand->waited_ns = 0;
}

/* True from that time on, at which the function is looked at again. */
static bool is_past(struct mayfly_function *function, uint64_t now_ns, uint64_t moment_ns)
{
	if (now_ns >= moment_ns)
		return true;
	loop_wake_at(function, moment_ns);
	return false;
}

/* The slots may be busy with requests that take longer than most: then nobody of those that wait has
 * got one for longer than slots take that were just opened. */
static bool is_stuck(struct mayfly_function *function, uint64_t now_ns)
{
	const uint64_t submitted_ns = function->queue->submitted_ns;
	const uint64_t since_ns =
	    function->taken_ns > submitted_ns ? function->taken_ns : submitted_ns;
	return is_past(function, now_ns, since_ns + 2 * function->demand.open_ns);
}

/* Requests keep coming faster than the slots serve them: somebody has been waiting for as long as a
 * new slot takes, since the last one was opened. */
static bool is_worth_one(struct mayfly_function *function, uint64_t now_ns)
{
	struct demand *demand = &function->demand;
	demand_note_waiting(demand, true, now_ns);
	const uint64_t left_ns =
	    demand->waited_ns < demand->open_ns ? demand->open_ns - demand->waited_ns : 0;
	return is_past(function, now_ns, now_ns + left_ns);
}

/* How many slots more may be new at a time: what the last ones are good for shows when each has served
 * a request. */
static size_t room_for_fresh(const struct mayfly_function *function)
{
	const size_t limit = function->demand.at_once;
	return function->fresh_count < limit ? limit - function->fresh_count : 0;
}

size_t demand_slots(struct mayfly_function *function, uint64_t now_ns)
{
	const size_t waiting = function->queue_length;
	const size_t there = function->slot_count;
	size_t wanted = there - function->idle_count - function->opening_count + waiting;
	if (waiting && there && !is_stuck(function, now_ns)) {
		const size_t enough = slots_for_queue(&function->demand, waiting);
		const size_t more = is_worth_one(function, now_ns) ? there + 1 : there;
		const size_t limit = there + room_for_fresh(function);
		size_t useful = enough > more ? enough : more;
		if (useful > limit)
			useful = limit;
		if (useful < wanted)
			wanted = useful;
	}
	if (wanted < function->slots_warm)
		wanted = function->slots_warm;
	if (wanted > function->slots_possible && !is_past(function, now_ns, function->retry_ns))
		wanted = function->slots_possible;
	return wanted < function->slots_wanted ? wanted : function->slots_wanted;
}

/* When to interrupt a guest that computes; see alarm.h. */
#include "alarm.h"

static uint64_t earlier(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
}

void alarm_init(struct alarm *alarm)
{
	*alarm = (struct alarm){.look_ns = UINT64_MAX};
}

void alarm_begin(struct alarm *alarm, uint64_t now_ns)
{
	alarm->look_ns = alarm->expected ? now_ns + GUEST_SLICE_NS : UINT64_MAX;
	alarm->ticked_ns = 0;
}

void alarm_end(struct alarm *alarm, const volatile struct guest_control *control)
{
	alarm->expected = control->alarm_ns != 0;
}

/* The alarm that the guest wants, but no earlier than it may have one. */
static uint64_t wanted_ns(const struct alarm *alarm, const volatile struct guest_control *control)
{
	uint64_t wanted = control->alarm_ns, earliest = alarm->ticked_ns + ALARM_TICK_MIN_NS;
	if (!wanted)
		return UINT64_MAX;
	return wanted > earliest ? wanted : earliest;
}

uint64_t alarm_next(struct alarm *alarm, volatile struct guest_control *control)
{
	alarm->look_ns = earlier(alarm->look_ns, wanted_ns(alarm, control));
	/* Written only if it changed, because a written page has to be cleared later. Nothing is
	 * read before this is written: so a guest that runs meanwhile either saw the old time, or
	 * we see its alarm. */
	uint64_t armed = alarm->look_ns == UINT64_MAX ? 0 : alarm->look_ns;
	if (control->armed_ns != armed)
		__atomic_store_n(&control->armed_ns, armed, __ATOMIC_SEQ_CST);
	alarm->look_ns = earlier(alarm->look_ns, wanted_ns(alarm, control));
	return alarm->look_ns;
}

void alarm_ring(struct alarm *alarm, volatile struct guest_control *control, uint64_t now_ns)
{
	control->alarm_ns = 0;
	control->tick_missed = 1;
	alarm->ticked_ns = now_ns;
	alarm->look_ns = now_ns + GUEST_SLICE_NS;
}

bool alarm_is_due(struct alarm *alarm, volatile struct guest_control *control, uint64_t now_ns)
{
	if (now_ns < alarm->look_ns)
		return false;
	uint64_t wanted = wanted_ns(alarm, control);
	/* A tick that the library OS has not seen is made again: it came too late, or its process
	 * had no processor since. */
	if (wanted <= now_ns || control->tick_missed) {
		alarm_ring(alarm, control, now_ns);
		return true;
	}
	uint64_t slice_end = alarm->ticked_ns + GUEST_SLICE_NS;
	alarm->look_ns = slice_end > now_ns ? earlier(wanted, slice_end) : wanted;
	return false;
}

void alarm_retry(struct alarm *alarm)
{
	alarm->look_ns = alarm->ticked_ns + ALARM_TICK_MIN_NS;
}

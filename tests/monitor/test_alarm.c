/* When a guest is interrupted: only at the time that it asked for, never twice for one alarm, and
 * not at all where it asked for nothing. */
#include "check.h"
#include "monitor/isolation/alarm.h"

#define MILLISECOND 1000000UL
#define START	    (1000 * MILLISECOND)
#define NEVER	    UINT64_MAX

static struct guest_control control;

static struct alarm begin(uint64_t alarm_ns)
{
	struct alarm alarm;
	control = (struct guest_control){.alarm_ns = alarm_ns};
	alarm_init(&alarm);
	alarm_begin(&alarm, START);
	return alarm;
}

static void test_none(void)
{
	struct alarm alarm = begin(0);
	CHECK_NUMBER(alarm_next(&alarm, &control), NEVER);
	CHECK_NUMBER(control.armed_ns, 0);
	CHECK(!alarm_is_due(&alarm, &control, START));
}

static void test_tick(void)
{
	struct alarm alarm = begin(START);
	CHECK_NUMBER(alarm_next(&alarm, &control), START);
	CHECK_NUMBER(control.armed_ns, START);
	CHECK(!alarm_is_due(&alarm, &control, START - 1));
	CHECK(alarm_is_due(&alarm, &control, START + 5));
	/* Taken; the monitor looks once more after a slice, and then no more. */
	CHECK_NUMBER(control.alarm_ns, 0);
	CHECK_NUMBER(control.tick_missed, 1);
	control.tick_missed = 0; /* the library OS has seen it */
	uint64_t look = START + 5 + GUEST_SLICE_NS;
	CHECK_NUMBER(alarm_next(&alarm, &control), look);
	CHECK_NUMBER(control.armed_ns, look);
	CHECK(!alarm_is_due(&alarm, &control, look));
	CHECK_NUMBER(alarm_next(&alarm, &control), NEVER);
	CHECK_NUMBER(control.armed_ns, 0);
}

/* The guest puts its alarm off, or sets one, without a word. */
static void test_changes(void)
{
	struct alarm alarm = begin(START);
	alarm_next(&alarm, &control);
	control.alarm_ns = START + 50 * MILLISECOND;
	CHECK(!alarm_is_due(&alarm, &control, START));
	CHECK_NUMBER(alarm_next(&alarm, &control), START + 50 * MILLISECOND);
	control.alarm_ns = START + 20 * MILLISECOND;
	CHECK_NUMBER(alarm_next(&alarm, &control), START + 20 * MILLISECOND);
	control.alarm_ns = 0;
	CHECK(!alarm_is_due(&alarm, &control, START + 20 * MILLISECOND));
	CHECK_NUMBER(alarm_next(&alarm, &control), NEVER);
}

/* However often a guest wants it. */
static void test_bound(void)
{
	struct alarm alarm = begin(1);
	unsigned ticks = 0;
	for (uint64_t now = START; now < START + 100 * MILLISECOND; now += 10000) {
		control.alarm_ns = 1;
		if (alarm_next(&alarm, &control) <= now && alarm_is_due(&alarm, &control, now))
			ticks++;
	}
	CHECK_NUMBER(ticks, 100 * MILLISECOND / ALARM_TICK_MIN_NS);
}

/* A tick that the library OS could not see any more is made again. */
static void test_missed(void)
{
	struct alarm alarm = begin(START);
	alarm_next(&alarm, &control);
	CHECK(alarm_is_due(&alarm, &control, START));
	alarm_retry(&alarm);
	CHECK_NUMBER(alarm_next(&alarm, &control), START + ALARM_TICK_MIN_NS);
	CHECK(alarm_is_due(&alarm, &control, START + ALARM_TICK_MIN_NS));
	control.tick_missed = 0;
	alarm_retry(&alarm);
	uint64_t look = alarm_next(&alarm, &control);
	CHECK_NUMBER(look, START + 2 * ALARM_TICK_MIN_NS);
	CHECK(!alarm_is_due(&alarm, &control, look));
	CHECK_NUMBER(alarm_next(&alarm, &control), START + ALARM_TICK_MIN_NS + GUEST_SLICE_NS);
}

/* A guest that left an alarm finds that the next request's is looked at after a slice. */
static void test_expected(void)
{
	struct alarm alarm = begin(0);
	control.alarm_ns = START + MILLISECOND;
	alarm_end(&alarm, &control);
	control = (struct guest_control){0};
	alarm_begin(&alarm, START);
	CHECK_NUMBER(alarm_next(&alarm, &control), START + GUEST_SLICE_NS);
	CHECK_NUMBER(control.armed_ns, START + GUEST_SLICE_NS);
	CHECK(!alarm_is_due(&alarm, &control, START + GUEST_SLICE_NS));
	CHECK_NUMBER(alarm_next(&alarm, &control), NEVER);
	/* It left none this time. */
	alarm_end(&alarm, &control);
	alarm_begin(&alarm, START);
	CHECK_NUMBER(alarm_next(&alarm, &control), NEVER);
}

/* Nor is the last tick of one request the next one's. */
static void test_begins_anew(void)
{
	struct alarm alarm = begin(START);
	alarm_next(&alarm, &control);
	CHECK(alarm_is_due(&alarm, &control, START));
	alarm_end(&alarm, &control);
	control = (struct guest_control){.alarm_ns = START};
	alarm_begin(&alarm, START);
	CHECK_NUMBER(alarm_next(&alarm, &control), START);
}

int main(void)
{
	test_none();
	test_tick();
	test_changes();
	test_bound();
	test_missed();
	test_expected();
	test_begins_anew();
	return check_status();
}

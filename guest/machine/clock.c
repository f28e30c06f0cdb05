/* The clock; see clock.h. */
#include "clock.h"

#include "hypercall.h"
#include "sizes/sizes.h"

static uint64_t started_ns;

uint64_t clock_read_ns(bool realtime)
{
	const volatile struct guest_clock *clock = &machine_control()->clock;
	uint64_t elapsed = 0;
	if (!clock_elapsed(clock, &elapsed))
		hypercall_make(HYPERCALL_CLOCK, 0, 0, 0);
	return (realtime ? clock->realtime_ns : clock->monotonic_ns) + elapsed;
}

void clock_start(void)
{
	started_ns = clock_read_ns(false);
}

uint64_t clock_started_ns(void)
{
	return started_ns;
}

uint64_t clock_deadline_ns(uint64_t nanoseconds)
{
	uint64_t deadline;
	if (add_overflows(clock_read_ns(false), nanoseconds, &deadline))
		deadline = NO_DEADLINE - 1;
	return deadline;
}

void clock_skip(uint64_t nanoseconds)
{
	volatile struct guest_processor_clock *processor = &machine_control()->processor;
	processor->process_base_ns += nanoseconds;
	processor->thread_base_ns += nanoseconds;
}

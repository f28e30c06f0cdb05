/* How many slots are kept warm, for rates that rise, stay and fall. */
#include "check.h"
#include "functions/slots_policy.h"
#include "util/clock.h"

/* `seconds` of so many requests each, which take so long; what is wanted at the end. */
static unsigned play(struct slots_policy *policy, uint64_t *now_ns, unsigned seconds, unsigned rate,
		     uint64_t busy_ns, unsigned minimum, unsigned maximum)
{
	unsigned wanted = 0;
	for (unsigned i = 0; i < seconds; i++) {
		for (unsigned k = 0; k < rate; k++) {
			slots_policy_arrive(policy);
			slots_policy_leave(policy, busy_ns);
		}
		*now_ns += NANOSECONDS_PER_SECOND;
		wanted = slots_policy_want(policy, *now_ns, minimum, maximum);
	}
	return wanted;
}

#define MS (NANOSECONDS_PER_SECOND / 1000)

int main(void)
{
	struct slots_policy policy = {0};
	uint64_t now_ns = 1000 * NANOSECONDS_PER_SECOND;
	/* Nothing comes: the minimum. */
	CHECK_NUMBER(play(&policy, &now_ns, 5, 0, 0, 2, 100), 2);
	/* 1,000 a second of 10 ms each keep 10 busy: more than those, and not many times more. */
	const unsigned steady = play(&policy, &now_ns, 60, 1000, 10 * MS, 1, 100);
	CHECK(steady > 10 && steady < 25);
	/* Short ones need hardly any. */
	struct slots_policy quick = {0};
	CHECK(play(&quick, &now_ns, 60, 1000, MS / 20, 1, 100) <= 2);
	/* Twice the rate is followed within seconds. */
	const unsigned doubled = play(&policy, &now_ns, 5, 2000, 10 * MS, 1, 100);
	CHECK(doubled > 19);
	/* Never more than the maximum. */
	CHECK_NUMBER(play(&policy, &now_ns, 10, 10000, 50 * MS, 1, 100), 100);
	/* It is forgotten within a minute or two. */
	CHECK_NUMBER(play(&policy, &now_ns, 150, 0, 0, 1, 100), 1);
	/* A rate that jumps keeps more than a steady one of the same average. */
	struct slots_policy bursts = {0}, even = {0};
	unsigned most = 0;
	for (unsigned i = 0; i < 20; i++) {
		const unsigned wanted =
		    play(&bursts, &now_ns, 1, i % 2 ? 2000 : 0, 10 * MS, 1, 1000);
		most = wanted > most ? wanted : most;
	}
	CHECK(most > play(&even, &now_ns, 20, 1000, 10 * MS, 1, 1000));
	return check_status();
}

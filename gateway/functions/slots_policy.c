#include "functions/slots_policy.h"

#include <math.h>

#include "util/clock.h"

/* How much of the old value is left after a second. Rates follow up within seconds, and are forgotten within
 * a minute. */
#define KEEP_RISING  0.5
#define KEEP_FALLING 0.9
#define KEEP_BUSY    0.95

void slots_policy_arrive(struct slots_policy *policy)
{
	policy->arrived++;
}

void slots_policy_leave(struct slots_policy *policy, uint64_t busy_ns)
{
	const double busy_s = (double)busy_ns / NANOSECONDS_PER_SECOND;
	if (policy->busy_s == 0)
		policy->busy_s = busy_s;
	policy->busy_s = KEEP_BUSY * policy->busy_s + (1 - KEEP_BUSY) * busy_s;
}

unsigned slots_policy_want(struct slots_policy *policy, uint64_t now_ns, unsigned minimum,
			   unsigned maximum)
{
	const double passed_s =
	    policy->last_ns ? (double)(now_ns - policy->last_ns) / NANOSECONDS_PER_SECOND : 1;
	if (passed_s <= 0)
		return minimum;
	const double rate = (double)policy->arrived / passed_s;
	const double keep = pow(rate > policy->rate ? KEEP_RISING : KEEP_FALLING, passed_s);
	const double off = rate - policy->rate;
	policy->variance = keep * (policy->variance + (1 - keep) * off * off);
	policy->rate = keep * policy->rate + (1 - keep) * rate;
	policy->arrived = 0;
	policy->last_ns = now_ns;

	const double busy = policy->rate * policy->busy_s;
	const double spread = sqrt(busy + policy->variance * policy->busy_s * policy->busy_s);
	const double wanted = ceil(busy + 2 * spread);
	if (wanted >= maximum)
		return maximum;
	return wanted < minimum ? minimum : (unsigned)wanted;
}

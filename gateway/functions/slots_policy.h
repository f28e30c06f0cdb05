/* How many slots a function keeps warm: from the rate of its requests, how much that varies, and how long
 * they take. Plain arithmetic, for one thread. */
#ifndef MAYFLY_GATEWAY_SLOTS_POLICY_H
#define MAYFLY_GATEWAY_SLOTS_POLICY_H

#include <stdint.h>

struct slots_policy {
	uint64_t arrived;      /* in this interval */
	double rate, variance; /* a second; smoothed */
	double busy_s;	       /* that a request keeps a slot; smoothed */
	uint64_t last_ns;      /* when the interval began; 0: never */
};

/* A request has come; one is done that kept its slot for so long. */
void slots_policy_arrive(struct slots_policy *policy);
void slots_policy_leave(struct slots_policy *policy, uint64_t busy_ns);

/* Ends an interval, and returns how many slots are wanted: at least `minimum`, at most `maximum`.
 *
 * With requests that come at random, rate × time of them are busy on average, and the number varies with its
 * square root (Erlang); to this comes what the rate itself varied. Twice that beside the average covers
 * nearly all moments. */
unsigned slots_policy_want(struct slots_policy *policy, uint64_t now_ns, unsigned minimum,
			   unsigned maximum);

#endif

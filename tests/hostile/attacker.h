/* What the files of the attacker share: a guest program that does to its monitor whatever the
 * request names. attacks.def has the table of attacks; each is a function
 *
 *     int attack_<name>(uint64_t number);
 *
 * that does not come back where the attack must be stopped, and otherwise returns 0 where it got
 * nothing and anything else where it got what it wanted.
 */
#ifndef MAYFLY_TESTS_HOSTILE_ATTACKER_H
#define MAYFLY_TESTS_HOSTILE_ATTACKER_H

#include <stdint.h>

#include "mayfly/guest_abi.h"

#define SUCCEEDED 66 /* the exit status of an attack that got what it wanted */

static inline volatile struct guest_control *control(void)
{
	return (volatile struct guest_control *)GUEST_WINDOW_BASE;
}

static inline volatile uint8_t *window_at(uint64_t offset)
{
	return (volatile uint8_t *)GUEST_WINDOW_BASE + offset;
}

/* Makes a hypercall past the library OS. */
int64_t hypercall(uint64_t number, uint64_t first, uint64_t second, uint64_t third);

/* Calls `address` with these in rdi, rsi and rdx, and nothing of the caller in its way. */
uint64_t call_anywhere(uint64_t address, uint64_t first, uint64_t second, uint64_t third);

/* A system call of the host's kernel, by the SYSCALL instruction that process isolation has in its
 * hypercall page. False where that page has none (KVM). */
struct host_call {
	long number, first, second, third, result;
};
int host_call(struct host_call *call);

#endif

/* Attacks on address spaces: what is no space, pages that are not the guest's, own parts of the pool
 * that are not its to have, and what a space leaves behind. Where an isolation has no spaces, all of
 * it is in vain. */
#include <stddef.h>
#include <string.h>

#include "attacker.h"

#define POOL_PAGE  (GUEST_POOL_BASE + (20UL << 20))
#define OWN	   (GUEST_POOL_BASE + (24UL << 20)) /* a part that nobody uses */
#define CODE	   0x200000000UL
#define PLACE	   0x300000000UL
#define READ_WRITE (GUEST_READ | GUEST_WRITE)
#define CODE_RUN                                                                                   \
	{                                                                                          \
		CODE, POOL_PAGE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_EXECUTE | GUEST_SHARED, 0     \
	}

_Static_assert(HYPERCALL_SPACE == 19 && GUEST_SPACE_SWITCH == 2, "for within_space()");
extern const char within_space[], within_space_end[];

static volatile struct guest_space_run *run_at(uint64_t index)
{
	return (volatile struct guest_space_run *)window_at(WINDOW_CONTENTS_OFFSET) + index;
}

static int64_t space(uint64_t operation, uint64_t number, uint64_t count)
{
	return hypercall(HYPERCALL_SPACE, operation, number, count);
}

static int64_t make(uint64_t number, const struct guest_space_run *runs, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		*run_at(i) = runs[i];
	return space(GUEST_SPACE_MAKE, number, count);
}

static int64_t map(uint64_t address, uint64_t source, uint64_t length, uint64_t protection)
{
	control()->arguments[3] = protection;
	return hypercall(HYPERCALL_MAP, address, source, length);
}

/* Writes to an address in that space, whose first run is CODE_RUN. */
static void write_within(uint64_t number, uint64_t address)
{
	memcpy((void *)POOL_PAGE, within_space, (size_t)(within_space_end - within_space));
	map(CODE, POOL_PAGE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_EXECUTE | GUEST_SHARED);
	call_anywhere(CODE, number, address, POOL_PAGE + GUEST_PAGE_SIZE);
}

/* What is no space, or not to be had so. */
int attack_ask_for_what_is_no_space(uint64_t variant)
{
	static const struct {
		uint64_t operation, number, count;
	} wishes[] = {
	    {0, 1, 0},
	    {GUEST_SPACE_ENTER + 1, 1, 0},
	    {UINT64_MAX, 1, 0},
	    {GUEST_SPACE_MAKE, 0, 0},
	    {GUEST_SPACE_MAKE, GUEST_SPACES_MAX, 0},
	    {GUEST_SPACE_MAKE, 1UL << 32 | 1, 0},
	    {GUEST_SPACE_MAKE, UINT64_MAX, 0},
	    {GUEST_SPACE_MAKE, 1, GUEST_SPACE_RUNS_MAX + 1},
	    {GUEST_SPACE_MAKE, 1, 1UL << 59},
	    {GUEST_SPACE_MAKE, 1, UINT64_MAX},
	    {GUEST_SPACE_SWITCH, 1, 0},
	    {GUEST_SPACE_SWITCH, 63, 0},
	    {GUEST_SPACE_SWITCH, 64, 0},
	    {GUEST_SPACE_SWITCH, 1UL << 32, 0},
	    {GUEST_SPACE_SWITCH, UINT64_MAX, 0},
	    {GUEST_SPACE_DROP, 0, 0},
	    {GUEST_SPACE_DROP, 1, 0},
	    {GUEST_SPACE_DROP, 64, 0},
	    {GUEST_SPACE_DROP, UINT64_MAX, 0},
	    {GUEST_SPACE_ENTER, 0, 0},
	    {GUEST_SPACE_ENTER, 1, GUEST_SPACE_MADE},
	    {GUEST_SPACE_ENTER, 1, GUEST_SPACE_RUNS_MAX + 1},
	    {GUEST_SPACE_ENTER, 1, GUEST_SPACE_MADE - 1},
	    {GUEST_SPACE_ENTER, GUEST_SPACES_MAX, 0},
	    {GUEST_SPACE_ENTER, UINT64_MAX, GUEST_SPACE_MADE},
	};
	static const uint64_t dropped[] = {1, GUEST_SPACES_MAX, 1UL << 32, UINT64_MAX};
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		control()->arguments[3] = 0;
		if (!space(wishes[i].operation, wishes[i].number, wishes[i].count))
			return 1;
	}
	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++) {
		control()->arguments[3] = dropped[i];
		if (!space(GUEST_SPACE_ENTER, 0, GUEST_SPACE_MADE))
			return 1;
	}
	if (space(GUEST_SPACE_MAKE, 1, 0))
		return 0;
	return !space(GUEST_SPACE_MAKE, 1, 0); /* twice */
}

/* Each behind a run that could be: then nothing of it may be left. */
int attack_make_a_space_of_what_is_not_its_own(uint64_t variant)
{
	static const struct guest_space_run good = {PLACE, POOL_PAGE, GUEST_PAGE_SIZE, READ_WRITE,
						    0};
	static const struct guest_space_run wishes[] = {
	    /* parts of the pool */
	    {OWN, 0, GUEST_SPACE_OWN_SIZE, GUEST_SPACE_OWN, 0}, /* too late */
	    /* pages from elsewhere */
	    {2 * PLACE, GUEST_SYSTEM_BASE, GUEST_PAGE_SIZE, READ_WRITE, 0},
	    {2 * PLACE, GUEST_SYSTEM_BASE + 0x5000, GUEST_PAGE_SIZE, READ_WRITE, 0},
	    {2 * PLACE, GUEST_WINDOW_BASE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_EXECUTE, 0},
	    {2 * PLACE, GUEST_LIBOS_BASE, GUEST_PAGE_SIZE, READ_WRITE, 0},
	    {2 * PLACE, GUEST_HYPERCALL, GUEST_PAGE_SIZE, READ_WRITE, 0},
	    {2 * PLACE, GUEST_ROOT_BASE, GUEST_PAGE_SIZE, READ_WRITE, 0},
	    {2 * PLACE, 0, GUEST_PAGE_SIZE, READ_WRITE, 0},
	    {2 * PLACE, 0x10000, GUEST_PAGE_SIZE, READ_WRITE, 0},
	    {2 * PLACE, GUEST_POOL_BASE - GUEST_PAGE_SIZE, 2 * GUEST_PAGE_SIZE, READ_WRITE, 0},
	    {2 * PLACE, GUEST_POOL_BASE + (1UL << 37), GUEST_PAGE_SIZE, READ_WRITE, 0},
	    {2 * PLACE, POOL_PAGE, GUEST_PAGE_SIZE, READ_WRITE, 0}, /* it is moved */
	    {2 * PLACE, POOL_PAGE, GUEST_PAGE_SIZE, READ_WRITE | GUEST_SHARED, 0},
	    /* to elsewhere */
	    {GUEST_WINDOW_BASE, OWN, GUEST_PAGE_SIZE, READ_WRITE, 0},
	    {GUEST_LIBOS_BASE, OWN, GUEST_PAGE_SIZE, GUEST_READ | GUEST_EXECUTE, 0},
	    {GUEST_HYPERCALL, OWN, GUEST_PAGE_SIZE, GUEST_READ | GUEST_EXECUTE, 0},
	    {GUEST_SYSTEM_BASE, OWN, GUEST_PAGE_SIZE, READ_WRITE, 0},
	    {GUEST_SYSTEM_BASE + 0x3000, OWN, GUEST_PAGE_SIZE, GUEST_READ | GUEST_EXECUTE, 0},
	    {GUEST_ROOT_BASE, OWN, GUEST_PAGE_SIZE, READ_WRITE, 0},
	    {GUEST_POOL_BASE, OWN, GUEST_PAGE_SIZE, READ_WRITE, 0}, /* not its own part */
	    {OWN, OWN, GUEST_PAGE_SIZE, READ_WRITE, 0},
	    {GUEST_STACK_TOP, OWN, GUEST_PAGE_SIZE, READ_WRITE, 0},
	    {GUEST_STACK_TOP - GUEST_PAGE_SIZE, OWN, 2 * GUEST_PAGE_SIZE, READ_WRITE, 0},
	    {0, OWN, GUEST_PAGE_SIZE, READ_WRITE, 0},
	    {PLACE, OWN, GUEST_PAGE_SIZE, READ_WRITE, 0}, /* something is there */
	    {1UL << 63, OWN, GUEST_PAGE_SIZE, READ_WRITE, 0},
	    {UINT64_MAX - GUEST_PAGE_SIZE + 1, OWN, GUEST_PAGE_SIZE, READ_WRITE, 0},
	    /* what is no run */
	    {2 * PLACE, OWN, 0, READ_WRITE, 0},
	    {2 * PLACE, OWN, 1, READ_WRITE, 0},
	    {2 * PLACE + 1, OWN, GUEST_PAGE_SIZE, READ_WRITE, 0},
	    {2 * PLACE, OWN + 1, GUEST_PAGE_SIZE, READ_WRITE, 0},
	    {2 * PLACE, OWN, UINT64_MAX - GUEST_PAGE_SIZE + 1, READ_WRITE, 0},
	    {2 * PLACE, OWN, GUEST_MAP_MAX, READ_WRITE, 0},
	    {2 * PLACE, OWN, GUEST_PAGE_SIZE, READ_WRITE | GUEST_SPACE_OWN, 0},
	    {2 * PLACE, OWN, GUEST_PAGE_SIZE, 32, 0},
	    {2 * PLACE, OWN, GUEST_PAGE_SIZE, UINT32_MAX, 0},
	    {2 * PLACE, OWN, GUEST_PAGE_SIZE, READ_WRITE, 1},
	};
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		const struct guest_space_run runs[] = {good, wishes[i]};
		*(volatile uint8_t *)POOL_PAGE = 1;
		if (!make(1, runs, 2) || !space(GUEST_SPACE_SWITCH, 1, 0))
			return 1;
		*(volatile uint8_t *)POOL_PAGE = 2; /* it is back */
	}
	return 0;
}

int attack_own_what_is_not_its_own(uint64_t variant)
{
	static const struct guest_space_run good = {OWN, 0, GUEST_SPACE_OWN_SIZE, GUEST_SPACE_OWN,
						    0};
	static const struct guest_space_run wishes[] = {
	    {OWN, 0, GUEST_SPACE_OWN_SIZE, GUEST_SPACE_OWN, 0}, /* twice */
	    {OWN - GUEST_SPACE_OWN_SIZE, 0, 2 * GUEST_SPACE_OWN_SIZE, GUEST_SPACE_OWN, 0},
	    {OWN + GUEST_PAGE_SIZE, 0, GUEST_SPACE_OWN_SIZE, GUEST_SPACE_OWN, 0},
	    {GUEST_POOL_BASE, 0, GUEST_PAGE_SIZE, GUEST_SPACE_OWN, 0},
	    {GUEST_POOL_BASE, 0, 0, GUEST_SPACE_OWN, 0},
	    {GUEST_POOL_BASE, POOL_PAGE, GUEST_SPACE_OWN_SIZE, GUEST_SPACE_OWN, 0},
	    {GUEST_POOL_BASE, 0, 1UL << 37, GUEST_SPACE_OWN, 0},
	    {GUEST_POOL_BASE, 0, -GUEST_SPACE_OWN_SIZE, GUEST_SPACE_OWN, 0},
	    {GUEST_POOL_BASE - GUEST_SPACE_OWN_SIZE, 0, GUEST_SPACE_OWN_SIZE, GUEST_SPACE_OWN, 0},
	    {GUEST_FILES_BASE, 0, GUEST_SPACE_OWN_SIZE, GUEST_SPACE_OWN, 0},
	    {GUEST_WINDOW_BASE, 0, GUEST_SPACE_OWN_SIZE, GUEST_SPACE_OWN, 0},
	    {GUEST_LIBOS_BASE, 0, GUEST_SPACE_OWN_SIZE, GUEST_SPACE_OWN, 0},
	    {GUEST_HYPERCALL, 0, GUEST_SPACE_OWN_SIZE, GUEST_SPACE_OWN, 0},
	    {GUEST_SYSTEM_BASE, 0, GUEST_SPACE_OWN_SIZE, GUEST_SPACE_OWN, 0},
	    {GUEST_ROOT_BASE, 0, GUEST_SPACE_OWN_SIZE, GUEST_SPACE_OWN, 0},
	    {0, 0, GUEST_SPACE_OWN_SIZE, GUEST_SPACE_OWN, 0},
	    {-GUEST_SPACE_OWN_SIZE, 0, GUEST_SPACE_OWN_SIZE, GUEST_SPACE_OWN, 0},
	    {OWN + GUEST_SPACE_OWN_SIZE, 0, GUEST_SPACE_OWN_SIZE, GUEST_SPACE_OWN, 1},
	};
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		const struct guest_space_run runs[] = {good, wishes[i]};
		if (!make(1, runs, 2) || !space(GUEST_SPACE_SWITCH, 1, 0))
			return 1;
	}
	return 0;
}

/* Into a space where there is no program, no stack, or no memory of the library OS. */
int attack_leave_the_ground(uint64_t variant)
{
	struct guest_space_run runs[64] = {0};
	uint64_t count = 0;
	for (; variant && count < 64; count++)
		runs[count] = (struct guest_space_run){
		    .address = GUEST_POOL_BASE + count * GUEST_SPACE_OWN_SIZE,
		    .length = GUEST_SPACE_OWN_SIZE,
		    .protection = GUEST_SPACE_OWN,
		};
	while (make(1, runs, count) && count)
		count--; /* the pool is smaller */
	space(GUEST_SPACE_SWITCH, 1, 0);
	return 0;
}

/* Pages of a space are nowhere else, and nowhere any more when it is gone. */
int attack_use_what_a_space_had(uint64_t variant)
{
	static const struct guest_space_run runs[] = {CODE_RUN,
						      {PLACE, OWN, GUEST_PAGE_SIZE, READ_WRITE, 0}};
	const int64_t made = make(1, runs, 2);
	if (made || variant == 0)
		*(volatile uint8_t *)PLACE = 1;
	write_within(1, PLACE);
	if (variant == 1)
		*(volatile uint8_t *)PLACE = 1;
	if (space(GUEST_SPACE_DROP, 1, 0))
		return 1;
	if (variant == 2) {
		make(1, runs, 1);
	} else {
		const struct guest_space_run less = {PLACE, OWN, GUEST_PAGE_SIZE, GUEST_READ, 0};
		const struct guest_space_run both[] = {runs[0], less};
		make(1, both, 2);
	}
	write_within(1, PLACE);
	return 1;
}

/* All of them, each with as many tables as there are. */
int attack_make_spaces_far_and_wide(uint64_t variant)
{
	uint64_t made = 0;
	for (uint64_t number = 1; number < GUEST_SPACES_MAX; number++) {
		struct guest_space_run runs[64];
		for (uint64_t i = 0; i < 64; i++)
			runs[i] =
			    (struct guest_space_run){PLACE + (i << 39 | number << 30), POOL_PAGE,
						     GUEST_PAGE_SIZE, READ_WRITE | GUEST_SHARED, 0};
		made += !make(number, runs, 64);
	}
	return made == GUEST_SPACES_MAX - 1;
}

/* Another part of the pool each time, so that all is to be forgotten. */
int attack_make_and_drop_without_end(uint64_t variant)
{
	for (uint64_t i = 0;; i++) {
		const struct guest_space_run runs[] = {
		    {OWN + i % 4 * GUEST_SPACE_OWN_SIZE, 0, GUEST_SPACE_OWN_SIZE, GUEST_SPACE_OWN,
		     0},
		    {PLACE, POOL_PAGE + i % 16 * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE, READ_WRITE, 0}};
		make(1 + i % 3, runs, 2);
		space(GUEST_SPACE_DROP, 1 + i % 3, 0);
	}
}

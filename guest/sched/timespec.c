/* Times that system calls take from the program, or give to it. */
#include "timespec.h"

#include <errno.h>
#include <time.h>

#include "guest/machine/clock.h"
#include "guest/mm/user_memory.h"
#include "sizes/sizes.h"

int timespec_read(uint64_t address, uint64_t *nanoseconds)
{
	struct timespec time;
	int error = user_copy_in(&time, address, sizeof(time));
	if (error)
		return error;
	if (time.tv_sec < 0 || time.tv_nsec < 0 || (uint64_t)time.tv_nsec >= NANOSECONDS)
		return -EINVAL;
	/* More than 584 years are all the same. */
	if (mul_overflows((uint64_t)time.tv_sec, NANOSECONDS, nanoseconds) ||
	    add_overflows(*nanoseconds, (uint64_t)time.tv_nsec, nanoseconds))
		*nanoseconds = UINT64_MAX - 1;
	return 0;
}

int timespec_report(uint64_t address, uint64_t nanoseconds)
{
	struct timespec time = {
	    .tv_sec = (time_t)(nanoseconds / NANOSECONDS),
	    .tv_nsec = (long)(nanoseconds % NANOSECONDS),
	};
	return user_copy_out(address, &time, sizeof(time));
}

/* How many descriptors this process may have; see descriptors.h. */
#include "util/descriptors.h"

#include <sys/resource.h>

uint64_t descriptors_raise_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit))
		return UINT64_MAX;
	const rlim_t now = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max;
	if (now != limit.rlim_max && setrlimit(RLIMIT_NOFILE, &limit))
		return now;
	return limit.rlim_cur;
}

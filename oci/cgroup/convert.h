/* Numbers of version 1 as those of version 2. */
#ifndef MAYFLY_OCI_CGROUP_CONVERT_H
#define MAYFLY_OCI_CGROUP_CONVERT_H

#include <stdint.h>

/* Shares of processors from 2 … 262144 to weights 1 … 10000, as runc and crun convert them. */
static inline int64_t convert_shares(int64_t shares)
{
	const int64_t least = 2, most = 262144;
	const int64_t within = shares < least ? least : shares > most ? most : shares;
	return 1 + (within - least) * 9999 / (most - least);
}

/* Weights of block devices from 10 … 1000 to 1 … 10000. */
static inline int64_t convert_io_weight(int64_t weight)
{
	return 1 + (weight - 10) * 9999 / 990;
}

#endif

/* The system calls of a Solo5 spt guest. */
#ifndef MAYFLY_MONITOR_SOLO5_SPT_CALLS_H
#define MAYFLY_MONITOR_SOLO5_SPT_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/isolation/direct.h"
#include "monitor/isolation/isolation.h"

struct spt_device {
	bool is_network;
	/* Of a block device, in bytes; `capacity` is a multiple of the block's size. */
	uint64_t capacity, block_size;
	bool read_only;
	/* Reading this block rings; 0: none. */
	uint64_t rings_at;
};

/* Those of each guest, and three for each device. */
#define SPT_CALLS_MAX (7 + 3 * DIRECT_DESCRIPTORS_MAX)

/* Lists what a guest with these devices may call. Device i is descriptor DIRECT_FIRST + i, and the
 * epoll set and its timer follow. `calls` has room for SPT_CALLS_MAX; returns how many there are. */
size_t spt_calls_list(const struct spt_device *devices, size_t count, struct direct_call *calls);

/* The same for the list of the monitor, which its guest processes inherit. */
extern const struct machine_rights spt_rights;

#endif

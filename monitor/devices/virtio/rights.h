/* The system calls that virtio devices need of a monitor beside those of each monitor: a kind of
 * guest that has such devices puts them into its rights. */
#ifndef MAYFLY_MONITOR_VIRTIO_RIGHTS_H
#define MAYFLY_MONITOR_VIRTIO_RIGHTS_H

#include "confine/filter.h"

/* clang-format off */
#define VIRTIO_CALLS \
	CONFINE_CALL(preadv, "reading block devices"), \
	CONFINE_CALL(pwritev, "writing block devices"), \
	CONFINE_CALL(fdatasync, "flushing block devices")
/* clang-format on */

#endif

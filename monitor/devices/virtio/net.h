/* What is behind a virtio network device: a slot's link. */
#ifndef MAYFLY_MONITOR_VIRTIO_NET_H
#define MAYFLY_MONITOR_VIRTIO_NET_H

#include "monitor/network/link.h"
#include "rate.h"
#include "virtio.h"

struct virtio_net_link {
	struct network_link *link;
	struct rate_limit limit; /* for each direction */
};

#endif

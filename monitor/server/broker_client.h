/* What a confined monitor can no longer do itself, and asks its front for: connections to the
 * accelerator host and to sockets of a guest's vsock, and servers of its root directory. Thread-safe: one question at a time. */
#ifndef MAYFLY_MONITOR_BROKER_CLIENT_H
#define MAYFLY_MONITOR_BROKER_CLIENT_H

#include <pthread.h>
#include <stdbool.h>

#include "accel_client/accel_client.h"
#include "monitor/devices/virtio/vsock.h"
#include "root_server/client.h"

struct broker_client {
	int socket;
	pthread_mutex_t lock;
	bool asking;		 /* somebody is */
	pthread_cond_t answered; /* nobody is any more */
	struct accel_dialer dialer;
	struct root_reviver reviver;
	struct vsock_dialer vsock_dialer;
};

/* `socket` stays the caller's. The client must not move afterwards. */
void broker_client_init(struct broker_client *client, int socket);

#endif

/* The virtio device `vsock` (section 5.10 of the standard): streams between programs of the guest and
 * of the host, as Firecracker has it. A connection of the guest to a port of its host is one to the
 * Unix socket PATH_PORT; who connects to the Unix socket PATH and writes "CONNECT PORT\n" reaches
 * that port of the guest, and reads "OK PORT\n" first (docs/unikernels.md).
 *
 * A clone has none of the connections that there were when its snapshot was taken; its guest is told
 * that they are gone.
 */
#ifndef MAYFLY_MONITOR_VIRTIO_VSOCK_H
#define MAYFLY_MONITOR_VIRTIO_VSOCK_H

#include <stdint.h>

#include "util/error.h"
#include "virtio.h"

#define VSOCK_HOST 2U /* the host's context id */

/* Makes connections, which a monitor that has given up its rights cannot do itself. */
struct vsock_dialer {
	/* Connects to PATH_PORT, until `deadline_ns` (CLOCK_MONOTONIC) at most; the socket, which does not block, becomes the
	 * caller's. A negative errno where nobody listens there. */
	int (*dial)(void *context, uint32_t port, uint64_t deadline_ns, int *socket);
	void *context;
};

/* What is outside of the guest, the same for all slots. */
struct vsock_host {
	uint32_t context_id; /* the guest's, above VSOCK_HOST */
	int listener;	     /* PATH, which does not block; -1: nobody can reach the guest */
	struct vsock_dialer dialer;
};

/* The connections of one slot: the device's backing. `host` must outlive it. */
struct vsock;
int vsock_create(struct vsock **vsock, const struct vsock_host *host, struct error *error);
void vsock_release(struct vsock *vsock); /* NULL is fine */

#endif

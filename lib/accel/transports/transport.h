/* How calls leave the process: one small interface between the vAccel API and whatever carries
 * wire.h messages (a window and a hypercall in a guest; a socket elsewhere).
 *
 * Everything that a remote session does is a call: ops, but also opening and releasing the session
 * and registering its resources (mayfly/ops.def names them and their arguments).
 *
 * A kind of transport is one file with one struct transport_kind, named in library/host.c or
 * library/guest.c.
 */
#ifndef MAYFLY_ACCEL_TRANSPORTS_TRANSPORT_H
#define MAYFLY_ACCEL_TRANSPORTS_TRANSPORT_H

#include <stdbool.h>

#include "accel/wire/call.h"

struct accel_transport;
struct mayfly_session_statistics;

/* An open transport. call() may be used by several threads at once; it returns 0 or a positive
 * VACCEL_E… code: the answer's own, or VACCEL_ENOSPC (message larger than the transport can
 * carry), VACCEL_EREMOTEIO (the other side went away or answered nonsense). close() releases the
 * transport itself; no call may be under way. */
struct accel_transport {
	int (*call)(struct accel_transport *transport, const struct accel_call *call);
	void (*close)(struct accel_transport *transport);
	/* Makes a transport for one session alone, which is closed with it. NULL: the sessions share
	 * this one. 0 or a positive VACCEL_E… code. */
	int (*connect)(struct accel_transport *transport, struct accel_transport **own);
	/* True where the other side has gone, and all that it held for this side with it. NULL: it
	 * cannot go. */
	bool (*is_lost)(struct accel_transport *transport);
	/* Memory that the other side sees as well: arrays in it are not copied (struct accel_call's
	 * window). take() gives NULL where there is none; give() false for what is not of it. NULL,
	 * both: there is no such memory. Thread-safe. */
	void *(*take)(struct accel_transport *transport, size_t size);
	bool (*give)(struct accel_transport *transport, void *memory);
	/* NULL: it counts nothing. Thread-safe. */
	void (*statistics)(struct accel_transport *transport,
			   struct mayfly_session_statistics *statistics);
};

struct transport_kind {
	const char *name;
	/* Opens a transport. 0 with *out set, or a VACCEL_E… code: VACCEL_ENOTSUP means that this
	 * process has no such way out. */
	int (*open)(struct accel_transport **out);
};

/* The window of the Mayfly guest that this program runs in. Only in the guest's build. */
extern const struct transport_kind transport_window;

/* Serves remote sessions by `transport` from now on (NULL: no more), which belongs to the library
 * then; the one before is closed. No remote session may be open. */
void transport_attach(struct accel_transport *transport);

/* Opens the first kind of this build that can be opened, unless a transport is open. VACCEL_ENOTSUP
 * if there is none here; another code where there is one that does not open. Thread-safe. */
int transport_ensure(void);

#endif

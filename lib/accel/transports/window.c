/* The transport of a Mayfly guest: messages in the arena of the window, rung by a system call of
 * the library OS (mayfly/guest_abi.h).
 *
 * Every message begins at the start of the arena, so that as few pages of it as possible are ever
 * written. The arena belongs to this library alone; one lock serialises the calls, as the guest has
 * one processor anyway.
 */
#include "accel/transports/transport.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel/transports/message.h"
#include "accel/wire/ops.h"
#include "mayfly/guest_abi.h"
#include "mayfly/results.h"
#include "util/lock.h"
#include "util/log.h"
#include "vaccel/error.h"

struct window_transport {
	struct accel_transport transport; /* first: the public face of the same object */
	pthread_mutex_t lock;		  /* protects what follows, and the arena */
	void *arena;
	uint64_t size;
	uint64_t request; /* number of the call made last */
};

/* The monitor's log says why, except for messages that this library made wrong. */
static int refused_by_host(const struct accel_call *call)
{
	bool is_told = errno != EBADMSG && errno != EFAULT;
	log_at(is_told ? LOG_DEBUG : LOG_ERROR, "the host cannot serve %s: %s",
	       wire_op_name(call->op), strerror(errno));
	mayfly_op_set_reason("the host cannot serve it: the log tells why");
	return VACCEL_EREMOTEIO;
}

static int call_locked(struct window_transport *window, const struct accel_call *call)
{
	uint64_t request = ++window->request, extent;
	int result = message_make(window->arena, window->size, call, request, &extent);
	if (result)
		return result;
	if (syscall(MAYFLY_SYS_CALL, 0UL, extent))
		return refused_by_host(call);
	return message_take(window->arena, extent, call, request);
}

static int window_call(struct accel_transport *transport, const struct accel_call *call)
{
	struct window_transport *window = (struct window_transport *)transport;
	lock_scoped(&window->lock);
	return call_locked(window, call);
}

static void window_close(struct accel_transport *transport)
{
	struct window_transport *window = (struct window_transport *)transport;
	pthread_mutex_destroy(&window->lock);
	free(window);
}

static int window_open(struct accel_transport **out)
{
	uint64_t arena[2];
	if (syscall(MAYFLY_SYS_ARENA, arena))
		return VACCEL_ENOTSUP;
	struct window_transport *window = malloc(sizeof(*window));
	if (!window)
		return VACCEL_ENOMEM;
	*window = (struct window_transport){
	    .transport = {.call = window_call, .close = window_close},
	    .lock = PTHREAD_MUTEX_INITIALIZER,
	    .arena = (void *)(uintptr_t)arena[0],
	    .size = arena[1],
	};
	*out = &window->transport;
	return 0;
}

const struct transport_kind transport_window = {.name = "window", .open = window_open};

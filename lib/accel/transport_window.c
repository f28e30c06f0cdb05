/* The transport of a Mayfly guest: messages in the arena of the window, rung by a system call of
 * the library OS (mayfly/guest_abi.h).
 *
 * Every message begins at the start of the arena, so that as few pages of it as possible are ever
 * written. The arena belongs to this library alone; one lock serialises the calls, as the guest has
 * one processor anyway.
 */
#include "accel/transport.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel/wire.h"
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

/* The monitor tells why in this run's log, but for what a message of this library's own is to
 * blame.
 */
static int refused_by_host(const struct accel_call *call)
{
	bool is_told = errno != EBADMSG && errno != EFAULT;
	log_at(is_told ? LOG_DEBUG : LOG_ERROR, "the host cannot serve op %u: %s", call->op,
	       strerror(errno));
	mayfly_op_set_reason("the host cannot serve it: the log tells why");
	return VACCEL_EREMOTEIO;
}

static int call_locked(struct window_transport *window, const struct accel_call *call)
{
	uint64_t request = ++window->request, extent;
	int result = wire_encode(window->arena, window->size, call, request, &extent);
	if (result == -ENOSPC) {
		log_error("the arguments of op %u do not fit into the %llu MiB that a guest shares "
			  "with its host",
			  call->op, (unsigned long long)(window->size >> 20));
		mayfly_op_set_reason("its arguments are too long");
		return VACCEL_ENOSPC;
	}
	if (result)
		return VACCEL_EINVAL;
	if (syscall(MAYFLY_SYS_CALL, 0UL, extent))
		return refused_by_host(call);
	int status;
	result = wire_read_answer(window->arena, extent, call, request, &status);
	if (result == -ENOMEM)
		return VACCEL_ENOMEM;
	if (result)
		return VACCEL_EREMOTEIO;
	if (status) {
		char reason[MAYFLY_REASON_SIZE];
		wire_read_reason(window->arena, extent, reason, sizeof(reason));
		if (*reason)
			log_error("%s", reason);
		mayfly_op_set_reason(reason);
	}
	return status;
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

int accel_transport_window_open(struct accel_transport **out)
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

/* What a monitor can no longer do itself, and asks its front for: a connection to the accelerator
 * host, which may have to be started, one to a Unix socket of its guest's vsock, and a server of its
 * root directory. One question at a time, and nothing here waits. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "function/function.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "vsock/hybrid_vsock.h"

/* No connection takes longer, whatever the monitor asks for. */
#define DIAL_LIMIT_NS (15 * NANOSECONDS_PER_SECOND)

/* After a server was started the next question waits so long: a monitor that asks without end would
 * otherwise keep its front busy with starting processes. */
#define REST_NS (5 * NANOSECONDS_PER_SECOND / 1000)

static void answer(struct mayfly_function *function, uint16_t kind, int result,
		   const struct error *error, const int *descriptors, size_t count)
{
	struct channel_message message = {.kind = kind, .result = result};
	monitor_send(function, function->broker, &message, result ? error->text : NULL, descriptors,
		     result ? 0 : count);
}

static void stop_watching(struct mayfly_function *function)
{
	if (function->dialed >= 0)
		loop_unwatch(function, function->dialed);
	function->dialed = -1;
}

static void end_dial(struct mayfly_function *function)
{
	stop_watching(function);
	if (function->dialing)
		accel_dial_end(&function->dial);
	function->dialing = false;
}

static void rest(struct mayfly_function *function)
{
	function->rested_ns = clock_now_ns() + REST_NS;
	loop_unwatch(function, function->broker);
	loop_wake_at(function, function->rested_ns);
}

static void end_rest(struct mayfly_function *function)
{
	if (clock_now_ns() < function->rested_ns) {
		loop_wake_at(function, function->rested_ns);
		return;
	}
	function->rested_ns = 0;
	loop_watch(function, function->broker, SOURCE_BROKER, 0);
}

void broker_go_on(struct mayfly_function *function)
{
	struct error error = {0};
	int socket = -1;
	if (function->rested_ns)
		end_rest(function);
	if (!function->dialing)
		return;
	stop_watching(function);
	int result = accel_dial_look(&function->dial, &socket, &error);
	if (result == -EINPROGRESS) {
		function->dialed = accel_dial_descriptor(&function->dial);
		if (function->dialed >= 0)
			loop_watch(function, function->dialed, SOURCE_DIAL, 0);
		loop_wake_at(function, accel_dial_moment(&function->dial));
		return;
	}
	cleanup_close int connected = socket;
	answer(function, CHANNEL_DIAL, result, &error, &connected, 1);
	end_dial(function);
}

static void begin_dial(struct mayfly_function *function, uint64_t until_ns)
{
	struct error error = {0};
	const uint64_t limit_ns = clock_now_ns() + DIAL_LIMIT_NS;
	int result = function->flags & MAYFLY_NO_ACCELERATION
			 ? error_set(&error, EPERM, "this function may not use an accelerator")
			 : accel_dial_begin(&function->dial, function->accelerator,
					    until_ns < limit_ns ? until_ns : limit_ns, &error);
	if (result) {
		answer(function, CHANNEL_DIAL, result, &error, NULL, 0);
		return;
	}
	function->dialing = true;
	broker_go_on(function);
}

static void revive(struct mayfly_function *function)
{
	struct error error = {0};
	struct root_connection connection = {-1, -1, -1};
	int result = 0;
	if (!function->root)
		result = error_set(&error, EINVAL, "there is no root directory");
	else if (function->launcher.memory < 0)
		result = root_launcher_open(&function->launcher, function->root, &function->parts,
					    &error);
	if (!result)
		result = root_launcher_start(&function->launcher, function->streams[2], &connection,
					     &error);
	if (!result)
		confine_cgroup_add(&function->group, function->launcher.process.pid);
	cleanup_close int socket = connection.socket, life = connection.life;
	const int descriptors[] = {socket, life, connection.memory};
	answer(function, CHANNEL_REVIVE, result, &error, descriptors, 3);
	if (result && function->state == FUNCTION_OPENING)
		root_launcher_close(&function->launcher);
	rest(function);
}

/* The guest's connections are answered by whoever listens at its vsock's sockets, and by nobody else. */
static void dial_vsock(struct mayfly_function *function, uint64_t port)
{
	struct error error = {0};
	cleanup_close int connected = -1;
	int result = function->vsock && port <= UINT32_MAX ? 0 : -ENOENT;
	if (!result)
		result = hybrid_vsock_connect(function->vsock, (uint32_t)port, &connected);
	if (result)
		error_set_errno(&error, -result, "no connection to port %lu", port);
	answer(function, CHANNEL_DIAL_VSOCK, result, &error, &connected, 1);
}

void broker_hear(struct mayfly_function *function)
{
	struct channel_message message;
	int descriptors[CHANNEL_PASSED_MAX];
	if (function->broker < 0)
		return;
	int result = channel_receive(function->broker, &message, descriptors, NULL, MSG_DONTWAIT);
	if (result == -EAGAIN)
		return;
	if (result == -EPIPE) {
		loop_unwatch(function, function->broker);
		/* A monitor that is still there, as receiving has failed, would wait for its answer. */
		shutdown(function->broker, SHUT_RDWR);
		return;
	}
	if (!result)
		channel_close_descriptors(descriptors);
	if (!result && message.kind == CHANNEL_DIAL && !function->dialing)
		begin_dial(function, message.until_ns);
	else if (!result && message.kind == CHANNEL_REVIVE && !function->dialing)
		revive(function);
	else if (!result && message.kind == CHANNEL_DIAL_VSOCK && !function->dialing)
		dial_vsock(function, message.length);
	else
		monitor_distrust(function, "a question that cannot be");
}

void broker_close(struct mayfly_function *function)
{
	end_dial(function);
	function->rested_ns = 0;
	root_launcher_close(&function->launcher);
}

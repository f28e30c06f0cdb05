/* Sessions and their threads; see session.h. */
#include "acceld/relay/rpc/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "accel/transports/socket.h"
#include "accel/wire/ops.h"
#include "acceld/relay/host.h"
#include "acceld/relay/rpc/call.h"
#include "acceld/relay/rpc/client.h"
#include "acceld/relay/rpc/methods.h"
#include "acceld/relay/rpc/resource.h"
#include "acceld/relay/rpc/rpc.h"
#include "mayfly/results.h"
#include "mayfly/wire.h"
#include "messages.pb-c.h"
#include "util/budget.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/lock.h"
#include "util/log.h"
#include "vaccel/error.h"

/* Of a session's thread, and of what its window has at least; both count as memory that the client
 * makes the relay take. */
#define STACK_SIZE     (256UL << 10)
#define WINDOW_KEPT    (256UL << 10)
#define SESSION_MEMORY (STACK_SIZE + WINDOW_KEPT)

/* More than that of a window goes back at once, the rest where no call has come for a while. */
#define WINDOW_BUSY_MAX (32UL << 20)
#define IDLE_NS		NANOSECONDS_PER_SECOND

/* For the worker to see the end of a connection; what is left of it then counts a little longer. */
#define END_PATIENCE_MS 1000

struct rpc_registration {
	struct rpc_registration *next;
	struct rpc_resource *resource;
	int64_t remote;
};

/* Of what goes in and comes out of an op, beside the content of a frame: descriptors, and room between
 * arguments. */
#define ROOM_OVERHEAD (1U << 20)

int64_t rpc_session_resource(const struct rpc_session *session, const struct rpc_resource *resource)
{
	const struct rpc_registration *registration = session->registrations;
	while (registration && registration->resource != resource)
		registration = registration->next;
	return registration ? registration->remote : 0;
}

int rpc_session_add_resource(struct rpc_session *session, struct rpc_resource *resource,
			     int64_t remote)
{
	struct rpc_registration *registration = malloc(sizeof(*registration));
	if (!registration)
		return VACCEL_ENOMEM;
	*registration = (struct rpc_registration){session->registrations, resource, remote};
	session->registrations = registration;
	lock_scoped(&session->client->lock);
	resource->registrations++;
	rpc_resource_hold(resource);
	return 0;
}

/* Takes the registration at `place` out of its list. */
static void remove_registration(struct rpc_session *session, struct rpc_registration **place)
{
	cleanup_free struct rpc_registration *registration = *place;
	*place = registration->next;
	lock_scoped(&session->client->lock);
	registration->resource->registrations--;
	rpc_resource_drop(registration->resource);
}

void rpc_session_remove_resource(struct rpc_session *session, struct rpc_resource *resource)
{
	struct rpc_registration **place = &session->registrations;
	while ((*place)->resource != resource)
		place = &(*place)->next;
	remove_registration(session, place);
}

/* ── memory of the window ────────────────────────────────────────────────────────────────────── */

static uint64_t bytes_of(const struct vaccel_arg *arguments, size_t count)
{
	/* Each has a descriptor, and begins aligned. */
	uint64_t bytes = count * (sizeof(struct wire_argument) + WIRE_ALIGNMENT);
	for (size_t i = 0; i < count; i++)
		bytes += arguments[i].size;
	return bytes;
}

static uint64_t message_bytes(const struct accel_call *call)
{
	return sizeof(struct wire_header) + WIRE_REASON_MAX +
	       bytes_of(call->inputs, call->input_count) +
	       bytes_of(call->outputs, call->output_count);
}

/* False where the relay holds as much as it may. */
static bool count_window(struct rpc_session *session, uint64_t bytes)
{
	struct budget *memory = session->client->limits->memory;
	uint64_t more = bytes > WINDOW_KEPT ? bytes - WINDOW_KEPT : 0;
	if (!memory || more <= session->window)
		return true;
	if (!budget_take(memory, more - session->window))
		return false;
	session->window = more;
	return true;
}

static void discount_window(struct rpc_session *session)
{
	if (session->window)
		budget_give(session->client->limits->memory, session->window);
	session->window = 0;
}

static void trim_window(struct rpc_session *session)
{
	transport_socket_trim(session->transport, WINDOW_KEPT);
	discount_window(session);
}

int rpc_session_op(struct rpc_call *call, uint16_t op, const struct vaccel_arg *inputs,
		   size_t input_count, struct vaccel_arg *outputs, size_t output_count,
		   const uint32_t *output_flags)
{
	struct rpc_session *session = call->session;
	struct accel_call remote = {
	    .op = op,
	    .session = session->remote,
	    .inputs = inputs,
	    .input_count = input_count,
	    .outputs = outputs,
	    .output_count = output_count,
	    .output_flags = output_flags,
	};
	mayfly_op_set_reason("");
	if (call->deadline_ns) {
		uint64_t now = clock_now_ns();
		if (now >= call->deadline_ns)
			return VACCEL_EAGAIN;
		remote.deadline_ns = call->deadline_ns - now;
	}
	if (!count_window(session, message_bytes(&remote)))
		return VACCEL_ENOMEM;
	int result = session->transport->call(session->transport, &remote);
	/* Results may have grown. */
	if (!count_window(session, message_bytes(&remote)) || session->window > WINDOW_BUSY_MAX)
		trim_window(session);
	if (result)
		log_debug("%s of session %lld: error %d%s%s", wire_op_name(op),
			  (long long)session->id, result, *mayfly_op_reason() ? ": " : "",
			  mayfly_op_reason());
	return result;
}

/* From here on the end of the client ends it. False where the client has gone already. */
static bool expose(struct rpc_session *session, int socket)
{
	lock_scoped(&session->client->lock);
	session->hangup = fcntl(socket, F_DUPFD_CLOEXEC, 0);
	return session->hangup >= 0 && !session->client->closing;
}

static int open_connection(struct rpc_session *session)
{
	struct error error = {0};
	int socket;
	int result = relay_host_connect(session->client->host, &socket, &error);
	if (result) {
		log_warn("a session has no connection to the worker: %s", error.text);
		return VACCEL_EREMOTEIO;
	}
	if (!expose(session, socket)) {
		close(socket);
		return VACCEL_EREMOTEIO;
	}
	uint64_t room = (uint64_t)session->client->limits->frame_max + ROOM_OVERHEAD;
	return transport_socket_open(socket, room < WIRE_WINDOW_MAX ? room : WIRE_WINDOW_MAX,
				     &session->transport);
}

static int open_session(struct rpc_call *call)
{
	struct rpc_session *session = call->session;
	uint32_t flags = ((const Rpc__CreateSession *)call->request)->flags;
	int result = open_connection(session);
	if (result)
		return result;
	struct vaccel_arg input = {.buf = &flags, .size = sizeof(flags), .type = VACCEL_ARG_UINT32};
	struct vaccel_arg output = {
	    .buf = &session->remote, .size = sizeof(session->remote), .type = VACCEL_ARG_INT64};
	result = rpc_session_op(call, WIRE_OP_SESSION_INIT, &input, 1, &output, 1, NULL);
	return !result && session->remote < 1 ? VACCEL_EREMOTEIO : result;
}

void rpc_serve_create_session(struct rpc_call *call)
{
	struct rpc_session *session = call->session;
	int result = open_session(call);
	if (result) {
		rpc_fail(&call->reply, result);
		return;
	}
	pthread_mutex_lock(&session->client->lock);
	session->id = ++session->client->last_session;
	pthread_mutex_unlock(&session->client->lock);
	Rpc__CreatedSession answer = RPC__CREATED_SESSION__INIT;
	rpc_set(&answer, session_id, session->id);
	rpc_answer(&call->reply, &answer.base);
}

/* vAccel's hint is for the choice of a plugin, which has been made. */
void rpc_serve_update_session(struct rpc_call *call)
{
	rpc_answer(&call->reply, NULL);
}

/* Releases what the session has here. Its connection counts at the worker until that has seen its end,
 * which the other end of the socket tells. */
static void close_connection(struct rpc_session *session)
{
	if (session->transport)
		session->transport->close(take_pointer(session->transport));
	discount_window(session);
	while (session->registrations)
		remove_registration(session, &session->registrations);
	/* Closed by this thread only. */
	struct pollfd end = {.fd = session->hangup, .events = POLLIN};
	if (session->hangup >= 0 && !shutdown(session->hangup, SHUT_WR))
		poll(&end, 1, END_PATIENCE_MS);
}

/* From here on nobody finds it. It has been released before the answer, so that a client at its limit
 * may open as many sessions as it has destroyed. */
void rpc_serve_destroy_session(struct rpc_call *call)
{
	struct rpc_session *session = call->session;
	pthread_mutex_lock(&session->client->lock);
	session->id = 0;
	pthread_mutex_unlock(&session->client->lock);
	(void)rpc_session_op(call, WIRE_OP_SESSION_RELEASE, NULL, 0, NULL, 0, NULL);
	close_connection(session);
	rpc_answer(&call->reply, NULL);
}

/* It has no profile of any session: see docs/vaccel-rpc.md. */
void rpc_serve_get_profiler(struct rpc_call *call)
{
	int64_t id = ((const Rpc__GetProfiler *)call->request)->session_id;
	if (id <= 0)
		rpc_fail_early(&call->reply, RPC_ERROR_ARGUMENT, "Invalid ID: %lld", (long long)id);
	else
		rpc_answer(&call->reply, NULL);
}

void rpc_session_add(struct rpc_session *session, struct rpc_call *call)
{
	call->session = session;
	call->next = NULL;
	*session->last_call = call;
	session->last_call = &call->next;
	pthread_cond_signal(&session->work);
}

/* With the lock held. */
static struct rpc_call *take_call(struct rpc_session *session)
{
	struct rpc_call *call = session->calls;
	if (!call)
		return NULL;
	session->calls = call->next;
	if (!session->calls)
		session->last_call = &session->calls;
	return call;
}

/* NULL: the client has gone. */
static struct rpc_call *wait_for_call(struct rpc_session *session)
{
	struct rpc_client *client = session->client;
	lock_scoped(&client->lock);
	while (!session->calls && !client->closing) {
		const struct timespec idle = clock_timespec(clock_now_ns() + IDLE_NS);
		if (!session->window)
			pthread_cond_wait(&session->work, &client->lock);
		else if (pthread_cond_clockwait(&session->work, &client->lock, CLOCK_MONOTONIC,
						&idle))
			trim_window(session);
	}
	return client->closing ? NULL : take_call(session);
}

/* Calls that came behind the one that ended the session. */
static void refuse_rest(struct rpc_session *session, int64_t id)
{
	for (;;) {
		pthread_mutex_lock(&session->client->lock);
		struct rpc_call *call = take_call(session);
		bool closing = session->client->closing;
		session->ended = !call;
		if (!call && session->hangup >= 0)
			close(take_fd(&session->hangup));
		pthread_mutex_unlock(&session->client->lock);
		if (!call)
			return;
		if (!closing)
			rpc_refuse(&call->reply, RPC_NOT_FOUND, "Unknown session %lld",
				   (long long)id);
		rpc_call_end(call);
	}
}

static void *run_session(void *argument)
{
	struct rpc_session *session = argument;
	struct rpc_call *call;
	int64_t id = 0;
	do {
		call = wait_for_call(session);
		if (!call)
			break;
		call->method->serve(call);
		rpc_call_end(call);
		/* Written by this thread only. */
		id = session->id ? session->id : id;
	} while (session->id);
	close_connection(session);
	refuse_rest(session, id);
	return NULL;
}

static void free_session(struct rpc_session *session)
{
	struct budget *memory = session->client->limits->memory;
	if (memory)
		budget_give(memory, SESSION_MEMORY);
	pthread_cond_destroy(&session->work);
	free(session);
}

static struct rpc_session *new_session(struct rpc_client *client)
{
	struct budget *memory = client->limits->memory;
	if (memory && !budget_take(memory, SESSION_MEMORY))
		return NULL;
	struct rpc_session *session = calloc(1, sizeof(*session));
	if (!session) {
		if (memory)
			budget_give(memory, SESSION_MEMORY);
		return NULL;
	}
	session->client = client;
	session->hangup = -1;
	session->last_call = &session->calls;
	pthread_cond_init(&session->work, NULL);
	return session;
}

static int start_thread(struct rpc_session *session)
{
	pthread_attr_t attributes;
	int result = pthread_attr_init(&attributes);
	if (result)
		return result;
	result = pthread_attr_setstacksize(&attributes, STACK_SIZE);
	if (!result)
		result = pthread_create(&session->thread, &attributes, run_session, session);
	pthread_attr_destroy(&attributes);
	return result;
}

/* Joins those whose threads are at their end. */
static void reap(struct rpc_client *client)
{
	struct rpc_session **place = &client->sessions;
	pthread_mutex_lock(&client->lock);
	while (*place) {
		struct rpc_session *session = *place;
		if (!session->ended) {
			place = &session->next;
			continue;
		}
		*place = session->next;
		client->session_count--;
		pthread_mutex_unlock(&client->lock);
		pthread_join(session->thread, NULL);
		free_session(session);
		pthread_mutex_lock(&client->lock);
	}
	pthread_mutex_unlock(&client->lock);
}

static int start(struct rpc_client *client, struct rpc_call *call)
{
	/* Only this thread changes the list. */
	if (client->session_count >= RPC_SESSIONS_MAX) {
		log_info("a client has %d sessions, and gets no more", RPC_SESSIONS_MAX);
		return VACCEL_EUSERS;
	}
	struct rpc_session *session = new_session(client);
	if (!session)
		return VACCEL_ENOMEM;
	lock_scoped(&client->lock);
	rpc_session_add(session, call);
	if (start_thread(session)) {
		free_session(session);
		return VACCEL_EAGAIN;
	}
	session->next = client->sessions;
	client->sessions = session;
	client->session_count++;
	return 0;
}

void rpc_session_start(struct rpc_call *call)
{
	struct rpc_client *client = call->client;
	reap(client);
	int result = start(client, call);
	if (!result)
		return;
	rpc_fail(&call->reply, result);
	rpc_call_end(call);
}

void rpc_session_end_all(struct rpc_client *client)
{
	pthread_mutex_lock(&client->lock);
	client->closing = true;
	for (struct rpc_session *session = client->sessions; session; session = session->next) {
		if (session->hangup >= 0)
			shutdown(session->hangup, SHUT_RDWR);
		pthread_cond_signal(&session->work);
	}
	pthread_mutex_unlock(&client->lock);
	while (client->sessions) {
		struct rpc_session *session = client->sessions;
		pthread_join(session->thread, NULL);
		client->sessions = session->next;
		client->session_count--;
		free_session(session);
	}
}

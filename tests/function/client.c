/* Functions and requests of tests; see client.h. */
#include "client.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "util/clock.h"

#define LIMIT_NS (20 * NANOSECONDS_PER_SECOND)

static void note_event(void *context, const struct mayfly_event *event)
{
	struct client *client = context;
	pthread_mutex_lock(&client->lock);
	if (client->event_count < CLIENT_EVENTS_MAX)
		client->events[client->event_count++] = *event;
	snprintf(client->text, sizeof(client->text), "%s", event->text);
	pthread_cond_broadcast(&client->changed);
	pthread_mutex_unlock(&client->lock);
	if (client->on_event)
		client->on_event(client, event);
}

int client_open(struct client *client, struct mayfly_description *description,
		struct mayfly_error *error)
{
	pthread_mutex_init(&client->lock, NULL);
	pthread_cond_init(&client->changed, NULL);
	client->own_thread = description->flags & MAYFLY_OWN_THREAD;
	description->event = note_event;
	description->context = client;
	return mayfly_function_open(&client->function, description, error);
}

void client_close(struct client *client)
{
	mayfly_function_close(client->function);
	client->function = NULL;
}

/* Drives the function, or lets its thread do so, for a moment. */
static void step(struct client *client)
{
	if (client->own_thread) {
		usleep(1000);
		return;
	}
	struct pollfd readable = {.fd = mayfly_function_fd(client->function), .events = POLLIN};
	poll(&readable, 1, 100);
	mayfly_function_process(client->function);
}

static bool look(struct client *client, const bool *what)
{
	pthread_mutex_lock(&client->lock);
	const bool is = *what;
	pthread_mutex_unlock(&client->lock);
	return is;
}

bool client_await(struct client *client, const bool *what)
{
	const uint64_t limit_ns = clock_now_ns() + LIMIT_NS;
	while (!look(client, what)) {
		if (clock_now_ns() > limit_ns)
			return false;
		step(client);
	}
	return true;
}

bool client_await_event(struct client *client, enum mayfly_event_kind kind)
{
	const uint64_t limit_ns = clock_now_ns() + LIMIT_NS;
	bool found = false;
	while (!found && clock_now_ns() < limit_ns) {
		pthread_mutex_lock(&client->lock);
		for (size_t i = 0; i < client->event_count && !found; i++) {
			found = client->events[i].kind == kind;
			if (found)
				client->events[i].kind = (enum mayfly_event_kind) - 1;
		}
		pthread_mutex_unlock(&client->lock);
		if (!found)
			step(client);
	}
	if (!found)
		fprintf(stderr, "  no event %d came; the last one said: %s\n", (int)kind,
			client->text);
	return found;
}

bool client_start(struct client *client)
{
	struct mayfly_error error = {0};
	if (mayfly_function_start(client->function, &error)) {
		fprintf(stderr, "  %s\n", error.text);
		return false;
	}
	return client_await_event(client, MAYFLY_PREPARED);
}

int client_begin(struct client *client, struct mayfly_description *description)
{
	if (client_open(client, description, NULL))
		return 1;
	if (client_start(client))
		return 0;
	const bool is_missing = strstr(client->text, "cannot be had");
	client_close(client);
	return is_missing ? CHECK_SKIPPED : 1;
}

static int respond(void *context, const void *data, size_t length)
{
	struct call *call = context;
	uint8_t *grown = realloc(call->response, call->length + length + 1);
	if (!grown)
		return -1;
	call->response = grown;
	memcpy(call->response + call->length, data, length);
	call->length += length;
	if (call->slow_ms)
		usleep(1000 * call->slow_ms);
	return 0;
}

static void note_done(void *context, const struct mayfly_result *result)
{
	struct call *call = context;
	if (call->slow_ms)
		usleep(1000 * call->slow_ms);
	pthread_mutex_lock(&call->client->lock);
	call->result = *result;
	snprintf(call->text, sizeof(call->text), "%s", result->text);
	call->done = true;
	call->told++;
	pthread_cond_broadcast(&call->client->changed);
	pthread_mutex_unlock(&call->client->lock);
}

int call_begin(struct call *call, struct client *client, const void *data, size_t length)
{
	call->client = client;
	if (!call->request.size)
		mayfly_request_init(&call->request, sizeof(call->request));
	call->request.data = data;
	call->request.length = length;
	call->request.respond = respond;
	call->request.done = note_done;
	call->request.context = call;
	return mayfly_function_submit(client->function, &call->request, &call->serial, NULL);
}

bool call_finish(struct call *call)
{
	return client_await(call->client, &call->done);
}

void call_release(struct call *call)
{
	free(call->response);
	*call = (struct call){0};
}

bool client_answers(struct client *client, const char *data, const char *const *variables,
		    const char *wanted)
{
	struct call call = {0};
	mayfly_request_init(&call.request, sizeof(call.request));
	call.request.variables = variables;
	bool same = !call_begin(&call, client, data, strlen(data)) && call_finish(&call);
	same = same && call.result.outcome == MAYFLY_EXITED && !call.result.status &&
	       call.length == strlen(wanted) && !memcmp(call.response, wanted, call.length);
	if (!same)
		fprintf(stderr, "  outcome %d, status %d; it said:\n%.*s  and not:\n%s\n",
			(int)call.result.outcome, call.result.status, (int)call.length,
			(const char *)call.response, wanted);
	call_release(&call);
	return same;
}

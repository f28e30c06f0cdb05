/* What tests of libmayfly share: a function that is driven here, and requests that are waited
 * for. */
#ifndef MAYFLY_TESTS_FUNCTION_CLIENT_H
#define MAYFLY_TESTS_FUNCTION_CLIENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "mayfly/function.h"

#define CLIENT_EVENTS_MAX 16

struct client {
	struct mayfly_function *function;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool own_thread;
	struct mayfly_event events[CLIENT_EVENTS_MAX];
	size_t event_count;
	char text[MAYFLY_ERROR_TEXT_MAX]; /* of the last event */
	void (*on_event)(struct client *client, const struct mayfly_event *event);
};

/* A request under way, and what came of it. */
struct call {
	struct client *client;
	struct mayfly_request request;
	uint64_t serial;
	bool done;
	unsigned told; /* how often */
	struct mayfly_result result;
	char text[MAYFLY_ERROR_TEXT_MAX];
	uint8_t *response;
	size_t length;
	unsigned slow_ms; /* how long each call back takes */
};

/* The description's event and context are filled in. */
int client_open(struct client *client, struct mayfly_description *description,
		struct mayfly_error *error);
void client_close(struct client *client);

/* Waits 20 s at most until *what; drives the function meanwhile, unless it has a thread. */
bool client_await(struct client *client, const bool *what);
bool client_await_event(struct client *client, enum mayfly_event_kind kind);

/* Starts it, and waits until it is prepared. */
bool client_start(struct client *client);

/* Opens and starts the first function of a test. 0, or the status that the test ends with: the function is
 * closed then. */
int client_begin(struct client *client, struct mayfly_description *description);

/* Whether a request of this text, with variables (NULL: none), exits with 0 and says what is wanted. */
bool client_answers(struct client *client, const char *data, const char *const *variables,
		    const char *wanted);

int call_begin(struct call *call, struct client *client, const void *data, size_t length);
bool call_finish(struct call *call);
void call_release(struct call *call);

#endif

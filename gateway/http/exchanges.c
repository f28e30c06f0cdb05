/* The life of an exchange, as libmicrohttpd's thread sees it: head, body, response. */
#include <stdlib.h>
#include <string.h>

#include "http/head.h"
#include "http/server.h"
#include "util/clock.h"
#include "util/lock.h"

/* A time-out of one's own, see begin_wait(): so long nothing waits. */
#define OWN_TIMEOUT_S 86400u

/* A client that is refused gets to read that only if it can send its body: so much of it is read and
 * forgotten, and then the answer comes. Where the body is longer it is answered at once. */
#define SWALLOW_MAX (64 << 10)

static struct connection *connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

/* libmicrohttpd would split the query at each "&", in place, and keep a record of each part. It is shown an
 * empty one instead. (Its buffer is not constant; only this pointer to it is.) */
static void hide_query(struct http_exchange *exchange)
{
	char *mark = strchr(exchange->target, '?');
	if (!mark)
		return;
	exchange->query = mark + 1;
	exchange->query_first = *exchange->query;
	*exchange->query = '\0';
}

void *exchange_start(void *context, const char *target, struct MHD_Connection *mhd)
{
	struct connection *connection = connection_of(mhd);
	struct http_exchange *exchange = connection && target ? calloc(1, sizeof(*exchange)) : NULL;
	if (!exchange)
		return NULL;
	exchange->connection = connection;
	exchange->target = (char *)target;
	exchange->target_length = strlen(target);
	exchange->pieces.last = &exchange->pieces.first;
	hide_query(exchange);

	connection->server->called_back = true;
	lock_scoped(&connection->lock);
	exchange->pace.since_ns = clock_now_ns();
	connection->exchange = exchange;
	return exchange;
}

static void enter(struct http_exchange *exchange, enum phase phase)
{
	lock_scoped(&exchange->connection->lock);
	exchange->phase = phase;
	exchange->pace = (struct pace){.since_ns = clock_now_ns(), .bytes = exchange->received};
}

/* Whether the connection ends with this exchange. It does after a request in chunks: libmicrohttpd takes line
 * feeds alone for ends of lines there, so that a proxy may see another end of the body than it does. What
 * follows must not be taken for a request then. */
static bool is_last(const struct http_exchange *exchange)
{
	return exchange->connection->server->quiesced || exchange->head.length == UINT64_MAX;
}

/* Queues a refusal. libmicrohttpd closes the connection afterwards where the body has not come. */
static enum MHD_Result queue_refusal(struct http_exchange *exchange)
{
	struct connection *connection = exchange->connection;
	struct MHD_Response *response = response_refusing(exchange->refused);
	if (!response)
		return MHD_NO;
	if (is_last(exchange))
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	enum MHD_Result result = MHD_queue_response(connection->mhd, exchange->refused, response);
	MHD_destroy_response(response);
	enter(exchange, PHASE_SENDING);
	return result;
}

static void refuse_now(struct http_exchange *exchange)
{
	response_refuse_now(exchange, exchange->refused);
	enter(exchange, PHASE_LINGER);
}

static void refuse(struct http_exchange *exchange, unsigned status)
{
	exchange->refused = status;
	exchange->connection->server->refused++;
}

static unsigned begin(struct http_exchange *exchange, const char *method, const char *version,
		      unsigned *flags)
{
	struct connection *connection = exchange->connection;
	struct http_server *server = connection->server;
	struct http_head *head = &exchange->head;
	unsigned status = head_read(exchange, method, version, flags);
	if (status)
		return status;
	if (head->length != UINT64_MAX && head->length > server->settings.body_limit)
		return MHD_HTTP_CONTENT_TOO_LARGE;
	if (server->stopping)
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	memcpy(head->client, connection->client, sizeof(head->client));
	head->secure = connection->secure;
	status = server->settings.handler->begin(server->settings.context, exchange, head,
						 &exchange->state);
	if (status)
		return status;
	exchange->begun = true;
	server->exchanges++;
	return 0;
}

static enum MHD_Result take_head(struct http_exchange *exchange, const char *method,
				 const char *version)
{
	unsigned flags;
	unsigned status = begin(exchange, method, version, &flags);
	enter(exchange, PHASE_BODY);
	if (!status)
		return MHD_YES;
	refuse(exchange, status);
	if (flags & HEAD_BROKEN)
		return queue_refusal(exchange);
	if (!exchange->head.length)
		return MHD_YES; /* libmicrohttpd calls again, and keeps the connection if answered then */
	if (flags & HEAD_EXPECTS)
		return queue_refusal(exchange);
	if (exchange->head.length != UINT64_MAX && exchange->head.length > SWALLOW_MAX)
		refuse_now(exchange);
	return MHD_YES;
}

static void count(struct http_exchange *exchange, size_t length)
{
	lock_scoped(&exchange->connection->lock);
	exchange->received += length;
}

static void swallow(struct http_exchange *exchange, size_t length)
{
	count(exchange, length);
	exchange->swallowed += length;
	if (exchange->phase != PHASE_LINGER && exchange->swallowed > SWALLOW_MAX)
		refuse_now(exchange);
}

/* Under the connection's lock: waits for the handler, in a request. One that goes on afterwards is not to be
 * read from first: libmicrohttpd would enlarge its buffer for what has come behind the request, with memory
 * that the response's headers are to have (see header_room). It goes through the connections that have a
 * time-out of their own, and lets them go on, before it reads from any. */
static void begin_wait(struct http_exchange *exchange)
{
	MHD_set_connection_option(exchange->connection->mhd, MHD_CONNECTION_OPTION_TIMEOUT,
				  OWN_TIMEOUT_S);
	exchange->waited = true;
	connection_suspend(exchange);
}

/* Back to one of many, of which libmicrohttpd looks at the oldest only. Not where it calls for the next chunk
 * of what it has read, and the connection waits since the last one. */
static void end_wait(struct http_exchange *exchange)
{
	struct MHD_Connection *mhd = exchange->connection->mhd;
	if (!exchange->waited)
		return;
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_SUSPENDED);
	if (!info || info->suspended != MHD_NO)
		return;
	exchange->waited = false;
	MHD_set_connection_option(mhd, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
}

static bool is_suspended(struct http_exchange *exchange)
{
	lock_scoped(&exchange->connection->lock);
	return exchange->suspended;
}

static void take_body(struct http_exchange *exchange, const char *data, size_t *length)
{
	struct connection *connection = exchange->connection;
	const struct http_settings *settings = &connection->server->settings;
	size_t taken = *length;
	if (is_suspended(exchange))
		return; /* the next chunk, which had come already when the handler paused */
	*length = 0;
	if (exchange->refused) {
		swallow(exchange, taken);
		return;
	}
	unsigned status = MHD_HTTP_CONTENT_TOO_LARGE;
	if (connection->server->stopping)
		status = MHD_HTTP_SERVICE_UNAVAILABLE;
	else if (taken <= settings->body_limit - exchange->received)
		status = settings->handler->body(exchange->state, data, taken);
	if (status) {
		refuse(exchange, status);
		swallow(exchange, taken);
		return;
	}
	lock_scoped(&connection->lock);
	exchange->received += taken;
	if (exchange->paused && !connection->server->cutting)
		begin_wait(exchange);
}

/* The response, if it is there; else the connection waits for one. False: it is to be broken off. */
static bool take_response(struct http_exchange *exchange, struct MHD_Response **response)
{
	struct connection *connection = exchange->connection;
	lock_scoped(&connection->lock);
	*response = take_pointer(exchange->response);
	if (exchange->cut)
		return false;
	if (*response) {
		exchange->phase = PHASE_SENDING;
		exchange->pace = (struct pace){.since_ns = clock_now_ns(), .bytes = UINT64_MAX};
		return true;
	}
	if (connection->server->cutting)
		return false;
	begin_wait(exchange);
	return true;
}

/* Without the lock: libmicrohttpd has one of its own for each response. */
static enum MHD_Result answer(struct http_exchange *exchange)
{
	struct connection *connection = exchange->connection;
	struct MHD_Response *response;
	enum MHD_Result result = take_response(exchange, &response) ? MHD_YES : MHD_NO;
	if (!response)
		return result;
	if (is_last(exchange) && !exchange->upgrading)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	if (result == MHD_YES)
		result = MHD_queue_response(connection->mhd, exchange->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result take_end(struct http_exchange *exchange)
{
	struct connection *connection = exchange->connection;
	if (exchange->phase == PHASE_LINGER)
		return MHD_NO; /* it has its answer */
	if (exchange->phase == PHASE_BODY && !exchange->refused && connection->server->stopping)
		refuse(exchange, MHD_HTTP_SERVICE_UNAVAILABLE);
	if (exchange->phase == PHASE_BODY && !exchange->refused && !head_take_trailers(exchange))
		refuse(exchange, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE);
	if (exchange->refused)
		return queue_refusal(exchange);
	if (exchange->phase == PHASE_BODY) {
		enter(exchange, PHASE_SERVING);
		connection->server->settings.handler->complete(exchange->state);
	}
	return answer(exchange);
}

enum MHD_Result exchange_handle(void *context, struct MHD_Connection *mhd, const char *url,
				const char *method, const char *version, const char *data,
				size_t *length, void **place)
{
	struct http_exchange *exchange = *place;
	if (!exchange)
		return MHD_NO;
	exchange->connection->server->called_back = true;
	end_wait(exchange);
	if (exchange->phase == PHASE_HEAD)
		return take_head(exchange, method, version);
	if (!*length)
		return take_end(exchange);
	take_body(exchange, data, length);
	return MHD_YES;
}

/* Whether it was upgraded, and not broken off. A client that does not end it when all was sent is no matter. */
static bool was_tunnel(const struct http_exchange *exchange)
{
	const bool all_sent = exchange->ended && exchange->complete && !exchange->pieces.first;
	return exchange->tunneled && (!exchange->cut || all_sent);
}

void exchange_end(struct http_exchange *exchange, bool sent)
{
	struct connection *connection = exchange->connection;
	struct http_server *server = connection->server;
	pthread_mutex_lock(&connection->lock);
	connection->exchange = NULL;
	connection->idle_since_ns = clock_now_ns();
	connection->counted = false;
	connection->begun_ns = 0;
	exchange->over = true;
	sent =
	    exchange->upgrading ? was_tunnel(exchange) : sent && exchange->phase == PHASE_SENDING;
	pthread_mutex_unlock(&connection->lock);

	response_release(exchange);
	if (exchange->begun) {
		server->settings.handler->gone(exchange->state, sent);
		server->exchanges--;
		if (server->stopping) {
			lock_scoped(&server->lock);
			pthread_cond_broadcast(&server->fewer);
		}
	}
	free(exchange->credentials);
	free(exchange);
}

void exchange_finish(void *context, struct MHD_Connection *mhd, void **place,
		     enum MHD_RequestTerminationCode code)
{
	if (*place)
		exchange_end(*place, code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
	*place = NULL;
}

void http_pause(struct http_exchange *exchange)
{
	lock_scoped(&exchange->connection->lock);
	exchange->paused = true;
}

void http_resume(struct http_exchange *exchange)
{
	wake_scoped(waiting);
	lock_scoped(&exchange->connection->lock);
	if (!exchange->paused)
		return;
	exchange->paused = false;
	if (exchange->urh) {
		tunnel_watch(exchange);
		return;
	}
	exchange->pace = (struct pace){.since_ns = clock_now_ns(), .bytes = exchange->received};
	if (exchange->phase == PHASE_BODY)
		connection_wake(exchange, &waiting);
}

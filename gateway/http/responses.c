/* Responses: made by any thread, whole or piece by piece, and read from by libmicrohttpd's. */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "http/head.h"
#include "sizes/sizes.h"
#include "util/lock.h"

/* How much of a response that comes in pieces is copied for one send(2). Those in chunks are put together in
 * the connection's own memory; their buffer is for clients that know no chunks. */
#define BLOCK_MAX   (64 << 10)
#define BLOCK_CHUNK (8 << 10)

#define REFUSAL_MAX 256

/* Headers of a response, until it is known whether it comes whole. The text is behind the list. */
struct kept_headers {
	size_t count;
	struct http_header list[];
};

static bool is_framing(const char *name)
{
	static const char *const names[] = {"Connection", "Content-Length",    "Keep-Alive",
					    "Trailer",	  "Transfer-Encoding", "Upgrade",
					    "TE",	  "Proxy-Connection"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcasecmp(name, names[i]))
			return true;
	return false;
}

/* More headers than there is room for would end the connection without an answer. */
int response_check(const struct http_exchange *exchange, unsigned status,
		   const struct http_header *headers, size_t count)
{
	const size_t room = exchange->header_room;
	size_t size = 0;
	if (status < 200 || status > 599)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		size_t name_length = strlen(headers[i].name), length = strlen(headers[i].value);
		if (!head_is_token(headers[i].name, name_length) ||
		    !head_is_clean(headers[i].value, length))
			return -EINVAL;
		if (name_length > room || length > room ||
		    (size += name_length + length + 4) > room)
			return -E2BIG;
	}
	return 0;
}

static int keep_headers(struct http_exchange *exchange, const struct http_header *headers,
			size_t count)
{
	size_t size = sizeof(struct kept_headers) + count * sizeof(*headers);
	for (size_t i = 0; i < count; i++)
		size += strlen(headers[i].name) + strlen(headers[i].value) + 2;
	struct kept_headers *kept = malloc(size);
	if (!kept)
		return -ENOMEM;
	kept->count = count;
	char *text = (char *)&kept->list[count];
	for (size_t i = 0; i < count; i++) {
		kept->list[i].name = text;
		text = stpcpy(text, headers[i].name) + 1;
		kept->list[i].value = text;
		text = stpcpy(text, headers[i].value) + 1;
	}
	exchange->headers = kept;
	return 0;
}

/* Takes what is there off the front, into `done`; returns its length. */
static size_t take_pieces(struct http_exchange *exchange, char *buffer, size_t size,
			  struct pieces *done)
{
	struct pieces *pieces = &exchange->pieces;
	size_t filled = 0;
	while (pieces->first && filled < size) {
		struct piece *piece = pieces->first;
		size_t length = piece->length < size - filled ? piece->length : size - filled;
		memcpy(buffer + filled, piece->data, length);
		filled += length;
		piece->data += length;
		piece->length -= length;
		if (piece->length)
			break;
		pieces->first = piece->next;
		if (!pieces->first)
			pieces->last = &pieces->first;
		piece->next = NULL;
		*done->last = piece;
		done->last = &piece->next;
	}
	return filled;
}

void release_pieces(struct piece *piece)
{
	while (piece) {
		struct piece *next = piece->next;
		if (piece->release)
			piece->release(piece->context);
		free(piece);
		piece = next;
	}
}

/* Under the lock, where nothing is there: the end, or a pause. */
static ssize_t await_pieces(struct http_exchange *exchange)
{
	if (exchange->ended)
		return exchange->complete ? MHD_CONTENT_READER_END_OF_STREAM
					  : MHD_CONTENT_READER_END_WITH_ERROR;
	if (exchange->connection->server->cutting)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	connection_suspend(exchange);
	return 0;
}

/* libmicrohttpd's callback. */
static ssize_t read_pieces(void *context, uint64_t position, char *buffer, size_t size)
{
	struct http_exchange *exchange = context;
	struct pieces done = {.last = &done.first};
	ssize_t result = MHD_CONTENT_READER_END_WITH_ERROR;
	exchange->connection->server->called_back = true;
	pthread_mutex_lock(&exchange->connection->lock);
	if (!exchange->cut) {
		result = (ssize_t)take_pieces(exchange, buffer, size, &done);
		if (!result)
			result = await_pieces(exchange);
	}
	pthread_mutex_unlock(&exchange->connection->lock);
	release_pieces(done.first);
	return result;
}

int response_add_headers(struct MHD_Response *response, const struct http_header *headers,
			 size_t count)
{
	for (size_t i = 0; i < count; i++) {
		/* Those without a value say nothing, and libmicrohttpd cannot send them. */
		if (is_framing(headers[i].name) || !headers[i].value[0])
			continue;
		if (MHD_add_response_header(response, headers[i].name, headers[i].value) != MHD_YES)
			return -ENOMEM;
	}
	return 0;
}

/* Under the lock: makes what libmicrohttpd sends. `whole`: the body, NULL where it comes in pieces. */
static int make(struct http_exchange *exchange, const struct http_header *headers, size_t count,
		const char *whole)
{
	uint64_t length = exchange->length;
	size_t block = length == UINT64_MAX ? BLOCK_CHUNK : length < BLOCK_MAX ? length : BLOCK_MAX;
	struct MHD_Response *response =
	    whole ? MHD_create_response_from_buffer(length, (void *)whole, MHD_RESPMEM_PERSISTENT)
		  : MHD_create_response_from_callback(length, block, read_pieces, exchange, NULL);
	if (!response)
		return -ENOMEM;
	int result = response_add_headers(response, headers, count);
	/* libmicrohttpd ends a response in chunks by an empty one, also to HEAD. */
	if (!result && exchange->bodiless && length == UINT64_MAX &&
	    MHD_add_response_header(response, "Connection", "close") != MHD_YES)
		result = -ENOMEM;
	if (result) {
		MHD_destroy_response(response);
		return result;
	}
	exchange->response = response;
	return 0;
}

static int make_kept(struct http_exchange *exchange, const char *whole)
{
	int result = make(exchange, exchange->headers->list, exchange->headers->count, whole);
	free(take_pointer(exchange->headers));
	exchange->whole = whole;
	return result;
}

static bool is_closed(const struct http_exchange *exchange)
{
	return exchange->over || exchange->cut || exchange->ended;
}

int http_respond(struct http_exchange *exchange, unsigned status, const struct http_header *headers,
		 size_t header_count, uint64_t length)
{
	int result = response_check(exchange, status, headers, header_count);
	if (result)
		return result;
	wake_scoped(waiting);
	lock_scoped(&exchange->connection->lock);
	if (is_closed(exchange))
		return -EPIPE;
	if (exchange->status)
		return -EINVAL;
	bool empty = status == MHD_HTTP_NO_CONTENT || status == MHD_HTTP_NOT_MODIFIED;
	exchange->bodiless = empty || !strcmp(exchange->head.method, "HEAD");
	exchange->length = empty ? 0 : length;
	if (!exchange->length)
		result = make(exchange, headers, header_count, "");
	else if (exchange->bodiless || length == UINT64_MAX)
		result = make(exchange, headers, header_count, NULL);
	else
		result = keep_headers(exchange, headers, header_count);
	if (result)
		return result;
	exchange->status = status;
	if (exchange->response)
		connection_wake(exchange, &waiting);
	return 0;
}

/* Under the lock: 0 where the piece was taken, 1 where it is not wanted, or a negative errno. */
static int append(struct http_exchange *exchange, struct piece *piece)
{
	if (is_closed(exchange))
		return -EPIPE;
	if (!exchange->status)
		return -EINVAL;
	if (exchange->length != UINT64_MAX && piece->length > exchange->length - exchange->written)
		piece->length = exchange->length - exchange->written;
	if (exchange->bodiless || !piece->length)
		return 1;
	if (exchange->headers) {
		int result =
		    make_kept(exchange, piece->length == exchange->length ? piece->data : NULL);
		if (result) {
			connection_break(exchange->connection);
			return result;
		}
	}
	exchange->written += piece->length;
	*exchange->pieces.last = piece;
	exchange->pieces.last = &piece->next;
	return 0;
}

int http_write(struct http_exchange *exchange, const void *data, size_t length,
	       void (*release)(void *context), void *context)
{
	struct piece *piece = malloc(sizeof(*piece));
	struct pieces done = {.last = &done.first};
	int result = -ENOMEM;
	if (piece) {
		*piece = (struct piece){
		    .data = data, .length = length, .release = release, .context = context};
		wake_scoped(waiting);
		lock_scoped(&exchange->connection->lock);
		result = append(exchange, piece);
		if (!result && exchange->urh)
			tunnel_flush(exchange, &done);
		else if (!result)
			connection_wake(exchange, &waiting);
	}
	release_pieces(done.first);
	if (!result)
		return 0;
	free(piece);
	if (release)
		release(context);
	return result < 0 ? result : 0;
}

int http_end(struct http_exchange *exchange, bool complete)
{
	struct connection *connection = exchange->connection;
	wake_scoped(waiting);
	lock_scoped(&connection->lock);
	if (is_closed(exchange))
		return -EPIPE;
	if (!exchange->bodiless && exchange->length != UINT64_MAX)
		complete &= exchange->written == exchange->length;
	complete &= exchange->status != 0;
	exchange->ended = true;
	exchange->complete = complete;
	/* What is in pieces is sent as far as it goes. */
	if (complete && exchange->urh)
		tunnel_flush(exchange, NULL);
	else if (!complete &&
		 (exchange->upgrading || !exchange->status || exchange->headers || exchange->whole))
		connection_break(connection);
	else
		connection_wake(exchange, &waiting);
	return 0;
}

int http_answer(struct http_exchange *exchange, unsigned status, const char *content_type,
		const void *text, size_t length)
{
	struct http_header header = {"Content-Type", content_type ? content_type : ""};
	int result = response_check(exchange, status, &header, 1);
	if (result)
		return result;
	struct MHD_Response *response =
	    MHD_create_response_from_buffer(length, (void *)text, MHD_RESPMEM_MUST_COPY);
	if (!response)
		return -ENOMEM;
	wake_scoped(waiting);
	lock_scoped(&exchange->connection->lock);
	result = is_closed(exchange) ? -EPIPE : exchange->status ? -EINVAL : 0;
	if (!result)
		result = response_add_headers(response, &header, 1);
	if (result) {
		MHD_destroy_response(response);
		return result;
	}
	exchange->status = status;
	exchange->ended = exchange->complete = true;
	exchange->response = response;
	connection_wake(exchange, &waiting);
	return 0;
}

/* ── refusals ────────────────────────────────────────────────────────────────────────────────── */

struct MHD_Response *response_refusing(unsigned status)
{
	char text[REFUSAL_MAX];
	int length = status == MHD_HTTP_NO_CONTENT
			 ? 0
			 : snprintf(text, sizeof(text), "%s\n", MHD_get_reason_phrase_for(status));
	struct MHD_Response *response =
	    MHD_create_response_from_buffer((size_t)length, text, MHD_RESPMEM_MUST_COPY);
	if (!response || !length)
		return response;
	MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, "WWW-Authenticate", "Basic realm=\"Restricted\"");
	return response;
}

void response_refuse_now(struct http_exchange *exchange, unsigned status)
{
	struct connection *connection = exchange->connection;
	const char *reason = MHD_get_reason_phrase_for(status);
	char text[REFUSAL_MAX];
	int length = snprintf(text, sizeof(text),
			      "HTTP/1.1 %u %s\r\nConnection: close\r\n"
			      "Content-Type: text/plain; charset=utf-8\r\n%s"
			      "Content-Length: %zu\r\n\r\n%s\n",
			      status, reason,
			      status == MHD_HTTP_UNAUTHORIZED
				  ? "WWW-Authenticate: Basic realm=\"Restricted\"\r\n"
				  : "",
			      strlen(reason) + 1, reason);
	/* So little fits into the socket's buffer, into which nothing has been written for this request;
	 * and a client that does not get it notices that the connection ends. */
	if (!connection->secure) {
		send(connection->fd, text, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
		shutdown(connection->fd, SHUT_WR);
		return;
	}
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	if (info)
		gnutls_record_send(info->tls_session, text, (size_t)length);
}

void response_give_up(struct http_exchange *exchange, unsigned status)
{
	if (exchange->status)
		return;
	exchange->response = response_refusing(status);
	if (!exchange->response) {
		connection_break(exchange->connection);
		return;
	}
	exchange->status = status;
	exchange->ended = exchange->complete = true;
	struct waiting waiting = {NULL, NULL};
	connection_wake(exchange, &waiting);
	connection_resume(&waiting);
}

void response_release(struct http_exchange *exchange)
{
	pthread_mutex_lock(&exchange->connection->lock);
	struct piece *pieces = take_pointer(exchange->pieces.first);
	exchange->pieces = (struct pieces){.last = &exchange->pieces.first};
	struct MHD_Response *response = take_pointer(exchange->response);
	free(take_pointer(exchange->headers));
	pthread_mutex_unlock(&exchange->connection->lock);
	if (response)
		MHD_destroy_response(response);
	release_pieces(pieces);
}

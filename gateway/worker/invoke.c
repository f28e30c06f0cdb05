/* The request's half. */
#include "worker/invoke.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "contracts/hop.h"
#include "link/fields.h"
#include "link/url.h"
#include "util/hex.h"

/* What a body gets at first, whatever its client says will come: it may never send that. */
#define FIRST_ROOM (1U << 20)

/* ── the head ────────────────────────────────────────────────────────────────────────────────── */

static bool is_sane_id(const char *id)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    "-_.:";
	const size_t length = strspn(id, allowed);
	return length && length <= CALL_ID_MAX && !id[length];
}

/* A UUID of version 4, RFC 9562. */
static void make_id(char id[CALL_ID_MAX + 1])
{
	uint8_t bytes[16] = {0};
	getrandom(bytes, sizeof(bytes), 0);
	hex_print_uuid(id, bytes, 4);
}

static void choose_id(struct call *call)
{
	const char *theirs = call_header(call, "X-Call-Id");
	if (theirs && is_sane_id(theirs))
		snprintf(call->call_id, sizeof(call->call_id), "%s", theirs);
	else
		make_id(call->call_id);
}

static void add_headers(struct record *record, const struct http_head *head)
{
	for (size_t i = 0; i < head->header_count; i++) {
		const struct http_header *header = &head->headers[i];
		bool stays = !hop_is_header(header->name) && strcasecmp(header->name, "Host") != 0;
		for (size_t k = 0; stays && k < head->header_count; k++)
			stays = strcasecmp(head->headers[k].name, "Connection") != 0 ||
				!hop_is_listed(head->headers[k].value, header->name);
		if (stays)
			record_add_pair(record, FIELD_HEADER, header->name, header->value);
	}
}

static void write_head(const struct call *call, const char *callback, struct record *record)
{
	const struct http_head *head = call->head;
	record_add_text(record, FIELD_METHOD, head->method);
	record_add_text(record, FIELD_NAME, call->match.name);
	if (*call->match.name_space)
		record_add_text(record, FIELD_NAMESPACE, call->match.name_space);
	record_add_text(record, FIELD_PATH, call->match.rest);
	record_add_text(record, FIELD_QUERY, head->query);
	add_headers(record, head);
	record_add_text(record, FIELD_HOST, call_header(call, "Host"));
	record_add_text(record, FIELD_CLIENT, head->client);
	if (head->secure)
		record_add_number(record, FIELD_SECURE, 1);
	record_add_text(record, FIELD_CALL_ID, call->call_id);
	record_add_text(record, FIELD_CALLBACK, callback);
	record_add_number(record, FIELD_STARTED, call->started_real_ns);
	if (head->upgrades)
		record_add_number(record, FIELD_UPGRADE, 1);
}

static bool wants_stream(const struct call *call)
{
	const char *accept = call_header(call, "Accept");
	return accept && (strcasestr(accept, "text/event-stream") ||
			  strcasestr(accept, "application/x-ndjson"));
}

static bool is_async(const struct call *call)
{
	return call->match.route->kind == ROUTE_ASYNC;
}

/* Whether the body is sent on while it comes. */
static bool goes_in_pieces(const struct call *call)
{
	const uint64_t piece = call->worker->settings.piece;
	return piece && !is_async(call) && call->head->length != UINT64_MAX &&
	       call->head->length > piece && piece > call->head_length;
}

static void refuse_full(struct call *call)
{
	call_refuse(call, 503, CALL_NO_MEMORY);
	/* Its client may take a while to notice. */
	body_drop(&call->body);
}

void invoke_begin(struct call *call)
{
	const struct http_head *head = call->head;
	cleanup_record struct record record = RECORD_EMPTY;
	struct error error = {0};
	const char *callback = is_async(call) ? call_header(call, "X-Callback-Url") : NULL;
	choose_id(call);
	if (callback && url_check(callback, &error)) {
		error_wrap(&error, "X-Callback-Url");
		call_refuse(call, 400, error.text);
		return;
	}
	write_head(call, callback, &record);
	call->head_length = record.length;
	uint64_t room = head->length < FIRST_ROOM ? head->length : FIRST_ROOM;
	if (goes_in_pieces(call))
		room = call->worker->settings.piece - record.length;
	else if (head->length == UINT64_MAX)
		room = 0;
	if (record.result || body_open(&call->body, call->worker->arena, record.length + room) ||
	    body_add(&call->body, record.data, record.length))
		refuse_full(call);
}

/* ── the body ────────────────────────────────────────────────────────────────────────────────── */

static void hand_over(struct call *call)
{
	struct link_message message = {.kind = LINK_BODY};
	if (!call->submitted) {
		message.kind = LINK_INVOKE;
		message.head_length = call->head_length;
		message.body_length = call->complete ? call->received : call->head->length;
		if (is_async(call))
			message.flags |= LINK_ASYNC;
		if (wants_stream(call))
			message.flags |= LINK_STREAM;
		if (!call->complete)
			message.flags |= LINK_MORE;
		if (call->head->upgrades && !is_async(call))
			message.flags |= LINK_UPGRADE;
	} else if (!call->upgraded && call->received == call->head->length) {
		message.flags |= LINK_LAST;
	}
	body_hand_over(&call->body, &message);
	call_submit(call, &message);
}

static void add_piecewise(struct call *call, const uint8_t *data, size_t length)
{
	struct body *body = &call->body;
	const size_t piece = call->worker->settings.piece;
	call->received -= length;
	while (length) {
		if (!body->data && (body->away_count == LINK_PIECES_LIMIT ||
				    body_open(body, call->worker->arena, piece))) {
			refuse_full(call);
			return;
		}
		const size_t left = piece - body->length;
		const size_t used = length < left ? length : left;
		body_add(body, data, used);
		data += used;
		length -= used;
		call->received += used;
		if (body->length == piece || call->received == call->head->length)
			hand_over(call);
	}
	if (body->away_count >= LINK_PIECES_MAX) {
		call->paused = true;
		http_pause(call->exchange);
	}
}

/* Of another protocol: goes on at once. */
static void add_upgraded(struct call *call, const uint8_t *data, size_t length)
{
	struct body *body = &call->body;
	if (call->ended)
		return;
	if (body->away_count == LINK_PIECES_LIMIT || body_open(body, call->worker->arena, length) ||
	    body_add(body, data, length)) {
		refuse_full(call);
		return;
	}
	hand_over(call);
	if (body->away_count >= LINK_PIECES_MAX) {
		call->paused = true;
		http_pause(call->exchange);
	}
}

void invoke_body(struct call *call, const uint8_t *data, size_t length)
{
	if (call->upgraded)
		add_upgraded(call, data, length);
	else if (goes_in_pieces(call))
		add_piecewise(call, data, length);
	else if (body_add(&call->body, data, length))
		refuse_full(call);
}

void invoke_complete(struct call *call)
{
	if (!call->submitted)
		hand_over(call);
}

/* The request's half. */
#include "worker/command.h"

#include <string.h>

#include "api/compose.h"
#include "util/cleanup.h"
#include "worker/response.h"

/* A small body's block has room for the record, too. */
#define FIRST_ROOM 4096

void command_begin(struct call *call)
{
	call->body.wipe = true;
	if (call->match.route->read && body_open(&call->body, call->worker->arena, FIRST_ROOM))
		call_refuse(call, 503, CALL_NO_MEMORY);
}

void command_body(struct call *call, const void *data, size_t length)
{
	if (call->match.route->read && body_add(&call->body, data, length))
		call_refuse(call, 503, CALL_NO_MEMORY);
}

static void add_credentials(struct record *record, const struct http_head *head)
{
	record_add_text(record, FIELD_USER, head->user);
	record_add_text(record, FIELD_PASSWORD, head->password);
	record_add_text(record, FIELD_TOKEN, head->token);
}

static void release_secret(struct record *record)
{
	if (record->data)
		explicit_bzero(record->data, record->length);
	record_release(record);
}

void command_complete(struct call *call)
{
	struct body *body = &call->body;
	struct link_message message = {.kind = LINK_COMMAND};
	cleanup(release_secret) struct record record = RECORD_EMPTY;
	unsigned status = 0;
	/* What is wrong with a request is for those who may make it. */
	if (!call->refusal.status &&
	    compose_command(&call->match, call->head->query, (const char *)body->data,
			    body->data ? body->length : 0, &record, &status,
			    &call->refusal.error)) {
		call->refusal.status = status;
		release_secret(&record);
		record_add_number(&record, FIELD_COMMAND, COMMAND_AUTHENTICATE);
	}
	add_credentials(&record, call->head);
	body_close(body);
	if (call->refusal.status == 503 || record.result ||
	    body_open(body, call->worker->arena, record.length) ||
	    body_add(body, record.data, record.length)) {
		response_say(call, 503, CALL_NO_MEMORY, LINK_RETRY);
		return;
	}
	body_hand_over(body, &message);
	call_submit(call, &message);
}

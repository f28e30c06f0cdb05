#include "worker/call.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "util/clock.h"

/* ── references ──────────────────────────────────────────────────────────────────────────────── */

struct call *call_new(struct worker *worker, struct http_exchange *exchange,
		      const struct http_head *head)
{
	struct call *call = calloc(1, sizeof(*call));
	if (!call)
		return NULL;
	call->worker = worker;
	call->entry.references = 1;
	call->exchange = exchange;
	call->head = head;
	call->started_ns = clock_now_ns();
	call->started_real_ns = clock_real_ns();
	pthread_mutex_init(&call->lock, NULL);
	worker_call_began(worker);
	return call;
}

void call_put(struct call *call)
{
	struct worker *worker = call->worker;
	if (--call->entry.references)
		return;
	body_close(&call->body);
	contract_parser_free(call->parser);
	record_release(&call->record);
	free(call->early);
	pthread_mutex_destroy(&call->lock);
	free(call);
	worker_call_ended(worker);
}

/* ── what parts of it do ─────────────────────────────────────────────────────────────────────── */

const char *call_header(const struct call *call, const char *name)
{
	const struct http_head *head = call->head;
	for (size_t i = 0; i < head->header_count; i++)
		if (!strcasecmp(head->headers[i].name, name))
			return head->headers[i].value;
	return NULL;
}

void call_refuse(struct call *call, unsigned status, const char *text)
{
	call->refusal.status = status;
	error_set(&call->refusal.error, EINVAL, "%s", text);
}

void call_submit(struct call *call, struct link_message *message)
{
	if (!call->submitted)
		call_table_add(&call->worker->calls, &call->entry);
	call->submitted = true;
	message->id = call->entry.id;
	link_port_send(call->worker->port, *message);
}

void call_acknowledge(struct worker *worker, const struct link_message *message)
{
	const struct link_message answer = {.kind = LINK_SENT,
					    .id = message->id,
					    .flags = LINK_BLOCK,
					    .offset = message->offset,
					    .length = message->length};
	if (message->kind == LINK_PART && message->flags & LINK_BLOCK)
		link_port_send(worker->port, answer);
}

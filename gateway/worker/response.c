#include "worker/response.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sizes/sizes.h"
#include "util/clock.h"

/* ── headers ─────────────────────────────────────────────────────────────────────────────────── */

bool response_is_own(const char *name)
{
	static const char *const names[] = {"X-Call-Id", "X-Start-Time", "X-Served-By",
					    "X-Duration-Seconds", "X-OpenFaaS-Internal"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcasecmp(name, names[i]))
			return true;
	return false;
}

void response_add_of_call(struct response_headers *headers, const struct call *call)
{
	const uint64_t taken_ns = clock_now_ns() - call->started_ns;
	snprintf(headers->started, sizeof(headers->started), "%" PRIu64, call->started_real_ns);
	snprintf(headers->seconds, sizeof(headers->seconds), "%" PRIu64 ".%06u",
		 (uint64_t)(taken_ns / NANOSECONDS_PER_SECOND),
		 (unsigned)(taken_ns % NANOSECONDS_PER_SECOND / 1000));
	response_add(headers, "X-Call-Id", call->call_id);
	response_add(headers, "X-Start-Time", headers->started);
	response_add(headers, "X-Served-By", call->worker->settings.server_name);
	response_add(headers, "X-Duration-Seconds", headers->seconds);
}

/* ── beginning and end ───────────────────────────────────────────────────────────────────────── */

bool response_begin(struct call *call, unsigned status, const struct response_headers *headers,
		    uint64_t length)
{
	call->began = true;
	call->status = status;
	return !http_respond(call->exchange, status, headers->list, headers->count, length);
}

bool response_upgrade(struct call *call, const struct response_headers *headers)
{
	call->began = true;
	call->status = 101;
	return !http_upgrade(call->exchange, headers->list, headers->count);
}

void response_end(struct call *call, bool complete)
{
	if (call->ended)
		return;
	call->ended = true;
	call->cut = !complete;
	http_end(call->exchange, complete);
}

void response_answer(struct call *call, unsigned status, const char *type, const char *text,
		     size_t length, struct response_headers *headers)
{
	char *copy = malloc(length + 1);
	if (copy)
		memcpy(copy, text, length);
	response_add(headers, "Content-Type", type);
	if (!copy || !response_begin(call, status, headers, length)) {
		free(copy);
		response_end(call, false);
		return;
	}
	response_write_own(call, NULL, copy, length);
	response_end(call, true);
}

static void say(struct call *call, unsigned status, const char *text, size_t length, unsigned flags)
{
	static const char unauthorized[] = "invalid credentials";
	struct response_headers headers = {0};
	char line[ERROR_TEXT_MAX + 2];
	if (status < 200 || status > 599)
		status = 500;
	if (status == 401) {
		response_add(&headers, "WWW-Authenticate", "Basic realm=\"Restricted\"");
		text = unauthorized;
		length = sizeof(unauthorized) - 1;
	}
	if (status == 405)
		response_add(&headers, "Allow", call->match.allow);
	if (flags & LINK_RETRY)
		response_add(&headers, "Retry-After", "1");
	if (call_is_of_function(call)) {
		response_add_of_call(&headers, call);
		/* Tells it from an error of the function. */
		if (status == 429 || status >= 500)
			response_add(&headers, "X-OpenFaaS-Internal", "proxy");
	}
	const int used = snprintf(line, sizeof(line), "%.*s%s",
				  (int)(length < ERROR_TEXT_MAX ? length : ERROR_TEXT_MAX), text,
				  length && text[length - 1] != '\n' && status != 401 ? "\n" : "");
	response_answer(call, status, "text/plain; charset=utf-8", line,
			(size_t)(used > 0 ? used : 0), &headers);
}

void response_say(struct call *call, unsigned status, const char *text, unsigned flags)
{
	say(call, status, text, strlen(text), flags);
}

void response_say_done(struct call *call, const struct link_message *message)
{
	const uint8_t *text = link_block(&call->worker->view, message);
	const size_t length = text && message->flags & LINK_BLOCK ? message->length : 0;
	say(call, message->code, (const char *)text, length, message->flags);
}

/* ── blocks ──────────────────────────────────────────────────────────────────────────────────── */

struct block {
	struct worker *worker;
	struct link_message message;
	atomic_uint uses;
};

struct block *block_new(struct call *call, const struct link_message *message)
{
	struct block *block = malloc(sizeof(*block));
	if (!block)
		return NULL;
	block->worker = call->worker;
	block->message = *message;
	block->uses = 1;
	return block;
}

void block_release(void *context)
{
	struct block *block = context;
	if (!block || --block->uses)
		return;
	if (block->message.kind == LINK_PART)
		call_acknowledge(block->worker, &block->message);
	free(block);
}

void response_write(struct call *call, struct block *block, const void *data, size_t length)
{
	block->uses++;
	call->sent += length;
	http_write(call->exchange, data, length, block_release, block);
}

/* Bytes, and a block that they came from. */
struct own_bytes {
	struct block *block;
	char *data;
};

static void own_bytes_release(void *context)
{
	struct own_bytes *own = context;
	block_release(own->block);
	free(own->data);
	free(own);
}

void response_write_own(struct call *call, struct block *block, char *data, size_t length)
{
	struct own_bytes *own = malloc(sizeof(*own));
	if (!own) {
		free(data);
		response_end(call, false);
		return;
	}
	*own = (struct own_bytes){block, data};
	if (block)
		block->uses++;
	call->sent += length;
	http_write(call->exchange, data, length, own_bytes_release, own);
}

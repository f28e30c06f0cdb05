/* The answer's half: records become JSON. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "worker/command.h"
#include "worker/response.h"

/* The most that an answer in parts may have, together. */
#define ANSWER_MAX (256UL << 20)

/* A copy of a message's block, checked. NULL where it is no record, or there is no memory. An empty record
 * where there is no block. */
static uint8_t *copy_record(const struct call *call, const struct link_message *message,
			    struct record_view *view)
{
	const size_t length = message->flags & LINK_BLOCK ? message->length : 0;
	const uint8_t *data = link_block(&call->worker->view, message);
	uint8_t *copy = data ? malloc(length + 1) : NULL;
	if (!copy)
		return NULL;
	memcpy(copy, data, length);
	*view = (struct record_view){copy, length};
	if (!record_check(*view))
		return copy;
	free(copy);
	return NULL;
}

static void append(struct record *record, struct record_view more)
{
	struct record_field field;
	while (record_next(&more, &field))
		record_add(record, field.tag, field.key, strlen(field.key), field.value,
			   field.length);
}

/* ── JSON ────────────────────────────────────────────────────────────────────────────────────── */

static json_t *write_list(const struct route *route, struct record_view answer)
{
	json_t *array = json_array();
	struct record_field field;
	while (array && record_next(&answer, &field))
		if (field.tag == route->field && !record_check(record_within(&field)))
			json_array_append_new(array,
					      shape_write(route->write, record_within(&field)));
	return array;
}

static json_t *write_info(const struct route *route, struct record_view answer)
{
	json_t *info = shape_write(route->write, answer);
	json_t *provider = json_object_get(info, "provider");
	json_object_set_new(provider, "provider", json_string("mayfly"));
	json_object_set_new(provider, "orchestration", json_string("mayfly"));
	json_object_set_new(info, "arch", json_string("x86_64"));
	return info;
}

static json_t *write_object(const struct route *route, struct record_view answer)
{
	struct record_field field;
	if (!route->field)
		return write_info(route, answer);
	if (!record_find(answer, route->field, &field) || record_check(record_within(&field)))
		return NULL;
	return shape_write(route->write, record_within(&field));
}

static json_t *write_answer(const struct route *route, struct record_view answer)
{
	switch ((enum route_output)route->output) {
	case OUTPUT_OBJECT:
		return write_object(route, answer);
	case OUTPUT_LIST:
		return write_list(route, answer);
	case OUTPUT_TEXTS:
		return shape_write_texts(answer, route->field);
	case OUTPUT_TEXT:
	case OUTPUT_LINES:
	case OUTPUT_METRICS:
		break;
	}
	return NULL;
}

static void answer_json(struct call *call, unsigned status, struct record_view answer)
{
	struct response_headers headers = {0};
	json_t *value = write_answer(call->match.route, answer);
	cleanup_free char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
	json_decref(value);
	if (text)
		response_answer(call, status, "application/json", text, strlen(text), &headers);
	else
		response_say(call, 500, "the answer could not be written", 0);
}

/* ── lines ───────────────────────────────────────────────────────────────────────────────────── */

static bool begin_lines(struct call *call)
{
	struct response_headers headers = {0};
	if (call->began)
		return !call->ended;
	response_add(&headers, "Content-Type", "application/x-ndjson");
	/* Proxies are not to wait for more. */
	response_add(&headers, "X-Accel-Buffering", "no");
	if (response_begin(call, 200, &headers, UINT64_MAX))
		return true;
	response_end(call, false);
	return false;
}

/* Each line of an answer; NULL: none, or no memory. */
static char *format_lines(const struct route *route, struct record_view answer, size_t *length)
{
	struct record_field field;
	char *text = NULL;
	FILE *stream = open_memstream(&text, length);
	while (stream && record_next(&answer, &field)) {
		if (field.tag != route->field || record_check(record_within(&field)))
			continue;
		json_t *line = shape_write(route->write, record_within(&field));
		json_dumpf(line, stream, JSON_COMPACT);
		fputc('\n', stream);
		json_decref(line);
	}
	if (stream && !fclose(stream) && *length)
		return text;
	free(text);
	return NULL;
}

static void write_lines(struct call *call, struct block *block, struct record_view answer)
{
	size_t length = 0;
	if (!begin_lines(call))
		return;
	char *text = format_lines(call->match.route, answer, &length);
	if (text)
		response_write_own(call, block, text, length);
}

/* ── what the supervisor says ────────────────────────────────────────────────────────────────── */

void command_part(struct call *call, const struct link_message *message)
{
	struct record_view view;
	struct block *block = block_new(call, message);
	cleanup_free uint8_t *copy = block ? copy_record(call, message, &view) : NULL;
	if (!copy || call->ended) {
		if (!call->ended && call->began)
			response_end(call, false);
	} else if (call->match.route->output == OUTPUT_LINES) {
		write_lines(call, block, view);
	} else if (view.length && view.length < ANSWER_MAX - call->record.length) {
		append(&call->record, view);
	}
	if (block)
		block_release(block);
	else
		call_acknowledge(call->worker, message);
}

static void add_statistics(FILE *stream, const struct listener *listener, const char *name)
{
	struct http_statistics numbers;
	if (!listener->server)
		return;
	http_server_statistics(listener->server, &numbers);
	fprintf(stream, "mayfly_http_connections{listener=\"%s\"} %" PRIu64 "\n", name,
		numbers.connections);
	fprintf(stream, "mayfly_http_connections_accepted_total{listener=\"%s\"} %" PRIu64 "\n",
		name, numbers.accepted);
	fprintf(stream, "mayfly_http_connections_refused_total{listener=\"%s\"} %" PRIu64 "\n",
		name, numbers.refused);
	fprintf(stream, "mayfly_http_connections_timed_out_total{listener=\"%s\"} %" PRIu64 "\n",
		name, numbers.timed_out);
}

/* The supervisor's metrics, and what only this process knows. */
static void answer_metrics(struct call *call, unsigned status, const char *theirs)
{
	static const char type[] = "text/plain; version=0.0.4; charset=utf-8";
	struct response_headers headers = {0};
	cleanup_free char *text = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&text, &length);
	if (stream) {
		fputs(theirs, stream);
		add_statistics(stream, &call->worker->main, "main");
		add_statistics(stream, &call->worker->metrics, "metrics");
		fprintf(stream, "mayfly_http_memory_bytes %zu\n", arena_used(call->worker->arena));
		fprintf(stream, "mayfly_http_access_log_dropped_total %llu\n",
			(unsigned long long)call->worker->log.dropped);
	}
	if (stream && !fclose(stream))
		response_answer(call, status, type, text, length, &headers);
	else
		response_say(call, 500, "no memory", 0);
}

static void answer_record(struct call *call, struct record_view answer)
{
	struct response_headers headers = {0};
	const unsigned status = (unsigned)record_find_number(answer, FIELD_CODE, 200);
	const char *text = record_find_text(answer, FIELD_TEXT, "");
	const unsigned output = call->match.route->output;
	if (status >= 300 || status < 200)
		response_say(call, status, text, 0);
	else if (call->refusal.status)
		response_say(call, call->refusal.status, call->refusal.error.text, 0);
	else if (output == OUTPUT_METRICS)
		answer_metrics(call, status, text);
	else if (output == OUTPUT_TEXT)
		response_answer(call, status, "text/plain; charset=utf-8", text, strlen(text),
				&headers);
	else
		answer_json(call, status, answer);
}

/* The last of the lines; or, where none came and it is an error, that. */
static void end_lines(struct call *call, struct record_view answer)
{
	if (!call->began &&
	    (call->refusal.status || record_find_number(answer, FIELD_CODE, 200) != 200)) {
		answer_record(call, answer);
		return;
	}
	write_lines(call, NULL, answer);
	response_end(call, true);
}

void command_done(struct call *call, const struct link_message *message)
{
	struct record_view view;
	if (call->ended)
		return;
	if (message->code || message->flags & LINK_CUT) {
		if (call->began)
			response_end(call, false);
		else if (message->code >= 200 && message->code < 300 && call->refusal.status)
			answer_record(call, (struct record_view){0});
		else
			response_say_done(call, message);
		return;
	}
	cleanup_free uint8_t *copy = copy_record(call, message, &view);
	if (!copy) {
		if (call->began)
			response_end(call, false);
		else
			response_say(call, 500, "the supervisor's answer is none", 0);
		return;
	}
	if (call->match.route->output == OUTPUT_LINES) {
		end_lines(call, view);
		return;
	}
	if (call->record.length) {
		append(&call->record, view);
		view = record_of(&call->record);
	}
	answer_record(call, view);
}

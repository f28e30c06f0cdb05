#include "calls/spans.h"

#include <ctype.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "link/fields.h"
#include "util/clock.h"
#include "util/hex.h"
#include "util/log.h"

#define SPANS_MAX 2048
#define POST_NS	  (10 * NANOSECONDS_PER_SECOND)

#define TRACE_DIGITS 32
#define SPAN_DIGITS  16

struct span {
	char trace[TRACE_DIGITS + 1], id[SPAN_DIGITS + 1],
	    parent[SPAN_DIGITS + 1]; /* hexadecimal */
	char name[128], name_space[64];
	char method[16];
	uint64_t begin_ns, end_ns; /* CLOCK_REALTIME */
	unsigned code;
};

struct spans {
	const char *endpoint;
	size_t count;
	uint64_t dropped;
	atomic_bool posting;
	struct span list[SPANS_MAX];
};

int spans_open(struct spans **spans, const char *endpoint, struct error *error)
{
	*spans = calloc(1, sizeof(**spans));
	if (!*spans)
		return error_set(error, ENOMEM, "no memory for spans");
	(*spans)->endpoint = endpoint;
	return 0;
}

void spans_close(struct spans *spans)
{
	free(spans);
}

/* ── one span ────────────────────────────────────────────────────────────────────────────────── */

/* Copies so many lower-case hexadecimal digits, which must not all be 0. */
static bool take_digits(const char *text, size_t count, char *out)
{
	bool zero = true;
	for (size_t i = 0; i < count; i++) {
		if (!isxdigit((unsigned char)text[i]) || isupper((unsigned char)text[i]))
			return false;
		zero = zero && text[i] == '0';
	}
	memcpy(out, text, count);
	out[count] = 0;
	return !zero;
}

/* W3C Trace Context, version 00: 00-TRACE-PARENT-FLAGS. */
static bool read_parent(const char *text, struct span *span)
{
	return strlen(text) == 3 + TRACE_DIGITS + 1 + SPAN_DIGITS + 3 && !strncmp(text, "00-", 3) &&
	       text[3 + TRACE_DIGITS] == '-' && take_digits(text + 3, TRACE_DIGITS, span->trace) &&
	       take_digits(text + 4 + TRACE_DIGITS, SPAN_DIGITS, span->parent);
}

static const char *find_header(struct record_view head, const char *name)
{
	struct record_field field;
	while (record_next(&head, &field))
		if (field.tag == FIELD_HEADER && !strcasecmp(field.key, name))
			return record_text(&field);
	return NULL;
}

static void make_digits(char *out, size_t count)
{
	uint8_t random[TRACE_DIGITS / 2];
	if (getrandom(random, count / 2, 0) != (ssize_t)(count / 2))
		memset(random, 1, sizeof(random));
	hex_print(out, random, count / 2);
}

/* Copies what should be a token, so that nothing in it means anything to JSON: the HTTP worker may have been taken
 * over. */
static void take_token(char *out, size_t size, const char *token)
{
	snprintf(out, size, "%s", token);
	for (char *at = out; *at; at++)
		if (*at <= ' ' || *at >= 0x7f || *at == '"' || *at == '\\')
			*at = '_';
}

void spans_add(struct spans *spans, const struct call *call, unsigned code, uint64_t total_ns)
{
	if (!spans)
		return;
	if (spans->count == SPANS_MAX) {
		spans->dropped++;
		return;
	}
	struct span *span = &spans->list[spans->count++];
	const char *parent = find_header(call->head, "traceparent");
	*span = (struct span){
	    .begin_ns = record_find_number(call->head, FIELD_STARTED, 0),
	    .code = code,
	};
	if (!parent || !read_parent(parent, span)) {
		span->parent[0] = 0;
		make_digits(span->trace, TRACE_DIGITS);
	}
	make_digits(span->id, SPAN_DIGITS);
	span->end_ns = span->begin_ns + total_ns;
	take_token(span->name, sizeof(span->name), call->name);
	take_token(span->name_space, sizeof(span->name_space), call->name_space);
	take_token(span->method, sizeof(span->method),
		   record_find_text(call->head, FIELD_METHOD, ""));
}

/* ── a post ──────────────────────────────────────────────────────────────────────────────────── */

/* Without anything that JSON would have escaped. */
static void print_text_attribute(FILE *out, const char *key, const char *text)
{
	fprintf(out, "{\"key\":\"%s\",\"value\":{\"stringValue\":\"%s\"}}", key, text);
}

static void print_span(FILE *out, const struct span *span)
{
	fprintf(out, "{\"traceId\":\"%s\",\"spanId\":\"%s\",", span->trace, span->id);
	if (*span->parent)
		fprintf(out, "\"parentSpanId\":\"%s\",", span->parent);
	fprintf(out, "\"name\":\"%s\"", span->name);
	/* Kind 2 is a server's. Status 2 is an error. */
	fprintf(out,
		",\"kind\":2,\"startTimeUnixNano\":\"%lu\",\"endTimeUnixNano\":\"%lu\","
		"\"status\":{\"code\":%d},\"attributes\":[",
		span->begin_ns, span->end_ns, span->code >= 500 ? 2 : 0);
	print_text_attribute(out, "faas.name", span->name);
	fputc(',', out);
	print_text_attribute(out, "faas.namespace", span->name_space);
	fputc(',', out);
	print_text_attribute(out, "http.request.method", span->method);
	fprintf(out, ",{\"key\":\"http.response.status_code\",\"value\":{\"intValue\":\"%u\"}}]}",
		span->code);
}

static char *print_spans(const struct spans *spans, size_t *length)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, length);
	if (!out)
		return NULL;
	fputs("{\"resourceSpans\":[{\"resource\":{\"attributes\":[", out);
	print_text_attribute(out, "service.name", "mayfly");
	fputs("]},\"scopeSpans\":[{\"scope\":{\"name\":\"mayflyd\"},\"spans\":[", out);
	for (size_t i = 0; i < spans->count; i++) {
		if (i)
			fputc(',', out);
		print_span(out, &spans->list[i]);
	}
	fputs("]}]}]}", out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

/* From a thread of the courier's. */
static void hear_posted(void *context, const struct courier_answer *answer)
{
	struct spans *spans = context;
	if (answer->result)
		log_warn("spans: %s", answer->text);
	else if (answer->status >= 300)
		log_warn("spans: %s answered %u", spans->endpoint, answer->status);
	atomic_store(&spans->posting, false);
}

void spans_post(struct spans *spans, struct courier *courier)
{
	cleanup_record struct record headers = RECORD_EMPTY;
	struct error error;
	size_t length;
	if (!spans || !spans->count || atomic_load(&spans->posting))
		return;
	if (spans->dropped)
		log_warn("%lu spans were dropped", spans->dropped);
	char *text = print_spans(spans, &length);
	spans->count = 0;
	spans->dropped = 0;
	if (!text)
		return;
	record_add_pair(&headers, FIELD_HEADER, "Content-Type", "application/json");
	const struct courier_call call = {
	    .url = spans->endpoint,
	    .headers = record_of(&headers),
	    .body = text,
	    .body_length = length,
	    .timeout_ns = POST_NS,
	    .trusted = true,
	};
	atomic_store(&spans->posting, true);
	if (courier_call(courier, &call, hear_posted, spans, &error)) {
		log_warn("spans: %s", error.text);
		atomic_store(&spans->posting, false);
	}
	free(text);
}

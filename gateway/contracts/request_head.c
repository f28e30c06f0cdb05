#include "contracts/request_head.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "contracts/grammar.h"
#include "contracts/hop.h"
#include "link/fields.h"
#include "sizes/sizes.h"
#include "util/hex.h"

#define NAME_LENGTH_MAX 256 /* of a header: each is compared with all others */

/* ── headers ─────────────────────────────────────────────────────────────────────────────────── */

/* What the gateway says itself, or has done already. Proxy is nothing that HTTP knows, but programs take
 * the variable that CGI makes of it for the address of a proxy. */
static bool is_dropped(const char *name)
{
	static const char *const names[] = {"Host", "Expect", "Proxy", "X-Call-Id", "X-Start-Time"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcasecmp(name, names[i]))
			return true;
	return hop_is_header(name);
}

static int add(struct request_head *head, const char *name, const char *value, struct error *error)
{
	if (!value)
		return 0;
	if (!grammar_is_value(value))
		return error_set(error, EINVAL, "the header %s has a control character", name);
	if (head->header_count == REQUEST_HEADERS_MAX)
		return error_set(error, E2BIG, "the request has too many headers");
	head->headers[head->header_count++] = (struct request_header){name, value};
	return 0;
}

static int add_theirs(struct request_head *head, struct record_view record, struct error *error)
{
	struct record_field field;
	int result = 0;
	while (!result && record_next(&record, &field)) {
		if (field.tag != FIELD_HEADER || is_dropped(field.key))
			continue;
		const char *value = record_text(&field);
		if (!grammar_is_token(field.key) || !value)
			return error_set(error, EINVAL, "\"%s\" is no name of a header", field.key);
		if (strlen(field.key) > NAME_LENGTH_MAX)
			return error_set(error, E2BIG,
					 "the name of a header is longer than %d bytes",
					 NAME_LENGTH_MAX);
		result = add(head, field.key, value, error);
	}
	return result;
}

/* A chain of proxies adds to X-Forwarded-For; the others are the first one's. */
static int add_own(struct request_head *head, struct record_view record, struct error *error)
{
	const uint64_t started = record_find_number(record, FIELD_STARTED, 0);
	int result = add(head, "X-Forwarded-For", head->client, error);
	if (!result && !request_head_find(head, "X-Forwarded-Host"))
		result = add(head, "X-Forwarded-Host", head->host, error);
	if (!result && !request_head_find(head, "X-Forwarded-Proto"))
		result = add(head, "X-Forwarded-Proto", head->secure ? "https" : "http", error);
	if (!result)
		result =
		    add(head, "X-Call-Id", record_find_text(record, FIELD_CALL_ID, NULL), error);
	if (result || !started)
		return result;
	snprintf(head->started, sizeof(head->started), "%" PRIu64, started);
	return add(head, "X-Start-Time", head->started, error);
}

const char *request_head_find(const struct request_head *head, const char *name)
{
	for (size_t i = 0; i < head->header_count; i++)
		if (!strcasecmp(head->headers[i].name, name))
			return head->headers[i].value;
	return NULL;
}

bool request_head_is_again(const struct request_head *head, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (!strcasecmp(head->headers[i].name, head->headers[index].name))
			return true;
	return false;
}

size_t request_head_join(const struct request_head *head, size_t index, char *text)
{
	const char *name = head->headers[index].name;
	const char *between = strcasecmp(name, "Cookie") ? ", " : "; ";
	size_t length = 0;
	for (size_t i = index; i < head->header_count; i++) {
		if (strcasecmp(head->headers[i].name, name))
			continue;
		const char *parts[] = {i == index ? "" : between, head->headers[i].value};
		for (size_t part = 0; part < ARRAY_SIZE(parts); part++) {
			const size_t more = strlen(parts[part]);
			if (text)
				memcpy(text + length, parts[part], more);
			length += more;
		}
	}
	return length;
}

/* ── the first line ──────────────────────────────────────────────────────────────────────────── */

/* Undoes %XX; `to` has room for as much as `from` has. */
static int decode(char *to, const char *from, struct error *error)
{
	for (; *from; from++, to++) {
		*to = *from;
		if (*from != '%')
			continue;
		const int high = hex_digit(from[1]), low = high < 0 ? -1 : hex_digit(from[2]);
		if (low < 0)
			return error_set(error, EINVAL,
					 "the path has a %% without two hexadecimal digits");
		*to = (char)(high << 4 | low);
		if (!*to)
			return error_set(error, EINVAL, "the path has a %%00");
		from += 2;
	}
	*to = 0;
	return 0;
}

static int read_path(struct request_head *head, const char *path, struct error *error)
{
	if (!grammar_is_target(path) || (*path && *path != '/'))
		return error_set(error, EINVAL, "\"%s\" is no path", path);
	head->target = *path ? path : "/";
	head->texts = malloc(strlen(head->target) + 1);
	if (!head->texts)
		return error_set(error, ENOMEM, "no memory for a request");
	head->path = head->texts;
	return decode(head->texts, head->target, error);
}

int request_head_read(struct request_head *head, struct record_view record, uint64_t body_length,
		      struct error *error)
{
	head->texts = NULL;
	head->header_count = 0;
	head->body_length = body_length;
	head->method = record_find_text(record, FIELD_METHOD, "");
	head->query = record_find_text(record, FIELD_QUERY, NULL);
	head->host = record_find_text(record, FIELD_HOST, NULL);
	head->client = record_find_text(record, FIELD_CLIENT, NULL);
	head->secure = record_find_number(record, FIELD_SECURE, 0) == 1;
	head->upgrades = record_find_number(record, FIELD_UPGRADE, 0) == 1;
	if (!grammar_is_token(head->method))
		return error_set(error, EINVAL, "\"%s\" is no method", head->method);
	if (head->query && !grammar_is_target(head->query))
		return error_set(error, EINVAL, "the query has a blank or control character");
	if (head->host && !grammar_is_target(head->host))
		return error_set(error, EINVAL, "\"%s\" is no host", head->host);
	int result = read_path(head, record_find_text(record, FIELD_PATH, ""), error);
	if (!result)
		result = add_theirs(head, record, error);
	if (!result)
		result = add_own(head, record, error);
	return result;
}

void request_head_release(struct request_head *head)
{
	free(head->texts);
	head->texts = NULL;
}

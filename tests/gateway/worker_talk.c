#include "gateway/worker_talk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "gateway/link/fields.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

/* ── records as text ─────────────────────────────────────────────────────────────────────────── */

enum { TEXT, NUMBER, NESTED };

static const struct {
	uint16_t tag;
	const char *name;
	int kind;
} fields[] = {
    {FIELD_COMMAND, "command", NUMBER},
    {FIELD_USER, "user", TEXT},
    {FIELD_PASSWORD, "password", TEXT},
    {FIELD_TOKEN, "token", TEXT},
    {FIELD_METHOD, "method", TEXT},
    {FIELD_NAME, "name", TEXT},
    {FIELD_NAMESPACE, "namespace", TEXT},
    {FIELD_PATH, "path", TEXT},
    {FIELD_QUERY, "query", TEXT},
    {FIELD_HEADER, "header", TEXT},
    {FIELD_HOST, "host", TEXT},
    {FIELD_CLIENT, "client", TEXT},
    {FIELD_CALL_ID, "call", TEXT},
    {FIELD_CALLBACK, "callback", TEXT},
    {FIELD_FUNCTION, "function", NESTED},
    {FIELD_IMAGE, "image", TEXT},
    {FIELD_PROCESS, "process", TEXT},
    {FIELD_ENVIRONMENT, "env", TEXT},
    {FIELD_CONSTRAINT, "constraint", TEXT},
    {FIELD_SECRET, "secret", TEXT},
    {FIELD_LABEL, "label", TEXT},
    {FIELD_ANNOTATION, "annotation", TEXT},
    {FIELD_LIMIT, "limit", TEXT},
    {FIELD_REQUEST, "request", TEXT},
    {FIELD_READ_ONLY, "readonly", NUMBER},
    {FIELD_REPLICAS, "replicas", NUMBER},
    {FIELD_NUMBER, "number", NUMBER},
    {FIELD_PERCENT, "percent", NUMBER},
    {FIELD_TAIL, "tail", NUMBER},
    {FIELD_SINCE, "since", NUMBER},
    {FIELD_FOLLOW, "follow", NUMBER},
    {FIELD_INSTANCE, "instance", TEXT},
    {FIELD_VALUE, "value", TEXT},
    {FIELD_FIRING, "firing", NUMBER},
};

static void write_record(FILE *out, struct record_view view);

static void write_field(FILE *out, const struct record_field *field)
{
	uint64_t number = 0;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (fields[i].tag != field->tag)
			continue;
		fprintf(out, "%s", fields[i].name);
		if (*field->key)
			fprintf(out, ".%s", field->key);
		if (fields[i].kind == NESTED) {
			fputc('{', out);
			CHECK(!record_check(record_within(field)));
			write_record(out, record_within(field));
			fputs("} ", out);
		} else if (fields[i].kind == NUMBER) {
			CHECK(record_number(field, &number));
			fprintf(out, "=%" PRIu64 " ", number);
		} else {
			fprintf(out, "=%s ", (const char *)field->value);
		}
	}
}

/* Fields without a name here are left out: those that differ each time. */
static void write_record(FILE *out, struct record_view view)
{
	struct record_field field;
	while (record_next(&view, &field))
		write_field(out, &field);
}

char *record_text_of(const uint8_t *data, size_t length)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	const struct record_view view = {data, length};
	if (CHECK(!record_check(view)))
		write_record(out, view);
	fclose(out);
	return text;
}

/* ── requests ────────────────────────────────────────────────────────────────────────────────── */

/* Opens a connection for one request. `headers`: lines. */
int ask(unsigned port, const char *line, const char *headers, const char *body)
{
	cleanup_free char *text = NULL;
	int length = asprintf(&text,
			      "%s HTTP/1.1\r\nHost: gateway.example:8080\r\nConnection: close\r\n"
			      "Content-Length: %zu\r\n%s\r\n%s",
			      line, strlen(body), headers, body);
	return length < 0 ? -1 : client_open(port, text, (size_t)length);
}

/* The whole response, to be freed. */
char *hear(int client)
{
	size_t length;
	char *text = client_read(client, &length);
	close(client);
	return text;
}

const char *body_of(const char *response)
{
	const char *end = response ? strstr(response, "\r\n\r\n") : NULL;
	return end ? end + 4 : "";
}

unsigned status_of(const char *response)
{
	return response && strlen(response) > 12 ? (unsigned)atoi(response + 9) : 0;
}

bool has_line(const char *response, const char *line)
{
	return response && CHECK(strcasestr(response, line))
		   ? true
		   : (fprintf(stderr, "  no \"%s\" in:\n%s\n", line, response ? response : ""),
		      false);
}

/* The next message, of that kind. */
bool expect(struct peer *peer, unsigned kind, struct link_message *message)
{
	return CHECK(peer_receive(peer, message)) && CHECK_NUMBER(message->kind, kind);
}

/* Answers with a record. */
void answer_with(struct peer *peer, uint64_t id, struct record *record)
{
	CHECK(peer_send(peer, (struct link_message){.kind = LINK_DONE, .id = id}, record->data,
			record->length));
	record_release(record);
}

void answer_code(struct peer *peer, uint64_t id, unsigned code, const char *text)
{
	CHECK(peer_send(peer, (struct link_message){.kind = LINK_DONE, .id = id, .code = code},
			text, strlen(text)));
}

void expect_finished(struct peer *peer, uint64_t id, unsigned code)
{
	struct link_message message;
	if (expect(peer, LINK_FINISHED, &message)) {
		CHECK_NUMBER(message.id, id);
		CHECK_NUMBER(message.code, code);
		CHECK(!(message.flags & LINK_BLOCK) || !arena_give(peer->arena, message.offset));
	}
}

/* ── commands ────────────────────────────────────────────────────────────────────────────────── */

static const struct {
	const char *name;
	enum command command;
} command_names[] = {
#define NAME(word)                                                                                 \
	{                                                                                          \
#word, COMMAND_##word                                                              \
	}
    NAME(HEALTH),	 NAME(LIST),	      NAME(DEPLOY),
    NAME(UPDATE),	 NAME(REMOVE),	      NAME(STATUS),
    NAME(REVISIONS),	 NAME(ROLLBACK),      NAME(SPLIT),
    NAME(SCALE),	 NAME(INFO),	      NAME(LOGS),
    NAME(SECRETS),	 NAME(SECRET_ADD),    NAME(SECRET_SET),
    NAME(SECRET_REMOVE), NAME(NAMESPACES),    NAME(NAMESPACE),
    NAME(NAMESPACE_ADD), NAME(NAMESPACE_SET), NAME(NAMESPACE_REMOVE),
    NAME(ALERT),	 NAME(METRICS),	      NAME(QUEUE),
    NAME(CALL),		 NAME(AUTHENTICATE),  NAME(METRICS_OPEN),
};

/* Puts numbers in the place of %NAME. */
static char *expand(const char *record)
{
	char *text = NULL;
	const char *percent = strchr(record, '%');
	const size_t length = percent ? strcspn(percent + 1, " ") : 0;
	for (size_t i = 0; percent && i < ARRAY_SIZE(command_names); i++)
		if (strlen(command_names[i].name) == length &&
		    !strncmp(command_names[i].name, percent + 1, length) &&
		    asprintf(&text, "%.*s%d%s", (int)(percent - record), record,
			     command_names[i].command, percent + 1 + length) < 0)
			return NULL;
	return text;
}

/* A LINK_COMMAND of that record; its number. */
uint64_t expect_command(struct peer *peer, const char *record)
{
	struct link_message message;
	cleanup_free char *wanted = expand(record);
	if (!expect(peer, LINK_COMMAND, &message))
		return 0;
	const uint8_t *block = link_block(&peer->view, &message);
	cleanup_free char *text = CHECK(block) ? record_text_of(block, message.length) : NULL;
	CHECK_TEXT(text, wanted);
	return message.id;
}

unsigned talk_failures(void)
{
	return checks_failed;
}

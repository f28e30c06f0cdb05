/* What contracts make of requests: bytes and variables for programs. */
#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "contracts/contract.h"
#include "link/fields.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

#define BODY 5 /* bytes */

static void begin(struct record *head, const char *method, const char *path, const char *query)
{
	*head = RECORD_EMPTY;
	record_add_text(head, FIELD_METHOD, method);
	record_add_text(head, FIELD_PATH, path);
	record_add_text(head, FIELD_QUERY, query);
	record_add_text(head, FIELD_HOST, "gate:8080");
	record_add_text(head, FIELD_CLIENT, "192.0.2.7");
}

static int compose(enum contract_kind kind, const struct record *head,
		   struct contract_request *request, struct error *error)
{
	CHECK(!head->result && !record_check(record_of(head)));
	return contract_compose(kind, record_of(head), BODY, request, error);
}

/* The value of a variable; NULL where there is none. */
static const char *variable(const struct contract_request *request, const char *name)
{
	const size_t length = strlen(name);
	for (char **one = request->variables; one && *one; one++)
		if (!strncmp(*one, name, length) && (*one)[length] == '=')
			return *one + length + 1;
	return NULL;
}

static size_t count_variables(const struct contract_request *request)
{
	size_t count = 0;
	while (request->variables[count])
		count++;
	return count;
}

/* ── stdio ───────────────────────────────────────────────────────────────────────────────────── */

static void check_stdio(void)
{
	cleanup_record struct record head;
	struct contract_request request;
	struct error error;
	begin(&head, "POST", "/a%20b/%C3%A4", "q=%20");
	record_add_pair(&head, FIELD_HEADER, "content-type", "text/plain");
	record_add_pair(&head, FIELD_HEADER, "X-Two-words", "1");
	record_add_pair(&head, FIELD_HEADER, "x-two-Words", "2");
	record_add_pair(&head, FIELD_HEADER, "Cookie", "a=1");
	record_add_pair(&head, FIELD_HEADER, "Cookie", "b=2");
	record_add_pair(&head, FIELD_HEADER, "X-Forwarded-For", "198.51.100.1");
	/* Nothing that would be taken for something else. */
	record_add_pair(&head, FIELD_HEADER, "X_Two_Words", "another's");
	record_add_pair(&head, FIELD_HEADER, "Path", "/other");
	record_add_pair(&head, FIELD_HEADER, "method", "GET");
	record_add_pair(&head, FIELD_HEADER, "Content-Length", "77");
	record_add_pair(&head, FIELD_HEADER, "ContentLength", "77");
	record_add_pair(&head, FIELD_HEADER, "Proxy", "http://evil");
	record_add_pair(&head, FIELD_HEADER, "Host", "other");
	record_add_pair(&head, FIELD_HEADER, "a.b", "no identifier");
	record_add_pair(&head, FIELD_HEADER, "Connection", "close");
	if (!CHECK(!compose(CONTRACT_STDIO, &head, &request, &error)))
		return;
	CHECK(!request.prefix && !request.prefix_length);
	CHECK_TEXT(variable(&request, "Http_Method"), "POST");
	CHECK_TEXT(variable(&request, "Http_Path"), "/a b/\xc3\xa4");
	CHECK_TEXT(variable(&request, "Http_Query"), "q=%20");
	CHECK_TEXT(variable(&request, "Http_ContentLength"), "5");
	CHECK_TEXT(variable(&request, "Http_Content_Length"), "5");
	CHECK_TEXT(variable(&request, "Http_Host"), "gate:8080");
	CHECK_TEXT(variable(&request, "Http_Content_Type"), "text/plain");
	CHECK_TEXT(variable(&request, "Http_X_Two_Words"), "1, 2");
	CHECK_TEXT(variable(&request, "Http_Cookie"), "a=1; b=2");
	CHECK_TEXT(variable(&request, "Http_X_Forwarded_For"), "198.51.100.1, 192.0.2.7");
	CHECK_TEXT(variable(&request, "Http_X_Forwarded_Host"), "gate:8080");
	CHECK_TEXT(variable(&request, "Http_X_Forwarded_Proto"), "http");
	CHECK_NUMBER(count_variables(&request), 12);
	contract_request_release(&request);
}

/* The last headers give way, whole; path and query are not cut. */
static void check_stdio_limits(void)
{
	struct contract_request request;
	struct error error;
	cleanup_record struct record many, long_one, longest;
	begin(&many, "GET", "/", NULL);
	for (unsigned i = 0; i < 90; i++) {
		char name[8];
		snprintf(name, sizeof(name), "X-%u", i);
		record_add_pair(&many, FIELD_HEADER, name, "v");
	}
	if (CHECK(!compose(CONTRACT_STDIO, &many, &request, &error))) {
		CHECK_NUMBER(count_variables(&request), CONTRACT_VARIABLES_MAX);
		CHECK_TEXT(variable(&request, "Http_X_0"), "v");
		CHECK_TEXT(variable(&request, "Http_X_89"), NULL);
		contract_request_release(&request);
	}
	static char text[CONTRACT_VARIABLES_SIZE + 1];
	memset(text, 'a', sizeof(text) - 1);
	begin(&long_one, "GET", "/", NULL);
	record_add_pair(&long_one, FIELD_HEADER, "X-A", "v");
	record_add_pair(&long_one, FIELD_HEADER, "X-Long", text);
	if (CHECK(!compose(CONTRACT_STDIO, &long_one, &request, &error))) {
		CHECK_TEXT(variable(&request, "Http_X_A"), "v");
		CHECK_TEXT(variable(&request, "Http_X_Long"), NULL);
		contract_request_release(&request);
	}
	begin(&longest, "GET", "/", text);
	CHECK_NUMBER(compose(CONTRACT_STDIO, &longest, &request, &error), -E2BIG);
	CHECK(!request.variables);
}

/* ── handler ─────────────────────────────────────────────────────────────────────────────────── */

/* Where the value of an SCGI header begins; NULL where it is not there exactly once. */
static const char *scgi(const struct contract_request *request, const char *name)
{
	const char *found = NULL, *here = strchr((const char *)request->prefix, ':') + 1;
	const char *end = (const char *)request->prefix + request->prefix_length - 1;
	while (here < end) {
		const char *value = here + strlen(here) + 1;
		if (!strcmp(here, name)) {
			if (found)
				return NULL;
			found = value;
		}
		here = value + strlen(value) + 1;
	}
	return here == end ? found : NULL;
}

static void check_handler(void)
{
	cleanup_record struct record head;
	struct contract_request request;
	struct error error;
	begin(&head, "PUT", "", NULL);
	record_add_number(&head, FIELD_SECURE, 1);
	record_add_number(&head, FIELD_STARTED, 1234567890123456789);
	record_add_text(&head, FIELD_CALL_ID, "the-id");
	record_add_pair(&head, FIELD_HEADER, "Content-Type", "a/b");
	record_add_pair(&head, FIELD_HEADER, "x-CamelCase", "1");
	record_add_pair(&head, FIELD_HEADER, "X-CAMELCASE", "2");
	record_add_pair(&head, FIELD_HEADER, "X_CamelCase", "3");
	record_add_pair(&head, FIELD_HEADER, "X-Call-Id", "the client's");
	record_add_pair(&head, FIELD_HEADER, "Proxy", "http://evil");
	if (!CHECK(!compose(CONTRACT_HANDLER, &head, &request, &error)))
		return;
	CHECK(!request.variables);
	char *rest;
	const size_t length = strtoul((char *)request.prefix, &rest, 10);
	const size_t before = (size_t)((uint8_t *)rest + 1 - request.prefix);
	CHECK(*rest == ':' && before + length + 1 == request.prefix_length);
	CHECK(request.prefix[request.prefix_length - 1] == ',');
	CHECK(!memcmp(rest + 1, "CONTENT_LENGTH\0005\0SCGI\0001", 24));
	static const char *const wanted[][2] = {
	    {"CONTENT_LENGTH", "5"},
	    {"REQUEST_METHOD", "PUT"},
	    {"PATH_INFO", "/"},
	    {"QUERY_STRING", ""},
	    {"REQUEST_URI", "/"},
	    {"SERVER_NAME", "gate"},
	    {"SERVER_PORT", "8080"},
	    {"REMOTE_ADDR", "192.0.2.7"},
	    {"HTTPS", "on"},
	    {"CONTENT_TYPE", "a/b"},
	    {"HTTP_HOST", "gate:8080"},
	    {"HTTP_X_CAMELCASE", "1, 2"},
	    {"HTTP_X_CALL_ID", "the-id"},
	    {"HTTP_X_START_TIME", "1234567890123456789"},
	    {"HTTP_PROXY", NULL},
	    {"HTTP_CONTENT_TYPE", NULL},
	    {"MAYFLY_HEADERS",
	     "Host: gate:8080\nContent-Type: a/b\nx-CamelCase: 1\nX-CAMELCASE: 2\n"
	     "X_CamelCase: 3\nX-Forwarded-For: 192.0.2.7\n"
	     "X-Forwarded-Host: gate:8080\nX-Forwarded-Proto: https\n"
	     "X-Call-Id: the-id\nX-Start-Time: 1234567890123456789\n"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		CHECK_TEXT(scgi(&request, wanted[i][0]), wanted[i][1]);
	contract_request_release(&request);
}

static void check_server(const char *host, const char *name, const char *port)
{
	cleanup_record struct record head = RECORD_EMPTY;
	struct contract_request request;
	record_add_text(&head, FIELD_METHOD, "GET");
	record_add_text(&head, FIELD_HOST, host);
	if (!CHECK(!compose(CONTRACT_HANDLER, &head, &request, NULL)))
		return;
	CHECK_TEXT(scgi(&request, "SERVER_NAME"), name);
	CHECK_TEXT(scgi(&request, "SERVER_PORT"), port);
	contract_request_release(&request);
}

/* ── http ────────────────────────────────────────────────────────────────────────────────────── */

static void check_http_text(const struct record *head, uint64_t body, const char *wanted)
{
	struct contract_request request;
	struct error error;
	if (!CHECK(!contract_compose(CONTRACT_HTTP, record_of(head), body, &request, &error)))
		return;
	cleanup_free char *text = strndup((char *)request.prefix, request.prefix_length);
	CHECK_TEXT(text, wanted);
	contract_request_release(&request);
}

static void check_http(void)
{
	cleanup_record struct record full, empty = RECORD_EMPTY;
	begin(&full, "POST", "/a%2fb", "c=d");
	record_add_pair(&full, FIELD_HEADER, "Accept", "*/*");
	record_add_pair(&full, FIELD_HEADER, "Transfer-Encoding", "chunked");
	record_add_pair(&full, FIELD_HEADER, "Keep-Alive", "5");
	record_add_pair(&full, FIELD_HEADER, "Expect", "100-continue");
	record_add_pair(&full, FIELD_HEADER, "Upgrade", "h2c");
	check_http_text(
	    &full, BODY,
	    "POST /a%2fb?c=d HTTP/1.1\r\nHost: gate:8080\r\nAccept: */*\r\n"
	    "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Host: gate:8080\r\n"
	    "X-Forwarded-Proto: http\r\nContent-Length: 5\r\nConnection: close\r\n\r\n");
	record_add_text(&empty, FIELD_METHOD, "GET");
	check_http_text(&empty, 0,
			"GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: http\r\n"
			"Connection: close\r\n\r\n");
	record_add_number(&empty, FIELD_UPGRADE, 1);
	check_http_text(&empty, 0,
			"GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: http\r\n"
			"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
}

/* ── what no worker sends that is sound ──────────────────────────────────────────────────────── */

static void check_refused(const struct record *head, int code)
{
	for (unsigned kind = 0; kind < CONTRACT_COUNT; kind++) {
		struct contract_request request;
		struct error error = {0};
		CHECK_NUMBER(compose((enum contract_kind)kind, head, &request, &error), code);
		CHECK(error.text[0] && !request.prefix && !request.variables);
	}
}

static void check_unfit(void)
{
	static const char *const lines[][3] = {
	    {"", "/", NULL},	     {"G T", "/", NULL},    {"GET\r\nA:", "/", NULL},
	    {"GET", "no", NULL},     {"GET", "/a b", NULL}, {"GET", "/a\r\nB: c", NULL},
	    {"GET", "/%", NULL},     {"GET", "/%4", NULL},  {"GET", "/%4g", NULL},
	    {"GET", "/a%00b", NULL}, {"GET", "/", "a b"},   {"GET", "/", "a\n"},
	};
	static const char *const headers[][2] = {
	    {"", "v"}, {"A b", "v"}, {"A:", "v"}, {"A", "v\r\nB: c"}, {"A", "\x01"}, {"A\n", "v"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		cleanup_record struct record head;
		begin(&head, lines[i][0], lines[i][1], lines[i][2]);
		check_refused(&head, -EINVAL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		cleanup_record struct record head;
		begin(&head, "GET", "/", NULL);
		record_add_pair(&head, FIELD_HEADER, headers[i][0], headers[i][1]);
		check_refused(&head, -EINVAL);
	}
	cleanup_record struct record nul, many, named, host;
	begin(&nul, "GET", "/", NULL);
	record_add(&nul, FIELD_HEADER, "A", 1, "b\0c", 3);
	check_refused(&nul, -EINVAL);
	begin(&many, "GET", "/", NULL);
	for (unsigned i = 0; i < 200; i++)
		record_add_pair(&many, FIELD_HEADER, "A", "b");
	check_refused(&many, -E2BIG);
	static char name[258];
	memset(name, 'a', sizeof(name) - 1);
	begin(&named, "GET", "/", NULL);
	record_add_pair(&named, FIELD_HEADER, name, "v");
	check_refused(&named, -E2BIG);
	host = RECORD_EMPTY;
	record_add_text(&host, FIELD_METHOD, "GET");
	record_add_text(&host, FIELD_HOST, "a\r\nB: c");
	check_refused(&host, -EINVAL);
}

int main(void)
{
	check_stdio();
	check_stdio_limits();
	check_handler();
	check_server("name", "name", "80");
	check_server("[::1]", "[::1]", "80");
	check_server("[::1]:99", "[::1]", "99");
	check_http();
	check_unfit();
	return check_status();
}

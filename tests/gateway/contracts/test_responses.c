/* What contracts make of the output of functions: good ones, and ones that want to be more than that. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "check.h"
#include "contracts/hop.h"
#include "response.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

struct sample {
	enum contract_kind kind;
	const char *method, *output;
	int status;
	const char *wanted; /* an error: what is in its text */
};

#define OK "HTTP/1.1 200 OK\r\n"

static const struct sample samples[] = {
    {CONTRACT_STDIO, "GET", "", 0, "200 Content-Type: application/octet-stream | "},
    {CONTRACT_STDIO, "GET", "\r\nStatus: 404\n\n", 0,
     "200 Content-Type: application/octet-stream | \r\nStatus: 404\n\n"},
    {CONTRACT_STDIO, "POST", "half", 3, "500 Content-Type: application/octet-stream | half"},
    {CONTRACT_STDIO, "HEAD", "body", 0, "200 Content-Type: application/octet-stream | "},
    {CONTRACT_STDIO, "HEAD", "body", 1, "500 Content-Type: application/octet-stream | "},

    {CONTRACT_HANDLER, "GET", "Content-Type: text/plain\n\nbody", 0,
     "200 Content-Type: text/plain | body"},
    {CONTRACT_HANDLER, "GET", "Status: 404 Not Found\r\nX-A:  b c \t\r\n\r\nno", 0,
     "404 X-A: b c | no"},
    {CONTRACT_HANDLER, "GET", "Status: 201\nX-A:\nX-A: 2\n\n", 0, "201 X-A:  X-A: 2 | "},
    {CONTRACT_HANDLER, "GET", "Location: /there\n\n", 0, "302 Location: /there | "},
    {CONTRACT_HANDLER, "GET", "content-length: 3\n\nabcdef", 0, "200 3 | abc"},
    {CONTRACT_HANDLER, "GET", "Content-Length: 3\n\nabc", 1, "200 3 | abc"},
    {CONTRACT_HANDLER, "GET", "Content-Length: 0\n\n", 0, "200 0 | "},
    {CONTRACT_HANDLER, "HEAD", "Content-Length: 3\n\nabc", 0, "200 3 | "},
    {CONTRACT_HANDLER, "GET", "Status: 204 x\n\nabc", 0, "204 0 | "},
    {CONTRACT_HANDLER, "GET", "A: b\nConnection: x-hop, close\nX-Hop: 1\nKeep-Alive: 5\n\n", 0,
     "200 A: b | "},
    {CONTRACT_HANDLER, "GET", "A: b\nUpgrade: h2c\nTE: x\nTrailer: y\nProxy-Authenticate: z\n\n", 0,
     "200 A: b | "},
    {CONTRACT_HANDLER, "GET", "A: b\n\npart", 1, "in the middle of its response"},
    {CONTRACT_HANDLER, "GET", "Content-Length: 4\n\nabc", 0, "in the middle of its response"},
    {CONTRACT_HANDLER, "GET", "A: b\n", 0, "without a response"},
    {CONTRACT_HANDLER, "GET", "", 139, "status 139 without a response"},
    {CONTRACT_HANDLER, "GET", "\nbody", 0, "begins with an empty line"},
    {CONTRACT_HANDLER, "GET", "hello\n\n", 0, "no header: \"hello\""},
    {CONTRACT_HANDLER, "GET", "A b: c\n\n", 0, "whose name is none"},
    {CONTRACT_HANDLER, "GET", ": c\n\n", 0, "whose name is none"},
    {CONTRACT_HANDLER, "GET", "A: b\n folded: c\n\n", 0, "whose name is none"},
    {CONTRACT_HANDLER, "GET", "A: b\n folded\n\n", 0, "no header"},
    {CONTRACT_HANDLER, "GET", "A: b\rX: c\n\n", 0, "control character in its header A"},
    {CONTRACT_HANDLER, "GET", "A: b\x7f\n\n", 0, "control character"},
    {CONTRACT_HANDLER, "GET", "A: \x01\n\n", 0, "control character"},
    {CONTRACT_HANDLER, "GET", "Status: 99\n\n", 0, "no such Status"},
    {CONTRACT_HANDLER, "GET", "Status: 100 Continue\n\n", 0, "no such Status"},
    {CONTRACT_HANDLER, "GET", "Status: 2000\n\n", 0, "no such Status"},
    {CONTRACT_HANDLER, "GET", "Status: 600\n\n", 0, "no such Status"},
    {CONTRACT_HANDLER, "GET", "Status: 200\nStatus: 404\n\n", 0, "more than one Status"},
    {CONTRACT_HANDLER, "GET", "Transfer-Encoding: chunked\n\n", 0, "cannot be undone"},
    {CONTRACT_HANDLER, "GET", "Content-Length: 1\nContent-Length: 1\n\na", 0,
     "more than one Content-Length"},
    {CONTRACT_HANDLER, "GET", "Content-Length: -1\n\na", 0, "no number"},
    {CONTRACT_HANDLER, "GET", "Content-Length: \n\na", 0, "no number"},
    {CONTRACT_HANDLER, "GET", "Content-Length: 18446744073709551616\n\na", 0, "no number"},
    {CONTRACT_HANDLER, "GET", "Content-Length: 9223372036854775808\n\na", 0, "no number"},

    {CONTRACT_HTTP, "GET", OK "A: b\r\nContent-Length: 4\r\n\r\nbody and more", 0,
     "200 4 A: b | body"},
    {CONTRACT_HTTP, "GET", "HTTP/1.0 404 Not\nA: b\n\nuntil the end", 0,
     "404 A: b | until the end"},
    {CONTRACT_HTTP, "GET", "HTTP/1.1 200\r\n\r\nx", 0, "200 | x"},
    {CONTRACT_HTTP, "GET", OK "A : b\r\n\r\n", 0, "200 A: b | "},
    {CONTRACT_HTTP, "HEAD", OK "Content-Length: 4\r\n\r\n", 0, "200 4 | "},
    {CONTRACT_HTTP, "GET", "HTTP/1.1 304 x\r\nContent-Length: 4\r\n\r\n", 0, "304 0 | "},
    {CONTRACT_HTTP, "GET", "HTTP/1.1 204 x\r\n\r\nbody", 0, "204 0 | "},
    {CONTRACT_HTTP, "POST",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nLink: y\r\n\r\n" OK "\r\nx", 0, "200 | x"},
    {CONTRACT_HTTP, "GET",
     OK "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\nA;x=\"y\"\r\n0123456789\r\n"
	"00\r\nTrailer: x\r\nSet-Cookie: y\r\n\r\nrest",
     0, "200 | abc0123456789"},
    {CONTRACT_HTTP, "GET", OK "Transfer-Encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n", 0,
     "200 | a"},
    {CONTRACT_HTTP, "HEAD", OK "Transfer-Encoding: chunked\r\n\r\n", 0, "200 | "},
    {CONTRACT_HTTP, "GET", OK "Connection: close, A\r\nA: b\r\nC: d\r\n\r\n", 0, "200 C: d | "},
    {CONTRACT_HTTP, "GET", OK "Connection: A\r\nConnection: C\r\nA: b\r\nC: d\r\n\r\n", 0,
     "200 | "},
    {CONTRACT_HTTP, "GET", OK "Content-Length: 4\r\n\r\nabc", 0, "in the middle"},
    {CONTRACT_HTTP, "GET", OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 0, "in the middle"},
    {CONTRACT_HTTP, "GET", OK "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n", 0,
     "in the middle"},
    {CONTRACT_HTTP, "GET", OK "\r\nabc", 1, "in the middle"},
    {CONTRACT_HTTP, "GET", "HTTP/1.1 100 Continue\r\n\r\n", 0, "without a response"},
    {CONTRACT_HTTP, "GET", "Status: 200\n\n", 0, "is not HTTP: \"Status: 200\""},
    {CONTRACT_HTTP, "GET", "HTTP/2.0 200 OK\r\n\r\n", 0, "is not HTTP"},
    {CONTRACT_HTTP, "GET", "HTTP/1.1 2000 OK\r\n\r\n", 0, "is not HTTP"},
    {CONTRACT_HTTP, "GET", "HTTP/1.1  200 OK\r\n\r\n", 0, "is not HTTP"},
    {CONTRACT_HTTP, "GET", "HTTP/1.1 099 OK\r\n\r\n", 0, "is not HTTP"},
    {CONTRACT_HTTP, "GET", "HTTP/1.1 101 x\r\nUpgrade: y\r\n\r\n", 0, "that nobody asked for"},
    {CONTRACT_HTTP, "GET", OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 0,
     "Content-Length and Transfer-Encoding"},
    {CONTRACT_HTTP, "GET", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0,
     "Transfer-Encoding in HTTP/1.0"},
    {CONTRACT_HTTP, "GET", OK "Transfer-Encoding: gzip, chunked\r\n\r\n", 0, "cannot be undone"},
    {CONTRACT_HTTP, "GET", OK "Transfer-Encoding: identity\r\n\r\n", 0, "cannot be undone"},
    {CONTRACT_HTTP, "GET", OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 0,
     "cannot be undone"},
    {CONTRACT_HTTP, "GET", OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 0,
     "more than one Content-Length"},
    {CONTRACT_HTTP, "GET", OK "Content-Length: 5, 5\r\n\r\n", 0, "no number"},
    {CONTRACT_HTTP, "GET", OK "Content-Length: +5\r\n\r\n", 0, "no number"},
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"
    {CONTRACT_HTTP, "GET", CHUNKED "\r\n", 0, "chunk that is none"},
    {CONTRACT_HTTP, "GET", CHUNKED "g\r\n", 0, "chunk that is none"},
    {CONTRACT_HTTP, "GET", CHUNKED "0x1\r\n", 0, "chunk that is none"},
    {CONTRACT_HTTP, "GET", CHUNKED "-1\r\n", 0, "chunk that is none"},
    {CONTRACT_HTTP, "GET", CHUNKED " 1\r\na\r\n", 0, "chunk that is none"},
    {CONTRACT_HTTP, "GET", CHUNKED "1\na\n0\n\n", 0, "chunk that is none"},
    {CONTRACT_HTTP, "GET", CHUNKED "1\r\nab\r\n", 0, "chunk that is none"},
    {CONTRACT_HTTP, "GET", CHUNKED "1;a\nb\r\na\r\n", 0, "chunk that is none"},
    {CONTRACT_HTTP, "GET", CHUNKED "1;a\rb\r\na\r\n", 0, "chunk that is none"},
    {CONTRACT_HTTP, "GET", CHUNKED "10000000000000001\r\na", 0, "chunk that is none"},
    {CONTRACT_HTTP, "GET", CHUNKED "FFFFFFFFFFFFFFFF\r\na", 0, "chunk that is none"},
    {CONTRACT_HTTP, "GET", CHUNKED "0\r\nA: b\nC\r\n\r\n", 0, "chunk that is none"},
    {CONTRACT_HTTP, "GET", CHUNKED "0\r\n\rX", 0, "chunk that is none"},
};

static bool is_response(const struct sample *sample)
{
	return *sample->wanted >= '0' && *sample->wanted <= '9';
}

static void check_samples(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		for (int feeding = 0; feeding < FEED_COUNT; feeding++) {
			const struct sample *sample = &samples[i];
			struct response got = response_read(sample->kind, sample->method,
							    sample->output, strlen(sample->output),
							    sample->status, (enum feeding)feeding);
			bool good = is_response(sample) ? !strcmp(got.text, sample->wanted)
							: strstr(got.text, sample->wanted) != NULL;
			if (!CHECK(good))
				fprintf(stderr,
					"  sample %zu, feeding %d\n  got:    %s\n  wanted: %s\n", i,
					feeding, got.text, sample->wanted);
		}
}

static void check_nul(void)
{
	static const char output[] = "A: b\0c\n\n";
	for (int feeding = 0; feeding < FEED_COUNT; feeding++) {
		struct response got = response_read(CONTRACT_HANDLER, "GET", output,
						    sizeof(output) - 1, 0, (enum feeding)feeding);
		CHECK(strstr(got.text, "has a NUL"));
	}
}

/* `count` times a line between two texts. */
static char *repeat(const char *begin, const char *line, size_t count, const char *end)
{
	const size_t length = strlen(line);
	char *text = malloc(strlen(begin) + count * length + strlen(end) + 1);
	char *there = stpcpy(text, begin);
	for (size_t i = 0; i < count; i++)
		there = stpcpy(there, line);
	stpcpy(there, end);
	return text;
}

struct limit {
	const char *begin, *line, *end;
	size_t most; /* such lines that are taken */
	const char *wanted;
};

static void check_limits(void)
{
	static const struct limit limits[] = {
	    {OK, "A: b\r\n", "\r\n", CONTRACT_HEADERS_MAX, "more than 100 headers"},
	    {OK "A: ", "b", "\r\n\r\n", CONTRACT_HEAD_MAX - sizeof(OK "A: \r\n\r\n") + 1,
	     "a head of more than"},
	    {"", "HTTP/1.1 100 x\r\n\r\n", OK "\r\n", 16, "interim"},
	    {CHUNKED "0\r\n", "A: b\r\n", "\r\n",
	     (CONTRACT_HEAD_MAX - 1) / 5 /* LF is not counted */, "chunk that is none"},
	    {CHUNKED "1;", "a", "\r\nb\r\n0\r\n\r\n", 4093, "chunk that is none"},
	};
	cleanup_free char *listed =
	    repeat(OK "Connection: ", "A,", HOP_LISTED_MAX, "B\r\nC: d\r\n\r\n");
	CHECK_TEXT(response_read(CONTRACT_HTTP, "GET", listed, strlen(listed), 0, FEED_WHOLE).text,
		   "200 | ");
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		for (size_t more = 0; more < 2; more++) {
			const struct limit *limit = &limits[i];
			cleanup_free char *output =
			    repeat(limit->begin, limit->line, limit->most + more, limit->end);
			struct response got = response_read(CONTRACT_HTTP, "GET", output,
							    strlen(output), 0, FEED_CHANGED);
			if (!CHECK(more ? strstr(got.text, limit->wanted) != NULL
					: !strncmp(got.text, "200", 3)))
				fprintf(stderr, "  limit %zu, %zu: %s\n", i, more, got.text);
		}
}

/* A stdio program's type is said by who deploys it; and a parser that has failed stays so. */
static void check_settings(void)
{
	struct response response = {0};
	struct error error = {0};
	struct contract_piece piece;
	struct contract_parser *parser = contract_parser_new(CONTRACT_STDIO, "GET");
	contract_parser_set_type(parser, "image/png");
	CHECK(!contract_parser_head(parser));
	CHECK(!response_feed(&response, parser, (const uint8_t *)"x", 1, &error));
	CHECK_TEXT(contract_parser_head(parser)->headers[0].value, "image/png");
	CHECK(!contract_parser_is_complete(parser));
	CHECK(!contract_parser_end(parser, 0, &error) && contract_parser_is_complete(parser));
	contract_parser_free(parser);

	parser = contract_parser_new(CONTRACT_HANDLER, "GET");
	const uint8_t *data = (const uint8_t *)"bad\n\nA: b\n\n";
	size_t length = strlen((const char *)data);
	CHECK_NUMBER(contract_parser_feed(parser, &data, &length, &piece, &error), -EPROTO);
	CHECK_NUMBER(contract_parser_feed(parser, &data, &length, &piece, &error), -EPROTO);
	CHECK_NUMBER(contract_parser_end(parser, 0, &error), -EPROTO);
	CHECK(!contract_parser_head(parser));
	contract_parser_free(parser);
	contract_parser_free(NULL);
}

/* What is behind 101 is of another protocol, to the program's end. */
static void check_upgrade(void)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n"
				   "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
				   "A: b\r\nContent-Length: 2\r\n\r\nmore than two";
	struct response response = {0};
	struct error error = {0};
	struct contract_parser *parser = contract_parser_new(CONTRACT_HTTP, "GET");
	contract_parser_let_upgrade(parser);
	CHECK(!response_feed(&response, parser, (const uint8_t *)text, sizeof(text) - 1, &error));
	const struct contract_head *head = contract_parser_head(parser);
	CHECK_NUMBER(head->status, 101);
	CHECK_NUMBER(head->header_count, 1);
	CHECK_TEXT(head->headers[0].name, "A");
	CHECK(head->length == UINT64_MAX && !contract_parser_is_complete(parser));
	CHECK_NUMBER(response.body_length, strlen("more than two"));
	CHECK(!contract_parser_end(parser, 0, &error) && contract_parser_is_complete(parser));
	contract_parser_free(parser);
}

static void check_names(void)
{
	enum contract_kind kind;
	for (unsigned i = 0; i < CONTRACT_COUNT; i++)
		CHECK(!contract_find(contract_name((enum contract_kind)i), &kind) && kind == i);
	CHECK_NUMBER(contract_find("none", &kind), -ENOENT);
	CHECK(!contract_name(CONTRACT_COUNT) && !contract_parser_new(CONTRACT_COUNT, "GET"));
}

/* ── memory that changes while it is read ────────────────────────────────────────────────────── */

struct changing {
	uint8_t memory[256];
	atomic_bool done;
};

/* What a guest that was taken over would do to the window of its slot. */
static void *change(void *argument)
{
	static const char bytes[] = "\r\n:A \0;0";
	struct changing *changing = argument;
	for (unsigned i = 0; !changing->done; i++) {
		volatile uint8_t *place = &changing->memory[i * 7919UL % sizeof(changing->memory)];
		*place = (uint8_t)bytes[i % sizeof(bytes)];
	}
	return NULL;
}

/* However bytes change, a head that comes out is fit for HTTP. */
static void check_head(const struct contract_head *head)
{
	bool good = head->status >= 200 && head->status <= 599 &&
		    head->header_count <= CONTRACT_HEADERS_MAX;
	for (size_t i = 0; i < head->header_count && good; i++)
		good = !strpbrk(head->headers[i].value, "\r\n") && *head->headers[i].name &&
		       !strpbrk(head->headers[i].name, "\r\n: ");
	CHECK(good);
}

static void check_changing_memory(void)
{
	static const char output[] = CHUNKED "3\r\nabc\r\n1\r\nd\r\n0\r\nA: b\r\n\r\n";
	struct changing changing = {0};
	pthread_t thread;
	if (!CHECK(!pthread_create(&thread, NULL, change, &changing)))
		return;
	for (unsigned round = 0; round < 2000; round++) {
		struct contract_parser *parser =
		    contract_parser_new(round % 2 ? CONTRACT_HTTP : CONTRACT_HANDLER, "GET");
		memcpy(changing.memory, output, sizeof(output) - 1);
		const uint8_t *data = changing.memory;
		size_t length = sizeof(output) - 1;
		struct contract_piece piece;
		struct error error;
		while (length && !contract_parser_feed(parser, &data, &length, &piece, &error))
			CHECK(!piece.length ||
			      (piece.data >= changing.memory &&
			       piece.data + piece.length <= changing.memory + sizeof(output)));
		if (contract_parser_head(parser))
			check_head(contract_parser_head(parser));
		contract_parser_free(parser);
	}
	changing.done = true;
	pthread_join(thread, NULL);
}

int main(void)
{
	check_samples();
	check_nul();
	check_limits();
	check_settings();
	check_upgrade();
	check_names();
	check_changing_memory();
	return check_status();
}

/* Where responses of HTTP end, whatever the pieces in which they come. */
#include <stdlib.h>

#include "check.h"
#include "http/response.h"
#include "sizes/sizes.h"

#define OK "HTTP/1.1 200 OK\r\n"

struct response_case {
	const char *text;
	size_t behind; /* bytes of it that are no longer the response's */
	enum http_response_part part;
	bool answers_head, unsound;
};

static const struct response_case cases[] = {
    {OK "Content-Length: 5\r\n\r\nhellomore", 4, HTTP_COMPLETE, false},
    {OK "content-length:5\r\n\r\nhell", 0, HTTP_BODY_OF_LENGTH, false},
    {OK "Content-Length: 0\r\n\r\nmore", 4, HTTP_COMPLETE, false},
    {OK "Content-Length: 5\n\nhello", 0, HTTP_COMPLETE, false},
    {OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nmore", 4, HTTP_COMPLETE, false},
    {OK "Transfer-Encoding: gzip, Chunked\r\n\r\n0\r\nTrailer: a\r\n\r\n", 0, HTTP_COMPLETE, false},
    {OK "Transfer-Encoding: gzip,\tchunked\r\n\r\n0\r\n\r\n", 0, HTTP_COMPLETE, false},
    {OK "Transfer-Encoding: unchunked\r\n\r\n0\r\n\r\n", 0, HTTP_BODY_TO_THE_END, false},
    {OK "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 0, HTTP_BODY_TO_THE_END, false},
    {OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", 0, HTTP_BODY_IN_CHUNKS, false},
    {OK "Transfer-Encoding: chunked\r\n\r\nnothing", 0, HTTP_BODY_TO_THE_END, false, true},
    {OK "Content-Type: a\r\n\r\nall of it", 0, HTTP_BODY_TO_THE_END, false},
    {OK "Content-Length: 5\r\n\r\n", 0, HTTP_COMPLETE, true},
    {"HTTP/1.1 204 No Content\r\n\r\nmore", 4, HTTP_COMPLETE, false},
    {"HTTP/1.0 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 0, HTTP_COMPLETE, false},
    {"HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 1\r\n\r\na", 0, HTTP_COMPLETE, false},
    {"HTTP/1.1 100 Continue\r\nContent-Length: 1\r\n\r\n" OK "\r\na", 0, HTTP_BODY_TO_THE_END,
     false},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\n\r\nall of it", 0, HTTP_BODY_TO_THE_END,
     false},
    {OK "Content-Length: 18446744073709551616\r\n\r\n", 0, HTTP_BODY_TO_THE_END, false, true},
    {OK "Content-Length: 5 \t\r\n\r\nhellomore", 4, HTTP_COMPLETE, false},
    {OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhellomore", 4, HTTP_COMPLETE, false},
    {OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 0, HTTP_BODY_TO_THE_END, false,
     true},
    {OK "Content-Length: 5 bytes\r\n\r\nhello", 0, HTTP_BODY_TO_THE_END, false, true},
    {OK "Content-Length: -5\r\n\r\nhello", 0, HTTP_BODY_TO_THE_END, false, true},
    {OK "Content-Length:\r\n\r\nhello", 0, HTTP_BODY_TO_THE_END, false, true},
    {OK "Content-Length: 5\r\nContent-Length: x\r\n\r\nhello", 0, HTTP_BODY_TO_THE_END, false,
     true},
    {OK "Content-Length: 5\r\nTransfer-Encoding: chunked \r\n\r\n0\r\n\r\nmore", 4, HTTP_COMPLETE,
     false, true},
    {OK "Transfer-Encoding: chunked\t \r\n\r\n0\r\n\r\nmore", 4, HTTP_COMPLETE, false},
    {OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhellox\r\n0\r\n\r\n", 0, HTTP_BODY_TO_THE_END,
     false, true},
    {"HTTP/1.1 100 Continue\r\nContent-Length: x\r\n\r\n" OK "Content-Length: 1\r\n\r\na", 0,
     HTTP_COMPLETE, false},
    {"HTTP/1.1 2000 OK\r\n\r\n", 0, HTTP_BODY_TO_THE_END, false},
    {"HTTP/2 200\r\n\r\n", 0, HTTP_BODY_TO_THE_END, false},
    {"\r\n" OK "Content-Length: 0\r\n\r\n", 0, HTTP_BODY_TO_THE_END, false},
    {OK "Content-Length: 5", 0, HTTP_HEADERS, false},
    {"", 0, HTTP_STATUS_LINE, false},
};

static void check_pieces(const struct response_case *wanted, size_t piece)
{
	struct http_response response;
	const size_t length = strlen(wanted->text);
	size_t at = 0, used = 0, given = 0;
	http_response_begin(&response, wanted->answers_head);
	while (at < length && used == given) {
		given = length - at < piece ? length - at : piece;
		used = http_response_read(&response, (const uint8_t *)wanted->text + at, given);
		at += used;
	}
	if (!CHECK_NUMBER(response.part, wanted->part) ||
	    !CHECK_NUMBER(response.unsound, wanted->unsound) ||
	    !CHECK_NUMBER(length - at, wanted->behind))
		fprintf(stderr, "  in pieces of %zu: %s\n", piece, wanted->text);
}

/* A head without end is not kept. */
static void test_long_head(void)
{
	struct http_response response;
	http_response_begin(&response, false);
	const uint8_t letter = 'a';
	CHECK_NUMBER(http_response_read(&response, (const uint8_t *)OK, strlen(OK)), strlen(OK));
	for (int i = 0; i < 65536; i++)
		CHECK(http_response_read(&response, &letter, 1) == 1);
	CHECK_NUMBER(response.part, HTTP_BODY_TO_THE_END);
	CHECK(response.unsound);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t piece = 1; piece < 100; piece += piece < 8 ? 1 : 23)
			check_pieces(&cases[i], piece);
	test_long_head();
	return check_status();
}

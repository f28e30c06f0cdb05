/* Heads of requests to servers in containers. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "oci/container/head.h"

/* Without a NUL behind it. */
static void put(char *to, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		to[i] = text[i];
}

static void test_length(void)
{
	static const struct {
		const char *text;
		size_t length;
	} cases[] = {
	    {"", 0},
	    {"\n", 0},
	    {"GET / HTTP/1.1\r\n", 0},
	    {"GET / HTTP/1.1\r\n\r", 0},
	    {"GET / HTTP/1.1\r\n\r\n", 18},
	    {"GET / HTTP/1.1\n\n", 16},
	    {"GET / HTTP/1.1\r\nA: b\r\n\r\nbody\r\n\r\n", 24},
	    {"GET / HTTP/1.1\r\nA: b\r\n \r\n", 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const size_t length = strlen(cases[i].text);
		/* In memory of that size, for sanitizers. */
		char *copy = malloc(length ? length : 1);
		put(copy, cases[i].text, length);
		if (!CHECK_NUMBER(head_length(copy, length), cases[i].length))
			fprintf(stderr, "in case %zu\n", i);
		free(copy);
	}
}

static void check_closed(const char *head, const char *wanted)
{
	char *out = calloc(1, 2 * HEAD_MAX);
	const size_t length = strlen(head);
	char *copy = malloc(length);
	put(copy, head, length);
	CHECK_NUMBER(head_close(copy, length, out), strlen(wanted));
	CHECK_TEXT(out, wanted);
	free(copy);
	free(out);
}

static void test_close(void)
{
	check_closed("GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
	check_closed("GET / HTTP/1.1\r\nconnection: keep-alive\r\nA: b\r\nConnection: x\r\n\r\n",
		     "GET / HTTP/1.1\r\nConnection: close\r\nA: b\r\n\r\n");
	check_closed(
	    "GET / HTTP/1.1\r\nX-Connection: a\r\nConnectio: b\r\n\r\n",
	    "GET / HTTP/1.1\r\nConnection: close\r\nX-Connection: a\r\nConnectio: b\r\n\r\n");
	check_closed(
	    "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: keep-alive, UPGRADE\r\n\r\n",
	    "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: keep-alive, UPGRADE\r\n\r\n");
	check_closed("\n\n", "\nConnection: close\r\n\n");
}

/* The longest, which is nothing but names that are not wanted, or one that is. */
static void test_longest(void)
{
	char *head = malloc(HEAD_MAX), *out = malloc(HEAD_MAX + 64);
	memset(head, 'a', HEAD_MAX);
	put(head, "GET /", 5);
	CHECK_NUMBER(head_length(head, HEAD_MAX), 0);
	put(head + HEAD_MAX - 4, "\r\n\r\n", 4);
	CHECK_NUMBER(head_length(head, HEAD_MAX), HEAD_MAX);
	CHECK_NUMBER(head_close(head, HEAD_MAX, out), HEAD_MAX + strlen("Connection: close\r\n"));
	for (size_t at = 16; at + 16 < HEAD_MAX; at += 16)
		put(head + at, "\nConnection: up\r", 16);
	CHECK(head_close(head, HEAD_MAX, out) < HEAD_MAX);
	free(head);
	free(out);
}

int main(void)
{
	test_length();
	test_close();
	test_longest();
	return check_status();
}

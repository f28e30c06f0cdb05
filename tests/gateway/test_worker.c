/* The HTTP worker, with this program for its supervisor: calls of functions.
 *
 * usage: test_gateway_worker [WATCHER...] MAYFLY-HTTP
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "gateway/contracts/contract.h"
#include "gateway/link/fields.h"
#include "gateway/tls_client.h"
#include "gateway/worker_talk.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

#define PIECE	   (1UL << 20)
#define ARENA_SIZE (16UL << 20)
#define CELL	   (64UL << 10)

/* ── calls of functions ──────────────────────────────────────────────────────────────────────── */

/* A LINK_INVOKE with that head and body; its number. */
static uint64_t expect_invoke(struct peer *peer, const char *head, const char *body, unsigned flags)
{
	struct link_message message;
	if (!expect(peer, LINK_INVOKE, &message))
		return 0;
	const uint8_t *block = link_block(&peer->view, &message);
	if (!CHECK(block && message.head_length <= message.length))
		return 0;
	cleanup_free char *text = record_text_of(block, message.head_length);
	CHECK_TEXT(text, head);
	CHECK_NUMBER(message.flags, flags | LINK_BLOCK);
	CHECK_NUMBER(message.body_length, strlen(body));
	CHECK(message.length - message.head_length == strlen(body) &&
	      !memcmp(block + message.head_length, body, strlen(body)));
	return message.id;
}

static void done(struct peer *peer, uint64_t id, unsigned contract, const char *text)
{
	CHECK(peer_send(
	    peer, (struct link_message){.kind = LINK_DONE, .id = id, .contract = (uint8_t)contract},
	    text, strlen(text)));
}

#define HOST "host=gateway.example:8080 client=127.0.0.1 "

static void test_invoke(struct peer *peer)
{
	int client =
	    ask(peer->port, "PUT /function/f.n/a/%2e%2E/b//c?x=1&y",
		"X-Call-Id: my-id\r\nX-Thing: 1\r\nConnection: close, X-Gone\r\nX-Gone: 1\r\n"
		"TE: trailers\r\ntraceparent: 00-1-2-01\r\n",
		"body");
	uint64_t id = expect_invoke(peer,
				    "method=PUT name=f namespace=n path=/a/%2e%2E/b//c query=x=1&y "
				    "header.X-Call-Id=my-id header.X-Thing=1 "
				    "header.traceparent=00-1-2-01 " HOST "call=my-id ",
				    "body", 0);
	done(peer, id, CONTRACT_STDIO, "hello");
	cleanup_free char *one = hear(client);
	CHECK_NUMBER(status_of(one), 200);
	CHECK_TEXT(body_of(one), "hello");
	has_line(one, "\r\nX-Call-Id: my-id\r\n");
	has_line(one, "\r\nX-Served-By: here\r\n");
	has_line(one, "\r\nX-Start-Time: ");
	has_line(one, "\r\nX-Duration-Seconds: ");
	has_line(one, "\r\nContent-Length: 5\r\n");
	expect_finished(peer, id, 200);

	client = ask(peer->port, "GET /function/f",
		     "X-Call-Id: one, two\r\nAccept: text/event-stream\r\n", "");
	struct link_message message;
	if (expect(peer, LINK_INVOKE, &message)) {
		id = message.id;
		CHECK_NUMBER(message.flags, LINK_BLOCK | LINK_STREAM);
		cleanup_free char *text =
		    record_text_of(link_block(&peer->view, &message), message.head_length);
		const char *call = text ? strstr(text, " call=") : NULL;
		CHECK(call &&
		      strlen(call) == strlen(" call=01234567-89ab-4def-8123-456789abcdef ") &&
		      call[20] == '4');
	}
	done(peer, id, CONTRACT_HANDLER,
	     "Status: 201 Created\r\nContent-Type: text/x\r\nX-Served-By: "
	     "me\r\nx-openfaas-internal: proxy\r\nConnection: "
	     "x\r\n\r\nhi");
	cleanup_free char *two = hear(client);
	CHECK_NUMBER(status_of(two), 201);
	CHECK_TEXT(body_of(two), "hi");
	has_line(two, "\r\nContent-Type: text/x\r\n");
	CHECK(!strstr(two, "X-Served-By: me"));
	CHECK(!strstr(two, "internal"));
	expect_finished(peer, id, 201);
}

static void test_parts(struct peer *peer)
{
	struct link_message message;
	for (int cut = 0; cut < 2; cut++) {
		int client = ask(peer->port, "GET /function/f", "X-Call-Id: a\r\n", "");
		const uint64_t id = expect_invoke(
		    peer, "method=GET name=f path= header.X-Call-Id=a " HOST "call=a ", "", 0);
		for (int i = 0; i < 3; i++) {
			CHECK(peer_send(peer, (struct link_message){.kind = LINK_PART, .id = id},
					"part ", 5));
			if (expect(peer, LINK_SENT, &message))
				CHECK(!arena_give(peer->arena, message.offset));
		}
		CHECK(peer_send(
		    peer,
		    (struct link_message){.kind = LINK_DONE, .id = id, .flags = cut ? LINK_CUT : 0},
		    cut ? NULL : "end", 3));
		cleanup_free char *response = hear(client);
		CHECK_NUMBER(status_of(response), 200);
		has_line(response, "\r\nTransfer-Encoding: chunked\r\n");
		if (CHECK(response))
			CHECK((strstr(response, "\r\n0\r\n\r\n") == NULL) == (cut == 1));
		expect_finished(peer, id, cut ? 502 : 200);
	}
}

static void test_errors(struct peer *peer)
{
	static const struct {
		unsigned code, flags;
		bool internal;
	} cases[] = {
	    {404, 0, false}, {429, LINK_RETRY, true}, {503, LINK_RETRY, true}, {504, 0, true}};
	uint64_t id;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int client = ask(peer->port, "GET /function/f", "X-Call-Id: a\r\n", "");
		id = expect_invoke(
		    peer, "method=GET name=f path= header.X-Call-Id=a " HOST "call=a ", "", 0);
		CHECK(peer_send(peer,
				(struct link_message){.kind = LINK_DONE,
						      .id = id,
						      .code = cases[i].code,
						      .flags = (uint16_t)cases[i].flags},
				"why", 3));
		cleanup_free char *response = hear(client);
		CHECK_NUMBER(status_of(response), cases[i].code);
		CHECK_TEXT(body_of(response), "why\n");
		CHECK((strstr(response, "\r\nX-OpenFaaS-Internal: proxy\r\n") != NULL) ==
		      cases[i].internal);
		CHECK((strstr(response, "\r\nRetry-After: 1\r\n") != NULL) ==
		      (cases[i].flags != 0));
		expect_finished(peer, id, cases[i].code);
	}
	int client = ask(peer->port, "GET /function/f", "X-Call-Id: a\r\n", "");
	id = expect_invoke(peer, "method=GET name=f path= header.X-Call-Id=a " HOST "call=a ", "",
			   0);
	done(peer, id, CONTRACT_HTTP, "no response");
	cleanup_free char *response = hear(client);
	CHECK_NUMBER(status_of(response), 502);
	expect_finished(peer, id, 502);
}

static void test_async(struct peer *peer)
{
	cleanup_free char *bad =
	    hear(ask(peer->port, "POST /async-function/f", "X-Callback-Url: ftp://x\r\n", "b"));
	CHECK_NUMBER(status_of(bad), 400);
	CHECK(!strncmp(body_of(bad), "X-Callback-Url: ", 16));
	int client = ask(peer->port, "POST /async-function/f/p",
			 "X-Call-Id: a\r\nX-Callback-Url: http://h:1/p\r\n", "b");
	const uint64_t id = expect_invoke(peer,
					  "method=POST name=f path=/p header.X-Call-Id=a "
					  "header.X-Callback-Url=http://h:1/p " HOST
					  "call=a callback=http://h:1/p ",
					  "b", LINK_ASYNC);
	CHECK(peer_send(peer, (struct link_message){.kind = LINK_DONE, .id = id, .code = 202}, NULL,
			0));
	cleanup_free char *response = hear(client);
	CHECK_NUMBER(status_of(response), 202);
	has_line(response, "\r\nX-Call-Id: a\r\n");
	CHECK_TEXT(body_of(response), "");
	expect_finished(peer, id, 202);
}

/* A client goes: the supervisor is told, and what it still says is acknowledged. */
static void test_gone(struct peer *peer)
{
	struct link_message invoke, message;
	int client = ask(peer->port, "GET /function/f", "", "");
	if (!expect(peer, LINK_INVOKE, &invoke))
		return;
	close(client);
	if (expect(peer, LINK_CANCEL, &message)) {
		CHECK_NUMBER(message.id, invoke.id);
		CHECK_NUMBER(message.code, 499);
	}
	CHECK(peer_send(peer, (struct link_message){.kind = LINK_PART, .id = invoke.id}, "x", 1));
	if (expect(peer, LINK_SENT, &message))
		CHECK(!arena_give(peer->arena, message.offset));
	done(peer, invoke.id, CONTRACT_STDIO, "x");
	expect_finished(peer, invoke.id, 499);
}

/* ── bodies ──────────────────────────────────────────────────────────────────────────────────── */

#define LARGE (9 * PIECE + 5)

static uint8_t byte_at(size_t index)
{
	return (uint8_t)(index * 31 + (index >> 12));
}

/* Sends a large body in a process of its own, which ends with 0 where the answer's status is that one. */
static pid_t send_large(struct peer *peer, unsigned status)
{
	cleanup_free char *text = malloc(LARGE + 200);
	const int head = sprintf(text,
				 "POST /function/f HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
				 "Content-Length: %zu\r\n\r\n",
				 (size_t)LARGE);
	for (size_t i = 0; i < LARGE; i++)
		text[(size_t)head + i] = (char)byte_at(i);
	pid_t sender = fork();
	if (!sender) {
		int client = client_open(peer->port, text, (size_t)head + LARGE);
		size_t length;
		char *response = client >= 0 ? client_read(client, &length) : NULL;
		_exit(response && status_of(response) == status ? 0 : 1);
	}
	return sender;
}

static void expect_end(pid_t sender)
{
	int status = -1;
	CHECK(waitpid(sender, &status, 0) == sender && !status);
}

/* A body in pieces: no more under way than are to be, and each byte in its place. */
static void test_pieces(struct peer *peer)
{
	struct link_message messages[64];
	size_t count = 0, taken = 0, received = 0;
	const pid_t sender = send_large(peer, 200);
	bool last = false;
	while (!last && count < ARRAY_SIZE(messages)) {
		struct link_message *message = &messages[count];
		/* Takes one only where as many are under way as may be. */
		if (count - taken >= LINK_PIECES_MAX)
			CHECK(peer_take(peer, &messages[taken++]));
		if (!expect(peer, count ? LINK_BODY : LINK_INVOKE, message))
			break;
		CHECK_NUMBER(!count, (message->flags & LINK_MORE) != 0);
		const uint8_t *block = link_block(&peer->view, message);
		const size_t skip = message->head_length;
		bool good = CHECK(block);
		for (size_t i = skip; good && i < message->length; i++)
			good = block[i] == byte_at(received + i - skip);
		CHECK(good);
		received += message->length - skip;
		last = message->flags & LINK_LAST;
		count++;
	}
	CHECK_NUMBER(received, LARGE);
	CHECK_NUMBER(messages[0].body_length, LARGE);
	done(peer, messages[0].id, CONTRACT_STDIO, "ok");
	expect_end(sender);
	expect_finished(peer, messages[0].id, 200);
}

/* The program is done before it has read all: the rest is for nobody. */
static void test_early_end(struct peer *peer)
{
	struct link_message invoke, message;
	const pid_t sender = send_large(peer, 200);
	if (expect(peer, LINK_INVOKE, &invoke))
		done(peer, invoke.id, CONTRACT_STDIO, "enough");
	while (CHECK(peer_receive(peer, &message)) && message.kind == LINK_BODY)
		;
	CHECK_NUMBER(message.kind, LINK_FINISHED);
	CHECK_NUMBER(message.code, 200);
	CHECK(!arena_give(peer->arena, message.offset));
	expect_end(sender);
}

/* The client goes in the middle of its body. */
static void test_broken_off(struct peer *peer)
{
	struct link_message invoke, message;
	cleanup_free char *text = malloc(2 * PIECE);
	memset(text, 'x', 2 * PIECE);
	const int head =
	    sprintf(text, "POST /function/f HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n",
		    (size_t)LARGE);
	text[head] = 'x';
	int client = client_open(peer->port, text, 2 * PIECE);
	CHECK(expect(peer, LINK_INVOKE, &invoke));
	close(client);
	while (CHECK(peer_receive(peer, &message)) && message.kind == LINK_BODY)
		;
	CHECK_NUMBER(message.kind, LINK_CANCEL);
	answer_code(peer, invoke.id, 500, "cancelled");
	expect_finished(peer, invoke.id, 499);
}

/* A chunked body is collected; the arena's end is 503, and what it took is given back. */
static void test_full(struct peer *peer)
{
	cleanup_free char *chunk = malloc(PIECE);
	memset(chunk, 'x', PIECE);
	for (int round = 0; round < 2; round++) {
		static const char head[] =
		    "POST /function/f HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n";
		int client = client_open(peer->port, head, sizeof(head) - 1);
		const size_t chunks = round ? 3 : 20;
		for (size_t i = 0; i < chunks; i++)
			if (dprintf(client, "%lx\r\n", PIECE) < 0 ||
			    write(client, chunk, PIECE) != (ssize_t)PIECE ||
			    write(client, "\r\n", 2) != 2)
				break;
		(void)!write(client, "0\r\n\r\n", 5);
		struct link_message message;
		if (round && expect(peer, LINK_INVOKE, &message)) {
			CHECK_NUMBER(message.body_length, 3 * PIECE);
			CHECK_NUMBER(message.length - message.head_length, 3 * PIECE);
			done(peer, message.id, CONTRACT_STDIO, "ok");
		}
		cleanup_free char *response = hear(client);
		CHECK_NUMBER(status_of(response), round ? 200 : 503);
		if (round)
			expect_finished(peer, message.id, 200);
	}
}

/* How much of its arena the worker says that it uses. */
static unsigned long memory_taken(struct peer *peer)
{
	static const char name[] = "\nmayfly_http_memory_bytes ";
	int client = ask(peer->metrics_port, "GET /metrics", "", "");
	const uint64_t id = expect_command(peer, "command=%METRICS_OPEN ");
	struct record record = RECORD_EMPTY;
	record_add_text(&record, FIELD_TEXT, "one 1\n");
	answer_with(peer, id, &record);
	cleanup_free char *response = hear(client);
	expect_finished(peer, id, 200);
	const char *line = response ? strstr(response, name) : NULL;
	return line ? strtoul(line + strlen(name), NULL, 10) : ULONG_MAX;
}

/* Waits until a body has its block, or is refused. */
static void await_block(struct peer *peer, int client, unsigned long taken)
{
	char byte;
	for (int tries = 0; tries < 1000 && memory_taken(peer) < taken; tries++)
		if (recv(client, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
			break;
}

/* Bodies that would fill all memory, each half of what is left, and do not end. */
static void test_small_beside_large(struct peer *peer)
{
	static const char head[] =
	    "POST /function/f HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
	/* So that the worker sees their end at once. */
	const struct linger reset = {.l_onoff = 1};
	int clients[16];
	size_t count = 0;
	cleanup_free char *data = calloc(1, ARENA_SIZE);
	for (size_t size = ARENA_SIZE / 2; size > CELL; size /= 2) {
		const int client = client_open(peer->port, head, sizeof(head) - 1);
		const unsigned long before = memory_taken(peer);
		dprintf(client, "%zx\r\n", size * 3 / 4);
		/* One that is refused may not take all. */
		(void)!send(client, data, size * 3 / 4, MSG_NOSIGNAL);
		await_block(peer, client, before + size);
		clients[count++] = client;
	}
	int small[3];
	struct link_message messages[3];
	for (size_t i = 0; i < ARRAY_SIZE(small); i++) {
		small[i] = ask(peer->port, "POST /function/f", "", "x");
		if (!expect(peer, LINK_INVOKE, &messages[i]))
			return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(small); i++) {
		done(peer, messages[i].id, CONTRACT_STDIO, "ok");
		cleanup_free char *response = hear(small[i]);
		CHECK_NUMBER(status_of(response), 200);
		expect_finished(peer, messages[i].id, 200);
	}
	while (count) {
		setsockopt(clients[--count], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(clients[count]);
	}
}

/* ── the end ─────────────────────────────────────────────────────────────────────────────────── */

/* Both arenas are empty when all is over. The last request's end is not awaited by anybody: hence some
 * tries. */
static void test_memory(struct peer *peer)
{
	bool empty = false;
	for (int tries = 0; tries < 1000 && !empty; tries++)
		empty = !memory_taken(peer);
	CHECK(empty);
	CHECK_NUMBER(arena_used(peer->arena), 0);
}

#define MANY 600

/* More messages than the link has room for: none is lost, and their order stays. */
static void test_backlog(char *const command[])
{
	struct peer peer;
	struct link_message message = {0};
	int clients[MANY];
	cleanup_record struct record settings = RECORD_EMPTY;
	record_add_text(&settings, FIELD_SERVER_NAME, "here");
	if (!CHECK(peer_start(&peer, command, &settings, 64UL << 20)))
		return;
	for (size_t i = 0; i < MANY; i++)
		clients[i] = ask(peer.port, "GET /function/f", "", "");
	for (uint64_t id = 1; id <= MANY; id++)
		if (!expect(&peer, LINK_INVOKE, &message) || !CHECK_NUMBER(message.id, id))
			break;
	for (uint64_t id = 1; id <= MANY; id++)
		CHECK(peer_send(&peer,
				(struct link_message){.kind = LINK_DONE, .id = id, .code = 204},
				NULL, 0));
	for (size_t i = 0; i < MANY; i++) {
		cleanup_free char *response = hear(clients[i]);
		CHECK_NUMBER(status_of(response), 204);
	}
	for (size_t i = 0; i < MANY && expect(&peer, LINK_FINISHED, &message); i++)
		CHECK_NUMBER(message.code, 204);
	CHECK(peer_is_quiet(&peer));
	peer_stop(&peer);
}

/* Nobody is there to ask: the process ends, whatever it is at. */
static void test_supervisor_gone(char *const command[])
{
	struct peer peer;
	struct link_message message;
	cleanup_record struct record settings = RECORD_EMPTY;
	record_add_number(&settings, FIELD_PIECE, PIECE);
	if (!CHECK(peer_start(&peer, command, &settings, ARENA_SIZE)))
		return;
	int client = ask(peer.port, "GET /function/f", "", "");
	CHECK(expect(&peer, LINK_INVOKE, &message));
	shutdown(peer.socket, SHUT_RDWR);
	CHECK_NUMBER(peer_wait(&peer), 0);
	close(client);
	peer_stop(&peer);
}

/* What is under way is answered; then the process ends. */
static void test_quit(struct peer *peer)
{
	struct link_message message;
	int client = ask(peer->port, "GET /function/f", "", "");
	if (!expect(peer, LINK_INVOKE, &message))
		return;
	CHECK(peer_send(peer, (struct link_message){.kind = LINK_QUIT}, NULL, 0));
	done(peer, message.id, CONTRACT_STDIO, "late");
	cleanup_free char *response = hear(client);
	CHECK_TEXT(body_of(response), "late");
	expect_finished(peer, message.id, 200);
	CHECK_NUMBER(peer_wait(peer), 0);
}

static void test_tls(char *const command[])
{
	struct peer peer;
	struct tls_identity identity;
	char answer[4096] = "";
	cleanup_record struct record settings = RECORD_EMPTY;
	if (!CHECK(tls_make_identity(&identity)))
		return;
	record_add_text(&settings, FIELD_CERTIFICATE, identity.certificate);
	record_add_text(&settings, FIELD_KEY, identity.key);
	if (!CHECK(peer_start(&peer, command, &settings, ARENA_SIZE)))
		return;
	CHECK(tls_ask(peer.port, "GET /ui/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
		      answer, sizeof(answer)));
	CHECK_NUMBER(status_of(answer), 200);
	CHECK(peer_send(&peer, (struct link_message){.kind = LINK_QUIT}, NULL, 0));
	CHECK_NUMBER(peer_wait(&peer), 0);
	peer_stop(&peer);
}

int main(int argc, char **argv)
{
	struct peer peer;
	cleanup_record struct record settings = RECORD_EMPTY;
	record_add_text(&settings, FIELD_SERVER_NAME, "here");
	record_add_number(&settings, FIELD_PIECE, PIECE);
	if (argc < 2 || !CHECK(peer_start(&peer, argv + 1, &settings, ARENA_SIZE)))
		return 1;
	test_invoke(&peer);
	test_parts(&peer);
	test_errors(&peer);
	test_async(&peer);
	test_gone(&peer);
	test_pieces(&peer);
	test_early_end(&peer);
	test_broken_off(&peer);
	test_full(&peer);
	test_small_beside_large(&peer);
	test_memory(&peer);
	test_quit(&peer);
	peer_stop(&peer);
	test_backlog(argv + 1);
	test_supervisor_gone(argv + 1);
	test_tls(argv + 1);
	CHECK_NUMBER(talk_failures(), 0);
	return check_status();
}

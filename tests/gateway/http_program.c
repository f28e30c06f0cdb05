/* A program that serves with gateway/http, for test_http.py and measurements. What is asked for is the path:
 * see the table `routes`. Prints its port; ends when its standard input does, and says then what
 * is left over.
 *
 * usage: http_program [NAME=VALUE]...
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/http_server.h"
#include "loopback.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/descriptors.h"
#include "util/file.h"
#include "util/lock.h"

#define THREADS	    3
#define BIG_PIECE   (256 << 10)
#define BIG_COUNT   256
#define WRITE_COUNT 200

/* What the tests ask about. */
static struct {
	atomic_ulong begun, completed, gone, sent, pieces, released, bytes;
} counts;

struct call {
	pthread_mutex_t lock;
	struct http_exchange *exchange; /* NULL: gone */
	const struct http_head *head;
	unsigned int users;
	struct call *next_held;
	char *body;
	size_t length, room;
	unsigned int started, writers;
};

struct job {
	struct job *next;
	struct call *call;
	void (*run)(struct call *call);
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct job *first, **last;
	struct call *held;
	bool over;
} work = {
    .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .last = &work.first};

static struct http_server *server;
static uint64_t delay_ns;

static void put_call(struct call *call)
{
	pthread_mutex_lock(&call->lock);
	unsigned int users = --call->users;
	pthread_mutex_unlock(&call->lock);
	if (users)
		return;
	pthread_mutex_destroy(&call->lock);
	free(call->body);
	free(call);
}

/* Under the call's lock. */
static void add_job_locked(struct call *call, void (*run)(struct call *call))
{
	struct job *job = calloc(1, sizeof(*job));
	*job = (struct job){.call = call, .run = run};
	call->users++;
	lock_scoped(&work.lock);
	*work.last = job;
	work.last = &job->next;
	pthread_cond_signal(&work.changed);
}

static void add_job(struct call *call, void (*run)(struct call *call))
{
	lock_scoped(&call->lock);
	add_job_locked(call, run);
}

static void *do_work(void *context)
{
	pthread_mutex_lock(&work.lock);
	while (work.first || !work.over) {
		struct job *job = work.first;
		if (!job) {
			pthread_cond_wait(&work.changed, &work.lock);
			continue;
		}
		work.first = job->next;
		if (!work.first)
			work.last = &work.first;
		pthread_mutex_unlock(&work.lock);
		job->run(job->call);
		put_call(job->call);
		free(job);
		pthread_mutex_lock(&work.lock);
	}
	pthread_mutex_unlock(&work.lock);
	return context;
}

/* ── pieces ──────────────────────────────────────────────────────────────────────────────────── */

static void note_released(void *context)
{
	counts.released++;
	free(context);
}

/* A copy, so that a use after its release is noticed. */
static int send_piece(struct call *call, const void *data, size_t length)
{
	void *copy = malloc(length + 1);
	memcpy(copy, data, length);
	counts.pieces++;
	return http_write(call->exchange, copy, length, note_released, copy);
}

static int send_text(struct call *call, const char *text)
{
	return send_piece(call, text, strlen(text));
}

/* ── what is served; each with the call's lock held ──────────────────────────────────────────── */

static void answer_now(struct call *call)
{
	http_answer(call->exchange, 200, "text/plain", "now\n", 4);
}

static void answer_hundred(struct call *call)
{
	char text[100];
	memset(text, 'x', sizeof(text));
	for (uint64_t until = clock_now_ns() + delay_ns; delay_ns && clock_now_ns() < until;)
		;
	http_answer(call->exchange, 200, "text/plain", text, sizeof(text));
}

static void echo(struct call *call)
{
	const struct http_header headers[] = {{"Content-Type", "application/octet-stream"},
					      {"Set-Cookie", "a=1"},
					      {"Set-Cookie", "b=2"}};
	http_respond(call->exchange, 200, headers, ARRAY_SIZE(headers), call->length);
	send_piece(call, call->length ? call->body : "", call->length);
	http_end(call->exchange, true);
}

static void tell_head(struct call *call)
{
	cleanup_free char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	const struct http_head *head = call->head;
	fprintf(file, "%s|%s|%s|%s|%s\n", head->method, head->path, head->query ? head->query : "-",
		head->client, head->secure ? "tls" : "plain");
	fprintf(file, "%s|%s|%s\n", head->user ? head->user : "-",
		head->password ? head->password : "-", head->token ? head->token : "-");
	for (size_t i = 0; i < head->header_count; i++)
		fprintf(file, "%s|%s\n", head->headers[i].name, head->headers[i].value);
	fclose(file);
	http_answer(call->exchange, 200, "text/plain", text, size);
}

static void send_chunks(struct call *call)
{
	char text[32];
	http_respond(call->exchange, 200, NULL, 0, UINT64_MAX);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "piece %d\n", i);
		send_text(call, text);
	}
	http_end(call->exchange, true);
}

static void send_known(struct call *call)
{
	http_respond(call->exchange, 200, NULL, 0, 9);
	send_text(call, "one");
	send_text(call, "two");
	send_text(call, "six and more than there may be");
	http_end(call->exchange, true);
}

static void send_short(struct call *call)
{
	http_respond(call->exchange, 200, NULL, 0, 9);
	send_text(call, "one");
	http_end(call->exchange, true);
}

static void send_cut(struct call *call)
{
	http_respond(call->exchange, 200, NULL, 0, UINT64_MAX);
	send_text(call, "a part");
	http_end(call->exchange, false);
}

static void send_nothing(struct call *call)
{
	http_end(call->exchange, false);
}

static void send_big(struct call *call)
{
	static const char zeros[BIG_PIECE];
	http_respond(call->exchange, 200, NULL, 0, (uint64_t)BIG_PIECE * BIG_COUNT);
	for (int i = 0; i < BIG_COUNT; i++) {
		counts.pieces++;
		http_write(call->exchange, zeros, sizeof(zeros), note_released, NULL);
	}
	http_end(call->exchange, true);
}

static void send_unsound(struct call *call)
{
	static const struct http_header unsound[] = {{"X-A", "b\r\nSet-Cookie: c"},
						     {"X-A", "b\nc"},
						     {"X A", "b"},
						     {"", "b"},
						     {"X:A", "b"},
						     {"X-A\r\n", "b"},
						     {"X-A", "\x01"}};
	int accepted = 0;
	for (size_t i = 0; i < ARRAY_SIZE(unsound); i++)
		accepted += !http_respond(call->exchange, 200, &unsound[i], 1, 0);
	accepted += !http_respond(call->exchange, 101, NULL, 0, 0);
	accepted += !http_respond(call->exchange, 1000, NULL, 0, 0);
	accepted += !http_answer(call->exchange, 200, "text/plain\r\nX: y", "", 0);
	http_answer(call->exchange, accepted ? 500 : 200, NULL, "", 0);
}

static void send_framing(struct call *call)
{
	const struct http_header headers[] = {{"Content-Length", "1000"},
					      {"transfer-encoding", "gzip"},
					      {"Connection", "x-own"},
					      {"X-Own", "kept"},
					      {"X-Empty", ""},
					      {"Keep-Alive", "1"}};
	http_respond(call->exchange, 201, headers, ARRAY_SIZE(headers), 2);
	send_text(call, "ok");
	http_end(call->exchange, true);
}

/* The query says how many headers of a thousand bytes. */
static void send_headers(struct call *call)
{
	static const char letters[] = "0123456789";
	char value[1000];
	struct http_header headers[100];
	size_t count = call->head->query ? strtoul(call->head->query, NULL, 10) : 0;
	for (size_t i = 0; i < sizeof(value) - 1; i++)
		value[i] = letters[i % 10];
	value[sizeof(value) - 1] = '\0';
	for (size_t i = 0; i < count && i < ARRAY_SIZE(headers); i++)
		headers[i] = (struct http_header){"X", value};
	if (http_respond(call->exchange, 200, headers, count, 2) == -E2BIG)
		http_respond(call->exchange, 502, NULL, 0, 2);
	send_text(call, "ok");
	http_end(call->exchange, true);
}

static void send_empty(struct call *call)
{
	http_respond(call->exchange, 204, NULL, 0, 100);
	send_text(call, "not to be sent");
	http_end(call->exchange, true);
}

/* Each thread writes lines of its own, others between them; the last one ends it. */
static void write_lines(struct call *call)
{
	char text[32];
	lock_scoped(&call->lock);
	unsigned int thread = call->started++;
	for (int i = 0; i < WRITE_COUNT && call->exchange; i++) {
		snprintf(text, sizeof(text), "%u %d\n", thread, i);
		send_text(call, text);
		pthread_mutex_unlock(&call->lock);
		sched_yield();
		pthread_mutex_lock(&call->lock);
	}
	if (!--call->writers && call->exchange)
		http_end(call->exchange, true);
}

static void write_many(struct call *call)
{
	http_respond(call->exchange, 200, NULL, 0, UINT64_MAX);
	call->writers = THREADS;
	for (int i = 0; i < THREADS; i++)
		add_job_locked(call, write_lines);
}

static void resume(struct call *call)
{
	lock_scoped(&call->lock);
	if (call->exchange)
		http_resume(call->exchange);
}

static void tell_counts(struct call *call)
{
	char text[512];
	struct http_statistics statistics;
	http_server_statistics(server, &statistics);
	int length = snprintf(
	    text, sizeof(text),
	    "{\"begun\": %lu, \"completed\": %lu, \"gone\": %lu, \"sent\": %lu, \"pieces\": %lu, "
	    "\"released\": %lu, \"bytes\": %lu, \"connections\": %lu, \"accepted\": %lu, "
	    "\"refused\": %lu, \"timed_out\": %lu}\n",
	    counts.begun, counts.completed, counts.gone, counts.sent, counts.pieces,
	    counts.released, counts.bytes, statistics.connections, statistics.accepted,
	    statistics.refused, statistics.timed_out);
	http_answer(call->exchange, 200, "application/json", text, (size_t)length);
}

/* ── waiting ones ────────────────────────────────────────────────────────────────────────────── */

static void hold(struct call *call)
{
	call->users++;
	lock_scoped(&work.lock);
	call->next_held = work.held;
	work.held = call;
}

static void hold_stream(struct call *call)
{
	const struct http_header type = {"Content-Type", "text/event-stream"};
	http_respond(call->exchange, 200, &type, 1, UINT64_MAX);
	send_text(call, "data: first\n\n");
	hold(call);
}

static void finish_held(struct call *call)
{
	lock_scoped(&call->lock);
	if (!call->exchange)
		return;
	http_respond(call->exchange, 200, NULL, 0, 9); /* refused where it has been begun */
	send_text(call, "released\n");
	http_end(call->exchange, true);
}

static void release_held(struct call *call)
{
	pthread_mutex_lock(&work.lock);
	struct call *held = take_pointer(work.held);
	pthread_mutex_unlock(&work.lock);
	while (held) {
		struct call *next = held->next_held;
		add_job(held, finish_held);
		put_call(held);
		held = next;
	}
	answer_now(call);
}

/* ── the handler ─────────────────────────────────────────────────────────────────────────────── */

struct route {
	const char *path;
	void (*serve)(struct call *call);
	bool at_once; /* in `complete`, and not by another thread */
};

static const struct route routes[] = {
    {"/now", answer_now, true},
    {"/hundred", answer_hundred, false},
    {"/echo", echo, false},
    {"/echo-now", echo, true},
    {"/pause", echo, false},
    {"/head", tell_head, false},
    {"/chunks", send_chunks, false},
    {"/chunks-now", send_chunks, true},
    {"/known", send_known, false},
    {"/short", send_short, false},
    {"/cut", send_cut, false},
    {"/nothing", send_nothing, false},
    {"/big", send_big, false},
    {"/unsound", send_unsound, false},
    {"/headers", send_headers, false},
    {"/pause-headers", send_headers, false},
    {"/many", write_many, false},
    {"/framing", send_framing, false},
    {"/empty", send_empty, false},
    {"/counts", tell_counts, true},
    {"/hold", hold, true},
    {"/stream", hold_stream, true},
    {"/release", release_held, true},
};

static void serve(struct call *call)
{
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
		if (!strcmp(call->head->path, routes[i].path)) {
			routes[i].serve(call);
			return;
		}
	http_answer(call->exchange, 404, "text/plain", "nothing\n", 8);
}

/* Under the call's lock, and only while its exchange is there. */
static void run_serve(struct call *call)
{
	lock_scoped(&call->lock);
	if (call->exchange)
		serve(call);
}

static unsigned begin(void *context, struct http_exchange *exchange, const struct http_head *head,
		      void **state)
{
	unsigned status;
	if (sscanf(head->path, "/refuse/%u", &status) == 1)
		return status;
	struct call *call = calloc(1, sizeof(*call));
	pthread_mutex_init(&call->lock, NULL);
	call->exchange = exchange;
	call->head = head;
	call->users = 1;
	*state = call;
	counts.begun++;
	return 0;
}

static unsigned body(void *state, const void *data, size_t length)
{
	struct call *call = state;
	counts.bytes += length;
	if (!strcmp(call->head->path, "/refuse-body"))
		return 422;
	if (!strcmp(call->head->path, "/sink"))
		return 0;
	if (call->length + length > call->room) {
		call->room = (call->length + length) * 2;
		call->body = realloc(call->body, call->room);
	}
	memcpy(call->body + call->length, data, length);
	call->length += length;
	if (!strncmp(call->head->path, "/pause", 6)) {
		http_pause(call->exchange);
		add_job(call, resume);
	}
	return 0;
}

static void complete(void *state)
{
	struct call *call = state;
	counts.completed++;
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
		if (routes[i].at_once && !strcmp(call->head->path, routes[i].path)) {
			run_serve(call);
			return;
		}
	add_job(call, run_serve);
}

static void gone(void *state, bool sent)
{
	struct call *call = state;
	pthread_mutex_lock(&call->lock);
	call->exchange = NULL;
	pthread_mutex_unlock(&call->lock);
	counts.gone++;
	counts.sent += sent;
	put_call(call);
}

/* ── the program ─────────────────────────────────────────────────────────────────────────────── */

static int more_to_do = -1;

static void note_more(void *context)
{
	eventfd_write(more_to_do, 1);
}

static char *read_text(const char *path)
{
	uint8_t *text = NULL;
	size_t length;
	return file_read(path, 1 << 20, &text, &length, NULL) ? NULL : (char *)text;
}

static bool read_setting(struct http_settings *settings, const char *text)
{
	const char *value = strchr(text, '=');
	if (!value)
		return false;
	uint64_t number = strtoull(++value, NULL, 10);
	if (!strncmp(text, "certificate=", 12))
		settings->certificate = read_text(value);
	else if (!strncmp(text, "key=", 4))
		settings->key = read_text(value);
	else if (!strncmp(text, "head-ms=", 8))
		settings->head_timeout_ns = number * 1000000;
	else if (!strncmp(text, "idle-ms=", 8))
		settings->idle_timeout_ns = number * 1000000;
	else if (!strncmp(text, "rate=", 5))
		settings->body_rate = number;
	else if (!strncmp(text, "head=", 5))
		settings->header_limit = number;
	else if (!strncmp(text, "body=", 5))
		settings->body_limit = number;
	else if (!strncmp(text, "connections=", 12))
		settings->connections = (unsigned)number;
	else if (!strncmp(text, "each=", 5))
		settings->connections_each = (unsigned)number;
	else if (!strcmp(text, "driven=1"))
		settings->more = note_more;
	else if (!strncmp(text, "delay-us=", 9))
		delay_ns = number * 1000;
	else
		return false;
	return true;
}

static const struct http_handler handler = {
    .begin = begin, .body = body, .complete = complete, .gone = gone};

/* ── a server without a thread ───────────────────────────────────────────────────────────────── */

static void drive(void)
{
	struct pollfd ready[] = {{STDIN_FILENO, POLLIN, 0},
				 {http_server_fd(server), POLLIN, 0},
				 {more_to_do, POLLIN, 0}};
	char line[16];
	eventfd_t count;
	for (bool more = true;; more = http_server_run(server)) {
		poll(ready, ARRAY_SIZE(ready), more ? 0 : -1);
		if (ready[2].revents)
			eventfd_read(more_to_do, &count);
		if (!ready[0].revents)
			continue;
		if (read(STDIN_FILENO, line, sizeof(line)) <= 0)
			return;
		http_server_quiesce(server);
	}
}

/* Serves until standard input ends; a line there says to take no more connections. */
static int run(struct http_settings *settings, unsigned port)
{
	struct error error;
	if (http_server_start(&server, settings, &error)) {
		fprintf(stderr, "%s\n", error.text);
		return 1;
	}
	printf("%u\n", port);
	fflush(stdout);
	if (settings->more)
		drive();
	else
		while (getchar() != EOF)
			http_server_quiesce(server);
	http_server_stop(server);
	return 0;
}

int main(int count, char **words)
{
	struct http_settings settings = {.header_limit = 16 << 10,
					 .body_limit = 1 << 30,
					 .connections = 11000,
					 .head_timeout_ns = 10 * NANOSECONDS_PER_SECOND,
					 .idle_timeout_ns = 60 * NANOSECONDS_PER_SECOND,
					 .body_rate = 1000,
					 .handler = &handler};
	for (int i = 1; i < count; i++)
		if (!read_setting(&settings, words[i])) {
			fprintf(stderr, "what is %s?\n", words[i]);
			return 2;
		}
	descriptors_raise_limit();
	unsigned port = 0;
	settings.listen = loopback_listen(0, &port);
	more_to_do = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (settings.listen < 0 || more_to_do < 0) {
		perror("cannot listen");
		return 1;
	}
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, do_work, NULL);
	int status = run(&settings, port);
	pthread_mutex_lock(&work.lock);
	work.over = true;
	pthread_cond_broadcast(&work.changed);
	pthread_mutex_unlock(&work.lock);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	while (work.held) {
		struct call *held = work.held;
		work.held = held->next_held;
		put_call(held);
	}
	free((void *)settings.certificate);
	free((void *)settings.key);
	/* The listening socket is still this program's. */
	int listening = 0;
	socklen_t size = sizeof(listening);
	getsockopt(settings.listen, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size);
	printf("{\"gone\": %ld, \"released\": %ld, \"listening\": %d}\n",
	       (long)(counts.begun - counts.gone), (long)(counts.pieces - counts.released),
	       listening);
	return status;
}

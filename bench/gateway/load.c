/* load: requests to an HTTP server of this machine, and how long their responses took.
 *
 * Without --rate each connection asks again as soon as it has its response. With --rate requests are due
 * at fixed times, whatever became of those before; a latency counts from when its request was due, so that
 * a server that stops for a while is not spared the requests that it would have got. Prints one line of
 * JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>

#include "connection.h"
#include "options/option_help.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"

#define EVENTS_MAX 64
#define BODY_MAX   (1UL << 30)

struct load_options {
	uint64_t port, connections, rate, requests, duration_ns, zeros;
	const char *path, *body, *type;
	bool help;
};

static const struct load_options load_defaults = {
    .connections = 1, .duration_ns = NANOSECONDS_PER_SECOND, .path = "/", .type = "text/plain"};

static const struct option_spec load_options[] = {
    {"port", 'p', OPTION_COUNT, offsetof(struct load_options, port), "PORT",
     "of the server on 127.0.0.1", .minimum = 1, .maximum = 65535},
    {"path", 0, OPTION_STRING, offsetof(struct load_options, path), "PATH", "what is asked for"},
    {"connections", 'c', OPTION_COUNT, offsetof(struct load_options, connections), "COUNT",
     "as many requests may be under way", .minimum = 1, .maximum = 10000},
    {"rate", 'r', OPTION_COUNT, offsetof(struct load_options, rate), "COUNT",
     "requests a second, at fixed times", .minimum = 1, .maximum = 10000000},
    {"requests", 'n', OPTION_COUNT, offsetof(struct load_options, requests), "COUNT",
     "so many, however long it takes", .minimum = 1, .maximum = 100000000},
    {"duration", 'd', OPTION_DURATION, offsetof(struct load_options, duration_ns), "TIME",
     "for so long", .minimum = 1000000, .maximum = 3600 * NANOSECONDS_PER_SECOND},
    {"body", 0, OPTION_STRING, offsetof(struct load_options, body), "FILE", "POST what is in FILE",
     .takes_file = true},
    {"zeros", 0, OPTION_SIZE, offsetof(struct load_options, zeros), "SIZE", "POST so many bytes",
     .minimum = 1, .maximum = BODY_MAX},
    {"type", 0, OPTION_STRING, offsetof(struct load_options, type), "TYPE",
     "Content-Type of the body"},
    {"help", 'h', OPTION_FLAG, offsetof(struct load_options, help), NULL,
     "show this help and do nothing else"},
};

struct load {
	const struct load_options *options;
	struct request_text request;
	uint8_t *body;
	int epoll;
	struct connection *connections, **idle;
	size_t idle_count, busy;
	uint64_t begin_ns, end_ns;
	uint64_t begun; /* requests */
	uint64_t refused;
	uint64_t *samples; /* latencies */
	size_t count, room;
};

/* ── requests ────────────────────────────────────────────────────────────────────────────────── */

static int add_sample(struct load *load, uint64_t ns, struct error *error)
{
	if (load->count == load->room) {
		const size_t room = load->room ? 2 * load->room : 4096;
		uint64_t *grown = reallocarray(load->samples, room, sizeof(*grown));
		if (!grown)
			return error_set(error, ENOMEM, "no memory for latencies");
		load->samples = grown;
		load->room = room;
	}
	load->samples[load->count++] = ns;
	return 0;
}

/* What one connection's request has come to. */
static int note(struct load *load, struct connection *connection, int progress, struct error *error)
{
	if (progress < 0)
		return progress;
	if (progress == CONNECTION_WRITES || progress == CONNECTION_READS) {
		struct epoll_event event = {.events =
						progress == CONNECTION_WRITES ? EPOLLOUT : EPOLLIN,
					    .data.ptr = connection};
		/* It waits for its response from the beginning. */
		if (connection->request->body_length)
			epoll_ctl(load->epoll, EPOLL_CTL_MOD, connection->fd, &event);
		return 0;
	}
	load->end_ns = clock_now_ns();
	load->busy--;
	load->idle[load->idle_count++] = connection;
	if (progress == CONNECTION_REFUSED) {
		load->refused++;
		return 0;
	}
	return add_sample(load, load->end_ns - connection->due_ns, error);
}

/* When the next request is due; UINT64_MAX: there is none. */
static uint64_t find_due(const struct load *load)
{
	const struct load_options *options = load->options;
	if (options->requests && load->begun == options->requests)
		return UINT64_MAX;
	const uint64_t due_ns =
	    options->rate ? load->begin_ns + load->begun * NANOSECONDS_PER_SECOND / options->rate
			  : clock_now_ns();
	if (!options->requests && due_ns >= load->begin_ns + options->duration_ns)
		return UINT64_MAX;
	return due_ns;
}

/* Begins what is due. *next_ns: when to look again. */
static int begin_due(struct load *load, uint64_t *next_ns, struct error *error)
{
	int result = 0;
	*next_ns = find_due(load);
	while (!result && load->idle_count && *next_ns <= clock_now_ns()) {
		struct connection *connection = load->idle[--load->idle_count];
		load->begun++;
		load->busy++;
		result = connection_begin(connection, &load->request, *next_ns, error);
		result = note(load, connection, result, error);
		*next_ns = find_due(load);
	}
	return result;
}

static int wait_for_some(struct load *load, uint64_t next_ns, struct error *error)
{
	struct epoll_event events[EVENTS_MAX];
	const bool timed = load->idle_count && next_ns != UINT64_MAX;
	const struct timespec left = clock_left_until(next_ns);
	const int count = epoll_pwait2(load->epoll, events, EVENTS_MAX, timed ? &left : NULL, NULL);
	if (count < 0 && errno != EINTR)
		return error_set_errno(error, errno, "cannot wait for responses");
	int result = 0;
	for (int i = 0; i < count && !result; i++) {
		struct connection *connection = events[i].data.ptr;
		result = connection_go_on(connection, error);
		result = note(load, connection, result, error);
	}
	return result;
}

static int run(struct load *load, struct error *error)
{
	uint64_t next_ns = 0;
	int result = 0;
	load->begin_ns = load->end_ns = clock_now_ns();
	while (!result) {
		result = begin_due(load, &next_ns, error);
		if (!result && next_ns == UINT64_MAX && !load->busy)
			break;
		if (!result)
			result = wait_for_some(load, next_ns, error);
	}
	return result;
}

/* ── what came out ───────────────────────────────────────────────────────────────────────────── */

static int compare(const void *left, const void *right)
{
	const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
	return (a > b) - (a < b);
}

static uint64_t quantile(const struct load *load, double fraction)
{
	return load->samples[(size_t)(fraction * (double)(load->count - 1) + 0.5)];
}

static int report(struct load *load, struct error *error)
{
	if (!load->count)
		return error_set(error, EPROTO, "none of %lu requests was served: %.40s",
				 load->begun, load->connections[0].response);
	qsort(load->samples, load->count, sizeof(*load->samples), compare);
	const double seconds =
	    (double)(load->end_ns - load->begin_ns) / (double)NANOSECONDS_PER_SECOND;
	printf("{\"served\": %zu, \"refused\": %lu, \"seconds\": %.9f, \"rate\": %.3f, "
	       "\"min_ns\": %lu, \"p50_ns\": %lu, \"p90_ns\": %lu, \"p99_ns\": %lu, "
	       "\"max_ns\": %lu}\n",
	       load->count, load->refused, seconds, (double)load->count / seconds,
	       quantile(load, 0), quantile(load, 0.5), quantile(load, 0.9), quantile(load, 0.99),
	       quantile(load, 1));
	return 0;
}

/* ── the beginning ───────────────────────────────────────────────────────────────────────────── */

static int make_request(struct load *load, struct error *error)
{
	const struct load_options *options = load->options;
	struct request_text *request = &load->request;
	int result = 0;
	if (options->body)
		result =
		    file_read(options->body, BODY_MAX, &load->body, &request->body_length, error);
	else if (options->zeros) {
		request->body_length = options->zeros;
		load->body = malloc(options->zeros);
		if (!load->body)
			return error_set(error, ENOMEM, "no memory for a body");
		memset(load->body, 'x', options->zeros); /* pages of its own */
	}
	request->body = load->body;
	char body[200] = "";
	if (request->body_length)
		snprintf(body, sizeof(body), "Content-Type: %s\r\nContent-Length: %zu\r\n",
			 options->type, request->body_length);
	const int length = snprintf(request->head, sizeof(request->head),
				    "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n",
				    request->body_length ? "POST" : "GET", options->path, body);
	if ((size_t)length >= sizeof(request->head))
		return error_set(error, ENAMETOOLONG, "--path or --type is too long");
	request->head_length = (size_t)length;
	return result;
}

static int open_connections(struct load *load, struct error *error)
{
	const struct load_options *options = load->options;
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_port = htons((uint16_t)options->port),
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	load->connections = calloc(options->connections, sizeof(*load->connections));
	load->idle = calloc(options->connections, sizeof(struct connection *));
	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!load->connections || !load->idle || load->epoll < 0)
		return error_set(error, ENOMEM, "no memory for connections");
	for (size_t i = 0; i < options->connections; i++) {
		struct connection *connection = &load->connections[i];
		const int result = connection_open(connection, &address, error);
		if (result)
			return result;
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
		if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event))
			return error_set_errno(error, errno, "cannot watch a connection");
		load->idle[load->idle_count++] = connection;
	}
	return 0;
}

/* The process ends soon: the kernel closes and frees. */
static int measure(const struct load_options *options, struct error *error)
{
	struct load load = {.options = options};
	int result = make_request(&load, error);
	if (!result)
		result = open_connections(&load, error);
	if (!result)
		result = run(&load, error);
	if (!result)
		result = report(&load, error);
	free(load.body);
	free(load.samples);
	free(load.idle);
	free(load.connections);
	return result;
}

int main(int count, char *words[])
{
	struct error error;
	struct load_options options = load_defaults;
	const struct option_set set = {load_options, ARRAY_SIZE(load_options), &options};
	int result = options_parse_alone(&set, count - 1, words + 1, &error);
	if (!result && options.help) {
		puts("Usage: load --port=PORT [OPTION...]\n");
		help_print_options(stdout, load_options, ARRAY_SIZE(load_options), &load_defaults);
		return 0;
	}
	if (!result && !options.port)
		result = error_set(&error, EINVAL, "--port is needed");
	prctl(PR_SET_TIMERSLACK, 1UL); /* requests begin when they are due */
	if (!result)
		result = measure(&options, &error);
	if (result)
		fprintf(stderr, "load: %s\n", error.text);
	return result != 0;
}

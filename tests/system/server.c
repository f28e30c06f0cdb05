/* An HTTP server as there are many: it answers each request by how many it has had, and how long the
 * body was, and closes the connection.
 *
 * usage: server HOW [PORT]...
 * HOW: blocking, events (epoll, edges), threads, kept (it never closes a connection itself, and what
 * is asked for says how the response ends), missing (it finds nothing: 404), twice (it says two lengths),
 * large (a MiB of blanks follows), silent (it never answers), exits, or beside (it reads standard input,
 * too, and says how much came). It listens at all PORTs, or at $PORT, and serves those who connect to the
 * first, or where HOW is events, to any. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORTS_MAX 4

static int requests;
static const char *status = "200 OK";
static int blanks; /* behind the body */

struct exchange {
	char head[4096];
	size_t length;	   /* of the head, with what came behind it */
	long body, wanted; /* bytes; wanted < 0: the head is not over */
};

/* Takes more of a request. 1: it is whole; 0; -1: it has ended early. */
static int take(struct exchange *exchange, int connection)
{
	static char bytes[65536];
	const bool in_head = exchange->wanted < 0;
	char *to = in_head ? exchange->head + exchange->length : bytes;
	const size_t room = in_head ? sizeof(exchange->head) - 1 - exchange->length : sizeof(bytes);
	const ssize_t got = read(connection, to, room);
	if (got <= 0)
		return got < 0 && errno == EAGAIN ? 0 : -1;
	if (!in_head) {
		exchange->body += got;
		return exchange->body >= exchange->wanted;
	}
	exchange->length += (size_t)got;
	exchange->head[exchange->length] = 0;
	const char *end = strstr(exchange->head, "\r\n\r\n");
	if (!end)
		return 0;
	const char *said = strcasestr(exchange->head, "\r\nContent-Length:");
	exchange->wanted = said ? strtol(said + strlen("\r\nContent-Length:"), NULL, 10) : 0;
	exchange->body = (long)(exchange->length - (size_t)(end + 4 - exchange->head));
	return exchange->body >= exchange->wanted;
}

static void answer(const struct exchange *exchange, int connection)
{
	char body[64], head[128];
	const int length =
	    snprintf(body, sizeof(body), "request %d, %ld bytes\n", ++requests, exchange->body);
	snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n", status,
		 length + blanks);
	dprintf(connection, "%s", head);
	if (write(connection, body, (size_t)length) != length)
		perror("write");
	if (blanks)
		dprintf(connection, "%*s", blanks, "");
}

#define BEHIND "HTTP/1.1 500 Behind\r\n\r\nthe end of the response"

/* A response of the kind that is asked for, and what is none of it. */
static void answer_as_asked(const struct exchange *exchange, int connection)
{
	static const struct {
		const char *request, *response;
	} kinds[] = {
	    {"HEAD ", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"},
	    {"GET /chunks ", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			     "5\r\nhello\r\n0\r\nTrailer: a\r\n\r\n"},
	    {"GET /nothing ", "HTTP/1.1 204 No Content\r\n\r\n"},
	    {"GET /unchanged ", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"},
	    {"GET /later ", "HTTP/1.1 100 Continue\r\n\r\n"
			    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
	};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strncmp(exchange->head, kinds[i].request, strlen(kinds[i].request))) {
			dprintf(connection, "%s" BEHIND, kinds[i].response);
			return;
		}
	answer(exchange, connection);
}

static void serve_kept(int connection)
{
	int over = 0;
	while (over >= 0) {
		struct exchange exchange = {.wanted = -1};
		for (over = 0; !over;)
			over = take(&exchange, connection);
		if (over > 0)
			answer_as_asked(&exchange, connection);
	}
	close(connection);
}

static void *serve(void *argument)
{
	struct exchange exchange = {.wanted = -1};
	const int connection = (int)(long)argument;
	int over = 0;
	while (!over)
		over = take(&exchange, connection);
	if (over > 0)
		answer(&exchange, connection);
	close(connection);
	return NULL;
}

static int listen_at(int port, int flags)
{
	const int server = socket(AF_INET, SOCK_STREAM | flags, 0);
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	const int one = 1;
	setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(server, (struct sockaddr *)&name, sizeof(name)) || listen(server, 10)) {
		perror("listen");
		exit(1);
	}
	return server;
}

/* One connection at a time, but all servers are waited for. */
static void serve_by_events(const int *servers, int count)
{
	const int epoll = epoll_create1(0);
	struct exchange exchange;
	for (int i = 0; i < count; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.fd = servers[i]};
		epoll_ctl(epoll, EPOLL_CTL_ADD, servers[i], &event);
	}
	for (;;) {
		struct epoll_event event;
		if (epoll_wait(epoll, &event, 1, -1) != 1)
			continue;
		int connection = accept4(event.data.fd, NULL, NULL, SOCK_NONBLOCK), over = 0;
		if (connection >= 0) {
			fprintf(stderr, "server %d\n", event.data.fd - servers[0]);
			exchange = (struct exchange){.wanted = -1};
			event.events = EPOLLIN | EPOLLET;
			event.data.fd = connection;
			epoll_ctl(epoll, EPOLL_CTL_ADD, connection, &event);
			continue;
		}
		connection = event.data.fd;
		do {
			errno = 0;
			over = take(&exchange, connection);
		} while (!over && errno != EAGAIN);
		if (over > 0)
			answer(&exchange, connection);
		if (over)
			close(connection);
	}
}

static void *wait_for_connections(void *server)
{
	for (;;)
		close(accept((int)(long)server, NULL, NULL));
	return NULL;
}

/* The server is for the program's own threads. */
static int read_beside(int server)
{
	char bytes[4096];
	ssize_t got, all = 0;
	pthread_t thread;
	pthread_create(&thread, NULL, wait_for_connections, (void *)(long)server);
	while ((got = read(STDIN_FILENO, bytes, sizeof(bytes))) > 0) {
		all += got;
		usleep(1000);
	}
	printf("%zd bytes\n", all);
	return 0;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "", *said = getenv("PORT");
	const bool by_events = !strcmp(how, "events");
	int servers[PORTS_MAX], count = 0;
	for (; count < PORTS_MAX && argc > 2 + count; count++)
		servers[count] = listen_at(atoi(argv[2 + count]), by_events ? SOCK_NONBLOCK : 0);
	if (!count)
		servers[count++] = listen_at(said ? atoi(said) : 0, by_events ? SOCK_NONBLOCK : 0);
	if (!strcmp(how, "missing"))
		status = "404 Not Found";
	if (!strcmp(how, "large"))
		blanks = 1 << 20;
	if (!strcmp(how, "twice"))
		status = "200 OK\r\nContent-Length: 9";
	printf("listening\n");
	fflush(stdout);
	if (!strcmp(how, "beside"))
		return read_beside(servers[0]);
	if (by_events)
		serve_by_events(servers, count);
	for (;;) {
		const int connection = accept(servers[0], NULL, NULL);
		pthread_t thread;
		if (!strcmp(how, "exits"))
			return 3;
		if (!strcmp(how, "silent"))
			accept(servers[0], NULL, NULL);
		else if (!strcmp(how, "kept"))
			serve_kept(connection);
		else if (!strcmp(how, "threads"))
			pthread_create(&thread, NULL, serve, (void *)(long)connection);
		else
			serve((void *)(long)connection);
	}
}

/* A server whose responses last: what is asked for says how.
 *
 * usage: stream_server
 * It listens at $PORT. /sleeps/N and /computes/N: N chunks of 8 bytes, each a tenth of a second after the one
 * before, in which the program sleeps or computes. /rest/N: the same as /sleeps, without chunks, to the end of
 * the connection. /quiet: a chunk, and then nothing. /flood: chunks without end. A request to upgrade gets 101,
 * and then its bytes back, until there is a NUL among them; /refuse and /flood answer it otherwise. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STEP_NS 100000000L

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void let_time_pass(bool computes)
{
	const struct timespec step = {.tv_nsec = STEP_NS};
	const double end = now() + STEP_NS / 1e9;
	if (!computes)
		nanosleep(&step, NULL);
	while (computes && now() < end)
		;
}

/* Up to the end of the head; a request of this server's has no body. */
static bool read_head(int connection, char *head, size_t size)
{
	size_t length = 0;
	while (length < size - 1) {
		const ssize_t got = read(connection, head + length, size - 1 - length);
		if (got <= 0)
			return false;
		length += (size_t)got;
		head[length] = 0;
		if (strstr(head, "\r\n\r\n"))
			return true;
	}
	return false;
}

#define CHUNKS "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"

static void send_parts(int connection, int count, bool chunked, bool computes)
{
	dprintf(connection, "%s", chunked ? CHUNKS : "HTTP/1.1 200 OK\r\n\r\n");
	for (int i = 0; i < count; i++) {
		dprintf(connection, chunked ? "8\r\npart %02d\n\r\n" : "part %02d\n", i);
		let_time_pass(computes);
	}
	if (chunked)
		dprintf(connection, "0\r\n\r\n");
}

static void flood(int connection)
{
	static char bytes[4096];
	memset(bytes, 'x', sizeof(bytes));
	dprintf(connection, CHUNKS);
	while (dprintf(connection, "1000\r\n%.4096s\r\n", bytes) > 0)
		;
}

/* What comes goes back. */
static void serve_other_protocol(int connection)
{
	static char bytes[65536];
	ssize_t got;
	dprintf(connection, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
			    "Connection: Upgrade\r\nSec-WebSocket-Accept: none\r\n\r\nhello");
	while ((got = read(connection, bytes, sizeof(bytes))) > 0)
		if (write(connection, bytes, (size_t)got) != got || memchr(bytes, 0, (size_t)got))
			return;
}

static void serve(int connection)
{
	char head[8192], path[64] = "";
	int count = 0;
	if (!read_head(connection, head, sizeof(head)))
		return;
	sscanf(head, "%*s /%63[^/ ]/%d", path, &count);
	if (!strcmp(path, "flood"))
		flood(connection);
	else if (!strcmp(path, "refuse"))
		dprintf(connection,
			"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 3\r\n\r\nno\n");
	else if (strcasestr(head, "\r\nUpgrade: websocket\r\n") &&
		 strcasestr(head, "\r\nConnection: Upgrade\r\n"))
		serve_other_protocol(connection);
	else if (!strcmp(path, "asks"))
		dprintf(connection,
			"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
	else if (!strcmp(path, "quiet")) {
		dprintf(connection, CHUNKS "6\r\nquiet\n\r\n");
		sleep(3600);
	} else
		send_parts(connection, count, strcmp(path, "rest") != 0, !strcmp(path, "computes"));
}

int main(void)
{
	const char *said = getenv("PORT");
	const int server = socket(AF_INET, SOCK_STREAM, 0);
	const struct sockaddr_in name = {.sin_family = AF_INET,
					 .sin_port = htons((uint16_t)(said ? atoi(said) : 0))};
	signal(SIGPIPE, SIG_IGN);
	if (bind(server, (const struct sockaddr *)&name, sizeof(name)) || listen(server, 10)) {
		perror("listen");
		return 1;
	}
	for (;;) {
		const int connection = accept(server, NULL, NULL);
		serve(connection);
		close(connection);
	}
}

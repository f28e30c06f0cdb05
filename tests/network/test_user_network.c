/* Requests over a network of the monitor's own. The guest's place is taken by Linux: its TCP, behind a
 * tap in a network namespace of this test's own, with an HTTP server on it; and between the two a
 * link that may lose frames, repeat them, and change their order.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "check.h"
#include "monitor/network/network.h"
#include "monitor/slot/slot.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define PATIENCE_NS (100 * NANOSECONDS_PER_SECOND) /* Linux waits longer with each loss */
#define BODY_SIZE   300000
#define PORT	    8080

/* ── the guest: a server on Linux ────────────────────────────────────────────────────────────── */

struct server {
	pthread_t thread;
	int listener;
	atomic_uint accepted;
};

static bool send_all(int connection, const void *data, size_t length)
{
	const char *next = data;
	while (length) {
		const ssize_t sent = send(connection, next, length, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		next += sent;
		length -= (size_t)sent;
	}
	return true;
}

static void send_text(int connection, const char *text)
{
	send_all(connection, text, strlen(text));
}

/* Until the other end goes away; the frame that says so may be lost, and comes once. */
static void wait_for_end(int connection)
{
	const struct timeval patience = {.tv_usec = 300000};
	char rest[64];
	setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while (recv(connection, rest, sizeof(rest), 0) > 0)
		;
}

static void send_to_the_end(int connection)
{
	static char body[BODY_SIZE];
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)(i * 7 % 251);
	send_text(connection, "HTTP/1.0 200 OK\r\n\r\n");
	send_all(connection, body, sizeof(body));
}

static void send_echo(int connection, const char *request, size_t head, size_t got)
{
	static char body[BODY_SIZE];
	char answered[64];
	const char *wanted = strstr(request, "Content-Length: ");
	size_t size = wanted ? strtoul(wanted + 16, NULL, 10) : 0;
	size_t length = got - head;
	if (size > sizeof(body) || length > size)
		return;
	memcpy(body, request + head, length);
	while (length < size) {
		const ssize_t more = recv(connection, body + length, size - length, 0);
		if (more <= 0)
			return;
		length += (size_t)more;
	}
	snprintf(answered, sizeof(answered), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
		 size);
	send_text(connection, answered);
	send_all(connection, body, size);
	wait_for_end(connection);
}

static void serve(int connection)
{
	char request[4096];
	size_t got = 0;
	const char *end = NULL;
	while (!end && got < sizeof(request) - 1) {
		const ssize_t more = recv(connection, request + got, sizeof(request) - 1 - got, 0);
		if (more <= 0)
			return;
		got += (size_t)more;
		request[got] = 0;
		end = strstr(request, "\r\n\r\n");
	}
	if (strstr(request, " /length ")) {
		send_text(connection, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
		wait_for_end(connection);
	} else if (strstr(request, " /chunks ")) {
		send_text(connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
		send_text(connection, "3\r\nabc\r\n0\r\n\r\n");
		wait_for_end(connection);
	} else if (strstr(request, " /broken ")) {
		send_text(connection, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
	} else if (strstr(request, " /echo ")) {
		send_echo(connection, request, (size_t)(end + 4 - request), got);
	} else if (strstr(request, " /all ")) {
		send_to_the_end(connection);
	}
}

static void *run_server(void *context)
{
	struct server *server = context;
	int connection;
	while ((connection = accept(server->listener, NULL, NULL)) >= 0) {
		server->accepted++;
		serve(connection);
		close(connection);
	}
	return NULL;
}

static bool start_server(struct server *server)
{
	const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	const int on = 1;
	*server = (struct server){.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* Which all kernels have, and which sends again at once what is told to be missing. */
	setsockopt(server->listener, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
	return !bind(server->listener, (const struct sockaddr *)&address, sizeof(address)) &&
	       !listen(server->listener, 16) &&
	       !pthread_create(&server->thread, NULL, run_server, server);
}

static void stop_server(struct server *server)
{
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->listener);
}

/* ── the cable ───────────────────────────────────────────────────────────────────────────────── */

struct cable {
	int tap;
	unsigned bad; /* of 100 frames, so many are lost, repeated or late */
	uint32_t random;
	uint8_t late[NETWORK_FRAME_MAX];
	size_t late_length;
};

static unsigned draw(struct cable *cable, unsigned range)
{
	cable->random = cable->random * 1664525 + 1013904223;
	return (cable->random >> 16) % range;
}

static void pass(struct cable *cable, struct network_link *link, const uint8_t *frame,
		 size_t length)
{
	if (link)
		network_link_send(link, frame, length);
	else if (write(cable->tap, frame, length) < 0)
		CHECK(errno == EAGAIN || errno == EIO);
}

/* To the link, or (NULL) to the tap. */
static void transmit(struct cable *cable, struct network_link *link, const uint8_t *frame,
		     size_t length)
{
	const unsigned fate = draw(cable, 100), bad = cable->bad;
	if (fate < bad)
		return;
	if (fate < 2 * bad && !link && !cable->late_length) {
		memcpy(cable->late, frame, length);
		cable->late_length = length;
		return;
	}
	pass(cable, link, frame, length);
	if (fate >= 2 * bad && fate < 3 * bad)
		pass(cable, link, frame, length);
	if (!link && cable->late_length) {
		pass(cable, NULL, cable->late, cable->late_length);
		cable->late_length = 0;
	}
}

static void wait_for_frames(struct cable *cable, const struct network_link *link)
{
	struct pollfd waiting = {.fd = cable->tap, .events = POLLIN};
	const uint64_t most_ns = clock_now_ns() + 20000000, due_ns = network_link_due(link);
	const struct timespec left =
	    clock_left_until(due_ns && due_ns < most_ns ? due_ns : most_ns);
	ppoll(&waiting, 1, &left, NULL);
}

/* Moves frames both ways, as long as there are some. */
static void move_frames(struct cable *cable, struct network_link *link)
{
	static uint8_t frame[NETWORK_FRAME_MAX];
	ssize_t got;
	size_t length;
	wait_for_frames(cable, link);
	if (cable->late_length)
		pass(cable, NULL, cable->late, cable->late_length);
	cable->late_length = 0;
	for (int i = 0; i < 64 && (got = read(cable->tap, frame, sizeof(frame))) > 0; i++)
		transmit(cable, link, frame, (size_t)got);
	for (int i = 0; i < 64 && (length = network_link_receive(link, frame, sizeof(frame))); i++)
		transmit(cable, NULL, frame, length);
}

static bool open_cable(struct cable *cable)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI, .ifr_name = "mfuser0"};
	struct sockaddr_in address = {.sin_family = AF_INET};
	cleanup_close int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	*cable = (struct cable){.tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC),
				.random = 1};
	if (any < 0 || cable->tap < 0 || ioctl(cable->tap, TUNSETIFF, &request))
		return false;
	inet_pton(AF_INET, "10.0.0.2", &address.sin_addr);
	memcpy(&request.ifr_addr, &address, sizeof(address));
	if (ioctl(any, SIOCSIFADDR, &request))
		return false;
	inet_pton(AF_INET, "255.255.255.0", &address.sin_addr);
	memcpy(&request.ifr_netmask, &address, sizeof(address));
	if (ioctl(any, SIOCSIFNETMASK, &request))
		return false;
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	return !ioctl(any, SIOCSIFFLAGS, &request);
}

/* ── requests ────────────────────────────────────────────────────────────────────────────────── */

struct answer {
	uint8_t data[2 * BODY_SIZE];
	size_t length;
	char log[256];
};

static struct answer answer;

static int respond(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	(void)context;
	(void)deadline_ns;
	if (length > sizeof(answer.data) - answer.length)
		return -ENOSPC;
	memcpy(answer.data + answer.length, data, length);
	answer.length += length;
	return 0;
}

static void take_log(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	(void)context;
	(void)deadline_ns;
	snprintf(answer.log, sizeof(answer.log), "%.*s", (int)length, (const char *)data);
}

/* The rest of a request comes by a pipe, in its own time. */
struct rest {
	int fd;
	size_t length;
};

static void *write_rest(void *context)
{
	const struct rest *rest = context;
	const int fd = rest->fd;
	static uint8_t body[BODY_SIZE];
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)(i * 13 % 241);
	for (size_t done = 0; done < rest->length;) {
		const ssize_t written = write(fd, body + done, rest->length - done);
		if (written <= 0)
			break;
		done += (size_t)written;
	}
	close(fd);
	return NULL;
}

/* One request in a clone, as a slot has it. The answer is in `answer`. */
static void ask(struct cable *cable, struct network_link *link, const char *text, int fd,
		const uint8_t *state, size_t state_length, struct request_result *result)
{
	struct error error = {0};
	struct request request = {
	    .data = text, .length = strlen(text), .fd = fd, .respond = respond, .log = take_log};
	struct slot slot = {.name = "guest", .request = &request, .result = result};
	enum device_next next = DEVICE_CONTINUES;
	answer.length = 0;
	answer.log[0] = 0;
	slot.deadline_ns = clock_now_ns() + PATIENCE_NS;
	if (!CHECK_NUMBER(window_create(&slot.window, &error), 0))
		return;
	CHECK_NUMBER(network_link_begin(link, state, state_length, &error), 0);
	while (next == DEVICE_CONTINUES && clock_now_ns() < slot.deadline_ns) {
		if (!CHECK_NUMBER(network_link_serve(link, &slot, &next, &error), 0))
			break;
		if (next == DEVICE_CONTINUES)
			move_frames(cable, link);
	}
	CHECK_NUMBER(next, DEVICE_FINISHED);
	/* What the link still has to say: that the connection is over. */
	move_frames(cable, link);
	window_release(&slot.window);
}

static bool body_is(size_t length, unsigned factor, unsigned modulus)
{
	if (answer.length < length)
		return false;
	const uint8_t *body = answer.data + answer.length - length;
	for (size_t i = 0; i < length; i++)
		if (body[i] != (uint8_t)(i * factor % modulus))
			return false;
	return true;
}

static void expect_text(struct cable *cable, struct network_link *link, const char *request,
			const char *response)
{
	struct request_result result = {0};
	ask(cable, link, request, -1, NULL, 0, &result);
	CHECK(result.outcome == OUTCOME_EXITED && !result.status);
	answer.data[answer.length] = 0;
	CHECK_TEXT((const char *)answer.data, response);
}

static void test_responses(struct cable *cable, struct network_link *link)
{
	struct request_result result = {0};
	expect_text(cable, link, "GET /length HTTP/1.1\r\n\r\n",
		    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	expect_text(cable, link, "HEAD /length HTTP/1.1\r\n\r\n",
		    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
	expect_text(cable, link, "GET /chunks HTTP/1.1\r\n\r\n",
		    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
	ask(cable, link, "GET /broken HTTP/1.1\r\n\r\n", -1, NULL, 0, &result);
	CHECK(result.outcome == OUTCOME_EXITED && result.status == 1);
	CHECK(strstr(answer.log, "broke its connection off"));
}

static void test_to_the_end(struct cable *cable, struct network_link *link)
{
	struct request_result result = {0};
	ask(cable, link, "GET /all HTTP/1.0\r\n\r\n", -1, NULL, 0, &result);
	CHECK(result.outcome == OUTCOME_EXITED && !result.status);
	CHECK(body_is(BODY_SIZE, 7, 251));
}

static void test_echo(struct cable *cable, struct network_link *link, size_t sent)
{
	char request[64];
	struct request_result result = {0};
	int ends[2];
	pthread_t writer;
	if (!CHECK_NUMBER(pipe2(ends, O_CLOEXEC), 0))
		return;
	struct rest rest = {ends[1], sent};
	if (!CHECK_NUMBER(pthread_create(&writer, NULL, write_rest, &rest), 0))
		return;
	snprintf(request, sizeof(request), "POST /echo HTTP/1.1\r\nContent-Length: %zu\r\n\r\n",
		 sent);
	ask(cable, link, request, ends[0], NULL, 0, &result);
	CHECK(result.outcome == OUTCOME_EXITED && !result.status);
	CHECK(body_is(sent, 13, 241));
	/* Where the request was given up, the writer is not to wait for ever. */
	while (read(ends[0], answer.data, sizeof(answer.data)) > 0)
		;
	close(ends[0]);
	pthread_join(writer, NULL);
}

static void test_limit(struct cable *cable, struct network_link *link)
{
	struct error error = {0};
	struct request_result result = {0};
	struct request request = {.data = "GET /all HTTP/1.0\r\n\r\n",
				  .length = 21,
				  .fd = -1,
				  .respond = respond,
				  .log = take_log,
				  .response_limit = 1000};
	struct slot slot = {.name = "guest", .request = &request, .result = &result};
	enum device_next next = DEVICE_CONTINUES;
	answer.length = 0;
	slot.deadline_ns = clock_now_ns() + PATIENCE_NS;
	if (!CHECK_NUMBER(window_create(&slot.window, &error), 0))
		return;
	CHECK_NUMBER(network_link_begin(link, NULL, 0, &error), 0);
	while (next == DEVICE_CONTINUES && clock_now_ns() < slot.deadline_ns) {
		CHECK_NUMBER(network_link_serve(link, &slot, &next, &error), 0);
		move_frames(cable, link);
	}
	CHECK(result.outcome == OUTCOME_CRASHED && answer.length == 1000);
	CHECK(strstr(result.report, "--response-limit"));
	window_release(&slot.window);
}

/* A set-up finds out when the guest listens, and its server does not notice. */
static void test_set_up(struct cable *cable, struct network_link *link, struct server *server,
			uint8_t *state, size_t *length)
{
	struct error error = {0};
	struct setup setup = {0};
	struct slot slot = {.name = "guest", .setup = &setup};
	enum device_next next = DEVICE_CONTINUES;
	const uint64_t until_ns = clock_now_ns() + PATIENCE_NS;
	CHECK_NUMBER(network_link_begin(link, NULL, 0, &error), 0);
	CHECK(!network_link_is_settled(link));
	for (int i = 0; i < 5; i++) { /* nobody listens */
		CHECK_NUMBER(network_link_serve(link, &slot, &next, &error), 0);
		move_frames(cable, link);
	}
	CHECK(!network_link_is_settled(link));
	if (!CHECK(start_server(server)))
		return;
	while (!network_link_is_settled(link) && clock_now_ns() < until_ns) {
		CHECK_NUMBER(network_link_serve(link, &slot, &next, &error), 0);
		move_frames(cable, link);
	}
	CHECK(network_link_is_settled(link) && next == DEVICE_CONTINUES);
	CHECK_NUMBER(network_link_due(link), 0);
	CHECK_NUMBER(server->accepted, 0);
	*length = network_link_save(link, state);
	CHECK(*length && *length <= NETWORK_STATE_MAX);
}

/* The flags of the first segment that a clone is sent. */
static uint8_t first_flags(struct network_link *link, const uint8_t *state, size_t length)
{
	static uint8_t frame[NETWORK_FRAME_MAX];
	struct error error = {0};
	struct request request = {.data = "GET / HTTP/1.1\r\n", .length = 16, .fd = -1};
	struct request_result result = {0};
	struct slot slot = {.name = "guest", .request = &request, .result = &result};
	enum device_next next = DEVICE_CONTINUES;
	if (!CHECK_NUMBER(window_create(&slot.window, &error), 0))
		return 0;
	CHECK_NUMBER(network_link_begin(link, state, length, &error), 0);
	CHECK_NUMBER(network_link_serve(link, &slot, &next, &error), 0);
	CHECK(network_link_receive(link, frame, sizeof(frame)) > 54);
	window_release(&slot.window);
	return frame[47];
}

/* What a snapshot keeps: no question for the guest's address is asked any more, and the request comes with
 * the first segment. Where the guest has forgotten the connection, it comes by another one. */
static void test_saved_state(struct cable *cable, struct network_link *link, struct server *server,
			     const uint8_t *state, size_t length)
{
	struct request_result result = {0};
	CHECK_NUMBER(first_flags(link, state, length), 0x18); /* ACK, PSH */
	CHECK_NUMBER(server->accepted, 0);
	ask(cable, link, "GET /length HTTP/1.1\r\n\r\n", -1, state, length, &result);
	CHECK(result.outcome == OUTCOME_EXITED && !result.status && answer.length == 43);
	ask(cable, link, "HEAD /length HTTP/1.1\r\n\r\n", -1, state, length, &result);
	CHECK(result.outcome == OUTCOME_EXITED && !result.status && answer.length == 38);
	ask(cable, link, "GET /length HTTP/1.1\r\n\r\n", -1, state, length, &result);
	CHECK(result.outcome == OUTCOME_EXITED && !result.status && answer.length == 43);
	CHECK_NUMBER(server->accepted, 3);
}

static void test_damaged_state(struct network_link *link, const uint8_t *state, size_t length)
{
	/* MAC, address known, ports of both ends, segment size (two bounds), sequence number */
	static const struct {
		size_t offset;
		uint8_t bytes[2];
	} damages[] = {{8, {1}},  {14, {2}}, {14, {0}},	     {16, {0}},	      {18, {0}},
		       {18, {1}}, {20, {0}}, {20, {5, 181}}, {20, {255, 255}}};
	struct error error = {0};
	uint8_t damaged[NETWORK_STATE_MAX];
	CHECK_NUMBER(network_link_begin(link, state, length - 1, &error), -EBADMSG);
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		memcpy(damaged, state, length);
		memcpy(damaged + damages[i].offset, damages[i].bytes, 2);
		CHECK_NUMBER(network_link_begin(link, damaged, length, &error), -EBADMSG);
	}
	CHECK_NUMBER(network_link_begin(link, state, length, &error), 0);
}

int main(void)
{
	struct error error = {0};
	struct cable cable;
	struct networks networks;
	struct network_link *link;
	struct server server;
	uint8_t state[NETWORK_STATE_MAX];
	size_t length = 0;
	const char *const devices[] = {"net:service=http", NULL};
	if ((unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) ||
	    !open_cable(&cable)) {
		fprintf(stderr, "skipped: no tap in a network namespace: %s\n", strerror(errno));
		return CHECK_SKIPPED;
	}
	CHECK_NUMBER(networks_parse(&networks, devices, &error), 0);
	CHECK_NUMBER(networks_open(&networks, &error), 0);
	if (!CHECK_NUMBER(network_link_open(&networks.networks[0], &link, &error), 0))
		return check_status();
	test_set_up(&cable, link, &server, state, &length);
	test_saved_state(&cable, link, &server, state, length);
	test_damaged_state(link, state, length);
	test_responses(&cable, link);
	test_to_the_end(&cable, link);
	test_echo(&cable, link, BODY_SIZE);
	test_limit(&cable, link);
	/* Each loss costs what Linux waits, and twice that where it comes again. */
	cable.bad = 2;
	test_responses(&cable, link);
	test_echo(&cable, link, BODY_SIZE / 10);
	stop_server(&server);
	network_link_release(link);
	networks_release(&networks);
	return check_status();
}

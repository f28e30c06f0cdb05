/* The virtio device `vsock`: connections both ways, flow control both ways, ends, refusals, packets
 * that are not sound, callers that are not, and what a snapshot leaves. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "monitor/devices/virtio/vsock_connections.h"
#include "virtio_rig.h"

#define CONTEXT	     7
#define PORT	     2048U
#define GUEST_PORT   1000U
#define HEADER	     44U
#define BUFFER	     4096U
#define RECEIVED     RIG_DATA		  /* buffers of the receive queue */
#define SENT	     (RIG_DATA + 0x10000) /* and of the one to transmit */
#define EVENTS	     (RIG_DATA + 0x30000)
#define FIRST_CALLER (1U << 30)
#define NEVER_ENDING 300

enum { RECEIVE, TRANSMIT, EVENT };

struct header {
	uint64_t from, to;
	uint32_t from_port, to_port, length;
	uint16_t type, operation;
	uint32_t flags, room, forwarded;
} __attribute__((packed));

/* A guest's driver, and what is at the other end of its connections. */
struct test {
	struct vsock_host host;
	struct vsock *vsock;
	struct rig *rig;
	int peer; /* of the last connection that was dialled; -1: none */
	unsigned dials;
	uint16_t seen; /* buffers of the receive queue that were looked at */
	struct header last;
	uint32_t room; /* what the guest says of itself */
	uint32_t forwarded;
};

static int dial(void *context, uint32_t port, uint64_t deadline_ns, int *socket)
{
	struct test *test = context;
	int pair[2];
	test->dials++;
	if (port != PORT)
		return -ECONNREFUSED;
	CHECK_NUMBER(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	*socket = pair[0];
	test->peer = pair[1];
	return 0;
}

static void offer_buffers(struct test *test)
{
	for (uint16_t i = 0; i < RIG_QUEUE_SIZE; i++) {
		rig_describe(test->rig, RECEIVE, i, RECEIVED + (uint64_t)i * BUFFER, BUFFER, WRITE,
			     0);
		rig_offer(test->rig, RECEIVE, i);
	}
}

static void begin(struct test *test, int listener)
{
	struct error error = {0};
	*test =
	    (struct test){.host = {CONTEXT, listener, {dial, test}}, .peer = -1, .room = 1U << 20};
	CHECK_NUMBER(vsock_create(&test->vsock, &test->host, &error), 0);
	test->rig = rig_create(&virtio_vsock, test->vsock, VIRTIO_MMIO);
	rig_set_up(test->rig, 0, 3);
	offer_buffers(test);
}

static void end(struct test *test)
{
	rig_release(test->rig);
	vsock_release(test->vsock);
	if (test->peer >= 0)
		close(test->peer);
}

/* ── packets ─────────────────────────────────────────────────────────────────────────────────── */

static struct header make(const struct test *test, uint16_t operation)
{
	return (struct header){
	    .from = CONTEXT,
	    .to = VSOCK_HOST,
	    .from_port = GUEST_PORT,
	    .to_port = PORT,
	    .type = 1,
	    .operation = operation,
	    .room = test->room,
	    .forwarded = test->forwarded,
	};
}

/* Sends it in a chain of so many bytes; the data lie behind the header already. */
static void transmit_chain(struct test *test, const struct header *header, uint32_t length)
{
	struct rig *rig = test->rig;
	const uint16_t head = rig->offered[TRANSMIT] % RIG_QUEUE_SIZE;
	memcpy(rig->memory + SENT, header, sizeof(*header));
	rig_describe(rig, TRANSMIT, head, SENT, length, 0, 0);
	rig_offer(rig, TRANSMIT, head);
	rig_notify(rig, TRANSMIT);
}

static void transmit(struct test *test, struct header header, const void *data, uint32_t length)
{
	header.length = length;
	if (length)
		memcpy(test->rig->memory + SENT + HEADER, data, length);
	transmit_chain(test, &header, HEADER + length);
}

static void say(struct test *test, uint16_t operation)
{
	transmit(test, make(test, operation), NULL, 0);
}

/* The next packet that the guest has received is in test->last; its buffer is offered again. NULL:
 * there is none. */
static const uint8_t *receive(struct test *test)
{
	struct rig *rig = test->rig;
	if (rig_used(rig, RECEIVE) == test->seen)
		return NULL;
	const uint16_t head = (uint16_t)rig_used_head(rig, RECEIVE, test->seen);
	const uint8_t *buffer = rig->memory + RECEIVED + (size_t)head * BUFFER;
	memcpy(&test->last, buffer, sizeof(test->last));
	CHECK_NUMBER(rig_written(rig, RECEIVE, test->seen), HEADER + test->last.length);
	CHECK(test->last.from == VSOCK_HOST && test->last.to == CONTEXT && test->last.type == 1);
	test->seen++;
	rig_offer(rig, RECEIVE, head);
	return buffer + HEADER;
}

static bool receives(struct test *test, uint16_t operation)
{
	return receive(test) && test->last.operation == operation && test->last.from_port == PORT &&
	       test->last.to_port == GUEST_PORT;
}

static void connect_guest(struct test *test)
{
	say(test, VSOCK_REQUEST);
	CHECK(receives(test, VSOCK_RESPONSE));
	CHECK_NUMBER(test->last.room, VSOCK_ROOM);
	CHECK(test->peer >= 0);
}

/* ── connections of the guest ────────────────────────────────────────────────────────────────── */

static void test_stream(void)
{
	struct test test;
	char text[16] = "";
	begin(&test, -1);
	CHECK_NUMBER(mmio_read(test.rig, 0x08), VIRTIO_ID_SOCKET);
	CHECK_NUMBER(mmio_read(test.rig, 0x100), CONTEXT);
	connect_guest(&test);
	transmit(&test, make(&test, VSOCK_DATA), "hello", 5);
	CHECK_NUMBER(read(test.peer, text, sizeof(text)), 5);
	CHECK_TEXT(text, "hello");
	CHECK_NUMBER(write(test.peer, "world!", 6), 6);
	rig_serve(test.rig);
	const uint8_t *data = receive(&test);
	CHECK(data && test.last.operation == VSOCK_DATA && !memcmp(data, "world!", 6));
	CHECK_NUMBER(test.last.length, 6);
	CHECK_NUMBER(test.last.forwarded, 5);
	/* The host ends first, and the guest may still write. */
	CHECK_NUMBER(shutdown(test.peer, SHUT_WR), 0);
	rig_serve(test.rig);
	CHECK(receives(&test, VSOCK_SHUTDOWN));
	CHECK_NUMBER(test.last.flags, VSOCK_NO_MORE_SENT);
	transmit(&test, make(&test, VSOCK_DATA), "bye", 3);
	CHECK_NUMBER(read(test.peer, text, sizeof(text)), 3);
	struct header shut = make(&test, VSOCK_SHUTDOWN);
	shut.flags = VSOCK_NO_MORE_SENT;
	transmit(&test, shut, NULL, 0);
	CHECK(receives(&test, VSOCK_RESET));
	CHECK_NUMBER(read(test.peer, text, sizeof(text)), 0);
	CHECK(!receive(&test) && !rig_is_broken(test.rig));
	end(&test);
}

static void test_guest_ends(void)
{
	struct test test;
	char text[16];
	begin(&test, -1);
	connect_guest(&test);
	struct header shut = make(&test, VSOCK_SHUTDOWN);
	shut.flags = VSOCK_NO_MORE_SENT;
	transmit(&test, shut, NULL, 0);
	CHECK_NUMBER(read(test.peer, text, sizeof(text)), 0);
	/* The other way it is open. */
	CHECK_NUMBER(write(test.peer, "x", 1), 1);
	rig_serve(test.rig);
	CHECK(receives(&test, VSOCK_DATA));
	shut.flags = VSOCK_NO_MORE_SENT | VSOCK_NO_MORE_RECEIVED;
	transmit(&test, shut, NULL, 0);
	CHECK(receives(&test, VSOCK_RESET));
	/* Its reset has no answer, and the ports are free. */
	close(test.peer);
	connect_guest(&test);
	say(&test, VSOCK_RESET);
	CHECK(!receive(&test));
	CHECK_NUMBER(read(test.peer, text, sizeof(text)), 0);
	end(&test);
}

/* The host's program is gone: the guest learns so when it writes. */
static void test_lost_peer(void)
{
	struct test test;
	begin(&test, -1);
	connect_guest(&test);
	close(test.peer);
	test.peer = -1;
	transmit(&test, make(&test, VSOCK_DATA), "lost", 4);
	CHECK(receives(&test, VSOCK_RESET));
	end(&test);
}

/* ── flow control ────────────────────────────────────────────────────────────────────────────── */

static void test_credit_of_guest(void)
{
	struct test test;
	const uint8_t bytes[100] = {0};
	begin(&test, -1);
	test.room = 60;
	connect_guest(&test);
	CHECK_NUMBER(write(test.peer, bytes, sizeof(bytes)), sizeof(bytes));
	rig_serve(test.rig);
	CHECK(receives(&test, VSOCK_DATA));
	CHECK_NUMBER(test.last.length, 60);
	CHECK(receives(&test, VSOCK_CREDIT_REQUEST));
	rig_serve(test.rig);
	CHECK(!receive(&test)); /* asked once */
	test.forwarded = 25;
	say(&test, VSOCK_CREDIT_UPDATE);
	CHECK(receives(&test, VSOCK_DATA));
	CHECK_NUMBER(test.last.length, 25);
	CHECK(receives(&test, VSOCK_CREDIT_REQUEST));
	/* Figures that cannot be give no credit. */
	test.forwarded = 1000;
	say(&test, VSOCK_CREDIT_UPDATE);
	CHECK(receives(&test, VSOCK_CREDIT_REQUEST) && !receive(&test));
	test.forwarded = 85;
	say(&test, VSOCK_CREDIT_UPDATE);
	CHECK(receives(&test, VSOCK_DATA));
	CHECK_NUMBER(test.last.length, 15);
	end(&test);
}

/* A guest that keeps to what it was told loses nothing; one that goes on is cut off. */
static void test_credit_of_host(void)
{
	static uint8_t bytes[BUFFER];
	struct test test;
	uint32_t sent = 0, forwarded = 0;
	begin(&test, -1);
	connect_guest(&test);
	for (int i = 0; i < NEVER_ENDING && sent - forwarded + BUFFER <= VSOCK_ROOM; i++) {
		transmit(&test, make(&test, VSOCK_DATA), bytes, BUFFER);
		sent += BUFFER;
		while (receive(&test)) {
			CHECK_NUMBER(test.last.operation, VSOCK_CREDIT_UPDATE);
			forwarded = test.last.forwarded;
		}
	}
	CHECK(forwarded && sent - forwarded == VSOCK_ROOM);
	say(&test, VSOCK_CREDIT_REQUEST);
	CHECK(receives(&test, VSOCK_CREDIT_UPDATE));
	/* All of it comes, when somebody reads. */
	uint32_t got = 0;
	for (int i = 0; i < NEVER_ENDING * 16 && got < sent; i++) {
		const ssize_t part = read(test.peer, bytes, sizeof(bytes));
		got += part > 0 ? (uint32_t)part : 0;
		rig_serve(test.rig);
		while (receive(&test))
			;
	}
	CHECK_NUMBER(got, sent);
	bool reset = false;
	for (int i = 0; i < NEVER_ENDING && !reset; i++) {
		transmit(&test, make(&test, VSOCK_DATA), bytes, BUFFER);
		while (receive(&test))
			reset = reset || test.last.operation == VSOCK_RESET;
	}
	CHECK(reset && !rig_is_broken(test.rig));
	end(&test);
}

/* ── refusals ────────────────────────────────────────────────────────────────────────────────── */

static void refuses(struct test *test, struct header header)
{
	transmit(test, header, NULL, 0);
	CHECK(receive(test) && test->last.operation == VSOCK_RESET);
	CHECK(test->last.from_port == header.to_port && test->last.to_port == header.from_port);
}

static void test_refusals(void)
{
	static const uint16_t without[] = {VSOCK_RESPONSE,
					   VSOCK_SHUTDOWN,
					   VSOCK_DATA,
					   VSOCK_CREDIT_UPDATE,
					   VSOCK_CREDIT_REQUEST,
					   0,
					   8,
					   0xffff};
	struct test test;
	begin(&test, -1);
	for (size_t i = 0; i < ARRAY_SIZE(without); i++)
		refuses(&test, make(&test, without[i]));
	say(&test, VSOCK_RESET);
	CHECK(!receive(&test));
	struct header header = make(&test, VSOCK_REQUEST);
	header.to_port = PORT + 1; /* nobody listens there */
	refuses(&test, header);
	CHECK_NUMBER(test.dials, 1);
	header = make(&test, VSOCK_REQUEST);
	header.to = 3;
	refuses(&test, header);
	header = make(&test, VSOCK_REQUEST);
	header.from = 3;
	refuses(&test, header);
	header = make(&test, VSOCK_REQUEST);
	header.type = 2;
	refuses(&test, header);
	CHECK_NUMBER(test.dials, 1);
	/* What a connection does not stand: asked for twice, unknown words, more than its chain. */
	connect_guest(&test);
	refuses(&test, make(&test, VSOCK_REQUEST));
	close(test.peer);
	connect_guest(&test);
	refuses(&test, make(&test, 99));
	close(test.peer);
	connect_guest(&test);
	header = make(&test, VSOCK_DATA);
	header.length = 5;
	transmit_chain(&test, &header, HEADER + 4);
	CHECK(receives(&test, VSOCK_RESET));
	close(test.peer);
	connect_guest(&test);
	header.length = UINT32_MAX;
	transmit_chain(&test, &header, HEADER + 4);
	CHECK(receives(&test, VSOCK_RESET) && !rig_is_broken(test.rig));
	end(&test);
}

/* Refusals wait for buffers, and packets for the refusals of those before. */
static void test_backlog(void)
{
	struct test test;
	unsigned refused = 0;
	begin(&test, -1);
	for (unsigned i = 0; i < RIG_QUEUE_SIZE; i++)
		say(&test, VSOCK_DATA);
	CHECK_NUMBER(rig_used(test.rig, RECEIVE), RIG_QUEUE_SIZE);
	for (unsigned i = 0; i < VSOCK_REFUSALS_MAX + RIG_QUEUE_SIZE; i++)
		say(&test, VSOCK_DATA);
	CHECK_NUMBER(rig_used(test.rig, TRANSMIT), VSOCK_REFUSALS_MAX + RIG_QUEUE_SIZE);
	for (unsigned i = 0; i < 100; i++) {
		while (receive(&test))
			refused += test.last.operation == VSOCK_RESET;
		rig_notify(test.rig, RECEIVE);
	}
	CHECK_NUMBER(refused, VSOCK_REFUSALS_MAX + 2 * RIG_QUEUE_SIZE);
	CHECK(!rig_is_broken(test.rig));
	end(&test);
}

static void test_many(void)
{
	struct test test;
	int peers[VSOCK_CONNECTIONS_MAX];
	begin(&test, -1);
	struct header header = make(&test, VSOCK_REQUEST);
	for (uint32_t i = 0; i < VSOCK_CONNECTIONS_MAX; i++) {
		header.from_port = i;
		transmit(&test, header, NULL, 0);
		CHECK(receive(&test) && test.last.operation == VSOCK_RESPONSE);
		peers[i] = test.peer;
	}
	header.from_port = VSOCK_CONNECTIONS_MAX;
	refuses(&test, header);
	close(test.peer);
	test.peer = -1;
	/* All have something to say, and each comes to it. */
	uint64_t heard = 0;
	for (uint32_t i = 0; i < VSOCK_CONNECTIONS_MAX; i++)
		CHECK_NUMBER(write(peers[i], "x", 1), 1);
	for (unsigned i = 0; i < VSOCK_CONNECTIONS_MAX; i++) {
		rig_serve(test.rig);
		while (receive(&test))
			heard |= 1UL << test.last.to_port;
	}
	CHECK_NUMBER(heard, UINT64_MAX);
	for (uint32_t i = 0; i < VSOCK_CONNECTIONS_MAX; i++)
		close(peers[i]);
	end(&test);
}

static void breaks(uint32_t received, uint32_t sent)
{
	struct test test;
	begin(&test, -1);
	for (uint16_t i = 0; i < RIG_QUEUE_SIZE; i++)
		rig_describe(test.rig, RECEIVE, i, RECEIVED, received, WRITE, 0);
	const struct header header = make(&test, VSOCK_DATA);
	transmit_chain(&test, &header, sent);
	CHECK(rig_is_broken(test.rig));
	end(&test);
}

/* ── callers of the host ─────────────────────────────────────────────────────────────────────── */

static int listen_somewhere(struct sockaddr_un *address)
{
	socklen_t length = sizeof(*address);
	const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	/* Without a name the kernel chooses an abstract one. */
	CHECK_NUMBER(bind(listener, (struct sockaddr *)address, sizeof(sa_family_t)), 0);
	CHECK_NUMBER(getsockname(listener, (struct sockaddr *)address, &length), 0);
	CHECK_NUMBER(listen(listener, 8), 0);
	return listener;
}

static int call(const struct sockaddr_un *address, const char *text)
{
	const int caller = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_NUMBER(connect(caller, (const struct sockaddr *)address, sizeof(sa_family_t) + 6), 0);
	CHECK_NUMBER(write(caller, text, strlen(text)), (ssize_t)strlen(text));
	return caller;
}

static void test_callers(void)
{
	static const char *const wrong[] = {
	    "HELLO 52\n",	    "CONNECT\n", "CONNECT x\n",	  "CONNECT -1\n",
	    "CONNECT 4294967296\n", "\n",	 "CONNECT 5 2\n", "CONNECT 0000000000000000052\n"};
	struct sockaddr_un address;
	struct test test;
	char text[32] = "";
	const int listener = listen_somewhere(&address);
	begin(&test, listener);
	const int caller = call(&address, "CONNECT 52\nfirst");
	rig_serve(test.rig);
	CHECK(receive(&test) && test.last.operation == VSOCK_REQUEST);
	CHECK(test.last.to_port == 52 && test.last.from_port == FIRST_CALLER);
	CHECK(!receive(&test)); /* it has not agreed yet */
	struct header response = make(&test, VSOCK_RESPONSE);
	response.from_port = 52;
	response.to_port = FIRST_CALLER;
	transmit(&test, response, NULL, 0);
	CHECK_NUMBER(read(caller, text, sizeof(text)), 14);
	CHECK_TEXT(text, "OK 1073741824\n");
	const uint8_t *data = receive(&test);
	CHECK(data && test.last.operation == VSOCK_DATA && !memcmp(data, "first", 5));
	/* It agrees only once. */
	transmit(&test, response, NULL, 0);
	CHECK(receive(&test) && test.last.operation == VSOCK_RESET);
	CHECK_NUMBER(read(caller, text, sizeof(text)), 0);
	close(caller);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		const int other = call(&address, wrong[i]);
		rig_serve(test.rig);
		CHECK(!receive(&test));
		CHECK(read(other, text, sizeof(text)) <= 0);
		close(other);
	}
	/* The guest refuses. */
	const int refused = call(&address, "CONNECT 53\n");
	rig_serve(test.rig);
	CHECK(receive(&test) && test.last.to_port == 53);
	struct header reset = make(&test, VSOCK_RESET);
	reset.from_port = 53;
	reset.to_port = test.last.from_port;
	transmit(&test, reset, NULL, 0);
	CHECK_NUMBER(read(refused, text, sizeof(text)), 0);
	close(refused);
	end(&test);
	close(listener);
}

/* ── snapshots ───────────────────────────────────────────────────────────────────────────────── */

static void test_snapshot(void)
{
	struct test test;
	struct error error = {0};
	uint8_t *saved;
	size_t length;
	char text[8];
	begin(&test, -1);
	rig_describe(test.rig, EVENT, 0, EVENTS, 4, WRITE, 0);
	rig_offer(test.rig, EVENT, 0);
	rig_put16(test.rig, EVENTS, 99);
	connect_guest(&test);
	CHECK_NUMBER(bus_save(test.rig->bus, &saved, &length, &error), 0);
	CHECK_NUMBER(bus_load(test.rig->bus, saved, length, &error), 0);
	CHECK_NUMBER(read(test.peer, text, sizeof(text)), 0);
	rig_serve(test.rig);
	CHECK_NUMBER(rig_used(test.rig, EVENT), 1);
	CHECK_NUMBER(rig_get32(test.rig, EVENTS), 0);
	rig_serve(test.rig);
	CHECK_NUMBER(rig_used(test.rig, EVENT), 1);
	saved[length - 1] = 2;
	CHECK_NUMBER(bus_load(test.rig->bus, saved, length, &error), -EBADMSG);
	saved[length - 1] = 1;
	memset(saved + length - 8, 0, 4); /* no port of a caller's */
	CHECK_NUMBER(bus_load(test.rig->bus, saved, length, &error), -EBADMSG);
	free(saved);
	end(&test);
}

/* The guest's memory is as it was in the snapshot, too. */
static void load(struct test *test, const uint8_t *saved, size_t length)
{
	struct error error = {0};
	CHECK_NUMBER(bus_load(test->rig->bus, saved, length, &error), 0);
	memset(test->rig->memory + RIG_AVAILABLE(RECEIVE), 0, 6 + 2UL * RIG_QUEUE_SIZE);
	memset(test->rig->memory + RIG_USED(RECEIVE), 0, 6 + 8UL * RIG_QUEUE_SIZE);
	test->rig->offered[RECEIVE] = test->seen = 0;
	offer_buffers(test);
}

/* A caller in one request, whose connection ends with it; the next one's port does not tell of it. */
static void test_next_request(void)
{
	struct sockaddr_un address;
	struct test test;
	struct error error = {0};
	uint8_t *saved;
	size_t length;
	char text[8];
	const int listener = listen_somewhere(&address);
	begin(&test, listener);
	CHECK_NUMBER(bus_save(test.rig->bus, &saved, &length, &error), 0);
	for (int i = 0; i < 2; i++) {
		const int caller = call(&address, "CONNECT 52\n");
		rig_serve(test.rig);
		CHECK(receive(&test) && test.last.operation == VSOCK_REQUEST);
		CHECK_NUMBER(test.last.from_port, FIRST_CALLER);
		bus_drop(test.rig->bus);
		CHECK_NUMBER(read(caller, text, sizeof(text)), 0);
		close(caller);
		/* Whoever calls between two requests is the next one's. */
		const int early = call(&address, "CONNECT 53\n");
		load(&test, saved, length);
		rig_serve(test.rig);
		CHECK(receive(&test) && test.last.to_port == 53);
		CHECK_NUMBER(test.last.from_port, FIRST_CALLER);
		bus_drop(test.rig->bus);
		close(early);
		load(&test, saved, length);
	}
	free(saved);
	end(&test);
	close(listener);
}

int main(void)
{
	test_stream();
	test_guest_ends();
	test_lost_peer();
	test_credit_of_guest();
	test_credit_of_host();
	test_refusals();
	test_backlog();
	test_many();
	breaks(HEADER - 1, HEADER);
	breaks(BUFFER, HEADER - 1);
	test_callers();
	test_snapshot();
	test_next_request();
	return check_status();
}

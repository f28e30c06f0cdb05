/* What a relay makes of a client's bytes in our own protocol, and of what a worker answers, which may be nonsense
 * as well: the first two bytes say how much of the input the worker writes over messages, the rest is
 * what the client sends. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "acceld/relay/host.h"
#include "acceld/relay/native.h"
#include "acceld/relay/stream.h"
#include "mayfly/wire.h"
#include "util/clock.h"
#include "util/descriptors_pass.h"
#include "util/log.h"

#define MESSAGE_MAX (128UL << 10)

int LLVMFuzzerInitialize(int *count, char ***words);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct worker {
	int socket;
	const uint8_t *answer;
	size_t answer_length;
	pthread_t thread;
	bool runs;
};

static struct worker worker;

static void check(int condition)
{
	if (!condition)
		abort();
}

static bool receive(struct wire_packet *packet)
{
	ssize_t got;
	do
		got = recv(worker.socket, packet, sizeof(*packet), 0);
	while (got < 0 && errno == EINTR);
	return got == sizeof(*packet);
}

/* Answers everything, after writing into the message. */
static void *work(void *context)
{
	struct wire_packet packet;
	int window = -1;
	(void)context;
	check(descriptors_receive(worker.socket, &packet, sizeof(packet), &window, 1, 0) ==
	      sizeof(packet));
	check(packet.kind == WIRE_PACKET_HELLO && packet.length <= MESSAGE_MAX && window >= 0);
	const uint64_t size = packet.length;
	uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, window, 0);
	check(memory != MAP_FAILED);
	close(window);
	do {
		if (packet.kind == WIRE_PACKET_CALL) {
			check(!packet.offset && packet.length <= size);
			size_t length = worker.answer_length < size ? worker.answer_length : size;
			if (length)
				memcpy(memory, worker.answer, length);
		}
		if (packet.kind != WIRE_PACKET_RESET && packet.kind != WIRE_PACKET_CANCEL) {
			packet.status = 0;
			send(worker.socket, &packet, sizeof(packet), MSG_NOSIGNAL);
		}
	} while (receive(&packet));
	munmap(memory, size);
	close(worker.socket);
	return NULL;
}

int relay_host_connect(const struct relay_host *host, int *connection, struct error *error)
{
	int pair[2];
	(void)host;
	(void)error;
	check(!worker.runs && !socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	worker.socket = pair[1];
	*connection = pair[0];
	check(!pthread_create(&worker.thread, NULL, work, NULL));
	worker.runs = true;
	return 0;
}

struct relay {
	struct stream *stream;
	struct budget memory;
};

static void *serve(void *context)
{
	struct relay *relay = context;
	const struct native_limits limits = {
	    .message = MESSAGE_MAX, .hello_ns = NANOSECONDS_PER_SECOND, .memory = &relay->memory};
	native_serve(relay->stream, NULL, &limits);
	stream_delete(relay->stream);
	return NULL;
}

int LLVMFuzzerInitialize(int *count, char ***words)
{
	(void)count;
	(void)words;
	log_set_level((enum log_level)0);
	return 0;
}

static void send_all(int socket, const uint8_t *bytes, size_t length)
{
	while (length) {
		ssize_t sent = send(socket, bytes, length, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return;
		bytes += sent;
		length -= (size_t)sent;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t waste[65536];
	int pair[2];
	struct relay relay;
	pthread_t thread;
	if (size < 2 || size > 16384)
		return 0;
	worker =
	    (struct worker){.answer = data + 2, .answer_length = data[0] | (size_t)data[1] << 8};
	if (worker.answer_length > size - 2)
		worker.answer_length = size - 2;
	budget_init(&relay.memory, 1 << 20);
	check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	check((relay.stream = stream_new(pair[0])) != NULL);
	check(!pthread_create(&thread, NULL, serve, &relay));
	send_all(pair[1], data + 2 + worker.answer_length, size - 2 - worker.answer_length);
	shutdown(pair[1], SHUT_WR);
	/* The fuzzer's own alarm interrupts. */
	ssize_t got;
	do
		got = recv(pair[1], waste, sizeof(waste), 0);
	while (got > 0 || (got < 0 && errno == EINTR));
	pthread_join(thread, NULL);
	if (worker.runs)
		pthread_join(worker.thread, NULL);
	/* All that was taken has been given back. */
	check(atomic_load(&relay.memory.left) == 1 << 20);
	close(pair[1]);
	return 0;
}

/* Peers that do not keep to the protocol: mayfly-acceld refuses them, keeps serving others, and
 * holds nothing of theirs afterwards. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "accel/wire/wire.h"
#include "check.h"
#include "host.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/descriptors_pass.h"
#include "vaccel.h"

static int connect_raw(const struct host *host)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", host->socket);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct timeval timeout = {.tv_sec = 15};
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		perror(host->socket);
		close(fd);
		return -1;
	}
	return fd;
}

static void send_with_descriptors(int socket, const void *data, size_t length, const int *fds,
				  size_t count)
{
	CHECK_NUMBER(descriptors_send(socket, data, length, fds, count, 0), 0);
}

static struct wire_packet packet_of(uint16_t kind)
{
	return (struct wire_packet){
	    .magic = WIRE_MAGIC,
	    .version = WIRE_VERSION,
	    .kind = kind,
	    .length = PEER_WINDOW_SIZE,
	    .tag = 9,
	};
}

/* The status in the answer; -1 where the host hangs up instead. */
static int receive_status(int socket)
{
	struct wire_packet answer;
	ssize_t length = recv(socket, &answer, sizeof(answer), 0);
	if (length <= 0)
		return -1;
	CHECK_NUMBER(length, sizeof(answer));
	CHECK_NUMBER(answer.tag, 9);
	return answer.status;
}

static int hello_with(const struct host *host, const struct wire_packet *hello, const int *fds,
		      size_t count)
{
	cleanup_close int socket = connect_raw(host);
	send_with_descriptors(socket, hello, sizeof(*hello), fds, count);
	return receive_status(socket);
}

static int memory_of(off_t size, unsigned seals)
{
	int fd = memfd_create("window", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	CHECK(fd >= 0 && !ftruncate(fd, size) && !fcntl(fd, F_ADD_SEALS, seals));
	return fd;
}

static void test_bad_windows(const struct host *host)
{
	cleanup_close int good = memory_of(PEER_WINDOW_SIZE, F_SEAL_SHRINK);
	cleanup_close int unsealed = memory_of(PEER_WINDOW_SIZE, F_SEAL_GROW);
	cleanup_close int small = memory_of(PEER_WINDOW_SIZE - 4096, F_SEAL_SHRINK);
	cleanup_close int read_only = memory_of(PEER_WINDOW_SIZE, F_SEAL_SHRINK | F_SEAL_WRITE);
	cleanup_close int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int ends[2];
	CHECK(!pipe2(ends, O_CLOEXEC));
	struct wire_packet hello = packet_of(WIRE_PACKET_HELLO);
	CHECK_NUMBER(hello_with(host, &hello, &good, 1), 0);
	CHECK_NUMBER(hello_with(host, &hello, NULL, 0), EINVAL);
	CHECK_NUMBER(hello_with(host, &hello, &unsealed, 1), EINVAL);
	CHECK_NUMBER(hello_with(host, &hello, &small, 1), EINVAL);
	CHECK_NUMBER(hello_with(host, &hello, &read_only, 1), EINVAL);
	CHECK_NUMBER(hello_with(host, &hello, &file, 1), EINVAL);
	CHECK_NUMBER(hello_with(host, &hello, &ends[0], 1), EINVAL);
	static const uint64_t sizes[] = {
	    0, 1, 4095, PEER_WINDOW_SIZE + 4096, 1ULL << 40, UINT64_MAX, UINT64_MAX - 4095};
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		hello.length = sizes[i];
		CHECK_NUMBER(hello_with(host, &hello, &good, 1), EINVAL);
	}
	/* Many descriptors: one is used, none is kept. */
	int many[16];
	for (int i = 0; i < 16; i++)
		many[i] = good;
	hello.length = PEER_WINDOW_SIZE;
	CHECK_NUMBER(hello_with(host, &hello, many, 16), 0);
	close(ends[0]);
	close(ends[1]);
}

static void test_bad_hellos(const struct host *host)
{
	cleanup_close int good = memory_of(PEER_WINDOW_SIZE, F_SEAL_SHRINK);
	struct wire_packet hello = packet_of(WIRE_PACKET_CALL);
	CHECK_NUMBER(hello_with(host, &hello, &good, 1), -1);
	hello = packet_of(WIRE_PACKET_HELLO);
	hello.magic++;
	CHECK_NUMBER(hello_with(host, &hello, &good, 1), -1);
	hello = packet_of(WIRE_PACKET_HELLO);
	hello.version++;
	CHECK_NUMBER(hello_with(host, &hello, &good, 1), -1);
	static char large[100000];
	memset(large, 0x41, sizeof(large));
	static const size_t lengths[] = {1, sizeof(hello) - 1, sizeof(hello) + 1, sizeof(large)};
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		cleanup_close int socket = connect_raw(host);
		send_with_descriptors(socket, large, lengths[i], &good, 1);
		CHECK_NUMBER(receive_status(socket), -1);
	}
	/* Nothing at all. */
	close(connect_raw(host));
}

static int raw_peer(const struct host *host, int window)
{
	int socket = connect_raw(host);
	struct wire_packet hello = packet_of(WIRE_PACKET_HELLO);
	send_with_descriptors(socket, &hello, sizeof(hello), &window, 1);
	CHECK_NUMBER(receive_status(socket), 0);
	return socket;
}

static void test_bad_packets(const struct host *host)
{
	cleanup_close int good = memory_of(PEER_WINDOW_SIZE, F_SEAL_SHRINK);
	static const uint16_t kinds[] = {0, WIRE_PACKET_HELLO, 77, UINT16_MAX};
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		cleanup_close int socket = raw_peer(host, good);
		struct wire_packet packet = packet_of(kinds[i]);
		send_with_descriptors(socket, &packet, sizeof(packet), NULL, 0);
		CHECK_NUMBER(receive_status(socket), -1);
	}
	/* A call that is out of the window is refused; the connection stays. */
	cleanup_close int socket = raw_peer(host, good);
	static const struct {
		uint64_t offset, length;
	} places[] = {{0, PEER_WINDOW_SIZE + 1},
		      {PEER_WINDOW_SIZE, 1},
		      {UINT64_MAX, 2},
		      {64, UINT64_MAX},
		      {1, 4096},
		      {0, 0},
		      {0, 4096}};
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct wire_packet packet = packet_of(WIRE_PACKET_CALL);
		packet.offset = places[i].offset;
		packet.length = places[i].length;
		/* Descriptors that nobody asked for are not kept. */
		send_with_descriptors(socket, &packet, sizeof(packet), &good, 1);
		CHECK_NUMBER(receive_status(socket), EBADMSG);
	}
}

/* Random bytes over a sound message: whatever comes of it, the host goes on. */
static void test_random_messages(const struct host *host)
{
	struct peer peer;
	if (!CHECK(!peer_open(&peer, host->socket)))
		return;
	int64_t session = peer_session_init(&peer, 0);
	unsigned seed = 20260101;
	for (int round = 0; round < 3000; round++) {
		char text[32], name[32];
		struct vaccel_arg image = {.buf = "p", .size = 1, .type = VACCEL_ARG_BUFFER};
		struct vaccel_arg outputs[] = {
		    {.buf = text, .size = 32, .type = VACCEL_ARG_UCHAR_ARRAY},
		    {.buf = name, .size = 32, .type = VACCEL_ARG_UCHAR_ARRAY},
		};
		struct accel_call call = {.op = VACCEL_OP_IMAGE_CLASSIFY,
					  .session = session,
					  .inputs = &image,
					  .input_count = 1,
					  .outputs = outputs,
					  .output_count = 2};
		uint64_t extent;
		wire_encode(peer.window, PEER_WINDOW_SIZE, &call, 1, &extent);
		for (int change = 0; change < 3; change++)
			peer.window[(unsigned)rand_r(&seed) % 256] = (uint8_t)rand_r(&seed);
		struct wire_header *header = (struct wire_header *)peer.window;
		header->deadline_ns = 1000000;
		int result = accel_client_call(peer.client, 0, extent, 0, NULL);
		if (!CHECK(result == 0 || result == -EBADMSG))
			break;
	}
	peer_close(&peer);
}

/* The peer vanishes while its op runs: the op ends at its limit, then all is released. */
static void test_vanishing_peers(const struct host *host)
{
	for (int i = 0; i < 20; i++) {
		struct peer peer;
		if (!CHECK(!peer_open(&peer, host->socket)))
			return;
		int64_t session = peer_session_init(&peer, 0);
		peer_register_blob(&peer, session, VACCEL_RESOURCE_MODEL, "m", "abc", 3);
		struct accel_call call = {
		    .op = VACCEL_OP_NOOP, .session = session, .deadline_ns = 100000000};
		uint64_t extent;
		wire_encode(peer.window, PEER_WINDOW_SIZE, &call, 1, &extent);
		CHECK_NUMBER(accel_client_call(peer.client, 0, extent, 1, NULL), -ETIMEDOUT);
		peer_close(&peer);
	}
}

#define SECRET	    0xa5
#define SECRET_SIZE (200U << 10) /* less than a connection keeps of its private memory */

/* Asks for a text of SECRET_SIZE bytes about a picture of `length` times `byte`. */
static void classify_bytes(struct peer *peer, int64_t session, int byte, size_t length)
{
	static uint8_t picture[SECRET_SIZE];
	static char name[16], text[SECRET_SIZE];
	memset(picture, byte, length);
	struct vaccel_arg image = {.buf = picture, .size = length, .type = VACCEL_ARG_BUFFER};
	struct vaccel_arg outputs[] = {
	    {.buf = name, .size = sizeof(name), .type = VACCEL_ARG_UCHAR_ARRAY},
	    {.buf = text, .size = sizeof(text), .type = VACCEL_ARG_UCHAR_ARRAY},
	};
	struct accel_call call = {.op = VACCEL_OP_IMAGE_CLASSIFY,
				  .session = session,
				  .inputs = &image,
				  .input_count = 1,
				  .outputs = outputs,
				  .output_count = 2};
	CHECK_NUMBER(peer_call(peer, &call), 0);
}

/* What was in one message is in no answer to another, of the same peer or of the next. */
static void test_nothing_is_handed_over(const struct host *host)
{
	struct peer peer, next;
	if (!CHECK(!peer_open(&peer, host->socket)))
		return;
	int64_t session = peer_session_init(&peer, 0);
	classify_bytes(&peer, session, SECRET, SECRET_SIZE);
	memset(peer.window, 0, PEER_WINDOW_SIZE);
	classify_bytes(&peer, session, 1, 1);
	CHECK(!memchr(peer.window, SECRET, PEER_WINDOW_SIZE));
	classify_bytes(&peer, session, SECRET, SECRET_SIZE);
	peer_close(&peer);
	if (!CHECK(!peer_open(&next, host->socket)))
		return;
	classify_bytes(&next, peer_session_init(&next, 0), 1, 1);
	CHECK(!memchr(next.window, SECRET, PEER_WINDOW_SIZE));
	peer_close(&next);
}

/* Whoever asks and never listens fills his own queue and stops there. */
static void test_deaf_peer(const struct host *host)
{
	cleanup_close int window = memory_of(PEER_WINDOW_SIZE, F_SEAL_SHRINK);
	int socket = raw_peer(host, window);
	struct wire_packet packet = packet_of(WIRE_PACKET_MARK);
	ssize_t sent = 0;
	for (int i = 0; i < 100000 && sent >= 0; i++)
		sent = send(socket, &packet, sizeof(packet), MSG_DONTWAIT | MSG_NOSIGNAL);
	CHECK(sent < 0 && errno == EAGAIN);
	/* Others are served meanwhile. */
	struct peer peer;
	if (CHECK(!peer_open(&peer, host->socket))) {
		CHECK_NUMBER(peer_session_init(&peer, 0), 1);
		peer_close(&peer);
	}
	close(socket);
}

/* --connections=16: eight for one tenant. */
static void test_too_many(const struct host *host)
{
	struct peer peers[8];
	for (int i = 0; i < 8; i++)
		CHECK(!peer_open(&peers[i], host->socket));
	struct peer more;
	CHECK_NUMBER(peer_open(&more, host->socket), -EUSERS);
	peer_close(&peers[0]);
	bool let_in = false;
	for (int tries = 0; tries < 100 && !let_in; tries++) {
		let_in = !peer_open(&more, host->socket);
		if (!let_in)
			nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	}
	if (CHECK(let_in))
		peer_close(&more);
	for (int i = 1; i < 8; i++)
		peer_close(&peers[i]);
}

/* Threads of connections that have ended take a moment to go. */
static bool settles_at(int (*count)(pid_t), pid_t pid, int wanted)
{
	for (int tries = 0; tries < 500; tries++) {
		if (count(pid) <= wanted)
			return true;
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	}
	fprintf(stderr, "%d instead of %d\n", count(pid), wanted);
	return false;
}

int main(void)
{
	static const char *const arguments[] = {"--connections=16", NULL};
	struct host host;
	if (!CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), arguments)))
		return check_status();
	struct peer peer;
	CHECK(!peer_open(&peer, host.socket));
	CHECK_NUMBER(peer_session_init(&peer, 0), 1);
	pid_t worker = host_worker(host.pid);
	int descriptors = host_count_descriptors(worker);
	int threads = host_count_threads(worker);
	for (int round = 0; round < 3; round++) {
		test_bad_windows(&host);
		test_bad_hellos(&host);
		test_bad_packets(&host);
		CHECK(settles_at(host_count_descriptors, worker, descriptors));
	}
	test_deaf_peer(&host);
	CHECK(settles_at(host_count_descriptors, worker, descriptors));
	test_nothing_is_handed_over(&host);
	test_random_messages(&host);
	CHECK(settles_at(host_count_descriptors, worker, descriptors));
	test_vanishing_peers(&host);
	CHECK(settles_at(host_count_descriptors, worker, descriptors));
	CHECK(settles_at(host_count_threads, worker, threads));
	/* One who behaved was not disturbed. */
	char text[64];
	CHECK_NUMBER(peer_classify(&peer, 1, text, sizeof(text)), 0);
	peer_close(&peer);
	CHECK(settles_at(host_count_threads, worker, threads - 1));
	test_too_many(&host);
	CHECK_NUMBER(host_worker(host.pid), worker);
	int status = host_stop(&host, SIGTERM);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return check_status();
}

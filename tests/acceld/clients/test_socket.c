/* The transport over a socket, with a real mayfly-acceld at the other end. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "accel/transports/socket.h"
#include "accel_client/accel_start.h"
#include "acceld/host.h"
#include "check.h"
#include "mayfly/results.h"
#include "mayfly/wire.h"
#include "util/clock.h"
#include "vaccel.h"

#define ROOM (64UL << 20)

static int open_session(struct accel_transport *transport, int64_t *id)
{
	uint32_t flags = 0;
	struct vaccel_arg input = {.buf = &flags, .size = 4, .type = VACCEL_ARG_UINT32};
	struct vaccel_arg output = {.buf = id, .size = 8, .type = VACCEL_ARG_INT64};
	const struct accel_call call = {.op = WIRE_OP_SESSION_INIT,
					.inputs = &input,
					.input_count = 1,
					.outputs = &output,
					.output_count = 1};
	*id = 0;
	return transport->call(transport, &call);
}

static int noop(struct accel_transport *transport, int64_t session, uint64_t limit_ns)
{
	const struct accel_call call = {
	    .op = VACCEL_OP_NOOP, .session = session, .deadline_ns = limit_ns};
	return transport->call(transport, &call);
}

static int classify(struct accel_transport *transport, int64_t session, size_t picture_size,
		    char *text, size_t size)
{
	char *picture = calloc(1, picture_size);
	char name[16] = "";
	struct vaccel_arg image = {.buf = picture, .size = picture_size, .type = VACCEL_ARG_BUFFER};
	struct vaccel_arg outputs[] = {
	    {.buf = name, .size = sizeof(name), .type = VACCEL_ARG_UCHAR_ARRAY},
	    {.buf = text, .size = size, .type = VACCEL_ARG_UCHAR_ARRAY},
	};
	const struct accel_call call = {.op = VACCEL_OP_IMAGE_CLASSIFY,
					.session = session,
					.inputs = &image,
					.input_count = 1,
					.outputs = outputs,
					.output_count = 2};
	int result = transport->call(transport, &call);
	free(picture);
	return result;
}

static struct accel_transport *connect_to(const struct host *host, size_t room)
{
	struct accel_transport *transport = NULL;
	struct error error = {0};
	int fd;
	if (!CHECK(!accel_connect(host->socket, 0, &fd, &error)))
		return NULL;
	CHECK_NUMBER(transport_socket_open(fd, room, &transport), 0);
	return transport;
}

/* Good calls, refused ones, and a deadline that leaves the connection as it is. */
static void test_calls(struct accel_transport *transport)
{
	int64_t session;
	char text[64] = "";
	CHECK_NUMBER(open_session(transport, &session), 0);
	CHECK_NUMBER(session, 1);
	CHECK_NUMBER(classify(transport, session, 7, text, sizeof(text)), 0);
	CHECK_TEXT(text, "0 models, 0 bytes");
	/* So much that its memory is given back. */
	text[0] = 0;
	CHECK_NUMBER(classify(transport, session, 40UL << 20, text, sizeof(text)), 0);
	CHECK_TEXT(text, "0 models, 0 bytes");
	CHECK_NUMBER(classify(transport, session, ROOM, text, sizeof(text)), VACCEL_ENOSPC);
	CHECK(strstr(mayfly_op_reason(), "64 MiB"));
	CHECK_NUMBER(noop(transport, session + 1, 0), VACCEL_EINVAL);
	uint64_t start_ns = clock_now_ns();
	CHECK_NUMBER(noop(transport, session, 30000000), VACCEL_EAGAIN);
	CHECK(clock_now_ns() - start_ns >= 30000000);
	CHECK_NUMBER(classify(transport, session, 7, text, sizeof(text)), 0);
}

struct waiting {
	struct accel_transport *transport;
	int64_t session;
	int result;
};

static void *wait_for_noop(void *argument)
{
	struct waiting *waiting = argument;
	waiting->result = noop(waiting->transport, waiting->session, 0);
	CHECK(strstr(mayfly_op_reason(), "went away during"));
	return NULL;
}

/* Killed while one call is under way and another one waits for it. */
static void test_killed(struct host *host)
{
	struct accel_transport *transport = connect_to(host, ROOM);
	struct waiting waiting = {.transport = transport};
	pthread_t thread;
	if (!transport)
		return;
	CHECK_NUMBER(open_session(transport, &waiting.session), 0);
	CHECK(!pthread_create(&thread, NULL, wait_for_noop, &waiting));
	CHECK(host_has_noop(host->socket));
	/* Long before the one that it waits for ends. */
	uint64_t start_ns = clock_now_ns();
	CHECK_NUMBER(noop(transport, waiting.session, 50000000), VACCEL_EAGAIN);
	CHECK(clock_now_ns() - start_ns < 10 * NANOSECONDS_PER_SECOND);
	int status = host_stop(host, SIGKILL);
	CHECK(WIFSIGNALED(status));
	pthread_join(thread, NULL);
	CHECK_NUMBER(waiting.result, VACCEL_EREMOTEIO);
	CHECK_NUMBER(noop(transport, waiting.session, 0), VACCEL_EREMOTEIO);
	CHECK(strstr(mayfly_op_reason(), "new session"));
	transport->close(transport);
}

/* What listens there answers wrongly, not at all, or has gone. */
static void test_strangers(void)
{
	struct accel_transport *transport;
	int ends[2];
	for (int type = SOCK_STREAM; type; type = type == SOCK_STREAM ? SOCK_SEQPACKET : 0) {
		CHECK(!socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends));
		CHECK_NUMBER(
		    write(ends[1], "HTTP/1.1 400 Bad Request, as who would say so\r\n\r\n", 49),
		    49);
		CHECK_NUMBER(transport_socket_open(ends[0], ROOM, &transport), VACCEL_EREMOTEIO);
		CHECK(strstr(mayfly_op_reason(), "another protocol"));
		close(ends[1]);

		CHECK(!socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends));
		mayfly_op_set_deadline(clock_now_ns() + 20000000);
		CHECK_NUMBER(transport_socket_open(ends[0], ROOM, &transport), VACCEL_EAGAIN);
		mayfly_op_set_deadline(0);
		close(ends[1]);

		CHECK(!socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends));
		close(ends[1]);
		CHECK_NUMBER(transport_socket_open(ends[0], ROOM, &transport), VACCEL_EREMOTEIO);
	}
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	CHECK_NUMBER(transport_socket_open(ends[0], 0, &transport), VACCEL_EINVAL);
	close(ends[1]);
}

int main(void)
{
	struct host host;
	test_strangers();
	if (!CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), NULL)))
		return check_status();
	struct accel_transport *transport = connect_to(&host, ROOM);
	if (transport) {
		test_calls(transport);
		transport->close(transport);
	}
	test_killed(&host);
	return check_status();
}

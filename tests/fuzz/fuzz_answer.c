/* A host that answers anything: after a good greeting, any bytes as the answer to a call over a stream.
 * The first two choose how long the host says that it is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "accel/transports/socket.h"
#include "mayfly/wire.h"
#include "vaccel/op.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM 65536

static void say(int socket, const void *bytes, size_t length)
{
	if (send(socket, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)length)
		abort();
}

static void say_packet(int socket, uint16_t kind, uint64_t tag, uint64_t length)
{
	const struct wire_packet packet = {.magic = WIRE_MAGIC,
					   .version = WIRE_VERSION,
					   .kind = kind,
					   .tag = tag,
					   .length = length};
	say(socket, &packet, sizeof(packet));
}

static void call(struct accel_transport *transport)
{
	static const uint32_t flags[] = {0, WIRE_ARGUMENT_GROWS, WIRE_ARGUMENT_GROWS, 0};
	uint32_t number = 7;
	uint8_t fixed[100], other[5000];
	struct vaccel_arg input = {.buf = &number, .size = 4, .type = VACCEL_ARG_UINT32};
	struct vaccel_arg outputs[] = {
	    {.buf = fixed, .size = sizeof(fixed), .type = VACCEL_ARG_UCHAR_ARRAY},
	    {.type = VACCEL_ARG_INT64_ARRAY},
	    {.type = VACCEL_ARG_UINT8_ARRAY},
	    {.buf = other, .size = sizeof(other), .type = VACCEL_ARG_BUFFER},
	};
	const struct accel_call what = {.op = VACCEL_OP_TORCH_MODEL_RUN,
					.session = 1,
					.inputs = &input,
					.input_count = 1,
					.outputs = outputs,
					.output_count = 4,
					.output_flags = flags};
	if (!transport->call(transport, &what)) {
		free(outputs[1].buf);
		free(outputs[2].buf);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct accel_transport *transport;
	uint16_t length;
	int ends[2];
	if (size < sizeof(length) || size > ROOM)
		return 0;
	memcpy(&length, data, sizeof(length));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return 0;
	say_packet(ends[1], WIRE_PACKET_HELLO, 1, ROOM);
	say_packet(ends[1], WIRE_PACKET_CALL, 2, length);
	say(ends[1], data + sizeof(length), size - sizeof(length));
	shutdown(ends[1], SHUT_WR);
	if (!transport_socket_open(ends[0], ROOM, &transport)) {
		call(transport);
		transport->close(transport);
	}
	close(ends[1]);
	return 0;
}

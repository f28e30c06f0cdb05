/* Packets of a vsock from hostile hands, and what happens at the host's sockets meanwhile: the input is
 * a list of steps. Whatever they are, the device stays within the guest's memory and its own. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "monitor/devices/virtio/vsock_connections.h"
#include "tests/devices/virtio_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PEERS 4
#define STEPS 512
#define PLACE (RIG_DATA + 0x20000)
#define ROOM  0x2000

enum step {
	STEP_PACKET,   /* of the guest */
	STEP_DESCRIBE, /* a descriptor */
	STEP_OFFER,
	STEP_SCRIBBLE,	/* somewhere in the guest's memory */
	STEP_HOST_SAYS, /* something at one of the sockets */
	STEP_HOST_HEARS,
	STEP_HOST_ENDS,
	STEP_SERVE,
	STEP_RESTORE, /* a saved state */
	STEP_KINDS,
};

struct input {
	const uint8_t *data;
	size_t size;
};

struct world {
	struct vsock_host host;
	struct vsock *vsock;
	struct rig *rig;
	int peers[PEERS];
	unsigned next_peer;
};

static void take(struct input *input, void *out, size_t length)
{
	const size_t part = length < input->size ? length : input->size;
	memset(out, 0, length);
	memcpy(out, input->data, part);
	input->data += part;
	input->size -= part;
}

static uint16_t take16(struct input *input)
{
	uint16_t value;
	take(input, &value, sizeof(value));
	return value;
}

static int dial(void *context, uint32_t port, uint64_t deadline_ns, int *socket)
{
	struct world *world = context;
	int pair[2];
	int *peer = &world->peers[world->next_peer++ % PEERS];
	if (!port || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair))
		return -ECONNREFUSED;
	if (*peer >= 0)
		close(*peer);
	*peer = pair[1];
	*socket = pair[0];
	return 0;
}

/* A packet whose ends are right, most often, so that it is looked at. */
static void send_packet(struct world *world, struct input *input)
{
	uint8_t *packet = world->rig->memory + PLACE;
	const uint16_t length = take16(input) % ROOM, odd = take16(input);
	const uint64_t ends[2] = {3, VSOCK_HOST};
	take(input, packet, 44);
	if (odd % 8)
		memcpy(packet, ends, sizeof(ends));
	if (odd / 8 % 8) { /* few ports, and the type of streams */
		packet[17] = packet[18] = packet[19] = packet[21] = packet[22] = packet[23] = 0;
		packet[28] = 1;
		packet[29] = packet[31] = 0;
	}
	if (odd / 64 % 8)
		memcpy(packet + 24, (const uint32_t[]){length > 44 ? length - 44U : 0}, 4);
	rig_describe(world->rig, 1, 0, PLACE, length, 0, 0);
	rig_offer(world->rig, 1, 0);
	rig_notify(world->rig, 1);
}

static void describe(struct world *world, struct input *input)
{
	const unsigned queue = take16(input) % 3, number = take16(input) % RIG_QUEUE_SIZE;
	const uint64_t address = take16(input) * 16UL;
	const uint16_t length = take16(input), flags = take16(input) % 4, next = take16(input);
	rig_describe(world->rig, queue, number, address, length, flags, next);
}

static void scribble(struct world *world, struct input *input)
{
	uint8_t bytes[8];
	const uint64_t place = (take16(input) * 8UL) % (RIG_MEMORY - sizeof(bytes));
	take(input, bytes, sizeof(bytes));
	memcpy(world->rig->memory + place, bytes, sizeof(bytes));
}

static void restore(struct world *world)
{
	struct error error = {0};
	uint8_t *saved;
	size_t length;
	if (bus_save(world->rig->bus, &saved, &length, &error))
		abort();
	if (bus_load(world->rig->bus, saved, length, &error))
		abort();
	free(saved);
}

static void host_acts(struct world *world, enum step step, uint16_t argument)
{
	static uint8_t bytes[ROOM];
	int *peer = &world->peers[argument % PEERS];
	if (*peer < 0)
		return;
	if (step == STEP_HOST_SAYS)
		(void)!send(*peer, bytes, argument % ROOM, MSG_NOSIGNAL | MSG_DONTWAIT);
	else if (step == STEP_HOST_HEARS)
		(void)!recv(*peer, bytes, sizeof(bytes), MSG_DONTWAIT);
	else if (argument / PEERS % 2)
		shutdown(*peer, SHUT_WR);
	else
		shutdown(*peer, SHUT_RDWR);
}

static void act(struct world *world, struct input *input)
{
	const uint16_t step = take16(input) % STEP_KINDS;
	switch (step) {
	case STEP_PACKET:
		send_packet(world, input);
		break;
	case STEP_DESCRIBE:
		describe(world, input);
		break;
	case STEP_OFFER: {
		const unsigned queue = take16(input) % 3;
		rig_offer(world->rig, queue, take16(input) % RIG_QUEUE_SIZE);
		rig_notify(world->rig, queue);
		break;
	}
	case STEP_SCRIBBLE:
		scribble(world, input);
		break;
	case STEP_RESTORE:
		restore(world);
		break;
	case STEP_SERVE:
		rig_serve(world->rig);
		break;
	default:
		host_acts(world, step, take16(input));
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct error error = {0};
	struct world world = {.host = {3, -1, {dial, &world}}, .peers = {-1, -1, -1, -1}};
	if (vsock_create(&world.vsock, &world.host, &error))
		abort();
	world.rig = rig_create(&virtio_vsock, world.vsock, VIRTIO_MMIO);
	rig_set_up(world.rig, 0, 3);
	for (uint16_t i = 0; i < RIG_QUEUE_SIZE; i++) {
		rig_describe(world.rig, 0, i, RIG_DATA + 0x1000UL * i, 0x1000, WRITE, 0);
		rig_offer(world.rig, 0, i);
	}
	for (int i = 0; i < STEPS && input.size; i++)
		act(&world, &input);
	rig_release(world.rig);
	vsock_release(world.vsock);
	for (size_t i = 0; i < PEERS; i++)
		if (world.peers[i] >= 0)
			close(world.peers[i]);
	return 0;
}

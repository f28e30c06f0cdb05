/* Links by a descriptor: a tap, or a socket that keeps packets apart. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "network.h"

/* How many frames that were for another request are dropped at most: whoever sends without end
 * must not keep a request from its beginning. */
#define STALE_FRAMES_MAX 1024

struct descriptor_link {
	struct network_link link;
	struct network *network; /* whose the descriptor is */
};

/* A frame for which there is no room is lost, and so is one that the other end no longer takes. */
static void descriptor_send(struct network_link *link, const uint8_t *frame, size_t length)
{
	ssize_t sent;
	do {
		sent = write(link->descriptor, frame, length);
	} while (sent < 0 && errno == EINTR);
}

/* The next frame of any length, in as far as it fits; 0: there is none. */
static size_t read_frame(struct network_link *link, uint8_t *frame, size_t room)
{
	ssize_t got;
	if (link->descriptor < 0)
		return 0;
	do {
		got = read(link->descriptor, frame, room);
	} while (got < 0 && errno == EINTR);
	if (got > 0)
		return (size_t)got;
	/* The end, or a tap that was removed: nothing comes any more in this request, and nobody is to
	 * wait. A frame that nobody took is no such end. */
	if (!got ||
	    (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS && errno != ECONNREFUSED))
		link->descriptor = -1;
	return 0;
}

/* Without a head it is no frame. What was too long is cut off by read(2), and its lengths tell the
 * guest. */
static size_t descriptor_receive(struct network_link *link, uint8_t *frame, size_t room)
{
	size_t length = read_frame(link, frame, room);
	return length >= NETWORK_HEAD_SIZE ? length : 0;
}

static bool descriptor_load(struct network_link *link, const uint8_t *data, size_t length)
{
	uint8_t frame[NETWORK_HEAD_SIZE];
	(void)data;
	link->descriptor = ((struct descriptor_link *)link)->network->descriptor;
	for (size_t i = 0; i < STALE_FRAMES_MAX && read_frame(link, frame, sizeof(frame)); i++)
		;
	return !length;
}

static void descriptor_release(struct network_link *link)
{
	atomic_store(&((struct descriptor_link *)link)->network->is_taken, false);
	free(link);
}

static const struct network_link_kind descriptor_kind = {
    .name = "descriptor",
    .send = descriptor_send,
    .receive = descriptor_receive,
    .load = descriptor_load,
    .release = descriptor_release,
};

int network_descriptor_link(struct network *network, struct network_link **link,
			    struct error *error)
{
	if (atomic_exchange(&network->is_taken, true))
		return error_set(
		    error, EBUSY,
		    "the network %s is for one machine at a time, and has one: let the "
		    "function have one (--concurrency=1), or give it net:%s=user",
		    network->name, network->name);
	struct descriptor_link *self = calloc(1, sizeof(*self));
	if (!self) {
		atomic_store(&network->is_taken, false);
		return error_set(error, ENOMEM, "no memory for a network link");
	}
	self->network = network;
	self->link = (struct network_link){
	    .kind = &descriptor_kind, .mtu = network->mtu, .descriptor = network->descriptor};
	*link = &self->link;
	return 0;
}

/* ── descriptors that are handed over ────────────────────────────────────────────────────────── */

static bool keeps_packets_apart(int descriptor)
{
	int type = 0;
	socklen_t length = sizeof(type);
	struct ifreq request = {0};
	if (!getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &length))
		return type == SOCK_DGRAM || type == SOCK_SEQPACKET;
	/* A tap without a head of its own before each frame. */
	return !ioctl(descriptor, TUNGETIFF, &request) &&
	       (request.ifr_flags & (IFF_TAP | IFF_TUN | IFF_NO_PI | IFF_VNET_HDR)) ==
		   (IFF_TAP | IFF_NO_PI);
}

int network_check_descriptor(struct network *network, struct error *error)
{
	const int flags = fcntl(network->descriptor, F_GETFL);
	if (flags < 0)
		return error_set(error, EBADF,
				 "the network %s is to be descriptor %d, which is not open",
				 network->name, network->descriptor);
	if (!keeps_packets_apart(network->descriptor))
		return error_set(error, EINVAL,
				 "the network %s is to be descriptor %d, which is neither a tap "
				 "(IFF_TAP | IFF_NO_PI) nor a socket that keeps packets apart",
				 network->name, network->descriptor);
	if (fcntl(network->descriptor, F_SETFL, flags | O_NONBLOCK) < 0)
		return error_set_errno(error, errno, "cannot use descriptor %d",
				       network->descriptor);
	network->mtu = NETWORK_MTU_USUAL;
	return 0;
}

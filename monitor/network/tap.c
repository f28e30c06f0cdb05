/* Tap devices of the host: found and opened while the monitor may still open something. Frames then
 * go through the descriptor (descriptor.c). */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "network.h"
#include "util/cleanup.h"

/* Whether it is up, and its MTU. */
static int ask_interface(struct network *network, struct error *error)
{
	struct ifreq request = {0};
	memcpy(request.ifr_name, network->tap, sizeof(network->tap));
	cleanup_close int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (any < 0)
		return error_set_errno(error, errno, "cannot ask for the interface %s",
				       network->tap);
	if (ioctl(any, SIOCGIFFLAGS, &request))
		return error_set(
		    error, ENODEV,
		    "the network %s is to be the tap %s, but there is no such interface: "
		    "make it with 'ip tuntap add %s mode tap'",
		    network->name, network->tap, network->tap);
	if (!(request.ifr_flags & IFF_UP))
		return error_set(
		    error, ENETDOWN,
		    "the network %s is to be the tap %s, which is down: use 'ip link set "
		    "%s up'",
		    network->name, network->tap, network->tap);
	if (ioctl(any, SIOCGIFMTU, &request))
		return error_set_errno(error, errno, "cannot find out the MTU of %s", network->tap);
	network->mtu = request.ifr_mtu < NETWORK_MTU_MIN   ? NETWORK_MTU_MIN
		       : request.ifr_mtu > NETWORK_MTU_MAX ? NETWORK_MTU_MAX
							   : (uint32_t)request.ifr_mtu;
	return 0;
}

static int refuse_tap(const struct network *network, int code, struct error *error)
{
	if (code == EINVAL)
		return error_set(error, EINVAL, "the network %s is to be %s, which is no tap",
				 network->name, network->tap);
	if (code == EBUSY)
		return error_set(error, EBUSY, "the tap %s is in use by another program",
				 network->tap);
	return error_set_errno(error, code, "cannot use the tap %s", network->tap);
}

int network_open_tap(struct network *network, struct error *error)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	/* Asked first: whoever may make interfaces would otherwise make one by the name of a typing
	 * error. */
	int result = ask_interface(network, error);
	if (result)
		return result;
	cleanup_close int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tap < 0)
		return error_set_errno(error, errno, "cannot open /dev/net/tun for the network %s",
				       network->name);
	memcpy(request.ifr_name, network->tap, sizeof(network->tap));
	if (ioctl(tap, TUNSETIFF, &request))
		return refuse_tap(network, errno, error);
	network->descriptor = take_fd(&tap);
	return 0;
}

/* Links of networks: what users may write, the pair within a process, sockets, and taps of a network
 * namespace of this test's own. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "monitor/network/network.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

#define FRAME_SIZE 60
#define OUR_TYPE   0x88b5 /* for experiments (IEEE 802) */

static void fill_frame(uint8_t frame[FRAME_SIZE], uint8_t mark)
{
	memset(frame, mark, FRAME_SIZE);
	memset(frame, 0xff, NETWORK_MAC_SIZE);
	frame[6] = 2;
	frame[12] = OUR_TYPE >> 8;
	frame[13] = OUR_TYPE & 0xff;
}

/* ── texts ───────────────────────────────────────────────────────────────────────────────────── */

static void expect_refusal(const char *first, const char *second, const char *words)
{
	struct error error = {0};
	struct networks networks;
	const char *const devices[] = {first, second, NULL};
	if (!CHECK(networks_parse(&networks, devices, &error) < 0) ||
	    !CHECK(strstr(error.text, words)))
		fprintf(stderr, "  %s %s: %s\n", first, second ? second : "", error.text);
}

static void test_refusals(void)
{
	expect_refusal("net:", NULL, "net:NAME=TAP");
	expect_refusal("net:service", NULL, "net:NAME=TAP");
	expect_refusal("net:=tap0", NULL, "net:NAME=TAP");
	expect_refusal("net:service=", NULL, "net:NAME=TAP");
	expect_refusal("net:service=tap0", "net:service=tap1", "given twice");
	expect_refusal("net:service=tap-of-a-long-name", NULL, "at most 15 letters");
	expect_refusal("net:service=@", NULL, "no descriptor");
	expect_refusal("net:service=@-1", NULL, "no descriptor");
	expect_refusal("net:service=@3x", NULL, "no descriptor");
	expect_refusal("net:service=@4294967296", NULL, "no descriptor");
	expect_refusal("net:service=user,port=80", NULL, "cannot have 'port=80'");
	expect_refusal("net:service=http,port=0", NULL, "cannot have 'port=0'");
	expect_refusal("net:service=http,port=65536", NULL, "cannot have 'port=65536'");
	expect_refusal("net:service=http,port=", NULL, "cannot have 'port='");
	expect_refusal("net:service=http,guest=10.0.0", NULL, "cannot have 'guest=10.0.0'");
	expect_refusal("net:service=http,guest=10.0.1.2", NULL, "two stations");
	expect_refusal("net:service=http,guest=10.0.0.1", NULL, "two stations");
	expect_refusal("net:service=http,guest=10.0.0.255", NULL, "two stations");
	expect_refusal("net:service=http,guest=224.0.0.2,gateway=224.0.0.1", NULL, "two stations");
	expect_refusal("net-mac:service=02:00:00:00:00:01", NULL, "not given");
	expect_refusal("net:service=tap0", "net-mac:service", "net-mac:NAME=MAC");
	expect_refusal("net:service=tap0", "net-mac:service=02:00:00:00:00", "no address");
	expect_refusal("net:service=tap0", "net-mac:service=02:00:00:00:00:01:", "no address");
	expect_refusal("net:service=tap0", "net-mac:service=02:00:00:00:00:0g", "no address");
	expect_refusal("net:service=tap0", "net-mac:service=01:00:00:00:00:01", "no address");
}

static void test_texts(void)
{
	struct error error = {0};
	struct networks networks;
	const char *const devices[] = {"net-mac:b=02:0a:0B:00:ff:01",
				       "block:disk=file",
				       "net:a=tap7",
				       "net:b=@9",
				       "net:c=user",
				       "net:d=http,port=80,guest=172.44.0.2,gateway=172.44.0.1",
				       NULL};
	static const uint8_t mac[] = {2, 10, 11, 0, 255, 1};
	CHECK_NUMBER(networks_parse(&networks, NULL, &error), 0);
	CHECK_NUMBER(networks.count, 0);
	if (!CHECK_NUMBER(networks_parse(&networks, devices, &error), 0))
		return;
	CHECK_NUMBER(networks.count, 4);
	CHECK_TEXT(networks_find(&networks, "a")->tap, "tap7");
	CHECK(!networks_find(&networks, "a")->mac_is_given);
	const struct network *b = networks_find(&networks, "b");
	CHECK(b->descriptor == 9 && b->what == NETWORK_DESCRIPTOR && b->mac_is_given);
	CHECK(check_same_bytes(b->mac, mac, sizeof(mac)));
	CHECK(!networks_find(&networks, "c")->user.has_server);
	CHECK_NUMBER(networks_find(&networks, "c")->user.guest, 0x0a000002);
	CHECK(networks_find(&networks, "d")->user.has_server);
	CHECK_NUMBER(networks_find(&networks, "d")->user.port, 80);
	CHECK_NUMBER(networks_find(&networks, "d")->user.gateway, 0xac2c0001);
	CHECK(!networks_find(&networks, "disk") && !networks_find(&networks, ""));
	const char *const any[] = {"net:a=user", "net:*=http", NULL};
	CHECK_NUMBER(networks_parse(&networks, any, &error), 0);
	CHECK(!networks_find(&networks, "a")->user.has_server);
	CHECK(networks_find(&networks, "b")->user.has_server);
}

/* ── links ───────────────────────────────────────────────────────────────────────────────────── */

static void test_macs(void)
{
	uint8_t one[NETWORK_MAC_SIZE], other[NETWORK_MAC_SIZE];
	CHECK_NUMBER(network_draw_mac(one, NULL), 0);
	CHECK_NUMBER(network_draw_mac(other, NULL), 0);
	CHECK(!check_same_bytes(one, other, sizeof(one)));
	CHECK((one[0] & 3) == 2 && (other[0] & 3) == 2);
}

static void test_loop(void)
{
	struct error error = {0};
	struct network_link *ends[2];
	uint8_t frame[FRAME_SIZE], got[FRAME_SIZE];
	if (!CHECK_NUMBER(network_loop_open(ends, &error), 0))
		return;
	for (uint8_t i = 0; i < NETWORK_LOOP_FRAMES + 3; i++) {
		fill_frame(frame, i);
		network_link_send(ends[0], frame, FRAME_SIZE);
	}
	network_link_send(ends[0], frame, NETWORK_HEAD_SIZE - 1);
	CHECK(network_link_due(ends[1]) && !network_link_due(ends[0]));
	for (uint8_t i = 0; i < NETWORK_LOOP_FRAMES; i++) {
		fill_frame(frame, i);
		CHECK_NUMBER(network_link_receive(ends[1], got, sizeof(got)), FRAME_SIZE);
		CHECK(check_same_bytes(got, frame, FRAME_SIZE));
	}
	CHECK_NUMBER(network_link_receive(ends[1], got, sizeof(got)), 0);
	network_link_send(ends[0], frame, FRAME_SIZE);
	CHECK_NUMBER(network_link_receive(ends[1], got, FRAME_SIZE - 1), 0);
	network_link_send(ends[0], frame, FRAME_SIZE);
	CHECK_NUMBER(network_link_begin(ends[1], NULL, 0, &error), 0);
	CHECK_NUMBER(network_link_receive(ends[1], got, sizeof(got)), 0);
	CHECK_NUMBER(network_link_begin(ends[1], frame, 1, &error), -EBADMSG);
	CHECK(network_link_is_settled(ends[0]));
	network_link_release(ends[1]);
	network_link_send(ends[0], frame, FRAME_SIZE);
	network_link_release(ends[0]);
	network_link_release(NULL);
}

/* The next frame of ours: the kernel sends some of its own over a new interface. */
static size_t receive_ours(struct network_link *link, uint8_t *frame, size_t room)
{
	size_t length;
	for (int i = 0; i < 1000; i++) {
		struct pollfd waiting = {.fd = link->descriptor, .events = POLLIN};
		if (poll(&waiting, 1, 5000) != 1)
			return 0;
		length = network_link_receive(link, frame, room);
		if (length && frame[12] == OUR_TYPE >> 8 && frame[13] == (OUR_TYPE & 0xff))
			return length;
	}
	return 0;
}

/* Frames both ways over a link to a descriptor whose other end is `peer`. */
static void exchange(struct network_link *link, int peer)
{
	uint8_t frame[FRAME_SIZE], got[NETWORK_FRAME_MAX];
	struct pollfd waiting = {.fd = peer, .events = POLLIN};
	fill_frame(frame, 1);
	network_link_send(link, frame, FRAME_SIZE);
	CHECK_NUMBER(poll(&waiting, 1, 5000), 1);
	CHECK_NUMBER(read(peer, got, sizeof(got)), FRAME_SIZE);
	CHECK(check_same_bytes(got, frame, FRAME_SIZE));
	fill_frame(frame, 2);
	CHECK_NUMBER(write(peer, frame, FRAME_SIZE), FRAME_SIZE);
	CHECK_NUMBER(receive_ours(link, got, sizeof(got)), FRAME_SIZE);
	CHECK(check_same_bytes(got, frame, FRAME_SIZE));
}

static void test_descriptor(void)
{
	struct error error = {0};
	int ends[2];
	if (!CHECK_NUMBER(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0))
		return;
	cleanup_close int peer = ends[0];
	struct networks networks;
	char text[32];
	snprintf(text, sizeof(text), "net:a=@%d", ends[1]);
	const char *const devices[] = {text, NULL};
	CHECK_NUMBER(networks_parse(&networks, devices, &error), 0);
	CHECK_NUMBER(networks_open(&networks, &error), 0);
	struct network_link *link, *second;
	uint8_t frame[FRAME_SIZE] = {0};
	if (!CHECK_NUMBER(network_link_open(&networks.networks[0], &link, &error), 0))
		return;
	CHECK_NUMBER(network_link_open(&networks.networks[0], &second, &error), -EBUSY);
	CHECK((link->mac[0] & 3) == 2);
	CHECK_NUMBER(network_link_receive(link, frame, sizeof(frame)), 0);
	exchange(link, peer);
	/* Of the request before. */
	CHECK_NUMBER(write(peer, frame, FRAME_SIZE), FRAME_SIZE);
	CHECK_NUMBER(network_link_begin(link, NULL, 0, &error), 0);
	CHECK_NUMBER(network_link_receive(link, frame, sizeof(frame)), 0);
	/* No frame at all. */
	CHECK_NUMBER(write(peer, frame, 3), 3);
	CHECK_NUMBER(network_link_receive(link, frame, sizeof(frame)), 0);
	/* More than the other end takes. */
	for (int i = 0; i < 5000; i++)
		network_link_send(link, frame, FRAME_SIZE);
	network_link_release(link);
	CHECK_NUMBER(network_link_open(&networks.networks[0], &link, &error), 0);
	network_link_release(link);
	networks_release(&networks);
}

/* A link whose other end goes away gives nothing, and nobody waits for it. */
static void test_descriptor_ends(void)
{
	struct error error = {0};
	int ends[2];
	uint8_t frame[FRAME_SIZE] = {0};
	if (!CHECK_NUMBER(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0))
		return;
	struct network network = {.what = NETWORK_DESCRIPTOR, .descriptor = ends[1]};
	struct network_link *link;
	CHECK_NUMBER(network_check_descriptor(&network, &error), 0);
	if (CHECK_NUMBER(network_link_open(&network, &link, &error), 0)) {
		close(ends[0]);
		CHECK_NUMBER(network_link_receive(link, frame, sizeof(frame)), 0);
		CHECK_NUMBER(link->descriptor, -1);
		network_link_release(link);
	}
	close(ends[1]);
}

static void expect_no_link(int descriptor, const char *words)
{
	struct error error = {0};
	struct network network = {
	    .name = "a", .what = NETWORK_DESCRIPTOR, .descriptor = descriptor};
	if (!CHECK(network_check_descriptor(&network, &error) < 0) ||
	    !CHECK(strstr(error.text, words)))
		fprintf(stderr, "  %d: %s\n", descriptor, error.text);
}

static void test_unfit_descriptors(void)
{
	int ends[2];
	expect_no_link(1 << 20, "not open");
	if (!CHECK_NUMBER(pipe2(ends, O_CLOEXEC), 0))
		return;
	expect_no_link(ends[0], "neither a tap");
	close(ends[0]);
	close(ends[1]);
	if (!CHECK_NUMBER(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0))
		return;
	expect_no_link(ends[0], "neither a tap");
	close(ends[0]);
	close(ends[1]);
}

/* ── taps ────────────────────────────────────────────────────────────────────────────────────── */

static void expect_no_tap(const char *name, const char *words)
{
	struct error error = {0};
	struct networks networks;
	char text[64];
	snprintf(text, sizeof(text), "net:service=%s", name);
	const char *const devices[] = {text, NULL};
	CHECK_NUMBER(networks_parse(&networks, devices, &error), 0);
	if (!CHECK(networks_open(&networks, &error) < 0) || !CHECK(strstr(error.text, words)))
		fprintf(stderr, "  %s: %s\n", name, error.text);
	networks_release(&networks);
}

/* A tap that stays, as 'ip tuntap add' makes it. */
static bool make_tap(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	cleanup_close int tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	return tap >= 0 && !ioctl(tap, TUNSETIFF, &request) && !ioctl(tap, TUNSETPERSIST, 1);
}

static bool set_up(const char *name, int mtu)
{
	struct ifreq request = {0};
	cleanup_close int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	request.ifr_mtu = mtu;
	if (any < 0 || ioctl(any, SIOCSIFMTU, &request))
		return false;
	request.ifr_flags = IFF_UP;
	return !ioctl(any, SIOCSIFFLAGS, &request);
}

/* Frames of that interface, of our type. */
static int open_interface(const char *name)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(OUR_TYPE)};
	const int peer = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(OUR_TYPE));
	address.sll_ifindex = (int)if_nametoindex(name);
	CHECK_NUMBER(bind(peer, (struct sockaddr *)&address, sizeof(address)), 0);
	return peer;
}

static void test_tap(void)
{
	struct error error = {0};
	struct networks networks;
	const char *const devices[] = {"net:service=mftest0", NULL};
	expect_no_tap("mftest9", "there is no such interface");
	expect_no_tap("lo", "which is down");
	CHECK(set_up("lo", 65536));
	expect_no_tap("lo", "which is no tap");
	if (!make_tap("mftest0")) {
		fprintf(stderr, "no taps: /dev/net/tun cannot be used\n");
		return;
	}
	expect_no_tap("mftest0", "'ip link set mftest0 up'");
	CHECK(set_up("mftest0", 1400));
	CHECK_NUMBER(networks_parse(&networks, devices, &error), 0);
	if (!CHECK_NUMBER(networks_open(&networks, &error), 0))
		return;
	expect_no_tap("mftest0", "in use by another program");
	struct network_link *link;
	if (CHECK_NUMBER(network_link_open(&networks.networks[0], &link, &error), 0)) {
		cleanup_close int peer = open_interface("mftest0");
		CHECK_NUMBER(link->mtu, 1400);
		exchange(link, peer);
		network_link_release(link);
	}
	networks_release(&networks);
}

int main(void)
{
	test_refusals();
	test_texts();
	test_macs();
	test_loop();
	test_descriptor();
	test_descriptor_ends();
	test_unfit_descriptors();
	if (unshare(CLONE_NEWNET))
		fprintf(stderr, "no taps: a network namespace cannot be had: %s\n",
			strerror(errno));
	else
		test_tap();
	return check_status();
}

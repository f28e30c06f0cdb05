/* Virtio devices of a command line: what is read, opened, kept and made for slots. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "monitor/guests/guest_devices.h"
#include "monitor/guests/virtio_given.h"

static const char *const kinds[] = {VIRTIO_GIVEN_KINDS, NULL};

static char file[] = "/tmp/test-virtio-given-XXXXXX";

static void expect_refusal(const char *first, const char *second, int code, const char *words)
{
	struct error error = {0};
	struct virtio_given given;
	const char *const devices[] = {first, second, NULL};
	int result = guest_devices_check(devices, kinds, &error);
	if (!result)
		result = virtio_given_open(&given, devices, &error);
	if (!CHECK_NUMBER(result, -code) || !CHECK(strstr(error.text, words)))
		fprintf(stderr, "  %s: %s\n", first, error.text);
}

static void test_refusals(void)
{
	char block[64];
	snprintf(block, sizeof(block), "block:data=%s", file);
	expect_refusal("teapot:a=b", NULL, EINVAL, "teapot");
	expect_refusal("block:data", NULL, EINVAL, "block:data");
	expect_refusal("block:data=/nonexistent/disk", NULL, ENOENT, "/nonexistent/disk");
	expect_refusal(block, "block-sector-size:data=513", EINVAL, "blocks of 512");
	expect_refusal(block, "block-sector-size:data=512x", EINVAL, "blocks of 512");
	expect_refusal(block, "block-sector-size:data=4096", EINVAL, "multiple");
	expect_refusal(block, "block-limit:data=fast", EINVAL, "'fast'");
	expect_refusal(block, block, EINVAL, "data");
	expect_refusal(block, "net:lan=@99999", EBADF, "99999");
	expect_refusal(block, "net-limit:lan=1", EINVAL, "lan");
	expect_refusal(block, "block-limit:other=1", EINVAL, "other");
}

/* In their order, whatever is said of them before; links are a slot's own. */
static void test_given(void)
{
	struct error error = {0};
	struct virtio_given given;
	struct virtio_devices devices = {0};
	struct virtio_links links;
	struct descriptors_kept kept = {0};
	char block[64], net[32];
	int ends[2];
	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
	snprintf(block, sizeof(block), "block:data=%s", file);
	snprintf(net, sizeof(net), "net:lan=@%d", ends[0]);
	const char *const texts[] = {
	    "block-limit:data=1M", net, block, "net-mac:lan=02:00:00:00:00:01",
	    "net-limit:lan=1k,5",  NULL};
	if (!CHECK_NUMBER(virtio_given_open(&given, texts, &error), 0)) {
		fprintf(stderr, "  %s\n", error.text);
		return;
	}
	CHECK_NUMBER(virtio_given_keep(&given, &kept), 0);
	CHECK_NUMBER(kept.count, 2);
	CHECK_NUMBER(virtio_given_add(&given, &devices, &links, &error), 0);
	CHECK_NUMBER(devices.count, 2);
	CHECK(devices.list[0].kind == &virtio_net);
	CHECK(devices.list[1].kind == &virtio_block);
	const struct virtio_disk *disk = devices.list[1].backing;
	CHECK_NUMBER(disk->limit.bytes, 1 << 20);
	CHECK_NUMBER(links.list[0].limit.operations, 5);
	CHECK_NUMBER(links.list[0].link->mac[5], 1);
	/* A descriptor is for one machine. */
	struct virtio_devices second = {0};
	struct virtio_links none;
	CHECK_NUMBER(virtio_given_add(&given, &second, &none, &error), -EBUSY);
	CHECK_NUMBER(none.count, 0);
	virtio_links_release(&links);
	virtio_given_release(&given);
	close(ends[1]);
}

/* The request is a disk that each slot has for itself. */
static void test_request(void)
{
	struct error error = {0};
	struct virtio_given given;
	struct virtio_devices devices[2] = {0};
	struct virtio_links links[2];
	struct descriptors_kept kept = {0};
	const char *const texts[] = {"block:in=@request", "block-sector-size:in=1024", NULL};
	CHECK_NUMBER(virtio_given_open(&given, texts, &error), 0);
	CHECK_NUMBER(virtio_given_keep(&given, &kept), 0);
	CHECK_NUMBER(kept.count, 0);
	for (int i = 0; i < 2; i++)
		CHECK_NUMBER(virtio_given_add(&given, &devices[i], &links[i], &error), 0);
	const struct virtio_disk *first = devices[0].list[0].backing;
	const struct virtio_disk *second = devices[1].list[0].backing;
	CHECK(first->request == &links[0].request && second->request == &links[1].request);
	CHECK(first->read_only);
	CHECK_NUMBER(first->size, REQUEST_DISK_MAX + 1024);
	for (int i = 0; i < 2; i++)
		virtio_links_release(&links[i]);
	virtio_given_release(&given);
}

static void test_nothing(void)
{
	struct error error = {0};
	struct virtio_given given;
	CHECK_NUMBER(virtio_given_open(&given, NULL, &error), 0);
	CHECK_NUMBER(given.count, 0);
	virtio_given_release(&given);
}

int main(void)
{
	const int fd = mkstemp(file);
	CHECK(fd >= 0 && !ftruncate(fd, 1024));
	close(fd);
	test_refusals();
	test_given();
	test_request();
	test_nothing();
	unlink(file);
	return check_status();
}

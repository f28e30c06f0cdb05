/* The virtio device `9p` before a true server of a root directory: a tree is walked and read, nothing
 * leads out of it, nothing is changed, and what is no message does no harm. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "monitor/devices/virtio/nine_p.h"
#include "monitor/devices/virtio/nine_p_codec.h"
#include "monitor/guests/virtio_given.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "virtio_rig.h"

#define MESSAGE	   RIG_DATA
#define REPLY	   (RIG_DATA + 0x10000UL)
#define REPLY_ROOM 0x10000U
#define ROOT	   1U
#define NO_FID	   UINT32_MAX
#define FILE_SIZE  100000U
#define FILES	   700U /* more than one answer of the server has names of */

static char directory[] = "/tmp/test-9p-XXXXXX";

/* ── the tree ────────────────────────────────────────────────────────────────────────────────── */

static void make_file(const char *path, unsigned size)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	for (unsigned i = 0; i < size; i++)
		CHECK(write(fd, &(uint8_t){(uint8_t)(i % 251)}, 1) == 1);
	close(fd);
}

static void make_tree(void)
{
	char name[300];
	CHECK(mkdtemp(directory) && !chdir(directory));
	CHECK(!mkdir("sub", 0755) && !mkdir("sub/deep", 0755) && !mkdir("many", 0755));
	make_file("sub/deep/file", FILE_SIZE);
	CHECK(!symlink("/etc/passwd", "out") && !symlink("../..", "sub/up"));
	for (unsigned i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "many/%0100u", i);
		make_file(name, 0);
	}
	memset(name, 'n', 250);
	memcpy(name, "sub/", 4);
	name[250] = 0;
	CHECK(!mkdir(name, 0755));
}

/* ── messages ────────────────────────────────────────────────────────────────────────────────── */

struct talk {
	struct rig *rig;
	struct nine_p_writer message;
	struct nine_p_reader reply;
	uint8_t type; /* of the reply */
};

static void begin(struct talk *talk, uint8_t type)
{
	talk->message = (struct nine_p_writer){.bytes = talk->rig->memory + MESSAGE, .room = 9000};
	nine_p_put(&talk->message, 0, 4);
	nine_p_put(&talk->message, type, 1);
	nine_p_put(&talk->message, 0x1234, 2);
}

/* Sends it in two parts; 0, or the errno of the answer. */
static int finish(struct talk *talk)
{
	struct rig *rig = talk->rig;
	const uint32_t length = (uint32_t)talk->message.at;
	for (size_t i = 0; i < sizeof(length); i++)
		rig->memory[MESSAGE + i] = (uint8_t)(length >> 8 * i);
	rig_describe(rig, 0, 0, MESSAGE, 5, NEXT, 1);
	rig_describe(rig, 0, 1, MESSAGE + 5, length - 5, NEXT, 2);
	rig_describe(rig, 0, 2, REPLY, REPLY_ROOM, WRITE, 0);
	rig_offer(rig, 0, 0);
	rig_notify(rig, 0);
	CHECK_NUMBER(rig_used(rig, 0), rig->offered[0]);
	talk->reply =
	    (struct nine_p_reader){.bytes = rig->memory + REPLY,
				   .length = rig_written(rig, 0, (uint16_t)(rig->offered[0] - 1))};
	CHECK_NUMBER(nine_p_get(&talk->reply, 4), talk->reply.length);
	talk->type = (uint8_t)nine_p_get(&talk->reply, 1);
	CHECK_NUMBER(nine_p_get(&talk->reply, 2), 0x1234);
	return talk->type == 7 ? (int)nine_p_get(&talk->reply, 4) : 0;
}

static int send_version(struct talk *talk, uint32_t size, const char *version)
{
	begin(talk, 100);
	nine_p_put(&talk->message, size, 4);
	nine_p_put_text(&talk->message, version, strlen(version));
	return finish(talk);
}

static int attach(struct talk *talk, uint32_t fid)
{
	begin(talk, 104);
	nine_p_put(&talk->message, fid, 4);
	nine_p_put(&talk->message, NO_FID, 4);
	nine_p_put_text(&talk->message, "", 0);
	nine_p_put_text(&talk->message, "", 0);
	nine_p_put(&talk->message, 0, 4);
	return finish(talk);
}

/* Walks along a path with slashes. */
static int walk(struct talk *talk, uint32_t from, uint32_t to, const char *path)
{
	uint16_t count = 0;
	begin(talk, 110);
	nine_p_put(&talk->message, from, 4);
	nine_p_put(&talk->message, to, 4);
	const size_t place = talk->message.at;
	nine_p_put(&talk->message, 0, 2);
	while (*path) {
		const size_t length = strcspn(path, "/");
		nine_p_put_text(&talk->message, path, length);
		path += length + (path[length] == '/');
		count++;
	}
	memcpy(talk->message.bytes + place, &count, sizeof(count));
	const int result = finish(talk);
	return result ? result : nine_p_get(&talk->reply, 2) == count ? 0 : -1;
}

/* A message of a fid and a number. */
static int ask(struct talk *talk, uint8_t type, uint32_t fid, uint64_t value, size_t size)
{
	begin(talk, type);
	nine_p_put(&talk->message, fid, 4);
	nine_p_put(&talk->message, value, size);
	return finish(talk);
}

static int open_fid(struct talk *talk, uint32_t fid, uint32_t flags)
{
	return ask(talk, 12, fid, flags, 4);
}

static int clunk(struct talk *talk, uint32_t fid)
{
	return ask(talk, 120, fid, 0, 0);
}

static int read_fid(struct talk *talk, uint8_t type, uint32_t fid, uint64_t offset, uint32_t count)
{
	begin(talk, type);
	nine_p_put(&talk->message, fid, 4);
	nine_p_put(&talk->message, offset, 8);
	nine_p_put(&talk->message, count, 4);
	return finish(talk);
}

/* ── tests ───────────────────────────────────────────────────────────────────────────────────── */

static void test_session(struct talk *talk)
{
	size_t length;
	CHECK_NUMBER(mmio_read(talk->rig, 0x100), 3 | 'f' << 16 | 's' << 24); /* length and tag */
	CHECK_NUMBER(attach(talk, ROOT), EOPNOTSUPP);			      /* before a version */
	CHECK_NUMBER(send_version(talk, 100, "9P2000.L"), EINVAL);
	CHECK_NUMBER(send_version(talk, 8192, "9P2000.u"), 0);
	CHECK_NUMBER(nine_p_get(&talk->reply, 4), 8192);
	CHECK(!memcmp(nine_p_get_text(&talk->reply, &length), "unknown", 7));
	CHECK_NUMBER(send_version(talk, 1 << 20, "9P2000.L"), 0);
	CHECK_NUMBER(nine_p_get(&talk->reply, 4), NINE_P_MESSAGE_MAX);
	CHECK(!memcmp(nine_p_get_text(&talk->reply, &length), "9P2000.L", 8));
	CHECK_NUMBER(attach(talk, ROOT), 0);
	CHECK_NUMBER(nine_p_get(&talk->reply, 1), 0x80);
	CHECK_NUMBER(attach(talk, ROOT), EINVAL);
}

static void test_reading(struct talk *talk)
{
	CHECK_NUMBER(walk(talk, ROOT, 2, "sub/deep/file"), 0);
	CHECK_NUMBER(ask(talk, 24, 2, UINT64_MAX, 8), 0);
	talk->reply.at += 8 + 13;
	CHECK_NUMBER(nine_p_get(&talk->reply, 4), S_IFREG | 0644);
	talk->reply.at += 4 + 4 + 8 + 8;
	CHECK_NUMBER(nine_p_get(&talk->reply, 8), FILE_SIZE);
	CHECK_NUMBER(read_fid(talk, 116, 2, 0, 10), EINVAL); /* it is not open */
	CHECK_NUMBER(open_fid(talk, 2, O_RDONLY), 0);
	for (uint64_t at = 0; at < FILE_SIZE;) {
		if (!CHECK_NUMBER(read_fid(talk, 116, 2, at, UINT32_MAX), 0))
			break;
		const uint64_t got = nine_p_get(&talk->reply, 4);
		CHECK(got > 0 && talk->reply.length == 11 + got);
		CHECK(talk->reply.bytes[11] == at % 251);
		CHECK(talk->reply.bytes[10 + got] == (at + got - 1) % 251);
		at += got;
	}
	CHECK_NUMBER(read_fid(talk, 116, 2, FILE_SIZE, 10), 0);
	CHECK_NUMBER(nine_p_get(&talk->reply, 4), 0);
	CHECK_NUMBER(read_fid(talk, 116, 2, UINT64_MAX, 10), 0);
	CHECK_NUMBER(nine_p_get(&talk->reply, 4), 0);
	CHECK_NUMBER(clunk(talk, 2), 0);
	CHECK_NUMBER(clunk(talk, 2), EBADF);
}

/* Neither ".." nor links nor names with slashes lead out. */
static void test_walls(struct talk *talk)
{
	CHECK_NUMBER(walk(talk, ROOT, 2, "../../../.."), 0);
	CHECK_NUMBER(walk(talk, 2, 3, "etc/passwd"), ENOENT);
	CHECK_NUMBER(walk(talk, 2, 3, "sub/.."), 0);
	CHECK_NUMBER(walk(talk, 3, 4, "sub"), 0);
	CHECK_NUMBER(clunk(talk, 2) | clunk(talk, 3) | clunk(talk, 4), 0);
	CHECK_NUMBER(walk(talk, ROOT, 2, "out"), 0);
	CHECK_NUMBER(open_fid(talk, 2, O_RDONLY), ELOOP);
	CHECK_NUMBER(ask(talk, 22, 2, 0, 0), 0);
	size_t length;
	CHECK(!memcmp(nine_p_get_text(&talk->reply, &length), "/etc/passwd", 11));
	CHECK_NUMBER(clunk(talk, 2), 0);
	CHECK_NUMBER(walk(talk, ROOT, 2, "sub/up/etc"), -1); /* as far as the link */
	CHECK_NUMBER(walk(talk, ROOT, 2, "sub/deep/file/x"), -1);
	CHECK_NUMBER(clunk(talk, 2), EBADF);
	CHECK_NUMBER(walk(talk, ROOT, 2, "."), ENOENT);
	begin(talk, 110);
	nine_p_put(&talk->message, ROOT, 4);
	nine_p_put(&talk->message, 2, 4);
	nine_p_put(&talk->message, 1, 2);
	nine_p_put_text(&talk->message, "../../etc", 9);
	CHECK_NUMBER(finish(talk), ENOENT);
}

static void test_read_only(struct talk *talk)
{
	static const uint8_t changes[] = {14, 16, 18, 20, 26, 70, 72, 74, 76, 118};
	CHECK_NUMBER(walk(talk, ROOT, 2, "sub/deep/file"), 0);
	CHECK_NUMBER(open_fid(talk, 2, O_RDWR), EROFS);
	CHECK_NUMBER(open_fid(talk, 2, O_RDONLY | O_TRUNC), EROFS);
	for (size_t i = 0; i < sizeof(changes); i++)
		CHECK_NUMBER(ask(talk, changes[i], 2, 0, 8), EROFS);
	CHECK_NUMBER(ask(talk, 122, 2, 0, 0), EROFS); /* and the fid is gone */
	CHECK_NUMBER(clunk(talk, 2), EBADF);
	CHECK_NUMBER(ask(talk, 30, ROOT, 0, 8), EOPNOTSUPP); /* extended attributes */
	CHECK_NUMBER(ask(talk, 8, ROOT, 0, 0), 0);
	CHECK_NUMBER(ask(talk, 50, ROOT, 0, 4), 0);
	CHECK_NUMBER(ask(talk, 108, 7, 0, 0), 0);
}

static void test_listing(struct talk *talk)
{
	uint64_t next = 0;
	unsigned count = 0;
	CHECK_NUMBER(walk(talk, ROOT, 2, "many"), 0);
	CHECK_NUMBER(open_fid(talk, 2, O_RDONLY | O_DIRECTORY), 0);
	for (int rounds = 0; rounds < 200; rounds++) {
		CHECK_NUMBER(read_fid(talk, 40, 2, next, 8000), 0);
		if (!nine_p_get(&talk->reply, 4))
			break;
		while (talk->reply.at < talk->reply.length) {
			size_t length;
			talk->reply.at += 13;
			next = nine_p_get(&talk->reply, 8);
			CHECK_NUMBER(nine_p_get(&talk->reply, 1), DT_REG);
			nine_p_get_text(&talk->reply, &length);
			CHECK_NUMBER(length, 100);
			count++;
		}
	}
	CHECK_NUMBER(count, FILES);
	CHECK_NUMBER(read_fid(talk, 116, 2, 0, 10), EISDIR);
	CHECK_NUMBER(clunk(talk, 2), 0);
}

static void test_limits(struct talk *talk)
{
	char name[300];
	uint32_t fid;
	memset(name, 'n', 250);
	memcpy(name, "sub/", 4);
	name[250] = 0;
	CHECK_NUMBER(walk(talk, ROOT, 2, name), 0);
	memset(name, 'x', 60);
	name[60] = 0;
	CHECK_NUMBER(walk(talk, 2, 3, name), ENAMETOOLONG);
	CHECK_NUMBER(walk(talk, ROOT, 3, "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"), EINVAL);
	for (fid = 10; fid < 10 + NINE_P_FIDS_MAX; fid++)
		if (walk(talk, ROOT, fid, ""))
			break;
	CHECK_NUMBER(fid - 10, NINE_P_FIDS_MAX - 2);
	CHECK_NUMBER(walk(talk, ROOT, fid, ""), EMFILE);
	while (fid-- > 10)
		CHECK_NUMBER(clunk(talk, fid), 0);
	CHECK_NUMBER(clunk(talk, 2), 0);
	/* Cut off at each place, and what is no message at all. */
	static const uint8_t types[] = {8,   12,  22,  24,  40,	 50,  100,
					104, 108, 110, 116, 118, 120, 122};
	for (size_t i = 0; i < sizeof(types); i++)
		for (size_t length = 0; length < 20; length++) {
			begin(talk, types[i]);
			for (size_t k = 0; k < length; k++)
				nine_p_put(&talk->message, 0xff, 1);
			finish(talk);
		}
	CHECK(!rig_is_broken(talk->rig));
	begin(talk, 100);
	talk->message.at = 6;
	rig_describe(talk->rig, 0, 0, MESSAGE, 6, NEXT, 1);
	rig_describe(talk->rig, 0, 1, REPLY, REPLY_ROOM, WRITE, 0);
	rig_offer(talk->rig, 0, 0);
	rig_notify(talk->rig, 0);
	CHECK(rig_is_broken(talk->rig));
}

static void test_saved(struct talk *talk)
{
	struct error error = {0};
	cleanup_free uint8_t *data = NULL;
	size_t length;
	CHECK_NUMBER(walk(talk, ROOT, 2, "sub/deep/file"), 0);
	CHECK_NUMBER(open_fid(talk, 2, O_RDONLY), 0);
	CHECK_NUMBER(bus_save(talk->rig->bus, &data, &length, &error), 0);
	CHECK_NUMBER(clunk(talk, 2), 0);
	CHECK_NUMBER(bus_load(talk->rig->bus, data, length, &error), 0);
	talk->rig->offered[0]--; /* as the ring was then */
	CHECK_NUMBER(read_fid(talk, 116, 2, 1, 1), 0);
	CHECK_NUMBER(talk->reply.bytes[11], 1);
	for (size_t i = 0; i < length; i++) {
		data[i] ^= 0x40;
		const int result = bus_load(talk->rig->bus, data, length, &error);
		CHECK(!result || result == -EBADMSG);
		data[i] ^= 0x40;
	}
	data[length - 4] = '/'; /* "sub/deep//ile" */
	data[length - 5] = '/';
	CHECK_NUMBER(bus_load(talk->rig->bus, data, length, &error), -EBADMSG);
}

static void remove_tree(void)
{
	char command[64];
	snprintf(command, sizeof(command), "rm -r %s", directory);
	CHECK(!chdir("/") && !system(command));
}

int main(void)
{
	struct error error = {0};
	struct virtio_given given = {0};
	struct root_client *files = NULL;
	char mount[64];
	const char *const texts[] = {mount, NULL};
	const char *const bad_texts[] = {"9p:fs=/etc/passwd", NULL};
	const struct guest_options options = {.devices = texts}, bad = {.devices = bad_texts};
	CHECK_NUMBER(virtio_given_open_files(&given, &bad, &files, &error), -EINVAL);
	CHECK(!given.root.files);
	make_tree();
	snprintf(mount, sizeof(mount), "9p:fs0=%s", directory);
	if (CHECK_NUMBER(virtio_given_open_files(&given, &options, &files, &error), 0)) {
		struct talk talk = {.rig = rig_create(&virtio_9p, &given.root, VIRTIO_MMIO)};
		talk.rig->slot.deadline_ns = clock_now_ns() + 60 * NANOSECONDS_PER_SECOND;
		rig_set_up(talk.rig, 1, 1);
		test_session(&talk);
		test_reading(&talk);
		test_walls(&talk);
		test_read_only(&talk);
		test_listing(&talk);
		test_saved(&talk);
		rig_set_up(talk.rig, 1, 1);
		memset(talk.rig->memory + RIG_USED(0), 0, 4);
		CHECK_NUMBER(send_version(&talk, 8192, "9P2000.L"), 0);
		CHECK_NUMBER(attach(&talk, ROOT), 0);
		test_limits(&talk);
		rig_release(talk.rig);
		root_client_close(files);
	} else {
		fprintf(stderr, "  %s\n", error.text);
	}
	remove_tree();
	return check_status();
}

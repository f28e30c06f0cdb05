/* The library OS over a root, as an image and as a directory: what is there is seen, and what is
 * written stays in the clone. usage: test_overlay image|directory */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "guest/fs/directory.h"
#include "guest/fs/hostfs.h"
#include "guest/kernel/calls.h"
#include "guest/mm/pool.h"
#include "host_machine.h"
#include "mayfly/root_wire.h"
#include "sizes/sizes.h"
#include "tests/root/tree.h"

/* Reads a whole file into `text`; its length or a negative errno. */
static int64_t read_text(const char *path, char *text, size_t size)
{
	int64_t file = SYSTEM(open, host_text(path), O_RDONLY, 0);
	if (file < 0)
		return file;
	char *buffer = host_memory(size);
	int64_t length = SYSTEM(read, (uint64_t)file, ADDRESS(buffer), size - 1);
	SYSTEM(close, (uint64_t)file);
	memcpy(text, buffer, (size_t)length);
	text[length] = 0;
	return length;
}

static int64_t write_text(const char *path, int flags, uint64_t offset, const char *text)
{
	int64_t file = SYSTEM(open, host_text(path), (uint64_t)(O_WRONLY | flags), 0644);
	if (file < 0)
		return file;
	int64_t result = SYSTEM(pwrite64, (uint64_t)file, host_text(text), strlen(text), offset);
	SYSTEM(close, (uint64_t)file);
	return result;
}

static int64_t exists(const char *path)
{
	return SYSTEM(access, host_text(path), F_OK);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Puts words into the order of the alphabet, each followed by a blank. */
static void sort_words(char *text, size_t size)
{
	char copy[400], *words[40], *state = NULL;
	size_t count = 0, used = 0;
	snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, " ", &state); word && count < 40;
	     word = strtok_r(NULL, " ", &state))
		words[count++] = word;
	qsort(words, count, sizeof(words[0]), by_text);
	text[0] = 0;
	for (size_t i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s ", words[i]);
}

/* The names in a directory in their order, each followed by a blank,
 * taken `room` bytes at a time. */
static void list(const char *path, size_t room, char *names, size_t size)
{
	int64_t file = SYSTEM(open, host_text(path), O_RDONLY | O_DIRECTORY, 0);
	char *buffer = host_memory(room);
	names[0] = 0;
	CHECK(file >= 0);
	for (;;) {
		int64_t got = SYSTEM(getdents64, (uint64_t)file, ADDRESS(buffer), room);
		if (!CHECK(got >= 0) || !got)
			break;
		for (int64_t at = 0; at < got;) {
			const struct dirent64 *entry = (const struct dirent64 *)(buffer + at);
			size_t used = strlen(names);
			if (entry->d_name[0] != '.')
				snprintf(names + used, size - used, "%s ", entry->d_name);
			at += entry->d_reclen;
		}
	}
	SYSTEM(close, (uint64_t)file);
	sort_words(names, size);
}

static unsigned owner; /* of what is in the root */

static void test_reading(void)
{
	char text[200];
	struct stat *status = host_memory(sizeof(*status));
	CHECK_NUMBER(read_text("/etc/motd", text, sizeof(text)), 8);
	CHECK_TEXT(text, "welcome\n");
	CHECK_NUMBER(read_text("/bin/link", text, sizeof(text)), 6);
	CHECK_NUMBER(read_text("/up", text, sizeof(text)), 6);
	CHECK_NUMBER(read_text("/loop", text, sizeof(text)), -ELOOP);
	CHECK_NUMBER(read_text("/nowhere", text, sizeof(text)), -ENOENT);
	CHECK_NUMBER(read_text("/usr/empty", text, sizeof(text)), 0);
	CHECK_NUMBER(SYSTEM(stat, host_text("/big"), ADDRESS(status)), 0);
	CHECK_NUMBER(status->st_size, TREE_BIG_SIZE);
	CHECK_NUMBER(status->st_mtim.tv_sec, 1000000000);
	CHECK_NUMBER(status->st_uid, owner);
	CHECK_NUMBER(SYSTEM(stat, host_text("/usr"), ADDRESS(status)), 0);
	CHECK_NUMBER(status->st_nlink, 3);
	/* What the library OS makes itself goes before the image's, or beside it. */
	CHECK_NUMBER(exists("/dev/null"), 0);
	CHECK_NUMBER(exists("/etc/passwd"), 0);
}

static void test_listing(void)
{
	char names[200];
	list("/list", 1000, names, sizeof(names));
	CHECK_TEXT(names, "a b c motd ");
	/* In parts, and after names were looked at. */
	CHECK_NUMBER(exists("/list/c"), 0);
	list("/list", 40, names, sizeof(names));
	CHECK_TEXT(names, "a b c motd ");
	CHECK_NUMBER(SYSTEM(unlink, host_text("/list/b")), 0);
	CHECK_NUMBER(exists("/list/b"), -ENOENT);
	list("/list", 40, names, sizeof(names));
	CHECK_TEXT(names, "a c motd ");
	CHECK_NUMBER(write_text("/list/b", O_CREAT | O_EXCL, 0, "new"), 3);
	CHECK_NUMBER(write_text("/list/d", O_CREAT | O_EXCL, 0, "new"), 3);
	list("/list", 40, names, sizeof(names));
	CHECK_TEXT(names, "a b c d motd ");
	CHECK_NUMBER(SYSTEM(rename, host_text("/list/d"), host_text("/list/a")), 0);
	list("/list", 1000, names, sizeof(names));
	CHECK_TEXT(names, "a b c motd ");
	char text[20];
	CHECK_NUMBER(read_text("/list/a", text, sizeof(text)), 3);
	CHECK_NUMBER(SYSTEM(rename, host_text("/list/a"), host_text("/list/z")), 0);
	CHECK_NUMBER(exists("/list/a"), -ENOENT);
	list("/list", 1000, names, sizeof(names));
	CHECK_TEXT(names, "b c motd z ");
	/* Exchanged, of what lies below with what came since, and both again and again. */
	static const char *const pairs[][2] = {{"/list/c", "/list/z"}, {"/list/c", "/usr/empty"}};
	for (int i = 0; i < 5; i++) {
		CHECK_NUMBER(SYSTEM(renameat2, (uint64_t)AT_FDCWD, host_text(pairs[i % 2][0]),
				    (uint64_t)AT_FDCWD, host_text(pairs[i % 2][1]),
				    RENAME_EXCHANGE),
			     0);
		list("/list", 40, names, sizeof(names));
		CHECK_TEXT(names, "b c motd z ");
	}
	CHECK_NUMBER(read_text("/list/z", text, sizeof(text)), 3);
	CHECK_NUMBER(read_text("/list/c", text, sizeof(text)), 0);
	CHECK_NUMBER(read_text("/usr/empty", text, sizeof(text)), 1);
	CHECK_TEXT(text, "c");
	CHECK_NUMBER(SYSTEM(renameat2, (uint64_t)AT_FDCWD, host_text("/list/z"), (uint64_t)AT_FDCWD,
			    host_text("/list/c"), RENAME_EXCHANGE),
		     0);
	CHECK_NUMBER(SYSTEM(renameat2, (uint64_t)AT_FDCWD, host_text("/list/z"), (uint64_t)AT_FDCWD,
			    host_text("/usr/empty"), RENAME_EXCHANGE),
		     0);
	CHECK_NUMBER(read_text("/usr/empty", text, sizeof(text)), 0);
}

static void test_writing(void)
{
	char text[TREE_BIG_SIZE + 100] = "";
	/* In the middle of a file: the rest stays the image's. */
	CHECK_NUMBER(write_text("/big", 0, 5000, "XYZ"), 3);
	CHECK_NUMBER(read_text("/big", text, sizeof(text)), TREE_BIG_SIZE);
	size_t same = 0;
	for (size_t i = 0; i < TREE_BIG_SIZE; i++)
		same += text[i] == (i >= 5000 && i < 5003 ? "XYZ"[i - 5000] : tree_big_byte(i));
	CHECK_NUMBER(same, TREE_BIG_SIZE);
	/* Cut off and made longer again: zeros, not the image's. */
	CHECK_NUMBER(SYSTEM(truncate, host_text("/big"), 4100), 0);
	CHECK_NUMBER(SYSTEM(truncate, host_text("/big"), 9000), 0);
	CHECK_NUMBER(read_text("/big", text, sizeof(text)), 9000);
	same = 0;
	for (size_t i = 0; i < 9000; i++)
		same += text[i] == (i < 4100 ? tree_big_byte(i) : 0);
	CHECK_NUMBER(same, 9000);
	CHECK_NUMBER(write_text("/etc/motd", O_APPEND, 0, "more"), 4);
	CHECK_NUMBER(read_text("/etc/motd", text, sizeof(text)), 12);
	CHECK_TEXT(text, "welcome\nmore");
	CHECK_NUMBER(write_text("/usr/bin/tool", O_TRUNC, 0, "x"), 1);
	CHECK_NUMBER(read_text("/bin/tool", text, sizeof(text)), 1);
	CHECK_NUMBER(write_text("/usr/empty", 0, 0, "filled"), 6);
	CHECK_NUMBER(read_text("/usr/empty", text, sizeof(text)), 6);
}

static void test_directories(void)
{
	char names[200];
	CHECK_NUMBER(SYSTEM(rmdir, host_text("/usr/bin")), -ENOTEMPTY);
	CHECK_NUMBER(SYSTEM(unlink, host_text("/usr/bin/tool")), 0);
	CHECK_NUMBER(SYSTEM(unlink, host_text("/usr/bin/link")), 0);
	CHECK_NUMBER(SYSTEM(rmdir, host_text("/usr/bin")), 0);
	CHECK_NUMBER(SYSTEM(mkdir, host_text("/usr/bin"), 0755), 0);
	list("/usr/bin", 1000, names, sizeof(names));
	CHECK_TEXT(names, ""); /* a new one does not show what the image has there */
	CHECK_NUMBER(SYSTEM(rename, host_text("/var"), host_text("/usr/moved")), 0);
	CHECK_NUMBER(exists("/usr/moved/lib"), 0);
	CHECK_NUMBER(exists("/var"), -ENOENT);
	char *path = host_memory(PATH_MAX);
	CHECK_NUMBER(SYSTEM(chdir, host_text("/usr/moved/lib")), 0);
	CHECK(SYSTEM(getcwd, ADDRESS(path), PATH_MAX) > 0);
	CHECK_TEXT(path, "/usr/moved/lib");
}

/* What only a directory has: it changes while it is in use. */
static void test_changes(int folder)
{
	char text[TREE_BIG_SIZE + 100];
	struct stat *status = host_memory(sizeof(*status)), host_status;
	CHECK_NUMBER(fstatat(folder, "list/motd", &host_status, 0), 0);
	CHECK_NUMBER(SYSTEM(stat, host_text("/list/motd"), ADDRESS(status)), 0);
	CHECK_NUMBER(status->st_ino, host_status.st_ino);
	CHECK_NUMBER(status->st_dev, host_status.st_dev);
	CHECK_NUMBER(status->st_nlink, 2);
	CHECK_NUMBER(status->st_blocks, host_status.st_blocks);
	/* Missing once is missing for the rest of the request; in a clone it is asked for again. */
	CHECK_NUMBER(exists("/late"), -ENOENT);
	int asked = host.roots;
	CHECK_NUMBER(exists("/late"), -ENOENT);
	CHECK_NUMBER(host.roots, asked);
	tree_write(folder, "late", "late", 4);
	CHECK_NUMBER(exists("/late"), -ENOENT);
	directory_new_epoch();
	hostfs_resume();
	CHECK_NUMBER(read_text("/late", text, sizeof(text)), 4);
	/* A small file is kept. */
	asked = host.roots;
	CHECK_NUMBER(read_text("/late", text, sizeof(text)), 4);
	CHECK_NUMBER(host.roots, asked);
	/* Shorter than it was when it was first looked at:
	 * an end, and zeros for what was mapped. */
	tree_write(folder, "short", text, 6000);
	CHECK_NUMBER(SYSTEM(stat, host_text("/short"), ADDRESS(status)), 0);
	CHECK_NUMBER(status->st_size, 6000);
	tree_write(folder, "short", text, 5);
	CHECK_NUMBER(read_text("/short", text, sizeof(text)), 5);
	CHECK_NUMBER(SYSTEM(stat, host_text("/short"), ADDRESS(status)), 0);
	CHECK_NUMBER(status->st_size, 5);
	/* Another file of the same name, and none. */
	tree_write(folder, "other", "other", 5);
	CHECK_NUMBER(exists("/other"), 0);
	CHECK_NUMBER(unlinkat(folder, "other", 0), 0);
	int64_t file = SYSTEM(open, host_text("/other"), O_RDONLY, 0);
	CHECK_NUMBER(SYSTEM(read, (uint64_t)file, ADDRESS(host_memory(10)), 10), -ESTALE);
	CHECK_NUMBER(SYSTEM(close, (uint64_t)file), 0);
	/* Written over without having been read: all of it is there. */
	CHECK_NUMBER(write_text("/other", O_TRUNC, 0, "new"), 3);
	CHECK_NUMBER(read_text("/other", text, sizeof(text)), 3);
	/* What is neither file, directory nor link is not there. */
	CHECK_NUMBER(mkfifoat(folder, "pipe", 0600), 0);
	CHECK_NUMBER(exists("/pipe"), -ENOENT);
	host.root = -1; /* the server is gone */
	CHECK_NUMBER(exists("/never"), -EIO);
	CHECK_NUMBER(read_text("/big", text, sizeof(text)), 9000); /* was written to, and kept */
}

/* More names than go into one answer, some of them odd. */
static void test_many_names(int folder)
{
	enum { MANY = 5000 };
	char name[300], text[20];
	CHECK_NUMBER(mkdirat(folder, "many", 0755), 0);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "many/a-file-with-a-name-of-some-length-%d", i);
		tree_write(folder, name, "", 0);
	}
	tree_write(folder, "many/line\nbreak", "1", 1);
	tree_write(folder, "many/\xff\xfe", "2", 1);
	memset(name, 'n', sizeof(name));
	memcpy(name, "many/", 5);
	name[5 + NAME_MAX] = 0;
	tree_write(folder, name, "3", 1);
	int64_t file = SYSTEM(open, host_text("/many"), O_RDONLY | O_DIRECTORY, 0);
	char *buffer = host_memory(1 << 16);
	int found = 0;
	for (int64_t got; (got = SYSTEM(getdents64, (uint64_t)file, ADDRESS(buffer), 1 << 16)) > 0;)
		for (int64_t at = 0; at < got; found++)
			at += ((const struct dirent64 *)(buffer + at))->d_reclen;
	CHECK_NUMBER(found, MANY + 3 + 2);
	CHECK_NUMBER(SYSTEM(close, (uint64_t)file), 0);
	CHECK_NUMBER(read_text("/many/line\nbreak", text, sizeof(text)), 1);
	CHECK_NUMBER(read_text("/many/\xff\xfe", text, sizeof(text)), 1);
	name[4] = '/';
	char path[310];
	snprintf(path, sizeof(path), "/%s", name);
	CHECK_NUMBER(read_text(path, text, sizeof(text)), 1);
	CHECK_NUMBER(SYSTEM(rmdir, host_text("/many")), -ENOTEMPTY);
}

#define STREAM_SIZE (3UL << 19)

/* Reads the whole file through a buffer of `step` bytes, and compares. */
static void read_stream(int64_t file, char *buffer, uint64_t step)
{
	for (uint64_t at = 0; at < STREAM_SIZE;) {
		int64_t got = SYSTEM(pread64, (uint64_t)file, ADDRESS(buffer), step, at);
		if (!CHECK(got > 0))
			return;
		for (int64_t i = 0; i < got; i++)
			if (!CHECK_NUMBER(buffer[i], tree_big_byte(at + (uint64_t)i)))
				return;
		at += (uint64_t)got;
	}
}

/* What is read from one end to the other is not kept but for its beginning; what is read here and
 * there is. */
static void test_streams(int folder)
{
	static const uint64_t steps[] = {65536, 1 << 18, 4096, 1000};
	char *contents = malloc(STREAM_SIZE), *buffer = host_memory(1 << 18);
	for (size_t i = 0; contents && i < STREAM_SIZE; i++)
		contents[i] = tree_big_byte(i);
	tree_write(folder, "stream", contents, STREAM_SIZE);
	free(contents);
	int64_t file = SYSTEM(open, host_text("/stream"), O_RDONLY, 0);
	uint64_t before = pool_free_pages();
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		host.roots = 0;
		read_stream(file, buffer, steps[i]);
		CHECK_NUMBER(host.roots, i == 3 ? 3 : STREAM_SIZE / ROOT_WIRE_CONTENTS_MAX);
		uint64_t kept = before - pool_free_pages();
		CHECK(steps[i] < 65536 ? kept >= 128 && kept < 160 : !kept);
	}
	const uint64_t known = 800UL << 10, unknown = 900UL << 10;
	SYSTEM(pread64, (uint64_t)file, ADDRESS(buffer), 10, known);
	read_stream(file, buffer, 1 << 18);
	host.roots = 0;
	CHECK_NUMBER(SYSTEM(pread64, (uint64_t)file, ADDRESS(buffer), 10, known), 10);
	CHECK_NUMBER(buffer[0], tree_big_byte(known));
	CHECK_NUMBER(host.roots, 0);
	CHECK_NUMBER(SYSTEM(pread64, (uint64_t)file, ADDRESS(buffer), 10, unknown), 10);
	CHECK_NUMBER(buffer[0], tree_big_byte(unknown));
	CHECK_NUMBER(host.roots, 1);
	SYSTEM(close, (uint64_t)file);
}

int main(int count, char *words[])
{
	char path[PATH_MAX];
	bool is_image = count == 2 && !strcmp(words[1], "image");
	if (is_image)
		tree_pack(path, sizeof(path));
	else
		tree_make(path, sizeof(path));
	int fd = open(path, is_image ? O_RDONLY : O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	owner = is_image ? 7 : getuid();
	host_start_with_root(4096, fd);
	if (is_image)
		unlink(path);
	test_reading();
	test_listing();
	test_writing();
	test_directories();
	if (!is_image) {
		test_many_names(fd);
		test_streams(fd);
		test_changes(fd);
		tree_remove(path);
	}
	return check_status();
}

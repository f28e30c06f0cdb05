/* The file tree: how paths are followed, and what happens to names. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "guest/kernel/calls.h"
#include "guest/mm/pool.h"
#include "host_machine.h"
#include "tests/check.h"

static int64_t make(const char *path)
{
	int64_t descriptor = SYSTEM(open, host_text(path), O_WRONLY | O_CREAT | O_EXCL, 0644);
	return descriptor < 0 ? descriptor : SYSTEM(close, (uint64_t)descriptor);
}

static int64_t make_directory(const char *path)
{
	return SYSTEM(mkdir, host_text(path), 0755);
}

static int64_t link_symbolically(const char *target, const char *path)
{
	return SYSTEM(symlink, host_text(target), host_text(path));
}

static int64_t rename_to(const char *from, const char *to)
{
	return SYSTEM(rename, host_text(from), host_text(to));
}

static int64_t status(const char *path, struct stat *out)
{
	struct stat *buffer = host_memory(sizeof(*buffer));
	int64_t error = SYSTEM(stat, host_text(path), ADDRESS(buffer));
	*out = *buffer;
	return error;
}

static int64_t exists(const char *path)
{
	struct stat ignored;
	return status(path, &ignored);
}

static uint64_t inode(const char *path)
{
	struct stat found;
	return status(path, &found) ? 0 : found.st_ino;
}

static void test_seeds(void)
{
	struct stat found;
	CHECK_NUMBER(status("/", &found), 0);
	CHECK(S_ISDIR(found.st_mode));
	CHECK_NUMBER(status("/tmp", &found), 0);
	CHECK_NUMBER(found.st_mode, S_IFDIR | 01777);
	CHECK_NUMBER(status("/dev/null", &found), 0);
	CHECK(S_ISCHR(found.st_mode) && found.st_rdev == 0x103);
	CHECK_NUMBER(status("/dev/fd/0", &found), 0);
	CHECK(S_ISFIFO(found.st_mode));
	CHECK_NUMBER(exists("/etc/hosts"), 0);
	CHECK_NUMBER(exists("/etc/none"), -ENOENT);
	char *target = host_memory(64);
	CHECK_NUMBER(SYSTEM(readlink, host_text("/proc/self/exe"), ADDRESS(target), 63), 12);
	CHECK_TEXT(target, "/bin/program");
	CHECK_NUMBER(SYSTEM(readlink, host_text("/proc/self/exe"), ADDRESS(target), 4), 4);
	CHECK_NUMBER(SYSTEM(readlink, host_text("/etc/hosts"), ADDRESS(target), 4), -EINVAL);
}

static void test_walk(void)
{
	CHECK_NUMBER(make_directory("/tmp/a"), 0);
	CHECK_NUMBER(make_directory("/tmp/a/b/"), 0);
	CHECK_NUMBER(make_directory("/tmp/a"), -EEXIST);
	CHECK_NUMBER(make_directory("/tmp/none/x"), -ENOENT);
	CHECK_NUMBER(make("/tmp/a/file"), 0);
	CHECK_NUMBER(make("/tmp/a/file"), -EEXIST);
	CHECK_NUMBER(inode("/tmp/a/b/../file"), inode("/tmp//a/./file"));
	CHECK_NUMBER(inode("/../../tmp/a/b/.."), inode("/tmp/a/"));
	CHECK_NUMBER(exists("/tmp/a/file/"), -ENOTDIR);
	CHECK_NUMBER(exists("/tmp/a/file/.."), -ENOTDIR);
	CHECK_NUMBER(exists("/tmp/none/.."), -ENOENT);
	CHECK_NUMBER(exists(""), -ENOENT);
	CHECK_NUMBER(SYSTEM(chdir, host_text("/tmp/a/b")), 0);
	CHECK_NUMBER(inode("../file"), inode("/tmp/a/file"));
	char *path = host_memory(64);
	CHECK_NUMBER(SYSTEM(getcwd, ADDRESS(path), 64), 9);
	CHECK_TEXT(path, "/tmp/a/b");
	CHECK_NUMBER(SYSTEM(getcwd, ADDRESS(path), 8), -ERANGE);
	CHECK_NUMBER(SYSTEM(chdir, host_text("../file")), -ENOTDIR);
	/* A directory that is removed while it is the current one. */
	CHECK_NUMBER(SYSTEM(rmdir, host_text("/tmp/a/b")), 0);
	CHECK_NUMBER(SYSTEM(getcwd, ADDRESS(path), 64), -ENOENT);
	CHECK_NUMBER(exists("."), 0);
	CHECK_NUMBER(exists(".."), -ENOENT);
	CHECK_NUMBER(make("new"), -ENOENT);
	CHECK_NUMBER(SYSTEM(chdir, host_text("/")), 0);
	CHECK_NUMBER(SYSTEM(getcwd, ADDRESS(path), 64), 2);
	CHECK_TEXT(path, "/");
	/* From a directory's descriptor. */
	uint64_t directory = (uint64_t)SYSTEM(open, host_text("/tmp/a"), O_RDONLY | O_DIRECTORY);
	CHECK_NUMBER(SYSTEM(faccessat, directory, host_text("file"), 0), 0);
	CHECK_NUMBER(SYSTEM(faccessat, 77, host_text("file"), 0), -EBADF);
	CHECK_NUMBER(SYSTEM(faccessat, 77, host_text("/tmp"), 0), 0);
	CHECK_NUMBER(SYSTEM(close, directory), 0);
	CHECK_NUMBER(SYSTEM(open, host_text("/tmp/a/file"), O_RDONLY | O_DIRECTORY), -ENOTDIR);
}

static void test_long_names(void)
{
	char name[300], path[PATH_MAX + 10];
	memset(name, 'n', sizeof(name));
	snprintf(path, sizeof(path), "/tmp/%.255s", name);
	CHECK_NUMBER(make(path), 0);
	CHECK_NUMBER(SYSTEM(unlink, host_text(path)), 0);
	snprintf(path, sizeof(path), "/tmp/%.256s", name);
	CHECK_NUMBER(make(path), -ENAMETOOLONG);
	memset(path, '/', sizeof(path));
	path[PATH_MAX - 1] = 0;
	CHECK_NUMBER(exists(path), 0);
	path[PATH_MAX - 1] = '/';
	path[PATH_MAX] = 0;
	CHECK_NUMBER(exists(path), -ENAMETOOLONG);
}

static void test_symlinks(void)
{
	char name[32], target[32];
	CHECK_NUMBER(link_symbolically("a/file", "/tmp/link"), 0);
	CHECK_NUMBER(inode("/tmp/link"), inode("/tmp/a/file"));
	CHECK_NUMBER(link_symbolically("x", "/tmp/link"), -EEXIST);
	CHECK_NUMBER(link_symbolically("", "/tmp/empty"), -ENOENT);
	CHECK_NUMBER(exists("/tmp/link/"), -ENOTDIR);
	CHECK_NUMBER(SYSTEM(open, host_text("/tmp/link"), O_RDONLY | O_NOFOLLOW), -ELOOP);
	CHECK_NUMBER(SYSTEM(open, host_text("/tmp/link"), O_CREAT | O_EXCL, 0644), -EEXIST);
	/* A link to what is not there yet makes it. */
	CHECK_NUMBER(link_symbolically("later", "/tmp/early"), 0);
	CHECK_NUMBER(exists("/tmp/early"), -ENOENT);
	int64_t descriptor = SYSTEM(open, host_text("/tmp/early"), O_WRONLY | O_CREAT, 0644);
	CHECK(descriptor >= 0);
	SYSTEM(close, (uint64_t)descriptor);
	CHECK_NUMBER(inode("/tmp/later"), inode("/tmp/early"));
	/* Loops, and chains of 40 and 41 links. */
	CHECK_NUMBER(link_symbolically("loop", "/tmp/loop"), 0);
	CHECK_NUMBER(exists("/tmp/loop"), -ELOOP);
	CHECK_NUMBER(exists("/tmp/loop/x"), -ELOOP);
	CHECK_NUMBER(link_symbolically("a/file", "/tmp/chain1"), 0);
	for (int i = 2; i <= 41; i++) {
		snprintf(target, sizeof(target), "chain%d", i - 1);
		snprintf(name, sizeof(name), "/tmp/chain%d", i);
		CHECK_NUMBER(link_symbolically(target, name), 0);
	}
	CHECK_NUMBER(exists("/tmp/chain40"), 0);
	CHECK_NUMBER(exists("/tmp/chain41"), -ELOOP);
	/* Absolute, and with more behind it. */
	CHECK_NUMBER(link_symbolically("/tmp/a", "/tmp/to-a"), 0);
	CHECK_NUMBER(inode("/tmp/to-a/../a/file"), inode("/tmp/a/file"));
	/* Targets that grow the path beyond its limit. */
	char *long_target = calloc(1, PATH_MAX);
	memset(long_target, '/', PATH_MAX - 1);
	CHECK_NUMBER(link_symbolically(long_target, "/tmp/long"), 0);
	CHECK_NUMBER(exists("/tmp/long"), 0);
	CHECK_NUMBER(exists("/tmp/long/tmp"), -ENAMETOOLONG);
	free(long_target);
}

static void test_rename(void)
{
	uint64_t file = inode("/tmp/a/file");
	CHECK_NUMBER(rename_to("/tmp/a/file", "/tmp/moved"), 0);
	CHECK_NUMBER(exists("/tmp/a/file"), -ENOENT);
	CHECK_NUMBER(inode("/tmp/moved"), file);
	CHECK_NUMBER(make("/tmp/other"), 0);
	CHECK_NUMBER(rename_to("/tmp/moved", "/tmp/other"), 0);
	CHECK_NUMBER(inode("/tmp/other"), file);
	CHECK_NUMBER(exists("/tmp/moved"), -ENOENT);
	CHECK_NUMBER(rename_to("/tmp/other", "/tmp/other"), 0);
	CHECK_NUMBER(rename_to("/tmp/none", "/tmp/x"), -ENOENT);
	CHECK_NUMBER(rename_to("/tmp/other", "/tmp/a"), -EISDIR);
	CHECK_NUMBER(rename_to("/tmp/a", "/tmp/other"), -ENOTDIR);
	CHECK_NUMBER(rename_to("/tmp/other", "/tmp/x/"), -ENOTDIR);
	CHECK_NUMBER(make_directory("/tmp/a/inner"), 0);
	CHECK_NUMBER(rename_to("/tmp/a", "/tmp/a/inner/x"), -EINVAL);
	CHECK_NUMBER(rename_to("/tmp/a", "/tmp/a/x"), -EINVAL);
	CHECK_NUMBER(make_directory("/tmp/full"), 0);
	CHECK_NUMBER(make("/tmp/full/file"), 0);
	CHECK_NUMBER(rename_to("/tmp/a", "/tmp/full"), -ENOTEMPTY);
	CHECK_NUMBER(rename_to("/tmp/a", "/tmp/full/a"), 0);
	CHECK_NUMBER(inode("/tmp/full/a/inner/../.."), inode("/tmp/full"));
	CHECK_NUMBER(rename_to("/", "/tmp/x"), -EBUSY);
	CHECK_NUMBER(rename_to("/tmp/.", "/tmp/x"), -EBUSY);
	CHECK_NUMBER(SYSTEM(renameat2, (uint64_t)AT_FDCWD, host_text("/tmp/other"),
			    (uint64_t)AT_FDCWD, host_text("/tmp/later"), RENAME_NOREPLACE),
		     -EEXIST);
	struct stat full;
	CHECK_NUMBER(status("/tmp/full", &full), 0);
	CHECK_NUMBER(full.st_nlink, 3);
}

static void test_links(void)
{
	struct stat found;
	CHECK_NUMBER(SYSTEM(link, host_text("/tmp/other"), host_text("/tmp/second")), 0);
	CHECK_NUMBER(status("/tmp/second", &found), 0);
	CHECK_NUMBER(found.st_nlink, 2);
	CHECK_NUMBER(inode("/tmp/second"), inode("/tmp/other"));
	/* Two names of one file: nothing happens. */
	CHECK_NUMBER(rename_to("/tmp/second", "/tmp/other"), 0);
	CHECK_NUMBER(exists("/tmp/second"), 0);
	CHECK_NUMBER(SYSTEM(unlink, host_text("/tmp/other")), 0);
	CHECK_NUMBER(status("/tmp/second", &found), 0);
	CHECK_NUMBER(found.st_nlink, 1);
	CHECK_NUMBER(SYSTEM(link, host_text("/tmp/full"), host_text("/tmp/x")), -EPERM);
}

static void test_removal(void)
{
	CHECK_NUMBER(SYSTEM(unlink, host_text("/tmp/full")), -EISDIR);
	CHECK_NUMBER(SYSTEM(rmdir, host_text("/tmp/full")), -ENOTEMPTY);
	CHECK_NUMBER(SYSTEM(rmdir, host_text("/tmp/second")), -ENOTDIR);
	CHECK_NUMBER(SYSTEM(rmdir, host_text("/tmp/none")), -ENOENT);
	CHECK_NUMBER(SYSTEM(rmdir, host_text("/")), -EBUSY);
	CHECK_NUMBER(SYSTEM(rmdir, host_text("/tmp/full/a/.")), -EINVAL);
	CHECK_NUMBER(SYSTEM(rmdir, host_text("/tmp/full/a/..")), -ENOTEMPTY);
	/* Unlinked while it is open: contents stay until it is closed. The heap may grow for a
	 * node, by a page that stays, so there is another one first. */
	uint64_t file = (uint64_t)SYSTEM(open, host_text("/tmp/gone"), O_RDWR | O_CREAT, 0644);
	CHECK_NUMBER(SYSTEM(unlink, host_text("/tmp/gone")), 0);
	CHECK_NUMBER(SYSTEM(close, file), 0);
	uint64_t free_pages = pool_free_pages();
	uint64_t text = host_text("still here"), buffer = ADDRESS(host_memory(32));
	file = (uint64_t)SYSTEM(open, host_text("/tmp/gone"), O_RDWR | O_CREAT, 0644);
	CHECK_NUMBER(SYSTEM(write, file, text, 10), 10);
	CHECK_NUMBER(SYSTEM(unlink, host_text("/tmp/gone")), 0);
	CHECK_NUMBER(exists("/tmp/gone"), -ENOENT);
	CHECK_NUMBER(SYSTEM(pread64, file, buffer, 32, 0), 10);
	CHECK(!memcmp((void *)buffer, "still here", 10));
	CHECK_NUMBER(SYSTEM(close, file), 0);
	CHECK_NUMBER(pool_free_pages(), free_pages);
}

struct listed {
	uint64_t number, next;
	uint16_t length;
	uint8_t type;
	char name[];
} __attribute__((packed));

/* Lists a directory in small bites; removes what it lists where asked to. */
static int list(const char *path, bool removes)
{
	int found = 0;
	char *buffer = host_memory(128), name[300];
	uint64_t directory = (uint64_t)SYSTEM(open, host_text(path), O_RDONLY | O_DIRECTORY);
	int64_t got;
	while ((got = SYSTEM(getdents64, directory, ADDRESS(buffer), 100)) > 0) {
		for (int64_t at = 0; at < got;) {
			const struct listed *entry = (const struct listed *)(buffer + at);
			at += entry->length;
			if (entry->name[0] == '.')
				continue;
			found++;
			snprintf(name, sizeof(name), "%s/%s", path, entry->name);
			if (removes)
				CHECK_NUMBER(SYSTEM(unlink, host_text(name)), 0);
		}
	}
	CHECK_NUMBER(got, 0);
	CHECK_NUMBER(SYSTEM(lseek, directory, 0, SEEK_SET), 0);
	CHECK_NUMBER(SYSTEM(getdents64, directory, ADDRESS(buffer), 10), -EINVAL);
	SYSTEM(close, directory);
	return found;
}

static void test_listing(void)
{
	char name[32];
	CHECK_NUMBER(make_directory("/tmp/many"), 0);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "/tmp/many/%d", i);
		CHECK_NUMBER(make(name), 0);
	}
	CHECK_NUMBER(list("/tmp/many", false), 200);
	CHECK_NUMBER(list("/tmp/many", true), 200);
	CHECK_NUMBER(list("/tmp/many", false), 0);
	CHECK_NUMBER(SYSTEM(rmdir, host_text("/tmp/many")), 0);
}

int main(void)
{
	host_start(512);
	test_seeds();
	test_walk();
	test_long_names();
	test_symlinks();
	test_rename();
	test_links();
	test_removal();
	test_listing();
	return check_status();
}

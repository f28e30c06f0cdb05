/* The server of a root directory with parts that can be written: what a request changes reaches the
 * host's files, and nothing else does, whatever is asked and whoever changes the tree meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "root_server/client.h"
#include "root_server/wire.h"
#include "sizes/sizes.h"
#include "tests/root/tree.h"
#include "util/clock.h"

/* More than the memory that is shared with a server. */
#define FILE_MAX (2 * ROOT_WIRE_EXTRA_MAX)

static uint8_t extra[ROOT_WIRE_EXTRA_MAX];
static struct root_answer answer;
static int tree; /* the host's view */

static int ask(struct root_client *client, struct root_request request, const char *path,
	       const char *second)
{
	struct error error = {0};
	int result = root_client_ask_two(client, &request, path, second,
					 clock_now_ns() + 5 * NANOSECONDS_PER_SECOND, &answer,
					 extra, &error);
	if (result)
		fprintf(stderr, "  %s: %s\n", path, error.text);
	return result ? result : answer.error;
}

static int look(struct root_client *client, const char *path)
{
	return ask(client, (struct root_request){.operation = ROOT_LOOK}, path, NULL);
}

static int write_text(struct root_client *client, const char *path, const char *text,
		      uint64_t offset, uint32_t flags)
{
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): bytes of a file */
	memcpy(extra, text, strlen(text));
	return ask(
	    client,
	    (struct root_request){
		.operation = ROOT_WRITE, .offset = offset, .length = strlen(text), .flags = flags},
	    path, NULL);
}

static int make(struct root_client *client, const char *path, uint32_t mode, const char *target)
{
	return ask(
	    client,
	    (struct root_request){
		.operation = ROOT_MAKE, .mode = mode, .owner = geteuid(), .group = getegid()},
	    path, target);
}

static int remove_path(struct root_client *client, const char *path, uint32_t flags)
{
	return ask(client, (struct root_request){.operation = ROOT_REMOVE, .flags = flags}, path,
		   NULL);
}

static int rename_path(struct root_client *client, const char *path, const char *second,
		       uint32_t flags)
{
	return ask(client, (struct root_request){.operation = ROOT_RENAME, .flags = flags}, path,
		   second);
}

static int link_path(struct root_client *client, const char *path, const char *second)
{
	return ask(client, (struct root_request){.operation = ROOT_LINK}, path, second);
}

static void check_file(const char *path, const char *text)
{
	char found[64] = "";
	int fd = openat(tree, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, found, sizeof(found) - 1);
	if (!CHECK_NUMBER(length, (ssize_t)strlen(text)) || !CHECK_TEXT(found, text))
		fprintf(stderr, "  file: %s\n", path);
	if (fd >= 0)
		close(fd);
}

static uint32_t mode_of(const char *path)
{
	struct stat status = {0};
	fstatat(tree, path, &status, AT_SYMLINK_NOFOLLOW);
	return status.st_mode;
}

static void test_contents(struct root_client *client)
{
	CHECK_NUMBER(make(client, "w/new", S_IFREG | 0640, NULL), 0);
	CHECK_NUMBER(answer.status.mode, S_IFREG | 0640);
	CHECK_NUMBER(answer.status.flags, ROOT_STATUS_LIVE);
	const uint64_t inode = answer.status.inode, device = answer.status.device;
	CHECK_NUMBER(make(client, "w/new", S_IFREG | 0640, NULL), -EEXIST);
	CHECK_NUMBER(mode_of("w/new"), S_IFREG | 0640); /* whatever the server's mask was */
	CHECK_NUMBER(write_text(client, "w/new", "hello", 0, 0), 0);
	CHECK_NUMBER(answer.next, 5);
	CHECK_NUMBER(answer.status.size, 5);
	check_file("w/new", "hello");
	CHECK_NUMBER(write_text(client, "w/new", "EL", 1, 0), 0);
	CHECK_NUMBER(write_text(client, "w/new", " there", 0, ROOT_APPEND), 0);
	check_file("w/new", "hELlo there");
	CHECK_NUMBER(answer.status.size, 11);
	struct root_request request = {.operation = ROOT_RESIZE, .offset = 3};
	CHECK_NUMBER(ask(client, request, "w/new", NULL), 0);
	check_file("w/new", "hEL");
	request = (struct root_request){.operation = ROOT_ALLOCATE, .offset = 0, .length = 5};
	int result = ask(client, request, "w/new", NULL);
	CHECK(!result || result == -EOPNOTSUPP);
	request = (struct root_request){.operation = ROOT_SYNC};
	CHECK_NUMBER(ask(client, request, "w/new", NULL), 0);
	CHECK_NUMBER(ask(client, request, "w", NULL), 0);
	/* One that took its name is not written in its place. */
	request = (struct root_request){.operation = ROOT_RESIZE, .inode = inode, .device = device};
	CHECK_NUMBER(ask(client, request, "w/new", NULL), 0);
	int other = openat(tree, "w/other", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK_NUMBER(write(other, "other", 5), 5);
	close(other);
	CHECK_NUMBER(renameat(tree, "w/other", tree, "w/new"), 0);
	CHECK_NUMBER(ask(client, request, "w/new", NULL), -ESTALE);
	check_file("w/new", "other");
	/* A part that is a file. */
	CHECK_NUMBER(look(client, "etc/motd"), 0);
	CHECK_NUMBER(answer.status.flags, ROOT_STATUS_LIVE);
	CHECK_NUMBER(write_text(client, "etc/motd", "more\n", 0, ROOT_APPEND), 0);
	check_file("etc/motd", "welcome\nmore\n");
	CHECK_NUMBER(remove_path(client, "etc/motd", 0), -EBUSY);
	CHECK_NUMBER(write_text(client, "etc/motd/x", "x", 0, 0), -ENOTDIR);
}

static void test_names(struct root_client *client)
{
	CHECK_NUMBER(make(client, "w/d", S_IFDIR | 0750, NULL), 0);
	CHECK_NUMBER(mode_of("w/d"), S_IFDIR | 0750);
	CHECK_NUMBER(make(client, "w/d/l", S_IFLNK | 0777, "../any"), 0);
	CHECK(S_ISLNK(mode_of("w/d/l")));
	CHECK_NUMBER(remove_path(client, "w/d", ROOT_DIRECTORY), -ENOTEMPTY);
	CHECK_NUMBER(remove_path(client, "w/d", 0), -EISDIR);
	CHECK_NUMBER(link_path(client, "w/new", "w/d/h"), 0);
	CHECK_NUMBER(link_path(client, "w/new", "w/d/h"), -EEXIST);
	CHECK_NUMBER(rename_path(client, "w/d", "w/e", 0), 0);
	check_file("w/e/h", "other");
	CHECK_NUMBER(rename_path(client, "w/e", "w/e/f", 0), -EINVAL);
	CHECK_NUMBER(rename_path(client, "w/e/h", "w/new", ROOT_NO_REPLACE), -EEXIST);
	CHECK_NUMBER(rename_path(client, "w/e/h", "w/e/l", ROOT_EXCHANGE), 0);
	check_file("w/e/l", "other");
	CHECK_NUMBER(remove_path(client, "w/e/l", 0), 0);
	CHECK_NUMBER(remove_path(client, "w/e/h", 0), 0);
	CHECK_NUMBER(remove_path(client, "w/e", ROOT_DIRECTORY), 0);
	CHECK_NUMBER(remove_path(client, "w/e", 0), -ENOENT);
	/* The border, and the part itself. */
	CHECK_NUMBER(rename_path(client, "w/new", "v/new", 0), -EXDEV);
	CHECK_NUMBER(link_path(client, "w/new", "v/new"), -EXDEV);
	CHECK_NUMBER(rename_path(client, "w/new", "usr/new", 0), -EROFS);
	CHECK_NUMBER(rename_path(client, "usr/bin/tool", "w/tool", 0), -EROFS);
	CHECK_NUMBER(link_path(client, "usr/bin/tool", "w/tool"), -EROFS);
	CHECK_NUMBER(remove_path(client, "w", ROOT_DIRECTORY), -EBUSY);
	CHECK_NUMBER(rename_path(client, "w/new", "w", 0), -EBUSY);
	CHECK_NUMBER(make(client, "w", S_IFDIR | 0755, NULL), -EEXIST);
	/* Elsewhere nothing is changed. */
	CHECK_NUMBER(make(client, "usr/new", S_IFREG | 0644, NULL), -EROFS);
	CHECK_NUMBER(write_text(client, "usr/bin/tool", "x", 0, 0), -EROFS);
	CHECK_NUMBER(make(client, "wide", S_IFREG | 0644, NULL), -EROFS);
}

static void test_attributes(struct root_client *client)
{
	struct root_request request = {
	    .operation = ROOT_CHANGE, .flags = ROOT_SET_MODE, .mode = 07711};
	CHECK_NUMBER(ask(client, request, "w/new", NULL), 0);
	CHECK_NUMBER(mode_of("w/new"), S_IFREG | 0711); /* set-user-ID and so on are not set */
	CHECK_NUMBER(answer.status.mode, S_IFREG | 0711);
	CHECK_NUMBER(ask(client, request, "w/n", NULL), 0);
	CHECK_NUMBER(mode_of("w/n"), S_IFDIR | 0711);
	request = (struct root_request){.operation = ROOT_CHANGE,
					.flags = ROOT_SET_MODIFIED,
					.modified_ns = 1000000000123456789UL};
	CHECK_NUMBER(ask(client, request, "w/new", NULL), 0);
	CHECK_NUMBER(answer.status.modified_ns, 1000000000123456789UL);
	request.modified_ns = (uint64_t)-1500000000L;
	CHECK_NUMBER(ask(client, request, "w/new", NULL), 0);
	struct stat status = {0};
	CHECK_NUMBER(fstatat(tree, "w/new", &status, 0), 0);
	CHECK_NUMBER(status.st_mtim.tv_sec, -2);
	CHECK_NUMBER(status.st_mtim.tv_nsec, 500000000);
	request = (struct root_request){.operation = ROOT_CHANGE,
					.flags = ROOT_SET_OWNER,
					.owner = geteuid(),
					.group = UINT32_MAX};
	CHECK_NUMBER(ask(client, request, "w/new", NULL), 0);
	request.owner = geteuid() + 1;
	CHECK_NUMBER(ask(client, request, "w/new", NULL), geteuid() ? -EPERM : 0);
	request = (struct root_request){.operation = ROOT_CHANGE, .flags = ROOT_SET_MODE};
	CHECK_NUMBER(ask(client, request, "usr/bin/tool", NULL), -EROFS);
}

/* Ways out of a part: links in it, what is no file, and what others put there. */
static void test_prison(struct root_client *client)
{
	const uint32_t mode = mode_of("usr/bin/tool");
	CHECK_NUMBER(symlinkat("../usr", tree, "w/out"), 0);
	CHECK_NUMBER(symlinkat("../usr/bin/tool", tree, "w/tool"), 0);
	CHECK_NUMBER(symlinkat("/etc/passwd", tree, "w/passwd"), 0);
	CHECK_NUMBER(mkfifoat(tree, "w/pipe", 0600), 0);
	CHECK_NUMBER(write_text(client, "w/out/bin/tool", "x", 0, 0), -ESTALE);
	CHECK_NUMBER(write_text(client, "w/tool", "x", 0, 0), -ESTALE);
	CHECK_NUMBER(write_text(client, "w/passwd", "x", 0, 0), -ESTALE);
	CHECK_NUMBER(write_text(client, "w/pipe", "x", 0, 0), -ENOENT); /* and does not wait */
	CHECK_NUMBER(make(client, "w/out/new", S_IFREG | 0644, NULL), -ENOTDIR);
	CHECK_NUMBER(make(client, "w/tool", S_IFREG | 0644, NULL), -EEXIST);
	CHECK_NUMBER(remove_path(client, "w/out/empty", 0), -ENOTDIR);
	CHECK_NUMBER(rename_path(client, "w/new", "w/out/new", 0), -ENOTDIR);
	CHECK_NUMBER(link_path(client, "w/out/bin/tool", "w/hard"), -ESTALE);
	CHECK_NUMBER(remove_path(client, "w/pipe", 0), -ENOENT);
	CHECK_NUMBER(link_path(client, "w/pipe", "w/pipe2"), -ENOENT);
	struct root_request request = {
	    .operation = ROOT_CHANGE, .flags = ROOT_SET_MODE, .mode = 0777};
	CHECK_NUMBER(ask(client, request, "w/tool", NULL), -EOPNOTSUPP);
	CHECK_NUMBER(mode_of("usr/bin/tool"), mode);
	check_file("usr/bin/tool", "a tool");
	CHECK_NUMBER(make(client, "w/../x", S_IFREG | 0644, NULL), -EINVAL);
}

/* Has a directory and a link to one outside change places, until it is killed. */
static pid_t start_flipping(void)
{
	CHECK(!mkdirat(tree, "w/flip", 0755) && !symlinkat("../usr", tree, "w/flop"));
	int fd = openat(tree, "w/flip/empty", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	close(fd);
	pid_t child = fork();
	/* Not for ever, should nobody kill it. */
	for (uint64_t end = clock_now_ns() + 60 * NANOSECONDS_PER_SECOND;
	     !child && clock_now_ns() < end;)
		renameat2(tree, "w/flip", tree, "w/flop", RENAME_EXCHANGE);
	if (!child)
		_exit(0);
	return child;
}

/* Somebody else replaces a directory by a link out of the part, and back, while it is asked for. */
static void test_race(struct root_client *client)
{
	const struct root_request mode = {
	    .operation = ROOT_CHANGE, .flags = ROOT_SET_MODE, .mode = 0777};
	const uint32_t outside = mode_of("usr/empty");
	unsigned made = 0, refused = 0;
	pid_t child = start_flipping();
	for (int i = 0; i < 2000; i++) {
		int result = make(client, "w/flip/new", S_IFREG | 0644, NULL);
		made += !result;
		refused += result == -ENOTDIR || result == -ESTALE;
		ask(client, mode, "w/flip/empty", NULL);
		write_text(client, "w/flip/empty", "x", 0, 0);
		link_path(client, "w/flip/empty", "w/flip/hard");
		remove_path(client, "w/flip/hard", 0);
		rename_path(client, "w/flip/new", "w/flip/other", 0);
		remove_path(client, "w/flip/other", 0);
	}
	CHECK(child > 0 && !kill(child, SIGKILL) && waitpid(child, NULL, 0) == child);
	if (!made || !refused) /* by chance: then nothing was shown, but nothing went wrong */
		fprintf(stderr, "  a race in which one side always won: %u, %u\n", made, refused);
	check_file("usr/empty", "");
	CHECK_NUMBER(mode_of("usr/empty"), outside);
	CHECK_NUMBER(mode_of("usr/new"), 0);
	CHECK_NUMBER(mode_of("usr/other"), 0);
	CHECK_NUMBER(mode_of("usr/hard"), 0);
}

/* A part in a part that nobody may change, by none of its names. */
static void test_read_only(struct root_client *client)
{
	CHECK_NUMBER(look(client, "w/n/o/kept"), 0);
	CHECK_NUMBER(answer.status.flags, ROOT_STATUS_LIVE | ROOT_STATUS_READ_ONLY);
	CHECK_NUMBER(write_text(client, "w/n/o/kept", "x", 0, 0), -EROFS);
	CHECK_NUMBER(make(client, "w/n/o/x", S_IFREG | 0644, NULL), -EROFS);
	CHECK_NUMBER(remove_path(client, "w/n/o/kept", 0), -EROFS);
	CHECK_NUMBER(link_path(client, "w/n/o/kept", "w/x"), -EROFS);
	CHECK_NUMBER(rename_path(client, "w/n/o", "w/n/p", 0), -EBUSY);
	CHECK_NUMBER(make(client, "w/n", S_IFREG | 0644, NULL), -EBUSY);
	CHECK_NUMBER(rename_path(client, "w/n", "w/p", 0), -EBUSY);
	CHECK_NUMBER(rename_path(client, "w/new", "w/n", ROOT_EXCHANGE), -EBUSY);
	check_file("w/n/o/kept", "kept");
}

/* The status of `name` in a listing; NULL: it came without one. */
static const struct root_status *listed_status(struct root_client *client, const char *folder,
					       const char *name)
{
	static struct root_listed listed;
	if (!CHECK_NUMBER(ask(client, (struct root_request){.operation = ROOT_LIST}, folder, NULL),
			  0))
		return NULL;
	for (uint32_t at = 0; at < answer.length; at += (uint32_t)root_listed_size(listed.length)) {
		memcpy(&listed, extra + at, sizeof(listed));
		if (listed.length == strlen(name) &&
		    !memcmp(extra + at + sizeof(listed), name, listed.length))
			return listed.status.mode ? &listed.status : NULL;
	}
	return NULL;
}

/* What a listing says of a name holds for a while: of what lives on the host it says nothing. */
static void test_listings(struct root_client *client)
{
	CHECK(!listed_status(client, "", "w"));
	CHECK(!listed_status(client, "", "usr")); /* others might lie below */
	CHECK(!listed_status(client, "etc", "motd"));
	CHECK(!listed_status(client, "w", "new"));
	CHECK(listed_status(client, "usr", "empty") != NULL);
}

static void make_files(const char *path)
{
	tree = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(tree >= 0 && !mkdirat(tree, "w", 0755) && !mkdirat(tree, "v", 0755) &&
	      !mkdirat(tree, "w/n", 0755) && !mkdirat(tree, "w/n/o", 0755) &&
	      !symlinkat("w", tree, "to-w"));
	int kept = openat(tree, "w/n/o/kept", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK_NUMBER(write(kept, "kept", 4), 4);
	close(kept);
}

/* A server that may not write as much as is asked for says so, and goes on for all others that it
 * serves. */
static void test_limit(const char *path, const struct root_parts *parts)
{
	struct root_request request = {.operation = ROOT_RESIZE, .offset = FILE_MAX + 1};
	struct rlimit before, limit;
	struct root_client *client = NULL;
	struct error error = {0};
	if (!CHECK_NUMBER(getrlimit(RLIMIT_FSIZE, &before), 0))
		return;
	limit = before;
	limit.rlim_cur = FILE_MAX;
	CHECK_NUMBER(setrlimit(RLIMIT_FSIZE, &limit), 0);
	const int result = root_client_open_parts(&client, path, parts, &error);
	CHECK_NUMBER(setrlimit(RLIMIT_FSIZE, &before), 0);
	if (!CHECK_NUMBER(result, 0))
		return;
	CHECK_NUMBER(make(client, "w/large", S_IFREG | 0644, NULL), 0);
	CHECK_NUMBER(ask(client, request, "w/large", NULL), -EFBIG);
	CHECK_NUMBER(write_text(client, "w/large", "x", FILE_MAX, 0), -EFBIG);
	request = (struct root_request){.operation = ROOT_ALLOCATE, .length = FILE_MAX + 1};
	const int allocated = ask(client, request, "w/large", NULL);
	CHECK(allocated == -EFBIG || allocated == -EOPNOTSUPP);
	/* As much as there is room for. */
	CHECK_NUMBER(write_text(client, "w/large", "xyz", FILE_MAX - 2, 0), 0);
	CHECK_NUMBER(answer.next, 2);
	root_client_close(client);
}

static void test_refusals(const char *path)
{
	static const char *const missing[] = {"/none", NULL}, *const relative[] = {"w", NULL};
	static const char *const device[] = {"/w/pipe", NULL};
	const struct {
		const char *const *writable;
		int result;
	} cases[] = {{missing, -ENOENT}, {relative, -EINVAL}, {device, -ENOTDIR}};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct root_client *client = NULL;
		struct error error = {0};
		const struct root_parts parts = {cases[i].writable, NULL};
		CHECK_NUMBER(root_client_open_parts(&client, path, &parts, &error),
			     cases[i].result);
	}
}

int main(void)
{
	static const char *const writable[] = {"/to-w", "/v", "/etc/motd", NULL};
	static const char *const read_only[] = {"/w/n/o", NULL};
	const struct root_parts parts = {writable, read_only};
	char path[PATH_MAX];
	struct root_client *client = NULL;
	struct error error = {0};
	tree_make(path, sizeof(path));
	make_files(path);
	if (CHECK_NUMBER(root_client_open_parts(&client, path, &parts, &error), 0)) {
		test_contents(client);
		test_names(client);
		test_attributes(client);
		test_prison(client);
		test_race(client);
		test_read_only(client);
		test_listings(client);
		root_client_close(client);
	} else {
		fprintf(stderr, "  %s\n", error.text);
	}
	test_limit(path, &parts);
	test_refusals(path);
	/* Without such parts there is nothing that a request could change. */
	if (CHECK_NUMBER(root_client_open(&client, path, &error), 0)) {
		CHECK_NUMBER(make(client, "w/last", S_IFREG | 0644, NULL), -EROFS);
		root_client_close(client);
	}
	close(tree);
	tree_remove(path);
	return check_status();
}

/* A small tree, packed into an image or as a directory, for the tests of this folder. */
#ifndef MAYFLY_TESTS_ROOT_TREE_H
#define MAYFLY_TESTS_ROOT_TREE_H

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "root/builder.h"
#include "sizes/sizes.h"
#include "tests/check.h"

#define TREE_BIG_SIZE 10000

static inline void tree_add(struct root_builder *builder, const char *path, uint32_t mode,
			    const char *text)
{
	struct error error = {0};
	struct root_attributes attributes = {
	    .mode = mode,
	    .owner = 7,
	    .group = 8,
	    .modified = {1000000000, 5},
	    .target = S_ISLNK(mode) ? text : NULL,
	};
	CHECK_NUMBER(root_builder_add(builder, path, &attributes, &error), 0);
	if (S_ISREG(mode) && text)
		CHECK_NUMBER(root_builder_write(builder, text, strlen(text), &error), 0);
}

static inline char tree_big_byte(size_t offset)
{
	return (char)(offset * 7 % 251);
}

/* Packs the tree; `path` gets the image's name, which the caller unlinks. */
static inline void tree_pack(char path[], size_t size)
{
	struct root_builder *builder = NULL;
	struct error error = {0};
	const char *folder = getenv("TMPDIR");
	snprintf(path, size, "%s/mayfly-test-root-%d.img", folder ? folder : "/tmp", getpid());
	if (!CHECK_NUMBER(root_builder_open(&builder, path, &error), 0))
		exit(check_status());
	tree_add(builder, "etc/motd", S_IFREG | 0644, "welcome\n");
	tree_add(builder, "usr/bin/tool", S_IFREG | 0755, "a tool");
	tree_add(builder, "usr/bin/link", S_IFLNK | 0777, "tool");
	tree_add(builder, "bin", S_IFLNK | 0777, "/usr/bin");
	tree_add(builder, "up", S_IFLNK | 0777, "../../../usr/bin/../bin/tool");
	tree_add(builder, "loop", S_IFLNK | 0777, "usr/../loop");
	tree_add(builder, "nowhere", S_IFLNK | 0777, "usr/none");
	tree_add(builder, "usr/empty", S_IFREG | 0600, NULL);
	tree_add(builder, "var/lib", S_IFDIR | 0700, NULL);
	tree_add(builder, "./var/", S_IFDIR | 0750, NULL);
	tree_add(builder, "list/c", S_IFREG | 0644, "c");
	tree_add(builder, "list/a", S_IFREG | 0644, "a");
	tree_add(builder, "list/b", S_IFREG | 0644, "b");
	tree_add(builder, "big", S_IFREG | 0644, NULL);
	char big[TREE_BIG_SIZE];
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = tree_big_byte(i);
	CHECK_NUMBER(root_builder_write(builder, big, 6000, &error), 0);
	CHECK_NUMBER(root_builder_write(builder, big + 6000, sizeof(big) - 6000, &error), 0);
	CHECK_NUMBER(root_builder_link(builder, "list/motd", "etc/motd", &error), 0);
	/* A link below the file that it links to, as a hostile archive has it. */
	tree_add(builder, "turned", S_IFREG | 0644, "was a file");
	CHECK_NUMBER(root_builder_link(builder, "turned/inside", "turned", &error), 0);
	CHECK_NUMBER(root_builder_finish(builder, &error), 0);
	root_builder_close(builder);
}

static inline int tree_unlink(const char *path, const struct stat *status, int type,
			      struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

static inline void tree_remove(const char *path)
{
	nftw(path, tree_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

/* Writes a file below the directory `folder`. */
static inline void tree_write(int folder, const char *name, const char *text, size_t length)
{
	const struct timespec times[2] = {{1000000000, 5}, {1000000000, 5}};
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	CHECK(fd >= 0 && write(fd, text, length) == (ssize_t)length && !futimens(fd, times));
	close(fd);
}

/* Makes the same tree as a directory, but for what only archives have; `path` gets its name, and
 * the caller removes it by tree_remove(). */
static inline void tree_make(char path[], size_t size)
{
	const char *temporary = getenv("TMPDIR");
	char big[TREE_BIG_SIZE];
	snprintf(path, size, "%s/mayfly-test-root-XXXXXX", temporary ? temporary : "/tmp");
	if (!CHECK(mkdtemp(path) != NULL))
		exit(check_status());
	static const char *const directories[] = {"etc", "usr",	    "usr/bin",
						  "var", "var/lib", "list"};
	static const char *const links[][2] = {
	    {"usr/bin/link", "tool"},
	    {"bin", "/usr/bin"},
	    {"up", "../../../usr/bin/../bin/tool"},
	    {"loop", "usr/../loop"},
	    {"nowhere", "usr/none"},
	};
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		CHECK_NUMBER(mkdirat(folder, directories[i], 0755), 0);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		CHECK_NUMBER(symlinkat(links[i][1], folder, links[i][0]), 0);
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = tree_big_byte(i);
	tree_write(folder, "etc/motd", "welcome\n", 8);
	tree_write(folder, "usr/bin/tool", "a tool", 6);
	tree_write(folder, "usr/empty", "", 0);
	tree_write(folder, "list/c", "c", 1);
	tree_write(folder, "list/a", "a", 1);
	tree_write(folder, "list/b", "b", 1);
	tree_write(folder, "big", big, sizeof(big));
	CHECK_NUMBER(linkat(folder, "etc/motd", folder, "list/motd", 0), 0);
	close(folder);
}

#endif

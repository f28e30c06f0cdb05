/* A small tree packed into an image, for the tests of this folder. */
#ifndef MAYFLY_TESTS_ROOT_TREE_H
#define MAYFLY_TESTS_ROOT_TREE_H

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "root/builder.h"
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

#endif

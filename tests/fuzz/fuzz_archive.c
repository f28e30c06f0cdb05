/* Archives and OCI layouts from strangers, packed into root images: what is accepted becomes an
 * image that the reader takes, and the rest is refused in words.
 *
 * An input that begins with "OCI\n" is a layout: its index and then its blobs, with a line "%%"
 * between them. In a JSON part "@@1" to "@@9" stand for the digests of the first to ninth blob,
 * which must come behind it: without them nothing would come past the digests. Any other input is
 * an archive. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "root/image.h"
#include "root/pack.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/hash.h"
#include "util/log.h"

#define LAYOUT_MARK "OCI\n"
#define PART_MARK   "\n%%\n"
#define PARTS_MAX   10 /* the index and nine blobs */

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where inputs and images lie; in memory where there is such a place. */
static char folder[64];

struct part {
	uint8_t *data;
	size_t size;
	char hex[HASH_HEX_SIZE];
};

static void check(int condition)
{
	if (!condition)
		abort();
}

static char *path_of(char path[PATH_MAX], const char *name)
{
	check(snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX);
	return path;
}

static void remove_folder(void)
{
	static const char *const names[] = {"layout/oci-layout", "layout/blobs/sha256",
					    "layout/blobs", "layout", ""};
	char path[PATH_MAX];
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		remove(path_of(path, names[i]));
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	static const char *const names[] = {"layout", "layout/blobs", "layout/blobs/sha256"};
	char path[PATH_MAX];
	(void)count;
	(void)arguments;
	log_setup("fuzz", LOG_ERROR);
	snprintf(folder, sizeof(folder), "%s/mayfly-fuzz-XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	check(mkdtemp(folder) != NULL);
	atexit(remove_folder);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		check(!mkdir(path_of(path, names[i]), 0700));
	check(!file_replace(path_of(path, "layout/oci-layout"), "{}", 2, NULL));
	return 0;
}

static void write_file(const char *name, const uint8_t *data, size_t size)
{
	char path[PATH_MAX];
	int fd = open(path_of(path, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	check(fd >= 0 && !file_write_all(fd, data, size));
	close(fd);
}

static void remove_file(const char *name)
{
	char path[PATH_MAX];
	unlink(path_of(path, name));
}

static void name_blob(const struct part *part, char name[PATH_MAX])
{
	snprintf(name, PATH_MAX, "layout/blobs/sha256/%s", part->hex);
}

/* Copies a part; the digests of parts behind it take the place of their numbers. */
static void copy_part(struct part parts[PARTS_MAX], size_t number, size_t count,
		      const uint8_t *data, size_t size)
{
	struct part *part = &parts[number];
	/* Three bytes become 71 at most. */
	part->data = malloc(size * 24 + 1);
	check(part->data != NULL);
	for (size_t i = 0; i < size;) {
		size_t named = size - i > 2 && !memcmp(data + i, "@@", 2) ? data[i + 2] - '0' : 0;
		if (named > number && named < count) {
			part->size += (size_t)sprintf((char *)part->data + part->size, "sha256:%s",
						      parts[named].hex);
			i += 3;
		} else {
			part->data[part->size++] = data[i++];
		}
	}
	check(!hash_buffer(part->data, part->size, part->hex, NULL));
}

/* Splits the input; the last part is the rest. */
static size_t split(const uint8_t *data, size_t size, const uint8_t *starts[PARTS_MAX],
		    size_t sizes[PARTS_MAX])
{
	const size_t mark = strlen(PART_MARK);
	size_t count = 0;
	while (count < PARTS_MAX) {
		const uint8_t *end =
		    count + 1 < PARTS_MAX ? memmem(data, size, PART_MARK, mark) : NULL;
		starts[count] = data;
		sizes[count++] = end ? (size_t)(end - data) : size;
		if (!end)
			break;
		size -= (size_t)(end - data) + mark;
		data = end + mark;
	}
	return count;
}

/* The image that was made is one; each of its names leads to something that lies within it. */
static void check_image(const char *path)
{
	struct root_image image;
	check(!root_image_open(&image, path, NULL));
	for (uint64_t i = 0; i < image.header.entry_count; i++) {
		const struct root_entry *entry = &image.entries[i];
		struct root_file found;
		char resolved[PATH_MAX];
		root_tree_find(&image.tree, image.names + entry->name, &found, resolved);
	}
	root_image_release(&image);
}

static void pack(const char *name)
{
	struct error error = {0};
	char source[PATH_MAX], image[PATH_MAX];
	path_of(source, name);
	path_of(image, "image");
	if (root_pack(source, image, &error))
		check(error.code > 0 && *error.text);
	else
		check_image(image);
	unlink(image);
}

static void pack_layout(const uint8_t *data, size_t size)
{
	struct part parts[PARTS_MAX] = {0};
	const uint8_t *starts[PARTS_MAX];
	size_t sizes[PARTS_MAX];
	char name[PATH_MAX];
	size_t count = split(data, size, starts, sizes);
	for (size_t i = count; i-- > 0;) {
		copy_part(parts, i, count, starts[i], sizes[i]);
		name_blob(&parts[i], name);
		write_file(i ? name : "layout/index.json", parts[i].data, parts[i].size);
	}
	pack("layout");
	remove_file("layout/index.json");
	for (size_t i = 0; i < count; i++) {
		name_blob(&parts[i], name);
		remove_file(name);
		free(parts[i].data);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t mark = strlen(LAYOUT_MARK);
	if (size >= mark && !memcmp(data, LAYOUT_MARK, mark)) {
		pack_layout(data + mark, size - mark);
	} else {
		write_file("archive", data, size);
		pack("archive");
		remove_file("archive");
	}
	return 0;
}

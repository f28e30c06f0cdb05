/* Root images: what is packed is found again, and what is damaged is refused. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>

#include "root/image.h"
#include "sizes/sizes.h"
#include "tests/root/tree.h"
#include "util/cleanup.h"
#include "util/file.h"

static void test_found(const struct root_image *image)
{
	const struct {
		const char *path, *resolved;
		int error;
		uint32_t mode;
	} cases[] = {
	    {"/", "/", 0, S_IFDIR | 0755},
	    {"", "/", 0, S_IFDIR | 0755},
	    {"etc/motd", "/etc/motd", 0, S_IFREG | 0644},
	    {"//etc/./motd", "/etc/motd", 0, S_IFREG | 0644},
	    {"/usr/bin/link", "/usr/bin/tool", 0, S_IFREG | 0755},
	    {"/bin/link", "/usr/bin/tool", 0, S_IFREG | 0755},
	    {"/bin/../empty", "/usr/empty", 0, S_IFREG | 0600},
	    {"up", "/usr/bin/tool", 0, S_IFREG | 0755},
	    {"../../etc/motd", "/etc/motd", 0, S_IFREG | 0644},
	    {"var", "/var", 0, S_IFDIR | 0750},
	    {"var/lib", "/var/lib", 0, S_IFDIR | 0700},
	    {"turned/inside", "/turned/inside", 0, S_IFREG | 0644},
	    {"loop", NULL, -ELOOP, 0},
	    {"nowhere", NULL, -ENOENT, 0},
	    {"etc/none", NULL, -ENOENT, 0},
	    {"etc/motd/", NULL, -ENOTDIR, 0},
	    {"etc/motd/x", NULL, -ENOTDIR, 0},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char resolved[PATH_MAX];
		struct root_file file = {0};
		int result = root_tree_find(&image->tree, cases[i].path, &file, resolved);
		if (!CHECK_NUMBER(result, cases[i].error))
			fprintf(stderr, "  path:   %s\n", cases[i].path);
		if (result)
			continue;
		CHECK_TEXT(resolved, cases[i].resolved);
		CHECK_NUMBER(file.mode, cases[i].mode);
	}
	char path[PATH_MAX + 10], resolved[PATH_MAX];
	struct root_file file;
	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = 0;
	CHECK_NUMBER(root_tree_find(&image->tree, path, &file, resolved), -ENAMETOOLONG);
}

static void test_contents(const struct root_image *image)
{
	struct error error = {0};
	char resolved[PATH_MAX];
	struct root_file file;
	uint32_t node = 0, other = 0;
	cleanup_free uint8_t *data = NULL;
	size_t size = 0;
	const struct root_tree *tree = &image->tree;
	CHECK_NUMBER(root_tree_find(tree, "big", &file, resolved), 0);
	CHECK_NUMBER(root_tree_read(tree, resolved, &file, TREE_BIG_SIZE - 1, &data, &size, &error),
		     -EFBIG);
	CHECK_NUMBER(root_tree_read(tree, resolved, &file, TREE_BIG_SIZE, &data, &size, &error), 0);
	size_t same = 0;
	while (same < size && (char)data[same] == tree_big_byte(same))
		same++;
	CHECK_NUMBER(same, TREE_BIG_SIZE);
	CHECK_NUMBER(root_image_node(image, "big", &node), 0);
	CHECK_NUMBER(image->nodes[node].modified_ns, 1000000000000000005);
	CHECK_NUMBER(image->nodes[node].owner, 7);
	CHECK_NUMBER(root_image_node(image, "etc/motd", &node), 0);
	CHECK_NUMBER(root_image_node(image, "list/motd", &other), 0);
	CHECK_NUMBER(node, other);
	CHECK_NUMBER(image->nodes[node].links, 2);
	CHECK_NUMBER(root_image_node(image, "etc/motd/x", &other), -ENOTDIR);
	CHECK_NUMBER(root_tree_find(tree, "list", &file, resolved), 0);
	CHECK_NUMBER(root_tree_read(tree, resolved, &file, 1, &data, &size, &error), -EACCES);
}

static int open_bytes(const uint8_t *data, size_t size, struct error *error)
{
	struct root_image image;
	int fd = memfd_create("image", MFD_CLOEXEC);
	if (fd < 0 || file_write_all(fd, data, size))
		return -errno;
	int result = root_image_open_descriptor(&image, fd, error);
	if (!result)
		root_image_release(&image);
	return result;
}

/* Every byte of header and tables, changed: the digest finds it. */
static void test_damage(const char *path)
{
	cleanup_free uint8_t *data = NULL;
	size_t size = 0, refused = 0, tried = 0;
	struct error error = {0};
	struct root_header header;
	if (!CHECK_NUMBER(file_read(path, 1 << 20, &data, &size, &error), 0))
		return;
	memcpy(&header, data, sizeof(header));
	CHECK_NUMBER(open_bytes(data, size, &error), 0);
	for (size_t at = 0; at < size; at++) {
		if (at == sizeof(header))
			at = header.nodes_offset;
		data[at] ^= 1;
		refused += open_bytes(data, size, &error) == -EINVAL;
		tried++;
		data[at] ^= 1;
	}
	CHECK_NUMBER(refused, tried);
	CHECK(tried > 1000);
	const size_t lengths[] = {0,	       1,	sizeof(header) - 1, sizeof(header), 4096,
				  size - 4096, size - 1};
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		CHECK_NUMBER(open_bytes(data, lengths[i], &error), -EINVAL);
	data[offsetof(struct root_header, version)] = ROOT_VERSION + 1;
	CHECK_NUMBER(open_bytes(data, size, &error), -EINVAL);
	CHECK(strstr(error.text, "version 2"));
}

/* Images that are large enough are made of large pages, and are the same bytes for that. */
static void test_large(const char *path)
{
	struct root_builder *builder = NULL;
	struct root_image image;
	struct root_file file;
	struct error error = {0};
	char resolved[PATH_MAX];
	const size_t size = 2 * ROOT_LARGE_PAGE + 5000, step = 70001;
	cleanup_free uint8_t *data = NULL;
	cleanup_free char *wanted = malloc(size);
	size_t length = 0;
	if (!CHECK(wanted) || !CHECK_NUMBER(root_builder_open(&builder, path, &error), 0))
		return;
	for (size_t i = 0; i < size; i++)
		wanted[i] = tree_big_byte(i);
	tree_add(builder, "first", S_IFREG | 0644, "one");
	tree_add(builder, "large", S_IFREG | 0644, NULL);
	for (size_t done = 0; done < size; done += step)
		CHECK_NUMBER(root_builder_write(builder, wanted + done,
						size - done < step ? size - done : step, &error),
			     0);
	tree_add(builder, "last", S_IFREG | 0644, "three");
	CHECK_NUMBER(root_builder_finish(builder, &error), 0);
	root_builder_close(builder);
	if (!CHECK_NUMBER(root_image_open(&image, path, &error), 0))
		return;
	CHECK_NUMBER(image.header.image_size % ROOT_LARGE_PAGE, 0);
	static const char *const names[] = {"first", "large", "last"};
	const char *const contents[] = {"one", wanted, "three"};
	const size_t lengths[] = {3, size, 5};
	for (size_t i = 0; i < 3; i++) {
		CHECK_NUMBER(root_tree_find(&image.tree, names[i], &file, resolved), 0);
		CHECK_NUMBER(
		    root_tree_read(&image.tree, resolved, &file, size, &data, &length, &error), 0);
		CHECK(length == lengths[i] && !memcmp(data, contents[i], length));
		free(take_pointer(data));
	}
	root_image_release(&image);
	/* Behind a file's end and behind the tables there are zeros. */
	cleanup_free uint8_t *all = NULL;
	const size_t end = ROOT_PAGE_SIZE + 3;
	CHECK_NUMBER(file_read(path, 16UL << 20, &all, &length, &error), 0);
	for (size_t at = end; at < 2 * ROOT_PAGE_SIZE; at++)
		CHECK(!all[at]);
	CHECK(!all[length - 1]);
	/* Nothing else may be there. */
	all[length - 1] = 1;
	CHECK_NUMBER(open_bytes(all, length, &error), -EINVAL);
	all[length - 1] = 0;
	CHECK_NUMBER(open_bytes(all, length, &error), 0);
	CHECK_NUMBER(open_bytes(all, length - ROOT_LARGE_PAGE, &error), -EINVAL);
}

static void test_refused_names(void)
{
	struct root_builder *builder = NULL;
	struct error error = {0};
	char path[64], name[300], deep[PATH_MAX + 2];
	snprintf(path, sizeof(path), "/tmp/mayfly-test-names-%d.img", getpid());
	if (!CHECK_NUMBER(root_builder_open(&builder, path, &error), 0))
		return;
	const struct root_attributes file = {.mode = S_IFREG | 0644};
	const struct root_attributes link = {.mode = S_IFLNK | 0777, .target = ""};
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = 0;
	memset(deep, '/', sizeof(deep));
	deep[sizeof(deep) - 1] = 0;
	CHECK_NUMBER(root_builder_add(builder, "a/../b", &file, &error), -EINVAL);
	CHECK_NUMBER(root_builder_add(builder, "..", &file, &error), -EINVAL);
	CHECK_NUMBER(root_builder_add(builder, "/", &file, &error), -EINVAL);
	CHECK_NUMBER(root_builder_add(builder, name, &file, &error), -ENAMETOOLONG);
	CHECK_NUMBER(root_builder_add(builder, deep, &file, &error), -ENAMETOOLONG);
	CHECK_NUMBER(root_builder_add(builder, "link", &link, &error), -EINVAL);
	CHECK_NUMBER(root_builder_write(builder, "x", 1, &error), -EINVAL);
	CHECK_NUMBER(root_builder_link(builder, "a", "none", &error), -ENOENT);
	root_builder_close(builder);
	CHECK_NUMBER(access(path, F_OK), -1); /* what is not finished leaves no file */
}

int main(void)
{
	char path[PATH_MAX];
	struct root_image image;
	struct error error = {0};
	tree_pack(path, sizeof(path));
	if (CHECK_NUMBER(root_image_open(&image, path, &error), 0)) {
		test_found(&image);
		test_contents(&image);
		root_image_release(&image);
		test_damage(path);
	}
	test_large(path);
	unlink(path);
	test_refused_names();
	return check_status();
}

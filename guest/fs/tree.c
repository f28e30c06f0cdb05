/* The file tree at the program's start; see tree.h. */
#include "tree.h"

#include "directory.h"
#include "file.h"
#include "guest/lib/text.h"
#include "hostfs.h"
#include "imagefs.h"
#include "inode.h"
#include "path.h"
#include "regular.h"
#include "symlink.h"

static struct inode *devices;

struct inode *tree_devices(void)
{
	return devices;
}

/* What a layer has under a name. */
static struct inode *find(struct inode *directory, const char *name)
{
	struct inode *found = NULL;
	if (directory)
		directory->operations->lookup(directory, name, strlen(name), &found);
	return found;
}

struct inode *tree_add(struct inode *directory, const char *name, struct inode *inode)
{
	if (!inode)
		return NULL;
	if (find(directory, name))
		directory_remove(directory, name, strlen(name));
	bool added = directory && !directory_add(directory, name, strlen(name), inode);
	inode_drop(inode);
	return added ? inode : NULL;
}

struct inode *tree_add_directory(struct inode *directory, const char *name, uint32_t mode,
				 const struct inode_operations *operations)
{
	return tree_add(directory, name, directory_create(mode, operations));
}

struct inode *tree_add_symlink(struct inode *directory, const char *name, const char *target)
{
	return tree_add(directory, name, symlink_create(target));
}

struct inode *tree_add_device(struct inode *directory, const char *name, uint32_t mode,
			      uint64_t device, const struct file_operations *operations)
{
	struct inode *inode =
	    tree_add(directory, name, inode_create(mode, &plain_inode_operations, operations));
	if (inode)
		inode->device = device;
	return inode;
}

/* A layer's directory where it has one. */
static struct inode *keep_or_add_directory(struct inode *parent, const char *name, uint32_t mode)
{
	struct inode *there = find(parent, name);
	return there && S_ISDIR(there->mode)
		   ? there
		   : tree_add_directory(parent, name, mode, &directory_inode_operations);
}

/* A layer's file goes before this one. */
static void add_bytes(struct inode *directory, const char *name, const void *bytes, size_t length)
{
	if (find(directory, name))
		return;
	struct inode *inode = tree_add(directory, name, regular_create(0644));
	if (inode)
		regular_write(inode, bytes, length, 0);
}

static void add_text(struct inode *directory, const char *name, const char *text)
{
	add_bytes(directory, name, text, strlen(text));
}

static void add_local_time(struct inode *directory)
{
	/* tzfile(5): a header with its counts and one local time type, in two versions; UTC. */
#define TIME_ZONE_COUNTS "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4"
#define TIME_ZONE_BLOCK	 "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" TIME_ZONE_COUNTS "\0\0\0\0\0\0UTC\0"
	static const char zone[] = TIME_ZONE_BLOCK TIME_ZONE_BLOCK "\nUTC0\n";
	add_bytes(directory, "localtime", zone, sizeof(zone) - 1);
}

static void add_configuration(struct inode *etc)
{
	add_text(etc, "passwd", "root:x:0:0:root:/:/bin/sh\n");
	add_text(etc, "group", "root:x:0:\n");
	add_text(etc, "hosts", "127.0.0.1\tlocalhost mayfly\n::1\tlocalhost mayfly\n");
	add_text(etc, "hostname", "mayfly\n");
	add_text(etc, "nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n");
	add_text(etc, "resolv.conf", "");
	add_local_time(etc);
}

static struct inode *create_root(void)
{
	struct inode *root = NULL;
	if (hostfs_is_there()) {
		inode_number_above(HOSTFS_NUMBERS);
		root = hostfs_root();
	} else if (imagefs_is_there()) {
		inode_number_above(imagefs_inode_count());
		root = imagefs_root();
	}
	return root ? root : directory_create(0755, &directory_inode_operations);
}

void tree_init(void)
{
	struct inode *root = create_root();
	path_init(root);
	keep_or_add_directory(root, "tmp", 01777);
	add_configuration(keep_or_add_directory(root, "etc", 0755));
	devices = tree_add_directory(root, "dev", 0755, &directory_inode_operations);
	tree_add_directory(devices, "shm", 01777, &directory_inode_operations);
}

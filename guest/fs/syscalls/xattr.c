/* System calls on extended attributes: there are none. What a call names is checked as Linux does
 * it, so that programs that copy or list files with their attributes (ls, cp -a, tar) take the
 * files for ones on a file system without. */
#include <errno.h>
#include <fcntl.h>
#include <linux/xattr.h>

#include "guest/fs/descriptors.h"
#include "guest/fs/file.h"
#include "guest/fs/inode.h"
#include "guest/fs/path.h"
#include "guest/lib/system_call.h"
#include "guest/lib/text.h"
#include "guest/mm/user_memory.h"

/* 0, -EFAULT, or -ERANGE for a name that no attribute has. */
static int read_name(char name[XATTR_NAME_MAX + 1], uint64_t address)
{
	int error = user_string(address, name, XATTR_NAME_MAX + 1);
	if (error)
		return error == -ENAMETOOLONG ? -ERANGE : error;
	return name[0] ? 0 : -ERANGE;
}

/* `otherwise`: the result for a user attribute on what is neither a file nor a directory. */
static int64_t refuse(const struct inode *inode, const char *name, int otherwise)
{
	const size_t length = sizeof(XATTR_USER_PREFIX) - 1;
	bool plain = S_ISREG(inode->mode) || S_ISDIR(inode->mode);
	if (!plain && strlen(name) > length && !memcmp(name, XATTR_USER_PREFIX, length))
		return -otherwise;
	return -EOPNOTSUPP;
}

/* The inode that the call's first argument names. */
static int find_opened(struct inode **inode, uint64_t descriptor)
{
	const struct file *file = descriptor_opened(descriptor);
	if (!file)
		return -EBADF;
	*inode = file->inode;
	return 0;
}

static int find_named(struct inode **inode, uint64_t path)
{
	return path_find(inode, PATH_HERE, path, 0);
}

static int find_link(struct inode **inode, uint64_t path)
{
	return path_find(inode, PATH_HERE, path, AT_SYMLINK_NOFOLLOW);
}

typedef int find_function(struct inode **inode, uint64_t argument);

static int64_t set(const uint64_t arguments[6], find_function *find)
{
	char name[XATTR_NAME_MAX + 1];
	struct inode *inode;
	if ((uint32_t)arguments[4] & ~(uint32_t)(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	int error = read_name(name, arguments[1]);
	if (error)
		return error;
	if (arguments[3] > XATTR_SIZE_MAX)
		return -E2BIG;
	if (arguments[3] && !user_readable(arguments[2], arguments[3]))
		return -EFAULT;
	error = find(&inode, arguments[0]);
	return error ? error : refuse(inode, name, EPERM);
}

/* Reading, or taking away. */
static int64_t look_up(const uint64_t arguments[6], find_function *find, int otherwise)
{
	char name[XATTR_NAME_MAX + 1];
	struct inode *inode;
	int error = read_name(name, arguments[1]);
	if (!error)
		error = find(&inode, arguments[0]);
	return error ? error : refuse(inode, name, otherwise);
}

static int64_t list(const uint64_t arguments[6], find_function *find)
{
	struct inode *inode;
	return find(&inode, arguments[0]);
}

/* The four calls for each way to say which inode. */
#define ATTRIBUTE_CALLS(way, find)                                                                 \
	SYSTEM_CALL(way##setxattr)                                                                 \
	{                                                                                          \
		return set(arguments, find);                                                       \
	}                                                                                          \
	SYSTEM_CALL(way##getxattr)                                                                 \
	{                                                                                          \
		return look_up(arguments, find, ENODATA);                                          \
	}                                                                                          \
	SYSTEM_CALL(way##listxattr)                                                                \
	{                                                                                          \
		return list(arguments, find);                                                      \
	}                                                                                          \
	SYSTEM_CALL(way##removexattr)                                                              \
	{                                                                                          \
		return look_up(arguments, find, EPERM);                                            \
	}

ATTRIBUTE_CALLS(, find_named)
ATTRIBUTE_CALLS(l, find_link)
ATTRIBUTE_CALLS(f, find_opened)

/* Names of Unix sockets: paths in the tree, and abstract ones, which begin with a zero. */
#include <errno.h>
#include <linux/un.h>
#include <stddef.h>

#include "guest/fs/directory.h"
#include "guest/fs/path.h"
#include "guest/lib/text.h"
#include "unix.h"

#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)

static const struct sockaddr_un *address_of(const struct socket_name *name)
{
	return (const struct sockaddr_un *)&name->bytes;
}

int unix_check_name(const struct socket_name *name)
{
	return name->length <= PATH_OFFSET || name->length > sizeof(struct sockaddr_un) ||
		       address_of(name)->sun_family != AF_UNIX
		   ? -EINVAL
		   : 0;
}

/* The path as text: an address need not end it by a zero. */
static void copy_path(char out[UNIX_PATH_SIZE + 1], const struct socket_name *name)
{
	memcpy(out, address_of(name)->sun_path, name->length - PATH_OFFSET);
	out[name->length - PATH_OFFSET] = 0;
}

static struct unix_socket *find_abstract(const char *path, uint32_t length, int type)
{
	struct unix_socket *socket = unix_first_socket();
	while (socket && (!socket->owns_name || socket->bound || socket->socket.type != type ||
			  socket->path_length != length || memcmp(socket->path, path, length) != 0))
		socket = socket->next;
	return socket;
}

static struct unix_socket *find_bound(const struct inode *inode)
{
	struct unix_socket *socket = unix_first_socket();
	while (socket && socket->bound != inode)
		socket = socket->next;
	return socket;
}

int unix_find_named(const struct socket_name *name, int type, struct unix_socket **found)
{
	char path[UNIX_PATH_SIZE + 1];
	struct walk walk;
	int error = unix_check_name(name);
	if (error)
		return error;
	copy_path(path, name);
	if (!path[0]) {
		*found =
		    find_abstract(address_of(name)->sun_path, name->length - PATH_OFFSET, type);
		return *found ? 0 : -ECONNREFUSED;
	}
	error = path_walk_current(&walk, path, WALK_FOLLOW);
	if (error)
		return error;
	if (!walk.inode)
		return -ENOENT;
	*found = S_ISSOCK(walk.inode->mode) ? find_bound(walk.inode) : NULL;
	if (!*found)
		return -ECONNREFUSED;
	return (*found)->socket.type == type ? 0 : -EPROTOTYPE;
}

void unix_copy_name(const struct unix_socket *socket, struct socket_name *name)
{
	struct sockaddr_un *address = (struct sockaddr_un *)&name->bytes;
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, socket->path, socket->path_length);
	name->length = (uint32_t)(PATH_OFFSET + socket->path_length);
}

/* bind() without a name: an abstract one that is free. */
static int bind_to_any(struct unix_socket *self)
{
	static uint32_t next;
	char path[8] = {0};
	for (uint32_t tries = 0; tries <= 0xfffff; tries++) {
		text_print(path + 1, sizeof(path) - 1, "%05x", next++ & 0xfffff);
		if (find_abstract(path, 6, self->socket.type))
			continue;
		memcpy(self->path, path, 6);
		self->path_length = 6;
		self->owns_name = true;
		return 0;
	}
	return -ENOSPC;
}

static int bind_to_path(struct unix_socket *self, const char *path)
{
	static const struct file_operations refused = {.open = file_refuse_open};
	struct walk walk;
	int error = path_walk_current(&walk, path, WALK_NAME);
	if (error)
		return error;
	if (walk.inode)
		return -EADDRINUSE;
	if (walk.trailing_slash)
		return -ENOENT;
	if (self->path_length)
		return -EINVAL;
	if (walk.parent->read_only)
		return -EROFS;
	const uint32_t mode = S_IFSOCK | path_apply_mask(0777);
	struct inode *inode = inode_create(mode, &plain_inode_operations, &refused);
	if (!inode)
		return -ENOMEM;
	error = directory_add(walk.parent, walk.name, walk.length, inode);
	if (error)
		inode_drop(inode);
	else
		self->bound = inode;
	return error;
}

int unix_bind(struct file *file, const struct socket_name *name)
{
	struct unix_socket *self = unix_socket_of(file);
	const struct sockaddr_un *address = address_of(name);
	char path[UNIX_PATH_SIZE + 1];
	if (name->length == PATH_OFFSET && address->sun_family == AF_UNIX)
		return self->path_length ? 0 : bind_to_any(self);
	int error = unix_check_name(name);
	if (error)
		return error;
	uint32_t length = (uint32_t)(name->length - PATH_OFFSET);
	copy_path(path, name);
	if (path[0])
		length = (uint32_t)strlen(path) + 1;
	if (path[0])
		error = bind_to_path(self, path);
	else if (self->path_length)
		error = -EINVAL;
	else if (find_abstract(address->sun_path, length, self->socket.type))
		error = -EADDRINUSE;
	if (error)
		return error;
	self->owns_name = true;
	self->path_length = length < UNIX_PATH_SIZE ? length : UNIX_PATH_SIZE;
	memcpy(self->path, path, self->path_length);
	return 0;
}

void unix_forget_name(struct unix_socket *self)
{
	if (self->bound)
		inode_drop(self->bound);
	self->bound = NULL;
	self->owns_name = false;
}

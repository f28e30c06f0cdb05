/* What all system calls on sockets begin with; see find.h. */
#include "find.h"

#include <errno.h>

#include "guest/fs/descriptors.h"
#include "guest/mm/user_memory.h"

int socket_find(uint64_t descriptor, struct file **file, struct socket **socket)
{
	*file = descriptor_opened(descriptor);
	if (!*file)
		return -EBADF;
	*socket = socket_of(*file);
	return *socket ? 0 : -ENOTSOCK;
}

int socket_name_read(struct socket_name *name, uint64_t address, uint32_t length)
{
	if (length > sizeof(name->bytes))
		return -EINVAL;
	*name = (struct socket_name){.length = length};
	return user_copy_in(&name->bytes, address, length);
}

int socket_name_write(const struct socket_name *name, uint64_t address, uint64_t length)
{
	uint32_t room;
	int error = socket_read_room(length, &room);
	if (error)
		return error;
	const uint32_t size = room < name->length ? room : name->length;
	error = user_copy_out(address, &name->bytes, size);
	return error ? error : user_copy_out(length, &name->length, sizeof(name->length));
}

/* What all sockets have in common; see socket.h. */
#include "socket.h"

#include <errno.h>
#include <fcntl.h>

#include "guest/fs/inode.h"
#include "guest/machine/clock.h"

#define DEFAULT_SIZE 212992 /* of buffers, as Linux has it */

void socket_init(struct socket *socket, int family, int type,
		 const struct socket_operations *operations)
{
	*socket = (struct socket){
	    .operations = operations,
	    .family = family,
	    .type = type,
	    .settings = {.send_size = DEFAULT_SIZE, .receive_size = DEFAULT_SIZE, .least = 1},
	};
}

/* A socket that has a name in the tree is another inode, which cannot be opened. */
struct socket *socket_of(const struct file *file)
{
	return file->operations->write_vector == socket_write_vector ? file->inode->private : NULL;
}

int socket_take_error(struct socket *socket)
{
	int error = socket->error;
	if (error)
		socket->error = 0;
	return -error;
}

bool socket_call_waits(const struct file *file, const struct socket_message *message)
{
	return !(file->flags & O_NONBLOCK || message->flags & MSG_DONTWAIT);
}

uint64_t socket_deadline(uint64_t timeout_ns)
{
	return timeout_ns ? clock_deadline_ns(timeout_ns) : NO_DEADLINE;
}

int64_t socket_send(struct file *file, struct socket_message *message)
{
	struct inode *inode = file->inode;
	inode_hold(inode);
	int64_t result = socket_of(file)->operations->send(file, message);
	inode_drop(inode);
	return result;
}

int64_t socket_receive(struct file *file, struct socket_message *message)
{
	struct inode *inode = file->inode;
	inode_hold(inode);
	int64_t result = socket_of(file)->operations->receive(file, message);
	inode_drop(inode);
	return result;
}

int64_t socket_read(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	struct socket_message message = {.buffers = socket_buffer(out, length), .length = length};
	return length ? socket_receive(file, &message) : 0;
}

int64_t socket_write(struct file *file, const void *in, uint64_t length, uint64_t offset)
{
	struct socket_message message = {.buffers = socket_buffer(in, length), .length = length};
	return socket_send(file, &message);
}

int64_t socket_read_vector(struct file *file, uint64_t vector, uint64_t count)
{
	struct socket_message message = {0};
	int error = socket_buffers_read(&message.buffers, vector, count, &message.length);
	if (error || !message.length)
		return error;
	return socket_receive(file, &message);
}

int64_t socket_write_vector(struct file *file, uint64_t vector, uint64_t count)
{
	struct socket_message message = {0};
	int error = socket_buffers_read(&message.buffers, vector, count, &message.length);
	return error ? error : socket_send(file, &message);
}

/* Connections from outside of the machine, whose bytes the kernel brings and takes; see inet.h. */
#include <errno.h>
#include <netinet/in.h>

#include "inet.h"

static struct {
	thread_look_function *look; /* NULL: nothing comes from there */
	uint16_t port;
} outside_world;

void inet_open_to_outside(thread_look_function *look, uint16_t port)
{
	outside_world.look = look;
	outside_world.port = port;
}

void inet_close_to_outside(void)
{
	outside_world.look = NULL;
	for (struct unix_socket *next = unix_first_socket(); next; next = next->next)
		if (inet_of_base(next))
			next->look = NULL;
}

thread_look_function *inet_outside_look(uint16_t port)
{
	const uint16_t wanted = outside_world.port;
	return !wanted || wanted == port ? outside_world.look : NULL;
}

/* The one that was made first, which is the last of the list. */
static struct inet_socket *find_listener(void)
{
	struct inet_socket *found = NULL;
	for (struct unix_socket *next = unix_first_socket(); next; next = next->next)
		if (inet_of_base(next) && next->state == UNIX_LISTENING && next->look)
			found = inet_of_base(next);
	return found;
}

int inet_connect_outside(void (*watch)(struct unix_socket *self), struct inet_socket **outside)
{
	struct inet_socket *listener = find_listener(), *made;
	struct inode *inode;
	if (!listener)
		return -ECONNREFUSED;
	const bool any = inet_is_any(&listener->own);
	const bool v4 = any ? !listener->only_v6 : inet_is_v4(&listener->own);
	const struct inet_address to = any ? inet_loopback(v4, listener->own.port) : listener->own;
	int error = inet_create(v4 ? AF_INET : AF_INET6, SOCK_STREAM, 0, &inode);
	if (error)
		return error;
	made = inode->private;
	error = inet_take_port(made);
	if (!error)
		error = inet_connect_to(made, listener, &to);
	if (error) {
		inet_end_outside(made);
		return error;
	}
	made->local.watch = watch;
	made->local.peer->look = outside_world.look;
	*outside = made;
	return 0;
}

void inet_end_outside(struct inet_socket *outside)
{
	struct inode *inode = outside->local.inode;
	outside->local.watch = NULL;
	unix_close(&outside->local);
	inode_drop(inode);
}

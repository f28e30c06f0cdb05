/* Sockets within the machine: what one is, and its end; and the readiness of Unix sockets. */
#include <errno.h>
#include <poll.h>

#include "guest/fs/file.h"
#include "guest/fs/inode.h"
#include "guest/mm/heap.h"
#include "guest/sched/identity.h"
#include "guest/sched/process.h"
#include "unix.h"

static struct unix_socket *sockets; /* those that are not closed */

struct unix_socket *unix_first_socket(void)
{
	return sockets;
}

static bool has_connections(const struct unix_socket *self)
{
	return self->socket.type != SOCK_DGRAM;
}

void unix_signal(struct unix_socket *self)
{
	inode_signal(self->inode);
	if (self->watch)
		self->watch(self);
}

struct ucred unix_own_credentials(void)
{
	return (struct ucred){
	    .pid = (pid_t)process_id(),
	    .uid = identity_user(),
	    .gid = identity_group(),
	};
}

void unix_set_peer(struct unix_socket *self, struct unix_socket *other)
{
	struct unix_socket *before = self->peer;
	if (other)
		inode_hold(other->inode);
	self->peer = other;
	if (before)
		inode_drop(before->inode);
}

/* ── the end ─────────────────────────────────────────────────────────────────────────────────── */

static void remove_from_list(struct unix_socket *self)
{
	if (self->previous)
		self->previous->next = self->next;
	else
		sockets = self->next;
	if (self->next)
		self->next->previous = self->previous;
}

/* The other end hears of it, and of what nobody has read. */
void unix_close(struct unix_socket *self)
{
	struct unix_socket *peer = self->peer;
	const bool unread = self->first || !self->file;
	self->file = NULL;
	self->closed = true;
	self->socket.shut = SOCKET_SHUT_BOTH;
	remove_from_list(self);
	if (self->family->forget_name)
		self->family->forget_name(self);
	if (peer && has_connections(self))
		self->family->tell_end(self, peer, unread);
	if (peer)
		unix_signal(peer);
	unix_set_peer(self, NULL);
	unix_drop_packets(self);
	unix_signal(self);
	unix_drop_waiting(self);
}

void unix_drop_waiting(struct unix_socket *listener)
{
	while (listener->waiting) {
		struct unix_socket *waiting = listener->waiting;
		listener->waiting = waiting->next_waiting;
		listener->waiting_count--;
		unix_close(waiting);
		inode_drop(waiting->inode);
	}
}

void unix_release(struct file *file)
{
	unix_close(unix_base_of(file));
	unix_collect();
}

static void unix_free(struct inode *inode)
{
	struct unix_socket *self = inode->private;
	if (self)
		heap_free(self, self->family->size);
}

static void tell_end(struct unix_socket *self, struct unix_socket *peer, bool unread)
{
	peer->socket.shut = SOCKET_SHUT_BOTH;
	if (unread)
		peer->socket.error = ECONNRESET;
}

static void tell_sender(const struct unix_socket *self, const struct unix_packet *packet,
			struct socket_name *name)
{
	if (packet->from->path_length)
		unix_copy_name(packet->from, name);
}

/* ── readiness ───────────────────────────────────────────────────────────────────────────────── */

static uint32_t unix_poll(struct file *file)
{
	const struct unix_socket *self = unix_socket_of(file);
	const uint32_t shut = self->socket.shut;
	uint32_t ready = self->socket.error ? POLLERR : 0;
	if (shut & SOCKET_SHUT_RECEIVE)
		ready |= POLLRDHUP | POLLIN | POLLRDNORM;
	if (shut == SOCKET_SHUT_BOTH || (has_connections(self) && self->state == UNIX_UNCONNECTED))
		ready |= POLLHUP;
	if (self->first || self->waiting)
		ready |= POLLIN | POLLRDNORM;
	bool full = self->socket.type == SOCK_DGRAM && self->peer && unix_is_full(self, self->peer);
	if (unix_is_writable(self) && !full)
		ready |= POLLOUT | POLLWRNORM | POLLWRBAND;
	return ready;
}

uint64_t unix_available(struct file *file)
{
	const struct unix_socket *self = unix_base_of(file);
	uint64_t bytes = 0;
	for (const struct unix_packet *packet = self->first; packet; packet = packet->next) {
		bytes += packet->length - packet->taken;
		if (!has_connections(self))
			break;
	}
	return bytes;
}

/* ── operations ──────────────────────────────────────────────────────────────────────────────── */

void unix_opened(struct file *file)
{
	unix_base_of(file)->file = file;
}

static int unix_name(struct file *file, bool of_peer, struct socket_name *name)
{
	const struct unix_socket *socket = unix_socket_of(file);
	if (of_peer)
		socket = socket->peer;
	if (!socket)
		return -ENOTCONN;
	unix_copy_name(socket, name);
	return 0;
}

static int unix_shutdown(struct file *file, uint32_t shut)
{
	struct unix_socket *self = unix_socket_of(file), *peer = self->peer;
	self->socket.shut |= shut;
	unix_signal(self);
	if (!peer || !has_connections(self))
		return 0;
	if (shut & SOCKET_SHUT_RECEIVE)
		peer->socket.shut |= SOCKET_SHUT_SEND;
	if (shut & SOCKET_SHUT_SEND)
		peer->socket.shut |= SOCKET_SHUT_RECEIVE;
	unix_signal(peer);
	return 0;
}

static void unix_peer_credentials(struct file *file, struct ucred *credentials)
{
	const struct unix_socket *self = unix_socket_of(file);
	if (self->state != UNIX_UNCONNECTED && self->peer_credentials.pid)
		*credentials = self->peer_credentials;
}

bool unix_listens(const struct socket *socket)
{
	return ((const struct unix_socket *)socket)->state == UNIX_LISTENING;
}

static const struct socket_operations stream_operations = {
    .bind = unix_bind,
    .connect = unix_connect,
    .listen = unix_listen,
    .accept = unix_accept,
    .opened = unix_opened,
    .name = unix_name,
    .shutdown = unix_shutdown,
    .send = unix_stream_send,
    .receive = unix_stream_receive,
    .peer_credentials = unix_peer_credentials,
    .listens = unix_listens,
};

static const struct socket_operations packet_operations = {
    .bind = unix_bind,
    .connect = unix_connect,
    .listen = unix_listen,
    .accept = unix_accept,
    .opened = unix_opened,
    .name = unix_name,
    .shutdown = unix_shutdown,
    .send = unix_datagram_send,
    .receive = unix_datagram_receive,
    .peer_credentials = unix_peer_credentials,
    .listens = unix_listens,
};

static const struct socket_operations datagram_operations = {
    .bind = unix_bind,
    .connect = unix_connect,
    .opened = unix_opened,
    .name = unix_name,
    .shutdown = unix_shutdown,
    .send = unix_datagram_send,
    .receive = unix_datagram_receive,
    .peer_credentials = unix_peer_credentials,
};

static const struct file_operations unix_operations = {
    .read = socket_read,
    .write = socket_write,
    .read_vector = socket_read_vector,
    .write_vector = socket_write_vector,
    .open = file_refuse_open,
    .release = unix_release,
    .poll = unix_poll,
    .available = unix_available,
};

static const struct unix_family unix_family = {
    .operations = &unix_operations,
    .size = sizeof(struct unix_socket),
    .passes_files = true,
    .tell_sender = tell_sender,
    .forget_name = unix_forget_name,
    .tell_end = tell_end,
};

struct unix_socket *unix_socket_of(const struct file *file)
{
	return file->operations == &unix_operations ? file->inode->private : NULL;
}

struct unix_socket *unix_base_of(const struct file *file)
{
	return (struct unix_socket *)socket_of(file);
}

int unix_create_of(const struct unix_family *family, const struct socket_operations *operations,
		   int domain, int type, struct inode **created)
{
	static const struct inode_operations inode_operations = {.free = unix_free};
	struct inode *inode = inode_create(S_IFSOCK | 0777, &inode_operations, family->operations);
	if (!inode)
		return -ENOMEM;
	struct unix_socket *self = heap_allocate(family->size);
	inode->private = self;
	if (!self) {
		inode_drop(inode);
		return -ENOMEM;
	}
	socket_init(&self->socket, domain, type, operations);
	self->family = family;
	self->inode = inode;
	self->next = sockets;
	if (sockets)
		sockets->previous = self;
	sockets = self;
	*created = inode;
	return 0;
}

int unix_create(int type, struct inode **created)
{
	return unix_create_of(&unix_family,
			      type == SOCK_STREAM      ? &stream_operations
			      : type == SOCK_SEQPACKET ? &packet_operations
						       : &datagram_operations,
			      AF_UNIX, type, created);
}

int unix_create_pair(int type, struct inode *pair[2])
{
	int error = unix_create(type, &pair[0]);
	if (error)
		return error;
	error = unix_create(type, &pair[1]);
	if (error) {
		unix_close(pair[0]->private);
		inode_drop(pair[0]);
		return error;
	}
	for (int i = 0; i < 2; i++) {
		struct unix_socket *self = pair[i]->private;
		unix_set_peer(self, pair[1 - i]->private);
		self->state = UNIX_CONNECTED;
		self->peer_credentials = unix_own_credentials();
	}
	return 0;
}

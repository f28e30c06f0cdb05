/* Netlink's sockets; see netlink.h. The kernel is at the other end: what is sent is answered at once, by
 * a packet in the socket's own queue. */
#include <errno.h>
#include <poll.h>

#include "guest/lib/text.h"
#include "guest/sched/process.h"
#include "guest/socket/unix/unix.h"
#include "netlink.h"

#define REQUEST_MAX 1024 /* bytes; longer ones ask for what there is not */

struct netlink_socket {
	struct unix_socket local;
	uint32_t port; /* 0: it has no name yet */
};

static const struct unix_family netlink_family;

static struct netlink_socket *netlink_of(const struct file *file)
{
	return file->inode->private;
}

static void write_name(uint32_t port, struct socket_name *name)
{
	const struct sockaddr_nl said = {.nl_family = AF_NETLINK, .nl_pid = port};
	memcpy(&name->bytes, &said, sizeof(said));
	name->length = sizeof(said);
}

static int read_name(const struct socket_name *name, uint32_t *port)
{
	struct sockaddr_nl said;
	if (name->length < sizeof(said))
		return -EINVAL;
	memcpy(&said, &name->bytes, sizeof(said));
	*port = said.nl_pid;
	return said.nl_family == AF_NETLINK ? 0 : -EINVAL;
}

static bool is_taken(uint32_t port)
{
	const struct unix_socket *next = unix_first_socket();
	while (next && (next->family != &netlink_family ||
			((const struct netlink_socket *)next)->port != port))
		next = next->next;
	return next;
}

/* The process' id, or else numbers that no process has, as on Linux. */
static void take_port(struct netlink_socket *self)
{
	uint32_t port = process_id();
	if (self->port)
		return;
	if (is_taken(port))
		for (port = UINT32_MAX - 4096; is_taken(port); port--)
			continue;
	self->port = port;
}

static int netlink_bind(struct file *file, const struct socket_name *name)
{
	struct netlink_socket *self = netlink_of(file);
	uint32_t port;
	int error = read_name(name, &port);
	if (error)
		return error;
	if (self->port && port != self->port)
		return -EINVAL;
	if (!self->port && port && is_taken(port))
		return -EADDRINUSE;
	if (port)
		self->port = port;
	take_port(self);
	return 0;
}

/* Only the kernel is there. */
static int netlink_connect(struct file *file, const struct socket_name *name)
{
	uint32_t port;
	int error = read_name(name, &port);
	if (error)
		return error;
	take_port(netlink_of(file));
	return port ? -ECONNREFUSED : 0;
}

static int netlink_name(struct file *file, bool of_peer, struct socket_name *name)
{
	write_name(of_peer ? 0 : netlink_of(file)->port, name);
	return 0;
}

static int netlink_shutdown(struct file *file, uint32_t shut)
{
	return -EOPNOTSUPP;
}

static int answer(struct netlink_socket *self, const struct nlmsghdr *request, size_t length)
{
	struct unix_socket *base = &self->local;
	char bytes[NETLINK_ANSWER_MAX];
	const size_t size = netlink_answer(request, length, self->port, bytes);
	struct unix_packet *packet = unix_packet_create(base, base, (uint32_t)size);
	if (!packet)
		return -ENOBUFS;
	memcpy(packet->bytes, bytes, size);
	unix_packet_add(base, packet);
	return 0;
}

static int64_t netlink_send(struct file *file, struct socket_message *message)
{
	struct netlink_socket *self = netlink_of(file);
	char bytes[REQUEST_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *request = (const struct nlmsghdr *)bytes;
	uint32_t to = 0;
	int error = message->name.length ? read_name(&message->name, &to) : 0;
	if (error)
		return error;
	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (to)
		return -ECONNREFUSED;
	if (message->length > sizeof(bytes) || !unix_has_room(&self->local))
		return -EMSGSIZE;
	take_port(self);
	error = socket_buffers_gather(&message->buffers, bytes, message->length);
	/* What is no message, or no request, is passed over. */
	if (!error && message->length >= sizeof(*request) &&
	    request->nlmsg_len >= sizeof(*request) && request->nlmsg_len <= message->length &&
	    request->nlmsg_flags & NLM_F_REQUEST)
		error = answer(self, request, request->nlmsg_len);
	return error ? error : (int64_t)message->length;
}

static void tell_sender(const struct unix_socket *self, const struct unix_packet *packet,
			struct socket_name *name)
{
	write_name(0, name);
}

/* Groups and extended answers: nothing comes of them. */
static int netlink_set_option(struct file *file, uint32_t level, uint32_t option, uint64_t value,
			      uint32_t length)
{
	return level == SOL_NETLINK ? 0 : -ENOPROTOOPT;
}

static int netlink_get_option(struct file *file, uint32_t level, uint32_t option, uint64_t value,
			      uint64_t length)
{
	return -ENOPROTOOPT;
}

static uint32_t netlink_poll(struct file *file)
{
	const uint32_t ready = POLLOUT | POLLWRNORM | POLLWRBAND;
	return netlink_of(file)->local.first ? ready | POLLIN | POLLRDNORM : ready;
}

static const struct socket_operations netlink_operations = {
    .bind = netlink_bind,
    .connect = netlink_connect,
    .opened = unix_opened,
    .name = netlink_name,
    .shutdown = netlink_shutdown,
    .send = netlink_send,
    .receive = unix_datagram_receive,
    .get_option = netlink_get_option,
    .set_option = netlink_set_option,
};

static const struct file_operations file_operations = {
    .read = socket_read,
    .write = socket_write,
    .read_vector = socket_read_vector,
    .write_vector = socket_write_vector,
    .open = file_refuse_open,
    .release = unix_release,
    .poll = netlink_poll,
    .available = unix_available,
};

static const struct unix_family netlink_family = {
    .operations = &file_operations,
    .size = sizeof(struct netlink_socket),
    .tell_sender = tell_sender,
};

int netlink_create(int type, int protocol, struct inode **created)
{
	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol != NETLINK_ROUTE)
		return -EPROTONOSUPPORT;
	return unix_create_of(&netlink_family, &netlink_operations, AF_NETLINK, type, created);
}

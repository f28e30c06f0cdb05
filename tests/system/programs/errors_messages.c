/* Edges of messages between Unix sockets: datagrams, sequenced packets, descriptors, credentials. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "errors.h"

static char buffer[300000];

static void make_pair(int pair[2], int type)
{
	if (socketpair(AF_UNIX, type, 0, pair)) {
		perror("socketpair");
		exit(1);
	}
}

static void close_pair(const int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

static int ready(int descriptor)
{
	struct pollfd entry = {descriptor, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0};
	poll(&entry, 1, 0);
	return entry.revents;
}

static int count_descriptors(void)
{
	int count = 0;
	for (int descriptor = 0; descriptor < 1024; descriptor++)
		count += fcntl(descriptor, F_GETFD) >= 0;
	return count;
}

static void test_pairs(int type)
{
	int pair[2], available = -1;
	make_pair(pair, type);
	TRY(send(pair[0], "first", 5, 0));
	TRY(send(pair[0], "", 0, 0));
	TRY(send(pair[0], "second one", 10, 0));
	TRY(ioctl(pair[1], FIONREAD, &available));
	printf("available %d\n", available);
	TRY(recv(pair[1], buffer, 3, MSG_PEEK));
	TRY(recv(pair[1], buffer, 3, MSG_PEEK | MSG_TRUNC));
	TRY(recv(pair[1], buffer, 100, 0));
	TRY(recv(pair[1], buffer, 100, 0));
	TRY(recv(pair[1], buffer, 4, MSG_TRUNC));
	printf("%.4s\n", buffer);
	TRY(recv(pair[1], buffer, 4, MSG_DONTWAIT));
	TRY(write(pair[0], "", 0));
	TRY(read(pair[1], buffer, 10));
	struct iovec out[2] = {{"gathered ", 9}, {"parts", 5}},
		     in[2] = {{buffer, 4}, {buffer + 8, 100}};
	TRY(writev(pair[0], out, 2));
	TRY(writev(pair[0], out, 1));
	TRY(readv(pair[1], in, 2));
	printf("%.4s|%.10s\n", buffer, buffer + 8);
	TRY(read(pair[1], buffer, 100));
	TRY(send(pair[0], buffer, 250000, 0));
	TRY(send(pair[0], buffer, 100000, 0));
	TRY(recv(pair[1], buffer, sizeof(buffer), 0));
	TRY(send(pair[0], (char *)16, 5, 0));
	TRY(send(pair[0], "wrong", 5, MSG_OOB));
	TRY(recv(pair[1], buffer, 5, MSG_OOB));
	TRY(send(pair[0], "lost", 4, 0));
	TRY(recv(pair[1], (char *)16, 4, 0));
	TRY(recv(pair[1], buffer, 4, MSG_DONTWAIT));
	printf("ready %x %x\n", ready(pair[0]), ready(pair[1]));
	TRY(send(pair[0], "kept", 4, 0));
	TRY(shutdown(pair[0], SHUT_WR));
	printf("ready %x %x\n", ready(pair[0]), ready(pair[1]));
	TRY(send(pair[0], "x", 1, MSG_NOSIGNAL));
	TRY(recv(pair[1], buffer, 10, 0));
	TRY(recv(pair[1], buffer, 10, MSG_DONTWAIT));
	TRY(shutdown(pair[1], SHUT_RD));
	printf("ready %x %x\n", ready(pair[0]), ready(pair[1]));
	TRY(recv(pair[1], buffer, 10, 0));
	TRY(recv(pair[1], buffer, 10, MSG_DONTWAIT));
	close_pair(pair);
	make_pair(pair, type);
	TRY(send(pair[0], "kept", 4, 0));
	close(pair[0]);
	printf("ready %x\n", ready(pair[1]));
	TRY(recv(pair[1], buffer, 10, 0));
	TRY(send(pair[1], "x", 1, MSG_NOSIGNAL));
	TRY(send(pair[1], "x", 1, MSG_NOSIGNAL));
	TRY(recv(pair[1], buffer, 10, MSG_DONTWAIT));
	close(pair[1]);
	make_pair(pair, type);
	TRY(send(pair[0], "unread", 6, 0));
	close(pair[1]);
	printf("ready %x\n", ready(pair[0]));
	TRY(send(pair[0], "x", 1, MSG_NOSIGNAL));
	TRY(send(pair[0], "x", 1, MSG_NOSIGNAL));
	TRY(recv(pair[0], buffer, 1, MSG_DONTWAIT));
	close(pair[0]);
}

/* Those that nobody takes: some are accepted, then no more. */
static void test_room(int type)
{
	int pair[2], sent = 0, got = 0;
	make_pair(pair, type | SOCK_NONBLOCK);
	while (send(pair[0], buffer, 1000, 0) == 1000)
		sent++;
	printf("%s, %d, ready %x\n", strerror(errno), sent > 20 && sent < 1000, ready(pair[0]));
	while (recv(pair[1], buffer, 2000, 0) == 1000)
		got++;
	printf("%d, ready %x\n", got == sent, ready(pair[0]));
	close_pair(pair);
}

static struct sockaddr_un named(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	return name;
}

static void test_datagrams(void)
{
	struct sockaddr_un name = named("receiver"), own = named("sender"), none = named("none"),
			   from;
	socklen_t size = sizeof(from);
	int receiver = socket(AF_UNIX, SOCK_DGRAM, 0), sender = socket(AF_UNIX, SOCK_DGRAM, 0);
	int stream = socket(AF_UNIX, SOCK_STREAM, 0);
	printf("ready %x\n", ready(sender));
	TRY(send(sender, "x", 1, 0));
	TRY(sendto(sender, "x", 1, 0, (void *)&name, sizeof(name)));
	TRY(bind(receiver, (void *)&name, sizeof(name)));
	TRY(sendto(sender, "x", 1, 0, (void *)&name, sizeof(name)));
	TRY(sendto(sender, "x", 1, 0, (void *)&name, 1));
	TRY(sendto(sender, "x", 1, 0, (void *)&name, 200));
	TRY(sendto(sender, "x", 1, 0, (void *)16, sizeof(name)));
	TRY(sendto(stream, "x", 1, 0, (void *)&name, sizeof(name)));
	TRY(recvfrom(receiver, buffer, 10, 0, (void *)&from, &size));
	printf("from %u bytes\n", size);
	TRY(bind(sender, (void *)&own, sizeof(own)));
	TRY(sendto(sender, "named", 5, 0, (void *)&name, sizeof(name)));
	size = sizeof(from);
	TRY(recvfrom(receiver, buffer, 10, 0, (void *)&from, &size));
	printf("from %u bytes, %s\n", size, from.sun_path);
	TRY(sendto(sender, "named", 5, 0, (void *)&name, sizeof(name)));
	size = -1;
	TRY(recvfrom(receiver, buffer, 10, 0, (void *)&from, &size));
	TRY(connect(sender, (void *)&none, sizeof(none)));
	TRY(connect(sender, (void *)&name, sizeof(name)));
	TRY(send(sender, "connected", 9, 0));
	TRY(recv(receiver, buffer, 20, 0));
	TRY(sendto(sender, "other", 5, 0, (void *)&own, sizeof(own)));
	TRY(sendto(receiver, "answer", 6, 0, (void *)&own, sizeof(own)));
	TRY(recv(sender, buffer, 20, MSG_DONTWAIT));
	int third = socket(AF_UNIX, SOCK_DGRAM, 0);
	TRY(sendto(third, "x", 1, 0, (void *)&own, sizeof(own)));
	TRY(connect(third, (void *)&own, sizeof(own)));
	close(third);
	struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	TRY(connect(sender, &nobody, sizeof(nobody)));
	TRY(send(sender, "x", 1, 0));
	TRY(connect(sender, (void *)&name, sizeof(name)));
	close(receiver);
	TRY(send(sender, "x", 1, 0));
	TRY(send(sender, "x", 1, 0));
	TRY(sendto(sender, "x", 1, 0, (void *)&name, sizeof(name)));
	TRY(unlink("receiver"));
	TRY(unlink("sender"));
	close(sender);
	close(stream);
}

struct message {
	struct msghdr header;
	struct iovec part;
	char control[256];
};

static struct msghdr *prepare(struct message *message, void *bytes, size_t length, size_t control)
{
	memset(message, 0, sizeof(*message));
	message->part = (struct iovec){bytes, length};
	message->header.msg_iov = &message->part;
	message->header.msg_iovlen = 1;
	message->header.msg_control = control ? message->control : NULL;
	message->header.msg_controllen = control;
	return &message->header;
}

static struct cmsghdr *put(struct message *message, int type, const void *data, size_t length)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(&message->header);
	header->cmsg_len = CMSG_LEN(length);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = type;
	memcpy(CMSG_DATA(header), data, length);
	return header;
}

static long send_descriptors(int socket, const int *descriptors, int count)
{
	struct message message;
	prepare(&message, "f", 1, CMSG_SPACE(sizeof(int) * (size_t)count));
	put(&message, SCM_RIGHTS, descriptors, sizeof(int) * (size_t)count);
	return sendmsg(socket, &message.header, 0);
}

/* What came, each descriptor closed again. */
static void receive(int socket, size_t length, size_t control, int flags)
{
	struct message message;
	prepare(&message, buffer, length, control);
	long got = recvmsg(socket, &message.header, flags);
	if (got < 0) {
		printf("received: %s\n", strerror(errno));
		return;
	}
	printf("received %ld, flags %x, control %zu:", got, message.header.msg_flags,
	       (size_t)message.header.msg_controllen);
	for (struct cmsghdr *next = CMSG_FIRSTHDR(&message.header); next;
	     next = CMSG_NXTHDR(&message.header, next)) {
		printf(" type %d of %zu", next->cmsg_type, (size_t)next->cmsg_len);
		if (next->cmsg_type == SCM_CREDENTIALS &&
		    next->cmsg_len >= CMSG_LEN(sizeof(struct ucred))) {
			struct ucred from;
			memcpy(&from, CMSG_DATA(next), sizeof(from));
			printf(" (%s %d %d)",
			       from.pid == getpid() ? "own"
			       : from.pid	    ? "other"
						    : "none",
			       from.uid == getuid(), from.gid == getgid());
		}
		if (next->cmsg_type != SCM_RIGHTS)
			continue;
		int count = (int)((next->cmsg_len - CMSG_LEN(0)) / sizeof(int)), numbers[64];
		memcpy(numbers, CMSG_DATA(next), sizeof(int) * (size_t)count);
		for (int i = 0; i < count; i++) {
			printf(" fd flags %d", fcntl(numbers[i], F_GETFD));
			close(numbers[i]);
		}
	}
	printf("\n");
}

static void test_descriptors(int type)
{
	int pair[2], ends[2], before = count_descriptors();
	struct message message;
	make_pair(pair, type);
	if (pipe(ends))
		exit(1);
	TRY(send_descriptors(pair[0], ends, 1));
	receive(pair[1], 10, CMSG_SPACE(4), 0);
	TRY(send_descriptors(pair[0], ends, 2));
	receive(pair[1], 10, CMSG_SPACE(8), MSG_CMSG_CLOEXEC);
	TRY(send_descriptors(pair[0], ends, 2));
	receive(pair[1], 10, CMSG_LEN(4), 0);
	TRY(send_descriptors(pair[0], ends, 2));
	receive(pair[1], 10, CMSG_LEN(0), 0);
	TRY(send_descriptors(pair[0], ends, 2));
	receive(pair[1], 10, 4, 0);
	TRY(send_descriptors(pair[0], ends, 2));
	receive(pair[1], 10, 0, 0);
	TRY(send_descriptors(pair[0], ends, 2));
	receive(pair[1], 10, CMSG_SPACE(8), MSG_PEEK);
	receive(pair[1], 10, CMSG_SPACE(8), 0);
	TRY(send_descriptors(pair[0], ends, 2));
	TRY(read(pair[1], buffer, 10));
	int wrong[2] = {ends[0], 999};
	TRY(send_descriptors(pair[0], wrong, 2));
	wrong[0] = -1;
	TRY(send_descriptors(pair[0], wrong, 1));
	prepare(&message, "x", 1, CMSG_SPACE(4));
	put(&message, 77, ends, 4);
	TRY(sendmsg(pair[0], &message.header, 0));
	prepare(&message, "x", 1, CMSG_SPACE(4));
	put(&message, SCM_RIGHTS, ends, 4)->cmsg_len = 3;
	TRY(sendmsg(pair[0], &message.header, 0));
	put(&message, SCM_RIGHTS, ends, 4)->cmsg_len = 1000;
	TRY(sendmsg(pair[0], &message.header, 0));
	put(&message, SCM_RIGHTS, ends, 4)->cmsg_len = CMSG_LEN(0);
	TRY(sendmsg(pair[0], &message.header, 0));
	receive(pair[1], 10, CMSG_SPACE(4), 0);
	put(&message, SCM_RIGHTS, ends, 4)->cmsg_level = 6;
	TRY(sendmsg(pair[0], &message.header, 0));
	receive(pair[1], 10, CMSG_SPACE(4), 0);
	message.header.msg_controllen = -1;
	TRY(sendmsg(pair[0], &message.header, 0));
	message.header.msg_control = (void *)16;
	message.header.msg_controllen = CMSG_SPACE(4);
	TRY(sendmsg(pair[0], &message.header, 0));
	prepare(&message, "x", 1, 0);
	message.header.msg_iovlen = 1025;
	TRY(sendmsg(pair[0], &message.header, 0));
	message.header.msg_iovlen = -1;
	TRY(recvmsg(pair[0], &message.header, MSG_DONTWAIT));
	TRY(sendmsg(pair[0], (void *)16, 0));
	TRY(recvmsg(pair[0], (void *)16, 0));
	TRY(sendmsg(999, &message.header, 0));
	TRY(sendmsg(ends[0], &message.header, 0));
	/* What arrives is the same open file. */
	TRY(send_descriptors(pair[0], ends, 2));
	close(ends[1]);
	printf("ready %x\n", ready(ends[0]));
	TRY(recv(pair[1], buffer, 10, 0));
	printf("ready %x\n", ready(ends[0]));
	close(ends[0]);
	close_pair(pair);
	printf("left %d\n", count_descriptors() - before);
}

/* Bytes around a message with descriptors. */
static void test_glue(void)
{
	int pair[2], ends[2];
	make_pair(pair, SOCK_STREAM);
	if (pipe(ends))
		exit(1);
	TRY(write(pair[0], "before", 6));
	TRY(send_descriptors(pair[0], ends, 1));
	TRY(write(pair[0], "after", 5));
	TRY(send_descriptors(pair[0], ends + 1, 1));
	receive(pair[1], 100, CMSG_SPACE(8), MSG_PEEK);
	receive(pair[1], 100, CMSG_SPACE(8), 0);
	receive(pair[1], 2, CMSG_SPACE(8), 0);
	receive(pair[1], 100, CMSG_SPACE(8), 0);
	receive(pair[1], 100, CMSG_SPACE(8), MSG_DONTWAIT);
	close_pair(ends);
	close_pair(pair);
}

static void test_credentials(int type)
{
	int pair[2], on = 1;
	struct message message;
	struct ucred own = {getpid(), getuid(), getgid()}, wrong = own;
	make_pair(pair, type);
	TRY(send(pair[0], "x", 1, 0));
	receive(pair[1], 10, 256, 0);
	TRY(send(pair[0], "without", 7, 0));
	TRY(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
	TRY(send(pair[0], "with", 4, 0));
	receive(pair[1], 100, 256, 0);
	receive(pair[1], 100, 256, MSG_DONTWAIT);
	TRY(send(pair[0], "with", 4, 0));
	receive(pair[1], 100, CMSG_LEN(4), 0);
	TRY(send(pair[0], "with", 4, 0));
	receive(pair[1], 100, 0, 0);
	prepare(&message, "x", 1, CMSG_SPACE(sizeof(own)));
	put(&message, SCM_CREDENTIALS, &own, sizeof(own));
	TRY(sendmsg(pair[0], &message.header, 0));
	receive(pair[1], 100, 256, 0);
	put(&message, SCM_CREDENTIALS, &own, sizeof(own) - 4);
	TRY(sendmsg(pair[0], &message.header, 0));
	wrong.uid = -1;
	put(&message, SCM_CREDENTIALS, &wrong, sizeof(wrong));
	TRY(sendmsg(pair[0], &message.header, 0));
	int ends[2];
	if (pipe(ends))
		exit(1);
	TRY(send_descriptors(pair[0], ends, 2));
	receive(pair[1], 100, 256, 0);
	close_pair(ends);
	close_pair(pair);
}

/* Sockets that are in their own queues, and deep in each other's: fewer than a user may have on
 * their way, as Linux may find circles late. */
static void test_circles(void)
{
	int before = count_descriptors();
	for (int i = 0; i < 100; i++) {
		int pair[2];
		make_pair(pair, SOCK_STREAM);
		if (send_descriptors(pair[0], pair, 2) != 1) {
			printf("circle %d: %s\n", i, strerror(errno));
			break;
		}
		close_pair(pair);
	}
	int last[2], next[2];
	make_pair(last, SOCK_DGRAM);
	for (int i = 0; i < 150; i++) {
		make_pair(next, SOCK_DGRAM);
		if (send_descriptors(next[0], last, 2) != 1)
			printf("chain %d: %s\n", i, strerror(errno));
		close_pair(last);
		memcpy(last, next, sizeof(last));
	}
	close_pair(last);
	printf("left %d\n", count_descriptors() - before);
}

/* Sockets that are sent, used, and sent on. */
static void test_passed_socket(void)
{
	int pair[2], other[2];
	struct message message;
	make_pair(pair, SOCK_SEQPACKET);
	make_pair(other, SOCK_STREAM);
	TRY(send_descriptors(pair[0], other, 1));
	close(other[0]);
	TRY(write(other[1], "hello", 5));
	prepare(&message, buffer, 10, CMSG_SPACE(4));
	TRY(recvmsg(pair[1], &message.header, 0));
	const struct cmsghdr *head = CMSG_FIRSTHDR(&message.header);
	int arrived = -1;
	if (head)
		memcpy(&arrived, CMSG_DATA(head), sizeof(arrived));
	TRY(read(arrived, buffer, 10));
	close(arrived);
	TRY(read(other[1], buffer, 10));
	close(other[1]);
	close_pair(pair);
}

static void test_many(void)
{
	int pair[2];
	struct mmsghdr out[3] = {0}, in[4] = {0};
	struct iovec parts[4];
	make_pair(pair, SOCK_DGRAM);
	for (size_t i = 0; i < 4; i++) {
		parts[i] = (struct iovec){buffer + i * 10, i + 1};
		if (i < 3)
			out[i].msg_hdr = (struct msghdr){.msg_iov = parts + i, .msg_iovlen = 1};
		in[i].msg_hdr = (struct msghdr){.msg_iov = parts + i, .msg_iovlen = 1};
	}
	TRY(sendmmsg(pair[0], out, 3, 0));
	printf("%u %u %u\n", out[0].msg_len, out[1].msg_len, out[2].msg_len);
	TRY(recvmmsg(pair[1], in, 4, MSG_WAITFORONE, NULL));
	printf("%u %u %u\n", in[0].msg_len, in[1].msg_len, in[2].msg_len);
	TRY(recvmmsg(pair[1], in, 4, MSG_DONTWAIT, NULL));
	TRY(sendmmsg(pair[0], out, 0, 0));
	TRY(sendmmsg(999, out, 1, 0));
	TRY(recvmmsg(999, in, 1, 0, NULL));
	TRY(sendmmsg(pair[0], (void *)16, 1, 0));
	close_pair(pair);
}

int main(void)
{
	char path[64];
	static const int types[] = {SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM};
	enter_scratch(path);
	signal(SIGPIPE, SIG_IGN);
	test_pairs(SOCK_DGRAM);
	test_pairs(SOCK_SEQPACKET);
	test_room(SOCK_DGRAM);
	test_room(SOCK_SEQPACKET);
	test_datagrams();
	for (int i = 0; i < 3; i++) {
		test_descriptors(types[i]);
		test_credentials(types[i]);
	}
	test_glue();
	test_circles();
	test_passed_socket();
	test_many();
	return rmdir(path) != 0;
}

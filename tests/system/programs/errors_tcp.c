/* Edges of TCP within one machine: making sockets, ports, connections and their ends, readiness. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "errors_inet.h"

static char buffer[300000];

static void test_making(void)
{
	int pair[2];
	for (int family = AF_INET; family <= AF_INET6; family += AF_INET6 - AF_INET) {
		printf("family %d\n", family == AF_INET ? 4 : 6);
		TRY_ANY(socket(family, SOCK_STREAM, 0));
		TRY_ANY(socket(family, SOCK_DGRAM, 0));
		TRY_ANY(socket(family, SOCK_STREAM, IPPROTO_TCP));
		TRY_ANY(socket(family, SOCK_DGRAM, IPPROTO_UDP));
		TRY(socket(family, SOCK_STREAM, IPPROTO_UDP));
		TRY(socket(family, SOCK_DGRAM, IPPROTO_TCP));
		TRY(socket(family, SOCK_SEQPACKET, 0));
		TRY(socket(family, SOCK_RDM, 0));
		TRY(socket(family, 0, 0));
		TRY(socket(family, 14, 0));
		TRY(socket(family, SOCK_RAW, 0));
		TRY(socket(family, SOCK_STREAM, -1));
		TRY(socket(family, SOCK_STREAM, 1000));
		TRY(socket(family, SOCK_STREAM | 0x100, 0));
		TRY(socketpair(family, SOCK_STREAM, 0, pair));
	}
	for (int descriptor = 3; descriptor < 20; descriptor++)
		close(descriptor);
	int made = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct stat status;
	TRY(fcntl(made, F_GETFL));
	TRY(fcntl(made, F_GETFD));
	TRY(fstat(made, &status));
	printf("mode %o\n", status.st_mode);
	TRY(lseek(made, 0, SEEK_SET));
	TRY(pread(made, buffer, 1, 0));
	TRY(isatty(made));
	TRY(get(made, SOL_SOCKET, SO_TYPE));
	TRY(get(made, SOL_SOCKET, SO_DOMAIN));
	TRY(get(made, SOL_SOCKET, SO_PROTOCOL));
	TRY(get(made, SOL_SOCKET, SO_ACCEPTCONN));
	close(made);
}

static void test_ports(void)
{
	struct sockaddr_in name = address_of(INADDR_LOOPBACK, 0);
	struct sockaddr *plain = (struct sockaddr *)&name;
	int first = socket(AF_INET, SOCK_STREAM, 0), second = socket(AF_INET, SOCK_STREAM, 0);
	print_name("unbound", first, 0);
	TRY(bind(first, plain, 15));
	TRY(bind(first, plain, 0));
	TRY(bind(first, plain, 1000));
	TRY(bind(first, NULL, 16));
	name.sin_family = AF_INET6;
	TRY(bind(first, plain, sizeof(name)));
	name.sin_family = AF_UNSPEC;
	TRY(bind(first, plain, sizeof(name)));
	TRY(bind_to(first, 0xc0000201, 0));
	TRY(bind_to(first, INADDR_LOOPBACK, 0));
	print_name("bound", first, 0);
	print_name("its peer", first, 1);
	TRY(bind_to(first, INADDR_LOOPBACK, 0));
	TRY(bind_to(second, INADDR_LOOPBACK, port_of(first)));
	TRY(bind_to(second, INADDR_ANY, port_of(first)));
	TRY(bind_to(second, 0x7f000002, port_of(first)));
	print_name("another loopback", second, 0);
	close(second);
	second = socket(AF_INET, SOCK_DGRAM, 0);
	TRY(bind_to(second, INADDR_LOOPBACK, port_of(first)));
	close(second);
	second = socket(AF_INET, SOCK_STREAM, 0);
	TRY(set(second, SOL_SOCKET, SO_REUSEADDR, 1));
	TRY(bind_to(second, INADDR_LOOPBACK, port_of(first)));
	TRY(set(first, SOL_SOCKET, SO_REUSEADDR, 1));
	TRY(bind_to(second, INADDR_LOOPBACK, port_of(first)));
	TRY(listen(first, 1));
	TRY(listen(second, 1));
	TRY(listen(first, 2));
	TRY(get(first, SOL_SOCKET, SO_ACCEPTCONN));
	close(second);
	second = socket(AF_INET, SOCK_STREAM, 0);
	TRY(set(second, SOL_SOCKET, SO_REUSEADDR, 1));
	TRY(bind_to(second, INADDR_LOOPBACK, port_of(first)));
	close(first);
	TRY(listen(second, 1));
	close(second);
	first = socket(AF_INET, SOCK_STREAM, 0);
	second = socket(AF_INET, SOCK_STREAM, 0);
	TRY(set(first, SOL_SOCKET, SO_REUSEPORT, 1));
	TRY(set(second, SOL_SOCKET, SO_REUSEPORT, 1));
	TRY(bind_to(first, INADDR_ANY, 0));
	TRY(bind_to(second, INADDR_ANY, port_of(first)));
	TRY(listen(first, 1));
	TRY(listen(second, 1));
	close(first);
	close(second);
	first = socket(AF_INET, SOCK_STREAM, 0);
	TRY(listen(first, 1));
	print_name("listens without a name", first, 0);
	TRY(bind_to(first, INADDR_ANY, 0));
	close(first);
	first = socket(AF_INET, SOCK_DGRAM, 0);
	TRY(listen(first, 1));
	TRY(accept(first, NULL, NULL));
	close(first);
}

static void test_connecting(void)
{
	struct sockaddr_in name = address_of(INADDR_LOOPBACK, 0);
	struct sockaddr *plain = (struct sockaddr *)&name;
	int server = listener(5), port = port_of(server), spare = listener(1);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	TRY(connect(client, plain, 1));
	TRY(connect(client, plain, 8));
	TRY(connect(client, NULL, sizeof(name)));
	name.sin_family = AF_UNIX;
	TRY(connect(client, plain, sizeof(name)));
	name.sin_family = AF_UNSPEC;
	TRY(connect(client, plain, sizeof(name)));
	int nobody = port_of(spare);
	close(spare);
	TRY(connect_to(client, INADDR_LOOPBACK, nobody));
	TRY(get(client, SOL_SOCKET, SO_ERROR));
	TRY(ready(client));
	TRY(connect_to(client, INADDR_LOOPBACK, port));
	TRY(connect_to(client, INADDR_LOOPBACK, port));
	TRY(await(server, POLLIN));
	struct sockaddr_in peer = {0};
	socklen_t length = sizeof(peer);
	int accepted = accept4(server, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK);
	printf("the peer: %d %s\n", (int)length,
	       peer.sin_port == htons((uint16_t)port_of(client)) ? "as it says" : "another one");
	TRY(fcntl(accepted, F_GETFL));
	print_name("accepted", accepted, 0);
	print_name("its peer", accepted, 1);
	print_name("client", client, 0);
	print_name("its peer", client, 1);
	TRY(listen(client, 1));
	TRY(bind_to(client, INADDR_LOOPBACK, 0));
	TRY(accept(client, NULL, NULL));
	TRY(connect_to(server, INADDR_LOOPBACK, port));
	close(accepted);
	close(client);
	client = socket(AF_INET, SOCK_STREAM, 0);
	TRY(connect_to(client, INADDR_ANY, port));
	print_name("client of any", client, 0);
	print_name("its peer", client, 1);
	close(client);
	close(accept(server, NULL, NULL));
	close(server);
	server = socket(AF_INET, SOCK_STREAM, 0);
	bind_to(server, INADDR_ANY, 0);
	listen(server, 3);
	client = socket(AF_INET, SOCK_STREAM, 0);
	TRY(connect_to(client, 0x7f010203, port_of(server)));
	print_name("client of 127.1.2.3", client, 0);
	print_name("its peer", client, 1);
	accepted = accept(server, NULL, NULL);
	print_name("accepted", accepted, 0);
	print_name("its peer", accepted, 1);
	close(accepted);
	close(client);
	close(server);
}

static void test_without_waiting(void)
{
	int server = listener(5), spare = listener(1), port = port_of(server);
	int nobody = port_of(spare);
	close(spare);
	fcntl(server, F_SETFL, O_NONBLOCK);
	TRY(accept(server, NULL, NULL));
	TRY(ready(server));
	int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	TRY(ready(client));
	TRY(connect_to(client, INADDR_LOOPBACK, port));
	TRY(await(client, POLLOUT));
	TRY(get(client, SOL_SOCKET, SO_ERROR));
	TRY(connect_to(client, INADDR_LOOPBACK, port));
	TRY(connect_to(client, INADDR_LOOPBACK, port));
	TRY(await(server, POLLIN));
	int accepted = accept(server, NULL, NULL);
	TRY(fcntl(accepted, F_GETFL));
	TRY(recv(client, buffer, 10, 0));
	close(client);
	close(accepted);
	client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	TRY(connect_to(client, INADDR_LOOPBACK, nobody));
	TRY(await(client, POLLIN));
	TRY(get(client, SOL_SOCKET, SO_ERROR));
	TRY(get(client, SOL_SOCKET, SO_ERROR));
	close(client);
	client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	TRY(connect_to(client, INADDR_LOOPBACK, nobody));
	TRY(await(client, POLLIN));
	TRY(connect_to(client, INADDR_LOOPBACK, nobody));
	TRY(connect_to(client, INADDR_LOOPBACK, port));
	TRY(await(client, POLLOUT));
	close(client);
	close(server);
}

static void test_streams(void)
{
	struct connection made = make_connection();
	int client = made.client, accepted = made.accepted;
	struct iovec parts[2] = {{"ab", 2}, {"cde", 3}};
	struct iovec room[2] = {{buffer, 3}, {buffer + 10, 10}};
	struct msghdr header = {.msg_iov = room, .msg_iovlen = 2};
	int available = -1;
	TRY(ready(client));
	TRY(ready(made.server));
	TRY(send(client, "hello", 5, 0));
	TRY(await(accepted, POLLIN));
	TRY(ioctl(accepted, FIONREAD, &available));
	TRY(available);
	TRY(recv(accepted, buffer, 100, MSG_PEEK));
	TRY(recv(accepted, buffer, 2, 0));
	TRY(recv(accepted, buffer, 2, MSG_TRUNC));
	TRY(recv(accepted, buffer, 100, MSG_DONTWAIT));
	TRY(recv(accepted, buffer, 100, MSG_DONTWAIT));
	TRY(recv(accepted, buffer, 100, MSG_OOB | MSG_DONTWAIT));
	TRY(recv(accepted, buffer, 100, MSG_ERRQUEUE | MSG_DONTWAIT));
	TRY(writev(client, parts, 2));
	TRY(await(accepted, POLLIN));
	TRY(recvmsg(accepted, &header, 0));
	printf("%.3s %.2s flags %x\n", buffer, buffer + 10, header.msg_flags);
	TRY(send(client, "to", 2, 0));
	struct sockaddr_in name = address_of(INADDR_LOOPBACK, 1);
	socklen_t length = sizeof(name);
	TRY(recvfrom(accepted, buffer, 10, 0, (struct sockaddr *)&name, &length));
	TRY(length);
	TRY(sendto(client, "it", 2, 0, (struct sockaddr *)&name, sizeof(name)));
	TRY(recv(accepted, buffer, 10, 0));
	TRY(send(client, NULL, 10, 0));
	TRY(send(client, (void *)16, 10, 0));
	TRY(send(client, NULL, 0, 0));
	TRY(write(client, "xyz", 3));
	TRY(await(accepted, POLLIN));
	TRY(recv(accepted, (void *)16, 3, 0));
	TRY(read(accepted, buffer, 10));
	TRY(read(client, buffer, 0));
	TRY(recv(client, buffer, 0, MSG_DONTWAIT));
	struct timeval soon = {0, 20000};
	TRY(setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)));
	TRY(recv(client, buffer, 10, 0));
	TRY(accepted >= 0);
	close_connection(made);
}

static void *send_slowly(void *argument)
{
	int descriptor = *(int *)argument;
	for (int part = 0; part < 10; part++) {
		if (write(descriptor, "0123456789", 10) != 10)
			perror("write");
		sched_yield();
	}
	return NULL;
}

static void *send_much(void *argument)
{
	static char much[10000];
	int descriptor = *(int *)argument;
	for (int part = 0; part < 1000; part++)
		if (send(descriptor, much, sizeof(much), 0) != sizeof(much))
			perror("send");
	shutdown(descriptor, SHUT_WR);
	return NULL;
}

static void *accept_one(void *argument)
{
	return (void *)(long)accept(*(int *)argument, NULL, NULL);
}

static void test_waiting(void)
{
	struct connection made = make_connection();
	pthread_t thread;
	void *result;
	long total = 0, count;
	pthread_create(&thread, NULL, send_slowly, &made.client);
	TRY(recv(made.accepted, buffer, 100, MSG_WAITALL));
	pthread_join(thread, NULL);
	pthread_create(&thread, NULL, send_much, &made.client);
	while ((count = read(made.accepted, buffer, sizeof(buffer))) > 0)
		total += count;
	pthread_join(thread, NULL);
	TRY(total);
	close(made.accepted);
	close(made.client);
	pthread_create(&thread, NULL, accept_one, &made.server);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	TRY(connect_to(client, INADDR_LOOPBACK, port_of(made.server)));
	pthread_join(thread, &result);
	TRY_ANY((long)result);
	close((int)(long)result);
	close(client);
	close(made.server);
}

static void test_ends(void)
{
	struct linger hard = {1, 0};
	struct connection made = make_connection();
	TRY(shutdown(made.client, 3));
	TRY(shutdown(made.client, SHUT_WR));
	TRY(send(made.client, "x", 1, MSG_NOSIGNAL));
	TRY(await(made.accepted, POLLRDHUP));
	TRY(recv(made.accepted, buffer, 10, 0));
	TRY(send(made.accepted, "back", 4, 0));
	TRY(await(made.client, POLLIN));
	TRY(recv(made.client, buffer, 10, 0));
	close(made.accepted);
	TRY(await(made.client, POLLRDHUP));
	TRY(recv(made.client, buffer, 10, 0));
	print_name("over", made.client, 1);
	TRY(shutdown(made.client, SHUT_RDWR));
	close(made.client);
	close(made.server);

	puts("the other end is gone");
	made = make_connection();
	TRY(send(made.client, "left", 4, 0));
	close(made.client);
	TRY(await(made.accepted, POLLRDHUP));
	TRY(send(made.accepted, "x", 1, 0));
	TRY(await(made.accepted, POLLERR));
	TRY(recv(made.accepted, buffer, 10, 0));
	TRY(recv(made.accepted, buffer, 10, 0));
	TRY(send(made.accepted, "x", 1, MSG_NOSIGNAL));
	TRY(get(made.accepted, SOL_SOCKET, SO_ERROR));
	TRY(send(made.accepted, "x", 1, MSG_NOSIGNAL));
	close_connection((struct connection){made.server, -1, made.accepted});

	puts("it left bytes unread");
	made = make_connection();
	TRY(send(made.accepted, "unread", 6, 0));
	TRY(await(made.client, POLLIN));
	close(made.client);
	TRY(await(made.accepted, POLLERR));
	TRY(recv(made.accepted, buffer, 10, 0));
	TRY(recv(made.accepted, buffer, 10, 0));
	TRY(send(made.accepted, "x", 1, MSG_NOSIGNAL));
	TRY(shutdown(made.accepted, SHUT_RDWR));
	close_connection((struct connection){made.server, -1, made.accepted});

	puts("it lingers for no time");
	made = make_connection();
	TRY(setsockopt(made.client, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
	close(made.client);
	TRY(await(made.accepted, POLLERR));
	TRY(get(made.accepted, SOL_SOCKET, SO_ERROR));
	TRY(recv(made.accepted, buffer, 10, 0));
	close_connection((struct connection){made.server, -1, made.accepted});

	puts("unconnected");
	int alone = socket(AF_INET, SOCK_STREAM, 0);
	TRY(ready(alone));
	TRY(send(alone, "x", 1, MSG_NOSIGNAL));
	TRY(recv(alone, buffer, 10, 0));
	TRY(shutdown(alone, SHUT_WR));
	TRY(accept(alone, NULL, NULL));
	TRY(listen(alone, 1));
	TRY(recv(alone, buffer, 10, 0));
	TRY(send(alone, "x", 1, MSG_NOSIGNAL));
	close(alone);
	alone = listener(1);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	TRY(connect_to(client, INADDR_LOOPBACK, port_of(alone)));
	TRY(await(alone, POLLIN));
	close(alone);
	TRY(await(client, POLLERR));
	TRY(recv(client, buffer, 10, 0));
	close(client);
	alone = listener(1);
	TRY(shutdown(alone, SHUT_WR));
	TRY(shutdown(alone, SHUT_RD));
	TRY(ready(alone));
	TRY(accept(alone, NULL, NULL));
	close(alone);

	puts("disconnected");
	made = make_connection();
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	TRY(connect(made.client, &nowhere, sizeof(nowhere)));
	TRY(await(made.accepted, POLLERR));
	TRY(recv(made.accepted, buffer, 10, 0));
	TRY(connect_to(made.client, INADDR_LOOPBACK, port_of(made.server)));
	close_connection(made);

	puts("signals");
	made = make_connection();
	signal(SIGPIPE, SIG_IGN);
	shutdown(made.client, SHUT_WR);
	TRY(write(made.client, "x", 1));
	signal(SIGPIPE, SIG_DFL);
	close_connection(made);
}

static long wait_epoll(int epoll, int timeout_ms)
{
	struct epoll_event event = {0};
	int found = epoll_wait(epoll, &event, 1, timeout_ms);
	return found == 1 ? (long)event.events : found;
}

static void test_epoll(void)
{
	struct connection made = make_connection();
	int edges = epoll_create1(0), levels = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};
	fd_set set;
	TRY(epoll_ctl(edges, EPOLL_CTL_ADD, made.accepted, &event));
	event.events = EPOLLIN | EPOLLRDHUP;
	TRY(epoll_ctl(levels, EPOLL_CTL_ADD, made.accepted, &event));
	TRY(wait_epoll(edges, 0));
	TRY(wait_epoll(levels, 0));
	TRY(send(made.client, "one", 3, 0));
	TRY(wait_epoll(edges, LONG_MS));
	TRY(wait_epoll(edges, 0));
	TRY(wait_epoll(levels, LONG_MS));
	TRY(wait_epoll(levels, 0));
	TRY(send(made.client, "two", 3, 0));
	TRY(wait_epoll(edges, LONG_MS));
	TRY(recv(made.accepted, buffer, 100, MSG_DONTWAIT));
	TRY(wait_epoll(levels, 0));
	FD_ZERO(&set);
	FD_SET(made.accepted, &set);
	struct timeval none = {0};
	TRY(select(made.accepted + 1, &set, NULL, NULL, &none));
	FD_SET(made.accepted, &set);
	TRY(select(made.accepted + 1, NULL, &set, NULL, &none));
	TRY(shutdown(made.client, SHUT_WR));
	TRY(wait_epoll(edges, LONG_MS));
	TRY(wait_epoll(levels, 0));
	event.events = EPOLLIN | EPOLLET;
	TRY(epoll_ctl(edges, EPOLL_CTL_ADD, made.server, &event));
	int client = socket(AF_INET, SOCK_STREAM, 0);
	TRY(connect_to(client, INADDR_LOOPBACK, port_of(made.server)));
	TRY(wait_epoll(edges, LONG_MS));
	TRY(wait_epoll(edges, 0));
	close(client);
	close(edges);
	close(levels);
	close_connection(made);
}

int main(void)
{
	test_making();
	test_ports();
	test_connecting();
	test_without_waiting();
	test_streams();
	test_waiting();
	test_ends();
	test_epoll();
	return 0;
}

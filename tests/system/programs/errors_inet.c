/* Edges of UDP within one machine, of the options of TCP and UDP, and of IPv6 beside IPv4: that where
 * the host has ::1, which the argument "ipv6" says. */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include "errors_inet.h"

static char buffer[300000];

static void test_datagrams(void)
{
	int first = socket(AF_INET, SOCK_DGRAM, 0), second = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in name = address_of(INADDR_LOOPBACK, 0), from = {0};
	struct sockaddr *plain = (struct sockaddr *)&name;
	socklen_t length = sizeof(from);
	int available = -1;
	TRY(ready(first));
	TRY(send(first, "x", 1, 0));
	TRY(recv(first, buffer, 10, MSG_DONTWAIT));
	TRY(bind_to(first, INADDR_LOOPBACK, 0));
	name.sin_port = htons((uint16_t)port_of(first));
	TRY(sendto(second, "hello", 5, 0, plain, 8));
	TRY(sendto(second, "hello", 5, 0, plain, sizeof(name)));
	print_name("the sender", second, 0);
	TRY(await(first, POLLIN));
	TRY(ioctl(first, FIONREAD, &available));
	TRY(available);
	TRY(recv(first, buffer, 2, MSG_PEEK | MSG_TRUNC));
	TRY(recvfrom(first, buffer, 10, 0, (struct sockaddr *)&from, &length));
	printf("from: %d %x %s\n", (int)length, ntohl(from.sin_addr.s_addr),
	       ntohs(from.sin_port) == port_of(second) ? "as it says" : "another one");
	TRY(sendto(second, "", 0, 0, plain, sizeof(name)));
	TRY(await(first, POLLIN));
	TRY(recv(first, buffer, 10, 0));
	TRY(sendto(second, buffer, 65507, 0, plain, sizeof(name)));
	TRY(sendto(second, buffer, 65508, 0, plain, sizeof(name)));
	TRY(sendto(second, buffer, 70000, 0, plain, sizeof(name)));
	TRY(await(first, POLLIN));
	TRY(recv(first, buffer, 10, 0));
	TRY(recv(first, buffer, 10, MSG_DONTWAIT));
	struct sockaddr_in portless = address_of(INADDR_LOOPBACK, 0);
	TRY(sendto(second, "x", 1, 0, (struct sockaddr *)&portless, sizeof(portless)));
	portless.sin_family = AF_UNIX;
	TRY(sendto(second, "x", 1, 0, (struct sockaddr *)&portless, sizeof(portless)));
	TRY(sendto(second, (void *)16, 4, 0, plain, sizeof(name)));
	TRY(connect(second, plain, sizeof(name)));
	print_name("its peer", second, 1);
	TRY(send(second, "connected", 9, 0));
	TRY(await(first, POLLIN));
	TRY(recv(first, buffer, 100, 0));
	TRY(shutdown(first, SHUT_RD));
	TRY(shutdown(second, SHUT_WR));
	TRY(send(second, "x", 1, 0));
	close(first);
	close(second);

	puts("nobody there");
	second = socket(AF_INET, SOCK_DGRAM, 0);
	TRY(sendto(second, "x", 1, 0, plain, sizeof(name)));
	TRY(ready(second));
	TRY(connect(second, plain, sizeof(name)));
	TRY(send(second, "x", 1, 0));
	TRY(await(second, POLLERR));
	TRY(send(second, "x", 1, 0));
	TRY(send(second, "x", 1, 0));
	TRY(await(second, POLLERR));
	TRY(recv(second, buffer, 10, MSG_DONTWAIT));
	TRY(recv(second, buffer, 10, MSG_DONTWAIT));
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	TRY(connect(second, &nowhere, sizeof(nowhere)));
	TRY(send(second, "x", 1, 0));
	close(second);

	puts("connected ones get what their peer sends");
	first = socket(AF_INET, SOCK_DGRAM, 0);
	second = socket(AF_INET, SOCK_DGRAM, 0);
	int third = socket(AF_INET, SOCK_DGRAM, 0);
	bind_to(first, INADDR_LOOPBACK, 0);
	bind_to(second, INADDR_LOOPBACK, 0);
	TRY(connect_to(first, INADDR_LOOPBACK, port_of(second)));
	TRY(connect_to(third, INADDR_LOOPBACK, port_of(first)));
	TRY(send(third, "x", 1, 0));
	TRY(await(third, POLLERR));
	TRY(get(third, SOL_SOCKET, SO_ERROR));
	TRY(connect_to(second, INADDR_LOOPBACK, port_of(first)));
	TRY(send(second, "y", 1, 0));
	TRY(await(first, POLLIN));
	TRY(read(first, buffer, 10));
	close(first);
	close(second);
	close(third);
}

static void test_full_receiver(void)
{
	int first = socket(AF_INET, SOCK_DGRAM, 0), second = socket(AF_INET, SOCK_DGRAM, 0);
	bind_to(first, INADDR_LOOPBACK, 0);
	TRY(set(first, SOL_SOCKET, SO_RCVBUF, 4096));
	TRY(get(first, SOL_SOCKET, SO_RCVBUF));
	connect_to(second, INADDR_LOOPBACK, port_of(first));
	int sent = 0, received = 0;
	for (int i = 0; i < 200; i++)
		sent += send(second, buffer, 1000, 0) == 1000;
	TRY(sent);
	while (recv(first, buffer, 1000, MSG_DONTWAIT) > 0)
		received++;
	TRY(received > 0 && received < 20);
	close(first);
	close(second);
}

static void test_options(void)
{
	int stream = socket(AF_INET, SOCK_STREAM, 0), datagram = socket(AF_INET, SOCK_DGRAM, 0);
	int value = 1;
	socklen_t length = sizeof(value);
	static const int switches[] = {SO_REUSEADDR, SO_KEEPALIVE, SO_REUSEPORT,
				       SO_BROADCAST, SO_OOBINLINE, SO_DONTROUTE};
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		TRY(get(stream, SOL_SOCKET, switches[i]));
		TRY(set(stream, SOL_SOCKET, switches[i], 5));
		TRY(get(stream, SOL_SOCKET, switches[i]));
	}
	static const int numbers[] = {TCP_NODELAY, TCP_CORK,   TCP_KEEPIDLE,	 TCP_KEEPINTVL,
				      TCP_KEEPCNT, TCP_SYNCNT, TCP_USER_TIMEOUT, TCP_MAXSEG};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		TRY(get(stream, SOL_TCP, numbers[i]));
		TRY(set(stream, SOL_TCP, numbers[i], 100));
		TRY(set(stream, SOL_TCP, numbers[i], -2));
		TRY(set(stream, SOL_TCP, numbers[i], 0));
		TRY(get(datagram, SOL_TCP, numbers[i]));
	}
	TRY(set(stream, SOL_TCP, TCP_NODELAY, 7));
	TRY(get(stream, SOL_TCP, TCP_NODELAY));
	TRY(setsockopt(stream, SOL_TCP, TCP_NODELAY, &value, 1));
	TRY(setsockopt(stream, SOL_TCP, TCP_NODELAY, (void *)16, 4));
	TRY(setsockopt(stream, SOL_TCP, 1000, &value, 4));
	TRY(setsockopt(stream, 1000, 1, &value, 4));
	TRY(getsockopt(stream, SOL_TCP, 1000, &value, &length));
	TRY(getsockopt(stream, 1000, 1, &value, &length));
	TRY(getsockopt(stream, SOL_TCP, TCP_NODELAY, &value, NULL));
	length = 2;
	TRY(getsockopt(stream, SOL_TCP, TCP_NODELAY, &value, &length));
	TRY(length);
	TRY(get(stream, SOL_IP, IP_TTL));
	TRY(set(stream, SOL_IP, IP_TTL, 5));
	TRY(get(stream, SOL_IP, IP_TTL));
	TRY(set(stream, SOL_IP, IP_TTL, 256));
	TRY(set(stream, SOL_IP, IP_TTL, 0));
	TRY(set(stream, SOL_IP, IP_TTL, -1));
	TRY(get(stream, SOL_IP, IP_TTL));
	TRY(get(datagram, SOL_IP, IP_MULTICAST_TTL));
	TRY(get(datagram, SOL_IP, IP_MULTICAST_LOOP));
	TRY(get(datagram, SOL_IP, IP_RECVERR));
	TRY(get(stream, SOL_IPV6, IPV6_V6ONLY));
	TRY(get(stream, SOL_SOCKET, SO_ERROR));
	TRY(set(stream, SOL_SOCKET, SO_RCVBUF, 10000));
	TRY(get(stream, SOL_SOCKET, SO_RCVBUF));
	TRY(set(stream, SOL_SOCKET, SO_SNDBUF, 10000));
	TRY(get(stream, SOL_SOCKET, SO_SNDBUF));
	struct ucred credentials;
	length = sizeof(credentials);
	TRY(getsockopt(stream, SOL_SOCKET, SO_PEERCRED, &credentials, &length));
	printf("%d %d %d\n", credentials.pid, (int)credentials.uid, (int)credentials.gid);
	close(stream);
	close(datagram);
	int server = listener(3);
	set(server, SOL_TCP, TCP_NODELAY, 1);
	set(server, SOL_SOCKET, SO_KEEPALIVE, 1);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	TRY(connect_to(client, INADDR_LOOPBACK, port_of(server)));
	int accepted = accept(server, NULL, NULL);
	TRY(get(accepted, SOL_TCP, TCP_NODELAY));
	TRY(get(accepted, SOL_SOCKET, SO_KEEPALIVE));
	TRY(get(accepted, SOL_SOCKET, SO_ACCEPTCONN));
	TRY(get(server, SOL_SOCKET, SO_ACCEPTCONN));
	struct tcp_info info = {0};
	length = sizeof(info);
	TRY(getsockopt(accepted, SOL_TCP, TCP_INFO, &info, &length));
	TRY(info.tcpi_state);
	close_connection((struct connection){server, client, accepted});
}

static int connect_to_v6(int descriptor, const char *host, int port)
{
	struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	inet_pton(AF_INET6, host, &name.sin6_addr);
	return connect(descriptor, (struct sockaddr *)&name, sizeof(name));
}

static int bind_to_v6(int descriptor, const char *host, int port)
{
	struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	inet_pton(AF_INET6, host, &name.sin6_addr);
	return bind(descriptor, (struct sockaddr *)&name, sizeof(name));
}

static void print_v6(const char *what, int descriptor, int peer)
{
	struct sockaddr_in6 name = {0};
	socklen_t length = sizeof(name);
	char text[64];
	int result = peer ? getpeername(descriptor, (struct sockaddr *)&name, &length)
			  : getsockname(descriptor, (struct sockaddr *)&name, &length);
	if (result)
		printf("%s: %s\n", what, strerror(errno));
	else
		printf("%s: length %d %s\n", what, (int)length,
		       inet_ntop(AF_INET6, &name.sin6_addr, text, sizeof(text)));
}

static void test_both_families(void)
{
	int server = socket(AF_INET6, SOCK_STREAM, 0), client = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in v4 = address_of(INADDR_LOOPBACK, 0);
	TRY(bind(server, (struct sockaddr *)&v4, sizeof(v4)));
	TRY(bind_to_v6(server, "2001:db8::1", 0));
	TRY(bind_to_v6(server, "::", 0));
	TRY(set(server, SOL_IPV6, IPV6_V6ONLY, 1));
	TRY(get(server, SOL_IPV6, IPV6_V6ONLY));
	TRY(get(server, SOL_IPV6, IPV6_UNICAST_HOPS));
	TRY(listen(server, 5));
	print_v6("server", server, 0);
	TRY(connect_to_v6(client, "::1", port_of(server)));
	print_v6("client", client, 0);
	print_v6("its peer", client, 1);
	int accepted = accept(server, NULL, NULL);
	print_v6("accepted", accepted, 0);
	print_v6("its peer", accepted, 1);
	TRY(send(client, "six", 3, 0));
	TRY(recv(accepted, buffer, 10, 0));
	close(accepted);
	close(client);
	client = socket(AF_INET, SOCK_STREAM, 0);
	TRY(connect_to(client, INADDR_LOOPBACK, port_of(server)));
	accepted = accept(server, NULL, NULL);
	print_v6("accepted of IPv4", accepted, 0);
	print_v6("its peer", accepted, 1);
	close(accepted);
	close(client);
	client = socket(AF_INET, SOCK_STREAM, 0);
	TRY(bind_to(client, INADDR_LOOPBACK, port_of(server)));
	close(client);
	client = socket(AF_INET6, SOCK_STREAM, 0);
	TRY(connect_to_v6(client, "::ffff:127.0.0.1", port_of(server)));
	print_v6("mapped", client, 0);
	print_v6("its peer", client, 1);
	close(client);
	close(server);
	server = socket(AF_INET6, SOCK_STREAM, 0);
	client = socket(AF_INET, SOCK_STREAM, 0);
	TRY(set(server, SOL_IPV6, IPV6_V6ONLY, 1));
	TRY(bind_to_v6(server, "::ffff:127.0.0.1", 0));
	TRY(bind_to_v6(server, "::", 0));
	TRY(listen(server, 5));
	TRY(connect_to(client, INADDR_LOOPBACK, port_of(server)));
	TRY(bind_to(client, INADDR_LOOPBACK, port_of(server)));
	close(client);
	close(server);
	int first = socket(AF_INET6, SOCK_DGRAM, 0), second = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in6 from = {0};
	socklen_t length = sizeof(from);
	char text[64];
	TRY(bind_to_v6(first, "::", 0));
	TRY(connect_to(second, INADDR_LOOPBACK, port_of(first)));
	TRY(send(second, "four", 4, 0));
	TRY(recvfrom(first, buffer, 10, 0, (struct sockaddr *)&from, &length));
	printf("from: %d %s\n", (int)length,
	       inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof(text)));
	TRY(sendto(first, "back", 4, 0, (struct sockaddr *)&from, length));
	TRY(recv(second, buffer, 10, 0));
	close(first);
	close(second);
}

int main(int argc, char **argv)
{
	test_datagrams();
	test_full_receiver();
	test_options();
	if (argc > 2 && !strcmp(argv[2], "ipv6"))
		test_both_families();
	return 0;
}

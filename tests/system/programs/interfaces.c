/* What a program finds of its own network interfaces: of loopback alone, because a guest has no other. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void print_address(const char *what, const struct sockaddr *address)
{
	char text[INET_ADDRSTRLEN] = "";
	if (address && address->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text,
			  sizeof(text));
	printf(" %s %s", what, text);
}

static void list_interfaces(void)
{
	struct ifaddrs *all = NULL;
	printf("getifaddrs: %d\n", getifaddrs(&all));
	for (struct ifaddrs *next = all; next; next = next->ifa_next) {
		if (!(next->ifa_flags & IFF_LOOPBACK) || !next->ifa_addr ||
		    next->ifa_addr->sa_family == AF_INET6)
			continue;
		printf("%s: family %d, flags %x", next->ifa_name, next->ifa_addr->sa_family,
		       next->ifa_flags);
		print_address("address", next->ifa_addr);
		print_address("mask", next->ifa_netmask);
		puts("");
	}
	freeifaddrs(all);
}

static void tell(const char *what, long result)
{
	printf("%s: %s\n", what, result < 0 ? strerror(errno) : "fine");
}

static int sent(int descriptor, const void *bytes, size_t length, const struct sockaddr_nl *to)
{
	return (int)sendto(descriptor, bytes, length, 0, (const struct sockaddr *)to, sizeof(*to));
}

/* Calls that are wrong, and requests that are none. */
static void make_mistakes(void)
{
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK}, other = {.nl_family = AF_INET};
	const struct {
		struct nlmsghdr header;
		struct rtgenmsg wanted;
	} request = {.header = {.nlmsg_len = sizeof(request),
				.nlmsg_type = RTM_GETADDR,
				.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
				.nlmsg_seq = 7}},
	  no_request = {.header = {.nlmsg_len = sizeof(request)}};
	struct sockaddr_nl own = {0};
	socklen_t length = sizeof(own);
	char answer[8192];
	tell("a stream", socket(AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE));
	tell("no such protocol", socket(AF_NETLINK, SOCK_RAW, 31));
	const int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_ROUTE);
	tell("bind to another family",
	     bind(descriptor, (const struct sockaddr *)&other, sizeof(other)));
	tell("bind to too little", bind(descriptor, (const struct sockaddr *)&kernel, 4));
	tell("bind", bind(descriptor, (const struct sockaddr *)&kernel, sizeof(kernel)));
	tell("bind again", bind(descriptor, (const struct sockaddr *)&kernel, sizeof(kernel)));
	getsockname(descriptor, (struct sockaddr *)&own, &length);
	printf("name: family %d, length %u, the process' id: %d\n", own.nl_family, length,
	       own.nl_pid == (unsigned)getpid());
	tell("nothing to receive", recv(descriptor, answer, sizeof(answer), 0));
	tell("no request", sent(descriptor, &no_request, sizeof(no_request), &kernel));
	tell("still nothing", recv(descriptor, answer, sizeof(answer), 0));
	tell("to another family", sent(descriptor, &request, sizeof(request), &other));
	tell("listen", listen(descriptor, 1));
	tell("request", sent(descriptor, &request, sizeof(request), &kernel));
	const long got = recv(descriptor, answer, sizeof(answer), 0);
	const struct nlmsghdr *first = (const struct nlmsghdr *)answer;
	tell("answer", got);
	printf("type %d, flags %x, sequence %u, to us: %d\n", first->nlmsg_type, first->nlmsg_flags,
	       first->nlmsg_seq, first->nlmsg_pid == own.nl_pid);
	close(descriptor);
}

int main(void)
{
	list_interfaces();
	make_mistakes();
	return 0;
}

/* The network's interfaces and addresses, for those who ask; see netlink.h. */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include "guest/lib/text.h"
#include "netlink.h"

#define LOOPBACK_INDEX 1
#define LOOPBACK_NAME  "lo"
#define LOOPBACK_MTU   65536
#define LOOPBACK_FLAGS (IFF_UP | IFF_LOOPBACK | IFF_RUNNING | IFF_LOWER_UP)
#define HARDWARE_SIZE  6 /* bytes of an address */

/* An answer that grows. Its parts are a few hundred bytes: there is room. */
struct answer {
	char *bytes;
	size_t length;
	size_t message; /* where the last message begins */
	uint32_t sequence, port;
};

static void *add(struct answer *answer, size_t size)
{
	void *place = answer->bytes + answer->length;
	memset(place, 0, NLMSG_ALIGN(size));
	answer->length += NLMSG_ALIGN(size);
	return place;
}

static void begin(struct answer *answer, uint16_t type, uint16_t flags)
{
	answer->message = answer->length;
	struct nlmsghdr *header = add(answer, sizeof(*header));
	header->nlmsg_type = type;
	header->nlmsg_flags = flags;
	header->nlmsg_seq = answer->sequence;
	header->nlmsg_pid = answer->port;
}

static void end(struct answer *answer)
{
	struct nlmsghdr *header = (struct nlmsghdr *)(answer->bytes + answer->message);
	header->nlmsg_len = (uint32_t)(answer->length - answer->message);
}

static void add_attribute(struct answer *answer, uint16_t type, const void *value, size_t size)
{
	struct rtattr *attribute = add(answer, RTA_LENGTH(size));
	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(size);
	memcpy(RTA_DATA(attribute), value, size);
}

static void add_number(struct answer *answer, uint16_t type, uint32_t number)
{
	add_attribute(answer, type, &number, sizeof(number));
}

static void add_link(struct answer *answer)
{
	static const char hardware[HARDWARE_SIZE];
	begin(answer, RTM_NEWLINK, NLM_F_MULTI);
	struct ifinfomsg *link = add(answer, sizeof(*link));
	link->ifi_type = ARPHRD_LOOPBACK;
	link->ifi_index = LOOPBACK_INDEX;
	link->ifi_flags = LOOPBACK_FLAGS;
	add_attribute(answer, IFLA_IFNAME, LOOPBACK_NAME, sizeof(LOOPBACK_NAME));
	add_number(answer, IFLA_MTU, LOOPBACK_MTU);
	add_attribute(answer, IFLA_ADDRESS, hardware, sizeof(hardware));
	add_attribute(answer, IFLA_BROADCAST, hardware, sizeof(hardware));
	end(answer);
}

static void add_address(struct answer *answer, uint8_t family, const void *bytes, size_t size,
			uint8_t prefix)
{
	begin(answer, RTM_NEWADDR, NLM_F_MULTI);
	struct ifaddrmsg *address = add(answer, sizeof(*address));
	address->ifa_family = family;
	address->ifa_prefixlen = prefix;
	address->ifa_flags = IFA_F_PERMANENT;
	address->ifa_scope = RT_SCOPE_HOST;
	address->ifa_index = LOOPBACK_INDEX;
	add_attribute(answer, IFA_ADDRESS, bytes, size);
	if (family == AF_INET) {
		add_attribute(answer, IFA_LOCAL, bytes, size);
		add_attribute(answer, IFA_LABEL, LOOPBACK_NAME, sizeof(LOOPBACK_NAME));
	}
	add_number(answer, IFA_FLAGS, IFA_F_PERMANENT);
	end(answer);
}

static void add_addresses(struct answer *answer, uint8_t family)
{
	static const uint8_t v4[4] = {127, 0, 0, 1};
	static const struct in6_addr v6 = IN6ADDR_LOOPBACK_INIT;
	if (family == AF_UNSPEC || family == AF_INET)
		add_address(answer, AF_INET, v4, sizeof(v4), 8);
	if (family == AF_UNSPEC || family == AF_INET6)
		add_address(answer, AF_INET6, &v6, sizeof(v6), 128);
}

/* All of a kind, with an end behind them. */
static void add_dump(struct answer *answer, uint16_t type, uint8_t family)
{
	if (type == RTM_GETLINK)
		add_link(answer);
	else if (type == RTM_GETADDR)
		add_addresses(answer, family);
	begin(answer, NLMSG_DONE, NLM_F_MULTI);
	add(answer, sizeof(int));
	end(answer);
}

static void add_error(struct answer *answer, const struct nlmsghdr *request, int error)
{
	begin(answer, NLMSG_ERROR, 0);
	struct nlmsgerr *told = add(answer, sizeof(*told));
	told->error = error;
	told->msg = *request;
	end(answer);
}

size_t netlink_answer(const struct nlmsghdr *request, size_t length, uint32_t port,
		      char answer[NETLINK_ANSWER_MAX])
{
	struct answer growing = {.bytes = answer, .sequence = request->nlmsg_seq, .port = port};
	const bool dump = (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
	const bool whole = length >= NLMSG_LENGTH(sizeof(struct rtgenmsg));
	const struct rtgenmsg *wanted = NLMSG_DATA(request);
	const uint16_t type = request->nlmsg_type;
	if (dump && whole && (type == RTM_GETLINK || type == RTM_GETADDR || type == RTM_GETROUTE))
		add_dump(&growing, type, wanted->rtgen_family);
	else
		add_error(&growing, request, -EOPNOTSUPP);
	return growing.length;
}

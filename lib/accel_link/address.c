/* Addresses to listen at; see address.h. */
#include "accel_link/address.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "options/quantity.h"
#include "sizes/sizes.h"

static const struct scheme {
	const char *prefix;
	enum address_kind kind;
} schemes[] = {
    {"unix://", ADDRESS_UNIX}, {"seqpacket://", ADDRESS_SEQPACKET}, {"tcp://", ADDRESS_TCP},
    {"tls://", ADDRESS_TLS},   {"vsock://", ADDRESS_VSOCK},
};

static int parse_path(const char *text, struct address *address, struct error *error)
{
	if (*text != '/' && (*text != '@' || !text[1]))
		return error_set(error, EINVAL, "'%.64s': a path begins with /", text);
	if (strlen(text) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return error_set(error, EINVAL, "a socket's path has at most %zu bytes",
				 sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
	snprintf(address->host, sizeof(address->host), "%s", text);
	return 0;
}

static int parse_port(const char *text, uint32_t most, uint32_t *port, struct error *error)
{
	uint64_t number;
	if (quantity_parse_count(text, &number, NULL) || number > most || !number)
		return error_set(error, EINVAL, "'%.16s' is no port: 1 to %u", text, most);
	*port = (uint32_t)number;
	return 0;
}

/* "host:port", of which the host may be in brackets. */
static int parse_host(const char *text, uint32_t most, struct address *address, struct error *error)
{
	const char *colon = strrchr(text, ':');
	if (!colon)
		return error_set(error, EINVAL, "'%.64s' has no port: HOST:PORT", text);
	size_t length = (size_t)(colon - text);
	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	} else if (memchr(text, ':', length)) {
		return error_set(error, EINVAL, "an IPv6 address stands in brackets: [::1]:2048");
	}
	if (memchr(text, '/', length))
		return error_set(error, EINVAL, "'%.64s' is no host", text);
	if (length >= sizeof(address->host))
		return error_set(error, EINVAL, "a host's name has at most %zu bytes",
				 sizeof(address->host) - 1);
	memcpy(address->host, text, length);
	address->host[length] = 0;
	return parse_port(colon + 1, most, &address->port, error);
}

static int parse_vsock(const char *text, struct address *address, struct error *error)
{
	uint64_t cid = VMADDR_CID_ANY;
	int result = parse_host(text, UINT32_MAX - 1, address, error);
	if (result)
		return result;
	if (*address->host && (quantity_parse_count(address->host, &cid, NULL) || cid > UINT32_MAX))
		return error_set(error, EINVAL,
				 "'%.64s' is no context id of a vsock: a number, or "
				 "nothing for any",
				 address->host);
	address->cid = (uint32_t)cid;
	address->host[0] = 0;
	return 0;
}

int address_parse(const char *text, struct address *address, struct error *error)
{
	memset(address, 0, sizeof(*address));
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		size_t length = strlen(schemes[i].prefix);
		if (strncmp(text, schemes[i].prefix, length) != 0)
			continue;
		address->kind = schemes[i].kind;
		switch (address->kind) {
		case ADDRESS_UNIX:
		case ADDRESS_SEQPACKET:
			return parse_path(text + length, address, error);
		case ADDRESS_VSOCK:
			return parse_vsock(text + length, address, error);
		default:
			return parse_host(text + length, UINT16_MAX, address, error);
		}
	}
	return error_set(error, EINVAL,
			 "'%.64s' is no address: unix:///path, seqpacket:///path, tcp://host:port, "
			 "tls://host:port or vsock://cid:port",
			 text);
}

bool address_equals(const struct address *a, const struct address *b)
{
	return a->kind == b->kind && a->cid == b->cid && a->port == b->port &&
	       !strcmp(a->host, b->host);
}

void address_format(const struct address *address, char *text, size_t size)
{
	const char *prefix = "";
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (schemes[i].kind == address->kind)
			prefix = schemes[i].prefix;
	bool ipv6 = strchr(address->host, ':');
	if (address->kind == ADDRESS_UNIX || address->kind == ADDRESS_SEQPACKET)
		snprintf(text, size, "%s%s", prefix, address->host);
	else if (address->kind != ADDRESS_VSOCK)
		snprintf(text, size, "%s%s%s%s:%u", prefix, ipv6 ? "[" : "", address->host,
			 ipv6 ? "]" : "", address->port);
	else if (address->cid == VMADDR_CID_ANY)
		snprintf(text, size, "%s:%u", prefix, address->port);
	else
		snprintf(text, size, "%s%u:%u", prefix, address->cid, address->port);
}

/* Where an accelerator host listens, as a person writes it. */
#ifndef MAYFLY_ACCEL_ADDRESS_H
#define MAYFLY_ACCEL_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include "util/error.h"

enum address_kind {
	ADDRESS_UNIX,	   /* unix:///path or unix://@name: SOCK_STREAM */
	ADDRESS_SEQPACKET, /* seqpacket:///path: for windows only, without a relay */
	ADDRESS_TCP,	   /* tcp://host:port, tcp://[::1]:port */
	ADDRESS_TLS,	   /* tls://host:port */
	ADDRESS_VSOCK,	   /* vsock://cid:port, vsock://:port for any */
};

#define ADDRESS_HOST_MAX 256

struct address {
	enum address_kind kind;
	/* A path, "@name", or a host's name or number; "" for all. */
	char host[ADDRESS_HOST_MAX];
	uint32_t cid, port;
};

/* 0 or -EINVAL, with a sentence. */
int address_parse(const char *text, struct address *address, struct error *error);

bool address_equals(const struct address *a, const struct address *b);

/* Writes it as it is parsed; the text is cut where it does not fit. */
void address_format(const struct address *address, char *text, size_t size);

#endif

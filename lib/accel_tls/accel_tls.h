/* TLS around a connection to an accelerator host: a module of its own, so that only programs whose host
 * is at a tls:// address load GnuTLS. */
#ifndef MAYFLY_ACCEL_TLS_H
#define MAYFLY_ACCEL_TLS_H

#include <stdint.h>

#include "accel_link/accel_link.h"
#include "util/error.h"

/* What this side shows and whom it believes. */
struct accel_tls_files {
	const char *certificate, *key; /* PEM; NULL, both: shows none */
	const char *authority;	       /* PEM; NULL: those of the system */
};

/* Shakes hands over the connected, blocking `socket` with whoever has a certificate for `host` (a name,
 * or an address as text), by `deadline_ns` (CLOCK_MONOTONIC). The socket stays the caller's. 0; or a
 * negative errno: -EINVAL for files that cannot be used, -EACCES for a certificate that is not
 * believed, on either side, -ETIMEDOUT, -ECONNRESET. */
typedef int accel_tls_open(int socket, const char *host, const struct accel_tls_files *files,
			   uint64_t deadline_ns, struct accel_link_cover **out,
			   struct error *error);

/* The module exports accel_tls_open under this name, which is of this version of the interface. */
#define ACCEL_TLS_SYMBOL "mayfly_accel_tls_open_1"
#define ACCEL_TLS_MODULE "libmayfly-tls.so"

#endif

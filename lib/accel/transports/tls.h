/* TLS for connections to an accelerator host: the module (accel_tls/accel_tls.h), and what the
 * environment says for it. */
#ifndef MAYFLY_ACCEL_TRANSPORTS_TLS_H
#define MAYFLY_ACCEL_TRANSPORTS_TLS_H

#include "accel_tls/accel_tls.h"

/* Loads the module, which stays in the process. 0, or a negative errno. */
int tls_load(accel_tls_open **open, struct error *error);

/* Shakes hands over `socket`, with the files that MAYFLY_TLS_CERTIFICATE, MAYFLY_TLS_KEY and
 * MAYFLY_TLS_AUTHORITY name. As accel_tls_open. */
int tls_cover(accel_tls_open *open, int socket, const char *host, uint64_t deadline_ns,
	      struct accel_link_cover **out, struct error *error);

#endif

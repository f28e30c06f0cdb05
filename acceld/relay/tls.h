/* TLS around the stream of a client, who has to have a certificate (GnuTLS). */
#ifndef MAYFLY_ACCELD_TLS_H
#define MAYFLY_ACCELD_TLS_H

#include <stdint.h>

#include "acceld/common/policy.h"
#include "util/error.h"

struct stream;
struct tls;
struct tls_files;

/* Reads the host's certificate and key and the authority of its clients. Whoever has a certificate of
 * that authority, for one of the names in `clients`, is let in; `clients` outlives the struct tls.
 * NULL with an error. */
struct tls *tls_new(const struct tls_files *files, const struct policy_names *clients,
		    struct error *error);
void tls_delete(struct tls *tls);

/* Shakes hands, within `limit_ns`; what the stream brings from then on is what the client means.
 * Thread-safe. 0 or a negative errno, with a sentence. */
int tls_accept(struct tls *tls, struct stream *stream, uint64_t limit_ns, struct error *error);

#endif

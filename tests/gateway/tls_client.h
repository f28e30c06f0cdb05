/* A client by TLS, and a certificate that signs itself, for tests. */
#ifndef MAYFLY_TESTS_TLS_CLIENT_H
#define MAYFLY_TESTS_TLS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#define TLS_PEM_MAX 4096

struct tls_identity {
	char certificate[TLS_PEM_MAX], key[TLS_PEM_MAX]; /* PEM */
};

bool tls_make_identity(struct tls_identity *identity);

/* Sends `text` on a connection, and reads to its end into `answer`. */
bool tls_ask(unsigned port, const char *text, char *answer, size_t room);

#endif

/* Sealing: AES-256 in Galois/counter mode, by libcrypto. What is sealed can be read only by the key,
 * under the names that it was sealed under. */
#ifndef MAYFLY_GATEWAY_STORE_SEAL_H
#define MAYFLY_GATEWAY_STORE_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define SEAL_KEY_SIZE 32
#define SEAL_NONCE    12 /* random; in front of what is sealed */
#define SEAL_TAG      16 /* behind it */
#define SEAL_MORE     (SEAL_NONCE + SEAL_TAG)

/* A key in memory that is not swapped out, not dumped and not inherited by forked processes. */
struct seal_key;

/* Reads it from the file; ENOENT where there is none. EPERM where others than the owner may read the file,
 * EBADMSG where it is no key. */
int seal_key_read(struct seal_key **key, const char *path, struct error *error);
/* Makes one, and the file: mode 0600, whole and on disk before it has its name. The name is on disk when
 * the caller has synchronised the directory. */
int seal_key_make(struct seal_key **key, const char *path, struct error *error);
void seal_key_free(struct seal_key *key);

/* The names go in with the key: who swaps two sealed values, or renames one, makes both unreadable. */
struct seal_names {
	const char *name_space, *name;
};

/* `out` has room for length + SEAL_MORE bytes. */
int seal_close(const struct seal_key *key, struct seal_names names, const void *data, size_t length,
	       uint8_t *out, struct error *error);
/* `out` has room for length - SEAL_MORE bytes. EBADMSG: not sealed by this key under these names, or
 * changed. */
int seal_open(const struct seal_key *key, struct seal_names names, const uint8_t *data,
	      size_t length, uint8_t *out, struct error *error);

#endif

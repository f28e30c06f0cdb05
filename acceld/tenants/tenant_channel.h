/* What the worker that all clients share, the zygote and tenants' workers say to each other.
 *
 * For a client that sends models or code, the shared worker makes two pairs of sockets and sends one end of
 * each to the zygote (struct zygote_order with both attached). The zygote forks a tenant's
 * worker and gives it the end of the *channel*; it keeps the end of the *leash*: a leash that the
 * shared worker closes, or loses with its life, means that the tenant's worker is killed, wherever
 * it is. Where that one ends first, the zygote writes into the leash how (struct zygote_word).
 *
 * Through the channel (SOCK_SEQPACKET) the shared worker sends requests, one at a time, and each
 * but TENANT_MEMORY is answered by a struct tenant_answer. It believes none of it: the numbers in
 * an answer are only compared or passed on to the client, whose worker it is.
 */
#ifndef MAYFLY_ACCELD_TENANT_CHANNEL_H
#define MAYFLY_ACCELD_TENANT_CHANNEL_H

#include <stdint.h>

#include "mayfly/results.h"

enum tenant_request_kind {
	/* From now on messages lie in this memory file, of `size` bytes. No answer. */
	TENANT_MEMORY,
	/* `key` is what was sent in these memory files, the first of `size` bytes (sent_model.h) */
	TENANT_REGISTER,
	TENANT_CALL, /* serves the message of `size` bytes in the memory */
};

struct tenant_request {
	uint64_t serial;
	uint64_t kind;
	int64_t session; /* the connection's number; opened where it is new */
	uint64_t flags;	 /* of that session */
	uint64_t key;	 /* of a model; CALL: that its message names, 0: none */
	uint64_t size;
	uint64_t limit_ns; /* 0: none */
};

struct tenant_answer {
	uint64_t serial; /* of the request */
	/* A VACCEL_ code. After a CALL: -EBADMSG or 0, and the op's own is in the message. */
	int64_t status;
	char reason[MAYFLY_REASON_SIZE];
};

struct zygote_order {
	uint64_t magic;
	uint64_t runs_code; /* 1: the worker may load what its client has sent; 0 */
};
#define ZYGOTE_MAGIC 0x65746f67797a796dULL

struct zygote_word {
	uint32_t kind;	/* enum zygote_word_kind */
	int32_t status; /* as of waitpid(2), or an errno */
};

enum zygote_word_kind { ZYGOTE_ENDED, ZYGOTE_REFUSES };

#endif

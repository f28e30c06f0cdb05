/* The envelope of a request: which method of which service is called with what. */
#ifndef MAYFLY_ACCELD_RPC_REQUEST_H
#define MAYFLY_ACCELD_RPC_REQUEST_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the sender's; no NUL at their end. */
struct rpc_bytes {
	const uint8_t *bytes;
	size_t length;
};

struct rpc_request {
	struct rpc_bytes service, method,
	    payload;	     /* within the data; empty where it is not there */
	uint64_t timeout_ns; /* 0: none */
};

/* Fields that are not known are skipped; of one that is there twice the last counts. 0 or -EBADMSG. */
int rpc_request_parse(const uint8_t *data, size_t length, struct rpc_request *request);

#endif

/* What the contracts have in common: for the files of this folder only. */
#ifndef MAYFLY_GATEWAY_CONTRACT_KIND_H
#define MAYFLY_GATEWAY_CONTRACT_KIND_H

#include "contracts/contract.h"
#include "contracts/request_head.h"
#include "contracts/response_body.h"
#include "contracts/response_head.h"

/* A contract: one table in a file of its own. */
struct contract {
	const char *name;

	/* 0 or a negative errno; `request` is empty, and released by the caller also after an error. */
	int (*compose)(const struct request_head *head, struct contract_request *request,
		       struct error *error);

	/* Uses bytes of the head. When that is complete it sets parser->head, ->head_known and ->body.
	 * 0 or -EPROTO. */
	int (*take_head)(struct contract_parser *parser, const uint8_t **data, size_t *length,
			 struct error *error);

	/* The program has ended without a complete head, or while its body goes on to its end. Sets the
	 * head. 0 or -EPROTO. NULL: the first is an error, and the second with a status that is not 0. */
	int (*end)(struct contract_parser *parser, int status, struct error *error);
};

extern const struct contract contract_stdio, contract_handler, contract_http;

struct contract_parser {
	const struct contract *contract;
	struct contract_head head;
	struct response_head text; /* where names and values of `head` lie */
	struct response_body body;
	const char *type;  /* Content-Type where the contract says none */
	bool head_known;   /* `head` and `body` are valid */
	bool without_body; /* as the method wants it */
	bool upgrades;	   /* 101 is a response, whose body is of another protocol */
	bool complete, broken;
	unsigned skipped; /* heads of interim responses */
};

#endif

/* Contracts: how a request becomes what a program reads, and what it writes becomes a response.
 *
 * One file and one table each. The supervisor composes requests: it knows what the client sent only as
 * the record of a head (fields.h) and a body that it does not look at. The HTTP worker, which has
 * nothing to lose, parses what programs write.
 */
#ifndef MAYFLY_GATEWAY_CONTRACT_H
#define MAYFLY_GATEWAY_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/record.h"
#include "util/error.h"

enum contract_kind {
	CONTRACT_STDIO, /* body to standard input, standard output is the body; Http_… in the environment */
	CONTRACT_HANDLER, /* the SDK's: SCGI in, a CGI response out */
	CONTRACT_HTTP,	  /* HTTP/1.1 both ways, as on a connection for this one request */
	CONTRACT_COUNT,
};

/* ── requests ────────────────────────────────────────────────────────────────────────────────── */

/* Room that the library OS keeps for variables of a request. Headers that have none are left out. */
#define CONTRACT_VARIABLES_MAX	60
#define CONTRACT_VARIABLES_SIZE 15360 /* bytes, with a NUL behind each */

/* What a program gets: `prefix` and then the body on its standard input, `variables` in its
 * environment. Release by contract_request_release(). */
struct contract_request {
	uint8_t *prefix; /* NULL: none */
	size_t prefix_length;
	char **variables; /* NAME=VALUE, NULL-terminated; NULL: none */
};

/* ── responses ───────────────────────────────────────────────────────────────────────────────── */

#define CONTRACT_HEADERS_MAX 100
#define CONTRACT_HEAD_MAX    65536 /* bytes of a response's head */

struct contract_header {
	const char *name, *value;
};

/* What a response begins with. Names and values are fit for HTTP: no control characters, names of
 * tokens, none that frames a message or belongs to one connection. Valid until the parser is released. */
struct contract_head {
	unsigned status;
	size_t header_count;
	struct contract_header headers[CONTRACT_HEADERS_MAX];
	/* Of the body, where the program has said so; else UINT64_MAX. The answer to HEAD has no body in
	 * spite of it. */
	uint64_t length;
};

struct contract_parser;

/* A piece of the body, within the bytes that were fed. */
struct contract_piece {
	const uint8_t *data;
	size_t length;
};

/* Of a response to a request with that method ("HEAD" has no body). NULL: no memory. */
struct contract_parser *contract_parser_new(enum contract_kind kind, const char *method);
void contract_parser_free(struct contract_parser *parser);

/* The type of a stdio program's output, which says none itself: CONTRACT_TYPE_USUAL unless this is called,
 * before the first feed. `type`: fit for HTTP, and valid until the parser is freed; NULL: no Content-Type. */
#define CONTRACT_TYPE_USUAL "application/octet-stream"
void contract_parser_set_type(struct contract_parser *parser, const char *type);

/* Lets a server answer 101: the body is then of another protocol, to the program's end. */
void contract_parser_let_upgrade(struct contract_parser *parser);

/* Feeds the next bytes that the program wrote, and takes off those it used: *data and *length move on. A call
 * returns with the head the first time that it is complete (contract_parser_head()), with a piece of
 * the body (piece->length is not 0), or when all is used. 0; -EPROTO with a sentence where it is no
 * response. The bytes may change meanwhile (they lie in shared memory): what is interpreted is copied. */
int contract_parser_feed(struct contract_parser *parser, const uint8_t **data, size_t *length,
			 struct contract_piece *piece, struct error *error);

/* The program has ended, with its exit status. 0, and there is a head; or -EPROTO where the response is not
 * complete. With stdio the head's status is 500 from now on where the exit status is not 0: who has sent
 * a head before breaks that response off. With the others a response that was complete stays so. */
int contract_parser_end(struct contract_parser *parser, int status, struct error *error);

/* NULL: not known yet. */
const struct contract_head *contract_parser_head(const struct contract_parser *parser);

/* Whether the response has ended by its own rules, whatever else the program writes. */
bool contract_parser_is_complete(const struct contract_parser *parser);

/* ── the table ───────────────────────────────────────────────────────────────────────────────── */

/* "stdio", "handler", "http"; NULL for what is none. */
const char *contract_name(enum contract_kind kind);

/* 0, or -ENOENT. */
int contract_find(const char *name, enum contract_kind *kind);

/* `head`: checked, and the caller's own copy. 0; -EINVAL where it is not fit for HTTP (400); -E2BIG where the
 * contract has no room for it (431); -ENOMEM. */
int contract_compose(enum contract_kind kind, struct record_view head, uint64_t body_length,
		     struct contract_request *request, struct error *error);
void contract_request_release(struct contract_request *request);

/* Which contract a program says that it is for, in a note of its ELF file (mayfly/program_note.h). 0; -ENOENT
 * where it says nothing, or is no such file; a negative errno where it cannot be read. */
int contract_of_program(int file, enum contract_kind *kind);

#endif

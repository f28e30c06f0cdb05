/* The head of a request as a program is to see it: from the record of it, checked, without what
 * belongs to the connection that it came by, and with what the gateway has to say. */
#ifndef MAYFLY_GATEWAY_REQUEST_HEAD_H
#define MAYFLY_GATEWAY_REQUEST_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/record.h"
#include "util/error.h"

/* What a client may send (HTTP_HEADERS_MAX), and what the gateway adds. */
#define REQUEST_HEADERS_MAX 106

struct request_header {
	const char *name, *value;
};

/* Strings are the record's, or in `texts`. */
struct request_head {
	const char *method, *host, *client;
	const char *target; /* path as it came; begins with "/" */
	const char *path;   /* decoded */
	const char *query;  /* NULL: there is none */
	bool secure, upgrades;
	uint64_t body_length;
	size_t header_count;
	/* In their order. Names are tokens, values have no control characters but tabs. */
	struct request_header headers[REQUEST_HEADERS_MAX];
	char *texts; /* owned */
	char started[24];
};

/* 0; -EINVAL for what is not fit for HTTP, with a sentence for the client; -E2BIG; -ENOMEM. Release in
 * any case. */
int request_head_read(struct request_head *head, struct record_view record, uint64_t body_length,
		      struct error *error);
void request_head_release(struct request_head *head);

/* The value of the first header with that name; NULL where there is none. */
const char *request_head_find(const struct request_head *head, const char *name);

/* Whether an earlier header has the same name as this one: programs see both as one, joined. */
bool request_head_is_again(const struct request_head *head, size_t index);

/* Copies the values of this header and of later ones with its name to `text`, between them ", ", or
 * "; " for cookies. NULL: only counts. Returns the length, without a NUL, which is not written. */
size_t request_head_join(const struct request_head *head, size_t index, char *text);

#endif

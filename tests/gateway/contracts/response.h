/* A response as a parser of contracts has read it, written out as one text to compare. */
#ifndef MAYFLY_TESTS_RESPONSE_H
#define MAYFLY_TESTS_RESPONSE_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contracts/contract.h"

/* How bytes reach the parser. */
enum feeding {
	FEED_WHOLE,
	FEED_BYTES,   /* one by one */
	FEED_CHANGED, /* in sevens, and what was used is overwritten */
	FEED_COUNT,
};

struct response {
	char text[ERROR_TEXT_MAX]; /* STATUS [LENGTH] Name: value … | body; or the error */
	size_t body_length;
	char body[256];
};

static inline void response_add(struct response *response, const struct contract_piece *piece)
{
	const size_t room = sizeof(response->body) - 1 - response->body_length;
	const size_t count = piece->length < room ? piece->length : room;
	if (count)
		memcpy(response->body + response->body_length, piece->data, count);
	response->body_length += count;
	response->body[response->body_length] = 0;
}

static inline int response_feed(struct response *response, struct contract_parser *parser,
				const uint8_t *data, size_t length, struct error *error)
{
	while (length) {
		struct contract_piece piece;
		int result = contract_parser_feed(parser, &data, &length, &piece, error);
		if (result)
			return result;
		response_add(response, &piece);
	}
	return 0;
}

static inline int response_feed_as(struct response *response, struct contract_parser *parser,
				   const char *input, size_t length, enum feeding feeding,
				   struct error *error)
{
	static const char other[] = "\r\n\r\nA:\n"; /* what would be another response */
	const size_t step = feeding == FEED_WHOLE ? length : feeding == FEED_BYTES ? 1 : 7;
	int result = 0;
	for (size_t done = 0; done < length && !result; done += step) {
		const size_t count = length - done < step ? length - done : step;
		uint8_t *shared = malloc(count);
		if (!shared)
			return -ENOMEM;
		memcpy(shared, input + done, count);
		result = response_feed(response, parser, shared, count, error);
		if (feeding == FEED_CHANGED)
			memcpy(shared, other, count);
		free(shared);
	}
	return result;
}

static inline void response_write(struct response *response, const struct contract_head *head)
{
	FILE *out = fmemopen(response->text, sizeof(response->text), "w");
	fprintf(out, "%u", head->status);
	if (head->length != UINT64_MAX)
		fprintf(out, " %" PRIu64, head->length);
	for (size_t i = 0; i < head->header_count; i++)
		fprintf(out, " %s: %s", head->headers[i].name, head->headers[i].value);
	fprintf(out, " | %s", response->body);
	fclose(out);
}

/* What becomes of such an output, with that exit status behind it. */
static inline struct response response_read(enum contract_kind kind, const char *method,
					    const char *input, size_t length, int status,
					    enum feeding feeding)
{
	struct response response = {0};
	struct error error = {0};
	struct contract_parser *parser = contract_parser_new(kind, method);
	int result = response_feed_as(&response, parser, input, length, feeding, &error);
	if (!result)
		result = contract_parser_end(parser, status, &error);
	if (result)
		snprintf(response.text, sizeof(response.text), "%s", error.text);
	else
		response_write(&response, contract_parser_head(parser));
	contract_parser_free(parser);
	return response;
}

#endif

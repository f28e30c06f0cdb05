/* Contracts for tests in Python.
 *
 *     contract_tool compose CONTRACT METHOD TARGET [NAME:VALUE]... < BODY
 *     contract_tool parse CONTRACT METHOD STATUS < OUTPUT
 *     contract_tool contract < PROGRAM
 *
 * compose writes the variables, a line each, an empty line, and what the program gets on its standard input.
 * parse writes status, length (-1: not said) and headers, a line each, an empty line, and the body. It exits
 * with 1 and the sentence where that is no response. contract writes what the program says that it is for.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contracts/contract.h"
#include "link/fields.h"
#include "util/cleanup.h"

#define PART 777 /* bytes that are fed at a time */

static char *read_all(size_t *length)
{
	char *data = NULL;
	FILE *out = open_memstream(&data, length);
	char part[65536];
	size_t got;
	while ((got = fread(part, 1, sizeof(part), stdin)))
		fwrite(part, 1, got, out);
	fclose(out);
	return data;
}

static int compose(enum contract_kind kind, const char *method, char *target, char **headers)
{
	cleanup_record struct record head = RECORD_EMPTY;
	struct contract_request request;
	struct error error;
	size_t length;
	cleanup_free char *body = read_all(&length);
	char *query = target;
	record_add_text(&head, FIELD_METHOD, method);
	record_add_text(&head, FIELD_PATH, strsep(&query, "?"));
	record_add_text(&head, FIELD_QUERY, query);
	record_add_text(&head, FIELD_HOST, "gateway");
	for (; *headers; headers++) {
		char *value = *headers, *name = strsep(&value, ":");
		record_add_pair(&head, FIELD_HEADER, name, value ? value : "");
	}
	if (contract_compose(kind, record_of(&head), length, &request, &error)) {
		fprintf(stderr, "%s\n", error.text);
		return 1;
	}
	for (char **variable = request.variables; variable && *variable; variable++)
		printf("%s\n", *variable);
	printf("\n");
	if (request.prefix)
		fwrite(request.prefix, 1, request.prefix_length, stdout);
	fwrite(body, 1, length, stdout);
	contract_request_release(&request);
	return 0;
}

static int feed_all(struct contract_parser *parser, const uint8_t *data, size_t length, FILE *body,
		    struct error *error)
{
	while (length) {
		struct contract_piece piece;
		size_t part = length < PART ? length : PART;
		length -= part;
		while (part) {
			int result = contract_parser_feed(parser, &data, &part, &piece, error);
			if (result)
				return result;
			if (piece.length)
				fwrite(piece.data, 1, piece.length, body);
		}
	}
	return 0;
}

static int parse(enum contract_kind kind, const char *method, int status)
{
	struct error error = {0};
	size_t length, body_length;
	cleanup_free char *output = read_all(&length);
	cleanup_free char *body = NULL;
	struct contract_parser *parser = contract_parser_new(kind, method);
	FILE *out = open_memstream(&body, &body_length);
	int result = feed_all(parser, (const uint8_t *)output, length, out, &error);
	fclose(out);
	if (!result)
		result = contract_parser_end(parser, status, &error);
	if (result) {
		fprintf(stderr, "%s\n", error.text);
		return 1;
	}
	const struct contract_head *head = contract_parser_head(parser);
	printf("%u\n%" PRId64 "\n", head->status, (int64_t)head->length);
	for (size_t i = 0; i < head->header_count; i++)
		printf("%s: %s\n", head->headers[i].name, head->headers[i].value);
	printf("\n");
	fwrite(body, 1, body_length, stdout);
	contract_parser_free(parser);
	return 0;
}

static int tell_contract(void)
{
	enum contract_kind kind;
	const int result = contract_of_program(STDIN_FILENO, &kind);
	printf("%s\n", result ? strerror(-result) : contract_name(kind));
	return 0;
}

int main(int argc, char **argv)
{
	enum contract_kind kind;
	if (argc == 2 && !strcmp(argv[1], "contract"))
		return tell_contract();
	if (argc < 5 || contract_find(argv[2], &kind)) {
		fprintf(stderr,
			"usage: contract_tool compose|parse CONTRACT METHOD TARGET|STATUS\n");
		return 2;
	}
	if (!strcmp(argv[1], "compose"))
		return compose(kind, argv[3], argv[4], argv + 5);
	return parse(kind, argv[3], atoi(argv[4]));
}

/* Fuzzes what reads the output of functions: the first bytes choose contract, method, exit status and how
 * large the parts are in which the rest arrives.
 *
 * Beyond not crashing: what comes out is the same as when all arrives at once, fit for HTTP, and no
 * longer than it says.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "contracts/contract.h"

struct outcome {
	int result;
	uint64_t count, sum; /* of the body's bytes */
	struct contract_parser *parser;
};

static void expect(bool promise)
{
	if (!promise)
		abort();
}

static void expect_fit(const struct contract_head *head)
{
	static const char *const dropped[] = {"Content-Length", "Transfer-Encoding", "Connection",
					      "Trailer",	"Upgrade",	     "TE"};
	expect(head->status == 101 || (head->status >= 200 && head->status <= 599));
	expect(head->header_count <= CONTRACT_HEADERS_MAX);
	for (size_t i = 0; i < head->header_count; i++) {
		const char *name = head->headers[i].name;
		expect(*name);
		for (; *name; name++)
			expect(*name > ' ' && *name != ':' && *name != 0x7f);
		for (const char *value = head->headers[i].value; *value; value++)
			expect((uint8_t)*value >= ' ' || *value == '\t');
		for (size_t j = 0; j < sizeof(dropped) / sizeof(dropped[0]); j++)
			expect(strcasecmp(head->headers[i].name, dropped[j]) != 0);
	}
}

static int feed(struct outcome *outcome, const uint8_t *data, size_t length, struct error *error)
{
	while (length) {
		const uint8_t *before = data;
		const bool had_head = contract_parser_head(outcome->parser);
		struct contract_piece piece;
		int result = contract_parser_feed(outcome->parser, &data, &length, &piece, error);
		if (result)
			return result;
		expect(data > before || (!had_head && contract_parser_head(outcome->parser)));
		expect(!piece.length ||
		       (piece.data >= before && piece.data + piece.length <= data));
		expect(!piece.length || contract_parser_head(outcome->parser));
		for (size_t i = 0; i < piece.length; i++)
			outcome->sum = outcome->sum * 31 + piece.data[i];
		outcome->count += piece.length;
	}
	return 0;
}

static struct outcome read_response(enum contract_kind kind, const char *method, int status,
				    bool upgrades, const uint8_t *data, size_t length, size_t step)
{
	struct error error = {0};
	struct outcome outcome = {.parser = contract_parser_new(kind, method)};
	expect(outcome.parser);
	if (upgrades)
		contract_parser_let_upgrade(outcome.parser);
	for (size_t done = 0; done < length && !outcome.result; done += step) {
		const size_t count = length - done < step ? length - done : step;
		uint8_t *part = malloc(count);
		expect(part);
		memcpy(part, data + done, count);
		outcome.result = feed(&outcome, part, count, &error);
		free(part);
	}
	if (!outcome.result)
		outcome.result = contract_parser_end(outcome.parser, status, &error);
	expect(!outcome.result || (error.text[0] && !strchr(error.text, '\n')));
	if (outcome.result)
		return outcome;
	const struct contract_head *head = contract_parser_head(outcome.parser);
	expect(head && contract_parser_is_complete(outcome.parser));
	expect_fit(head);
	expect(head->status != 101 || (upgrades && kind == CONTRACT_HTTP));
	expect(outcome.count == 0 || strcmp(method, "HEAD") != 0);
	expect(head->length == UINT64_MAX || outcome.count == head->length ||
	       !strcmp(method, "HEAD"));
	return outcome;
}

static void expect_same(const struct outcome *a, const struct outcome *b)
{
	expect(a->result == b->result);
	if (a->result)
		return;
	const struct contract_head *one = contract_parser_head(a->parser);
	const struct contract_head *other = contract_parser_head(b->parser);
	expect(a->count == b->count && a->sum == b->sum);
	expect(one->status == other->status && one->length == other->length &&
	       one->header_count == other->header_count);
	for (size_t i = 0; i < one->header_count; i++)
		expect(!strcmp(one->headers[i].name, other->headers[i].name) &&
		       !strcmp(one->headers[i].value, other->headers[i].value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	const enum contract_kind kind = data[0] % CONTRACT_COUNT;
	const char *method = data[0] & 0x40 ? "HEAD" : "GET";
	const int status = data[0] >> 7;
	const bool upgrades = (data[0] & 0x20) != 0;
	const size_t step = 1 + data[1];
	data += 2;
	size -= 2;
	struct outcome whole = read_response(kind, method, status, upgrades, data, size, size + 1);
	struct outcome parts = read_response(kind, method, status, upgrades, data, size, step);
	expect_same(&whole, &parts);
	contract_parser_free(whole.parser);
	contract_parser_free(parts.parser);
	return 0;
}

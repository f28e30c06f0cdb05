/* Fuzzes what composes requests: the input is the record of a head, as an HTTP worker that was taken over
 * could send it.
 *
 * Beyond not crashing: it becomes one request and no more, with headers that are ones.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "contracts/contract.h"

static void expect(bool promise)
{
	if (!promise)
		abort();
}

/* A head of HTTP: lines with CR LF, of which only the last is empty. */
static void expect_http(const struct contract_request *request)
{
	const uint8_t *data = request->prefix, *end = data + request->prefix_length;
	size_t lines = 0;
	for (; data < end; lines++) {
		const uint8_t *line_end = memchr(data, '\r', (size_t)(end - data));
		expect(line_end && line_end + 1 < end && line_end[1] == '\n');
		expect(!memchr(data, '\n', (size_t)(line_end - data)));
		expect(!memchr(data, 0, (size_t)(line_end - data)));
		expect(line_end > data || line_end + 2 == end);
		data = line_end + 2;
	}
	expect(lines >= 3);
}

/* Pairs of texts that end with a NUL, all of the length that was said. */
static void expect_scgi(const struct contract_request *request)
{
	char *data;
	const size_t length = strtoul((char *)request->prefix, &data, 10);
	const char *end = (char *)request->prefix + request->prefix_length - 1;
	expect(*data == ':' && *end == ',' && (size_t)(end - data - 1) == length);
	size_t nuls = 0;
	for (data++; data < end; data++)
		nuls += !*data;
	expect(!data[-1] && nuls % 2 == 0);
}

static void expect_variables(const struct contract_request *request)
{
	size_t count = 0, size = 0;
	for (; request->variables[count]; count++) {
		const char *variable = request->variables[count];
		expect(!strncmp(variable, "Http_", 5) && strchr(variable, '='));
		for (const char *c = variable; *c != '='; c++)
			expect(*c == '_' || (*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') ||
			       (*c >= 'a' && *c <= 'z'));
		size += strlen(variable) + 1;
	}
	expect(count <= CONTRACT_VARIABLES_MAX && size <= CONTRACT_VARIABLES_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const promises[])(const struct contract_request *) = {
	    [CONTRACT_STDIO] = expect_variables,
	    [CONTRACT_HANDLER] = expect_scgi,
	    [CONTRACT_HTTP] = expect_http,
	};
	const struct record_view head = {data, size};
	if (record_check(head))
		return 0;
	for (unsigned kind = 0; kind < CONTRACT_COUNT; kind++) {
		struct contract_request request;
		struct error error = {0};
		int result =
		    contract_compose((enum contract_kind)kind, head, size, &request, &error);
		if (result)
			expect(error.text[0] && !request.prefix && !request.variables);
		else
			promises[kind](&request);
		contract_request_release(&request);
	}
	return 0;
}

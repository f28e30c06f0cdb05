/* The supervisor's side of the courier, on behalf of test_courier.py: a line on standard input is an order,
 * a line on standard output an answer.
 *
 *     call ID URL TRUSTED TIMEOUT_MS BYTES      a body of so many letters
 *     parse ID CONTRACT EXIT_STATUS HEX
 *     ID RESULT STATUS BODY_LENGTH BODY_SUM TEXT HEADER=VALUE …
 *
 * Arguments: reach, file of certificates or "".
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "courier/courier.h"
#include "link/fields.h"

#define LINE_MAX_ (1 << 20)

struct request {
	char id[32];
};

static void print_answer(void *context, const struct courier_answer *answer)
{
	struct request *request = context;
	struct record_view view = answer->head;
	struct record_field field;
	uint32_t sum = 0;
	for (size_t i = 0; i < answer->body_length; i++)
		sum = sum * 31 + answer->body[i];
	flockfile(stdout);
	printf("%s\t%d\t%u\t%zu\t%" PRIu32 "\t%s", request->id, answer->result, answer->status,
	       answer->body_length, sum, answer->text);
	while (record_next(&view, &field))
		printf("\t%s=%s", field.key, (const char *)field.value);
	printf("\n");
	fflush(stdout);
	funlockfile(stdout);
	free(request);
}

static void refuse(struct request *request, const struct error *error)
{
	const struct courier_answer answer = {.result = -error->code, .text = error->text};
	print_answer(request, &answer);
}

static void do_call(struct courier *courier, struct request *request, const char *rest)
{
	char url[4096];
	unsigned trusted, timeout_ms;
	size_t size;
	struct error error;
	struct record headers = RECORD_EMPTY, response = RECORD_EMPTY;
	if (sscanf(rest, "%4095s %u %u %zu", url, &trusted, &timeout_ms, &size) != 4)
		exit(2);
	record_add_pair(&response, FIELD_HEADER, "X-Kind", "test");
	record_add_pair(&response, FIELD_HEADER, "X-Empty", "");
	record_add_pair(&response, FIELD_HEADER, "x-function-name", "another");
	record_add_pair(&response, FIELD_HEADER, "Content-Type", "text/plain");
	record_add_pair(&response, FIELD_HEADER, "Transfer-Encoding", "chunked");
	const struct courier_callback callback = {.call_id = request->id,
						  .function = "f.openfaas-fn",
						  .status = 418,
						  .run_ns = 1500000,
						  .response_head = record_of(&response)};
	courier_callback_headers(&headers, &callback);
	char *body = malloc(size + 1);
	memset(body, 'x', size);
	const struct courier_call call = {.url = url,
					  .headers = record_of(&headers),
					  .body = body,
					  .body_length = size,
					  .timeout_ns = timeout_ms * 1000000ULL,
					  .trusted = trusted};
	if (courier_call(courier, &call, print_answer, request, &error))
		refuse(request, &error);
	free(body);
	record_release(&headers);
	record_release(&response);
}

static void do_parse(struct courier *courier, struct request *request, const char *rest)
{
	char contract[32];
	int status, at;
	struct error error;
	if (sscanf(rest, "%31s %d %n", contract, &status, &at) != 2)
		exit(2);
	const char *hex = rest + at;
	const size_t length = strspn(hex, "0123456789abcdef") / 2;
	uint8_t *data = malloc(length + 1);
	for (size_t i = 0; i < length; i++)
		sscanf(hex + 2 * i, "%2hhx", &data[i]);
	struct courier_output output = {
	    .method = "POST", .status = status, .data = data, .length = length};
	if (contract_find(contract, &output.contract))
		exit(2);
	if (courier_parse(courier, &output, print_answer, request, &error))
		refuse(request, &error);
	free(data);
}

int main(int argc, char **argv)
{
	struct courier *courier;
	struct error error;
	const struct courier_settings settings = {.reach = (unsigned)atoi(argv[1]),
						  .certificates = *argv[2] ? argv[2] : NULL,
						  .arena = 64 << 20};
	if (argc != 3 || courier_start(&courier, &settings, &error)) {
		fprintf(stderr, "%s\n", error.text);
		return 1;
	}
	static char line[LINE_MAX_];
	while (fgets(line, sizeof(line), stdin)) {
		struct request *request = calloc(1, sizeof(*request));
		char verb[16];
		int at;
		if (!request || sscanf(line, "%15s %31s %n", verb, request->id, &at) != 2)
			return 2;
		if (!strcmp(verb, "call"))
			do_call(courier, request, line + at);
		else
			do_parse(courier, request, line + at);
	}
	courier_stop(courier);
	return 0;
}

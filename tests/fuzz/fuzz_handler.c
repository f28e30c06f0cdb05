/* Fuzzes what reads requests for handlers in C: the input is what comes on standard input.
 *
 * Beyond not crashing: what the program is told are strings, and the body has the length that was said.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "handler/request.h"

static void expect(bool promise)
{
	if (!promise)
		abort();
}

static void look(struct mayfly_request *request)
{
	const char *name, *value;
	size_t length, total = strlen(mayfly_request_method(request));
	total += strlen(mayfly_request_path(request)) + strlen(mayfly_request_target(request));
	for (size_t i = 0; mayfly_request_header_at(request, i, &name, &value); i++) {
		total += strlen(name) + strlen(value);
		expect(mayfly_request_header(request, name));
	}
	expect(total < SIZE_MAX);
	char first;
	const bool reads = mayfly_request_length(request) % 3 == 1;
	const ssize_t got = reads ? mayfly_request_read(request, &first, 1) : 0;
	errno = 0;
	const char *body = mayfly_request_body(request, &length);
	expect(body || errno);
	if (!body)
		return;
	expect(got <= 0 && length == mayfly_request_length(request) && !body[length]);
	expect(body == mayfly_request_body(request, &length));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mayfly_request request;
	int file = memfd_create("input", MFD_CLOEXEC);
	expect(file >= 0 && write(file, data, size) == (ssize_t)size && !lseek(file, 0, SEEK_SET));
	expect(!request_prepare(&request, file));
	if (!request_begin(&request) && request.body_length < 1U << 20)
		look(&request);
	request_forget(&request);
	free(request.buffer);
	close(file);
	return 0;
}

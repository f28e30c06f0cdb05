/* A handler that does what the path says, to see what becomes of it. */
#include <errno.h>
#include <mayfly/handler.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PART_SIZE 1000

static int set_up; /* how often */
static unsigned handled;

int setup(void)
{
	printf("set up\n"); /* for the log */
	set_up++;
	return 0;
}

__attribute__((constructor)) static void construct(void)
{
	set_up += 10;
}

/* Everything that the request says. */
static int tell(struct mayfly_request *request, struct mayfly_response *response)
{
	const char *name, *value, *query = mayfly_request_query(request);
	const char *wanted = mayfly_request_header(request, "x-WANTED");
	size_t length;
	const char *body = mayfly_request_body(request, &length);
	int result = mayfly_response_print(
	    response, "%d %u %s %s %s %s %s %zu:%s %s\n", set_up, handled,
	    mayfly_request_method(request), mayfly_request_path(request),
	    mayfly_request_target(request), query ? query : "-", wanted ? wanted : "-", length,
	    body, body == mayfly_request_body(request, &length) ? "again" : "moved");
	for (size_t i = 0; mayfly_request_header_at(request, i, &name, &value) && !result; i++)
		result = mayfly_response_print(response, "%s=%s\n", name, value);
	return result;
}

/* The body as it comes, in parts; `flushes` sends each at once. */
static int echo(struct mayfly_request *request, struct mayfly_response *response, bool flushes)
{
	static char part[PART_SIZE];
	size_t length;
	ssize_t got;
	int result = mayfly_response_header(response, "content-type", "application/x-echo");
	while (!result && (got = mayfly_request_read(request, part, sizeof(part)))) {
		if (got < 0)
			return errno;
		result = mayfly_response_write(response, part, (size_t)got);
		if (!result && flushes)
			result = mayfly_response_flush(response);
	}
	if (!result && mayfly_request_length(request) &&
	    (mayfly_request_body(request, &length) || errno != EALREADY))
		return EINVAL;
	return result;
}

/* What is no header is refused, and does no harm. */
static int headers(struct mayfly_response *response)
{
	static const char *const bad[][2] = {{"", "v"},
					     {"A b", "v"},
					     {"A:", "v"},
					     {"A", "b\r\nC: d"},
					     {"A", "b\nC: d"},
					     {"Connection", "x"},
					     {"Content-Length", "5"},
					     {"Status", "500"},
					     {"A\r\nB: c", ""},
					     {"A", "\x7f"},
					     {"transfer-encoding", ""}};
	unsigned refused = 0;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused += mayfly_response_header(response, bad[i][0], bad[i][1]) == EINVAL;
	refused += mayfly_response_status(response, 199) == EINVAL;
	refused += mayfly_response_status(response, 600) == EINVAL;
	unsigned taken = 0;
	while (!mayfly_response_header(response, "Set-Cookie", "a=b"))
		taken++;
	int result = mayfly_response_print(response, "%u refused, %u taken\n", refused, taken);
	if (!result)
		result = mayfly_response_flush(response);
	if (mayfly_response_header(response, "A", "b") != EALREADY ||
	    mayfly_response_status(response, 404) != EALREADY ||
	    mayfly_response_length(response, 4) != EALREADY)
		return EINVAL;
	return result;
}

static int sized(struct mayfly_response *response, const char *text)
{
	int result = mayfly_response_length(response, 5);
	if (!result)
		result = mayfly_response_write(response, text, strlen(text));
	return result == EFBIG ? mayfly_response_write(response, text, 5) : result;
}

static int print(struct mayfly_response *response)
{
	printf("to the log\n");
	if (write(STDOUT_FILENO, "to the log, too\n", 16) != 16)
		return errno;
	return mayfly_response_print(response, "to the client\n");
}

int handle(struct mayfly_request *request, struct mayfly_response *response)
{
	const char *deed = mayfly_request_path(request) + 1;
	handled++;
	if (!strcmp(deed, "echo"))
		return echo(request, response, false);
	if (!strcmp(deed, "stream"))
		return echo(request, response, true);
	if (!strcmp(deed, "headers"))
		return headers(response);
	if (!strcmp(deed, "sized"))
		return sized(response, "12345");
	if (!strcmp(deed, "beyond"))
		return sized(response, "123456");
	if (!strcmp(deed, "short"))
		return sized(response, "1234");
	if (!strcmp(deed, "print"))
		return print(response);
	if (!strcmp(deed, "nothing"))
		return mayfly_response_status(response, 204);
	if (!strcmp(deed, "fail")) {
		mayfly_response_header(response, "X-Secret", "1");
		mayfly_response_print(response, "half of a secret");
		return 7;
	}
	if (!strcmp(deed, "fail-late"))
		return mayfly_response_print(response, "half") || mayfly_response_flush(response) ||
		       7;
	if (!strcmp(deed, "crash"))
		abort();
	return tell(request, response);
}

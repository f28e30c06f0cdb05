/* hello-http: the smallest handler. GET /NAME greets NAME; POST greets whom the body names. */
#include <mayfly/handler.h>
#include <string.h>

#define NAME_MAX_BYTES 64

static int refuse(struct mayfly_response *response, int status, const char *why)
{
	const int result = mayfly_response_status(response, status);
	return result ? result : mayfly_response_print(response, "%s\n", why);
}

int handle(struct mayfly_request *request, struct mayfly_response *response)
{
	const char *method = mayfly_request_method(request);
	const char *name = mayfly_request_path(request) + 1;
	size_t length;
	if (!strcmp(method, "POST"))
		name = mayfly_request_body(request, &length);
	else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return refuse(response, 405, "GET or POST a name");
	if (!name || strnlen(name, NAME_MAX_BYTES + 1) > NAME_MAX_BYTES)
		return refuse(response, 413, "no name is that long");
	const int shown = (int)strcspn(name, "\r\n");
	return mayfly_response_print(response, "Hello, %.*s!\n", shown ? shown : 5,
				     shown ? name : "world");
}

/* main() of a program that has handle(): see mayfly/handler.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handler/request.h"
#include "handler/response.h"
#include "mayfly/mayfly.h"
#include "mayfly/program_note.h"

MAYFLY_CONTRACT("handler");

#define EXIT_FAILED 1
#define EXIT_MISUSE 2

static int say(const char *what, int code)
{
	fprintf(stderr, "handler: %s: %s\n", what, strerror(code));
	return EXIT_FAILED;
}

/* What the program prints goes to the log, and the response where standard output went. Returns a
 * descriptor; -1: there is an errno. */
static int move_output(void)
{
	const int output = dup(STDOUT_FILENO);
	return output < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ? -1 : output;
}

/* The client gets 500, or half an answer. */
static int fail(struct mayfly_response *response, const char *what, int code)
{
	fprintf(stderr, "handler: %s %d%s\n", what, code,
		response_fail(response) ? "" : " when the head had been sent");
	return EXIT_FAILED;
}

static const char *response_problem(int code)
{
	return code == EMSGSIZE ? "the response is shorter than was said:"
				: "the response cannot be written:";
}

/* Serves one request. Returns the exit status. */
static int serve(struct mayfly_request *request, struct mayfly_response *response)
{
	int code = request_begin(request);
	if (code == EPROTO) {
		fprintf(stderr,
			"handler: the request does not begin with an SCGI head, as a gateway "
			"sends it: deploy this program (mayfly deploy NAME PROGRAM)\n");
		return EXIT_MISUSE;
	}
	if (code)
		return say("cannot read the request", code);
	response_begin(response);
	const int result = handle(request, response);
	fflush(stdout);
	if (result)
		return fail(response, "handle() returned", result);
	code = response_end(response);
	request_forget(request);
	return code ? fail(response, response_problem(code), code) : 0;
}

int main(int argc, char **argv)
{
	static struct mayfly_request request;
	static struct mayfly_response response;
	if (argc > 1) {
		fprintf(stderr,
			"%s: takes no argument: a gateway gives it requests, but got '%.64s'%s\n",
			argv[0], argv[1],
			*argv[1] == '-' ? "; options of mayfly run go before the function's name"
					: "");
		return EXIT_MISUSE;
	}
	const int output = move_output();
	if (output < 0)
		return say("there is no standard output", errno);
	int code = request_prepare(&request, STDIN_FILENO);
	if (!code)
		code = response_prepare(&response, output);
	if (code)
		return say("cannot start", code);
	if (setup && setup()) {
		fprintf(stderr, "handler: setup() has failed\n");
		return EXIT_FAILED;
	}
	for (;;) {
		fflush(stdout);
		const bool is_mayfly = !mayfly_ready();
		const int status = serve(&request, &response);
		/* Taking a process down in order is work for a machine that is thrown away. */
		if (status || !is_mayfly)
			_exit(status);
	}
}

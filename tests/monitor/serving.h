/* What tests of whole monitors share: opening one on a program, and serving a request. */
#ifndef MAYFLY_TESTS_MONITOR_SERVING_H
#define MAYFLY_TESTS_MONITOR_SERVING_H

#include <stdlib.h>

#include "accel_client/accel_client.h"
#include "check.h"
#include "monitor/monitor.h"

static inline void drop_log(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	(void)context;
	(void)data;
	(void)length;
	(void)deadline_ns;
}

/* A monitor for `program`, called with `argument` (NULL: none). 0; or where there is none, what the
 * test should end with: CHECK_SKIPPED where this machine lacks the isolation. */
static inline int open_program(struct monitor **monitor, const char *isolation, const char *program,
			       const char *argument, uint64_t memory)
{
	const char *const arguments[] = {program, argument, NULL}, *const environment[] = {NULL};
	const struct monitor_options options = {
	    .dialer = &accel_dialer_own,
	    .guest.program = program,
	    .guest.arguments = arguments,
	    .guest.environment = environment,
	    .isolation = isolation,
	    .guest.memory = memory,
	};
	struct error error = {0};
	if (!monitor_open(monitor, &options, &error))
		return 0;
	*monitor = NULL;
	const bool skipped = strstr(error.text, "cannot be had");
	fprintf(stderr, "%s%s\n", skipped ? "skipped: " : "", error.text);
	return skipped ? CHECK_SKIPPED : EXIT_FAILURE;
}

/* Runs the program until it waits for its first request. */
static inline bool prepare(struct monitor *monitor, struct request limits)
{
	struct error error = {0};
	struct request_result result;
	bool finished = false;
	limits.fd = -1;
	if (CHECK_NUMBER(monitor_prepare(monitor, &limits, &finished, &result, &error), 0) &&
	    CHECK(!finished))
		return true;
	fprintf(stderr, "  %s\n", error.text);
	return false;
}

/* A request of `text`, in other respects as `request` says. */
static inline struct request text_request(const char *text, struct request request)
{
	request.data = text;
	request.length = strlen(text);
	request.fd = -1;
	return request;
}

/* Serves `text`, in other respects as `request` says. False where the monitor could not, which is
 * an error of the host's. */
static inline bool serve_text(struct monitor *monitor, const char *text, struct request request,
			      struct request_result *result)
{
	struct error error = {0};
	request = text_request(text, request);
	if (CHECK_NUMBER(monitor_serve(monitor, &request, result, &error), 0))
		return true;
	fprintf(stderr, "  %s: %s\n", text, error.text);
	return false;
}

#endif

/* Waiting for functions; see readiness.h. */
#include "cli/remote/readiness.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/remote/output.h"
#include "util/clock.h"

#define POLL_NS (NANOSECONDS_PER_SECOND / 10)

int readiness_ask(const struct gateway *gateway, const char *name, const char *name_space,
		  uint64_t patience_ns, json_t **status, struct error *error)
{
	struct gateway_values values = *gateway->values;
	struct gateway patient = *gateway;
	char path[600];
	values.patience_ns = patience_ns;
	patient.values = &values;
	snprintf(path, sizeof(path), "/system/function/%.200s%s%.200s", name,
		 name_space ? "?namespace=" : "", name_space ? name_space : "");
	return gateway_ask(&patient, "GET", path, NULL, status, error);
}

/* 1, or 0 for not yet. One that is at zero can serve. */
static int is_ready(const json_t *status, const char *name, struct error *error)
{
	const char *state = json_string_value(output_member(status, "mayfly.state"));
	const char *reason = json_string_value(output_member(status, "mayfly.reason"));
	if (state && !strcmp(state, "failed"))
		return error_set(error, EREMOTEIO, "%s cannot serve: %s", name,
				 reason ? reason : "mayfly logs tells more");
	if (state)
		return !strcmp(state, "ready") || !strcmp(state, "zero");
	/* A gateway that is not Mayfly's. */
	return json_integer_value(json_object_get(status, "availableReplicas")) > 0;
}

int readiness_await(const struct gateway *gateway, const char *name, const char *name_space,
		    struct progress *progress, struct error *error)
{
	const uint64_t patience_ns = gateway->values->patience_ns;
	const uint64_t until = clock_now_ns() + patience_ns;
	for (;;) {
		json_t *status = NULL;
		int result = readiness_ask(gateway, name, name_space, patience_ns, &status, error);
		if (!result)
			result = is_ready(status, name, error);
		json_decref(status);
		if (result)
			return result < 0 ? result : 0;
		if (clock_now_ns() > until)
			return error_set(error, ETIMEDOUT,
					 "%s does not serve yet: look at mayfly describe %s", name,
					 name);
		progress_show(progress, name);
		struct timespec pause = clock_timespec(POLL_NS);
		nanosleep(&pause, NULL);
	}
}

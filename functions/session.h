/* What the functions that look at pictures do first: take their arguments and open a session. */
#ifndef MAYFLY_FUNCTIONS_SESSION_H
#define MAYFLY_FUNCTIONS_SESSION_H

#include <stdio.h>

#include "request.h"
#include "vaccel.h"

/* Opens a session, with the model that the only argument names, if there is one. Both are part of
 * the snapshot. `model` must live as long as the session. Returns 0, or the exit status of the
 * function, which has said why. */
static inline int session_open(const char *function, int argc, char **argv,
			       struct vaccel_session *session, struct vaccel_resource *model)
{
	char path[80];
	if (argc > 2)
		return request_misuse(function, "takes one argument, the name of a model", argv[2]);
	int result = vaccel_session_init(session, 0);
	if (result)
		return request_fail(function, "no accelerator session (mayfly doctor tells more)",
				    result);
	if (argc < 2)
		return 0;
	if ((size_t)snprintf(path, sizeof(path), "model:%s", argv[1]) >= sizeof(path))
		return request_misuse(function, "no model has such a long name", argv[1]);
	result = vaccel_resource_init(model, path, VACCEL_RESOURCE_MODEL);
	if (!result)
		result = vaccel_resource_register(model, session);
	return result ? request_fail(function, "cannot use this model", result) : 0;
}

#endif

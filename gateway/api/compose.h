/* Commands for the supervisor, from requests of the API. */
#ifndef MAYFLY_GATEWAY_COMPOSE_H
#define MAYFLY_GATEWAY_COMPOSE_H

#include "api/route.h"
#include "record/record.h"
#include "util/error.h"

/* The record of a command by its route, query and body, without who asks. 0; -EINVAL with a sentence, and
 * *status is 400 or 422. */
int compose_command(const struct route_match *match, const char *query, const char *body,
		    size_t length, struct record *record, unsigned *status, struct error *error);

#endif

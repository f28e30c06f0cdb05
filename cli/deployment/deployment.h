/* What options of mayfly deploy add to a deployment, as the gateway's API has it. */
#ifndef MAYFLY_CLI_DEPLOYMENT_H
#define MAYFLY_CLI_DEPLOYMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "options/options.h"
#include "util/error.h"

/* 0, NULL or the first choice: not said. deployment_options.def has their options. */
struct deployment_values {
	uint64_t memory, cpus, maximum, concurrency, reuse, port, timeout_ns;
	const char *process, *minimum, *queue, *idle, *schedule, *warm_up, *split;
	int accel, isolation, contract;
	bool stream, fresh, read_only;
	struct option_list environment, secrets, labels, annotations, constraints;
};

extern const char *const deployment_accels[];
extern const char *const deployment_isolations[];
extern const char *const deployment_contracts[];

/* Puts them over what `deployment` says. EINVAL: a word that is no NAME=VALUE, or no number. */
int deployment_apply(json_t *deployment, const struct deployment_values *values,
		     struct error *error);

/* Makes the path of an image on this machine absolute, since the gateway has another working
 * directory; other names stay as they are. `local`: the gateway is on this machine. EINVAL where it
 * is not, and so cannot read that path; another errno where there is nothing at it. */
int deployment_locate_image(json_t *deployment, bool local, struct error *error);

#endif

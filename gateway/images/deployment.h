/* What a deployment's fields mean: one table of them, and the values of one deployment. */
#ifndef MAYFLY_GATEWAY_DEPLOYMENT_H
#define MAYFLY_GATEWAY_DEPLOYMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/contracts/contract.h"
#include "record/record.h"
#include "util/error.h"

#define DEPLOYMENT_IDLE_NS    (300 * 1000000000ULL) /* until a function is scaled to zero */
#define DEPLOYMENT_TIMEOUT_NS (60 * 1000000000ULL)
#define DEPLOYMENT_SLOTS      100 /* at most, where nobody says */
#define DEPLOYMENT_QUEUE      1000

/* Texts are those of the record, which must stay. Release it. */
struct deployment {
	const char *image;
	char **process; /* the words of a command line, NULL-terminated; NULL: the image's own */
	char **environment;	   /* NAME=VALUE, NULL-terminated */
	const char *contract_text; /* NULL: as the image says */
	enum contract_kind contract;
	const char *isolation;
	uint64_t memory;	      /* bytes; 0: what suits most */
	uint64_t cpus;		      /* thousandths; 0: no limit */
	uint64_t timeout_ns, idle_ns; /* idle_ns 0: it never goes to zero */
	unsigned minimum, maximum, queue, split;
	unsigned port;	/* where the server of a unikernel listens; 0: at one of the usual ones */
	unsigned reuse; /* requests that a machine serves, one after the other; 0, 1: one */
	bool no_acceleration, stream, fresh;
	const char *schedule, *warm_up;
};

/* Reads the fields of one. EINVAL: what is wrong, with the field's name as people know it
 * ("limits.memory"). Whatever comes back, release it. */
int deployment_read(struct record_view record, struct deployment *deployment, struct error *error);
void deployment_release(struct deployment *deployment);

#endif

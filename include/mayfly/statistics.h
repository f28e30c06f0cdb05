/* What an accelerator host tells of itself (the op STATISTICS of mayfly/ops.def): one block of bytes,
 *
 *     mayfly_statistics | mayfly_tenant_statistics[tenants] | mayfly_loaded_model[models] |
 *     mayfly_op_statistics[series]
 *
 * Times are in ns and counts from the start of the worker, which a crash begins anew. Names end in a
 * NUL.
 */
#ifndef MAYFLY_STATISTICS_H
#define MAYFLY_STATISTICS_H

#include <stdint.h>

#include "mayfly/plugin.h"

#define MAYFLY_STATISTICS_VERSION 1
#define MAYFLY_STATISTICS_KEY	  16 /* bytes of the key that has to be shown */
#define MAYFLY_TENANT_NAME_SIZE	  64
#define MAYFLY_OP_NAME_SIZE	  32
#define MAYFLY_BUCKETS		  20

/* The upper ends of all buckets but the last, in ns. X(ns, the same in seconds as text) */
#define MAYFLY_BUCKET_ENDS(X)                                                                      \
	X(10000ULL, "1e-05")                                                                       \
	X(25000ULL, "2.5e-05")                                                                     \
	X(50000ULL, "5e-05")                                                                       \
	X(100000ULL, "0.0001")                                                                     \
	X(250000ULL, "0.00025")                                                                    \
	X(500000ULL, "0.0005")                                                                     \
	X(1000000ULL, "0.001")                                                                     \
	X(2500000ULL, "0.0025")                                                                    \
	X(5000000ULL, "0.005")                                                                     \
	X(10000000ULL, "0.01")                                                                     \
	X(25000000ULL, "0.025")                                                                    \
	X(50000000ULL, "0.05")                                                                     \
	X(100000000ULL, "0.1")                                                                     \
	X(250000000ULL, "0.25")                                                                    \
	X(500000000ULL, "0.5")                                                                     \
	X(1000000000ULL, "1")                                                                      \
	X(2500000000ULL, "2.5")                                                                    \
	X(5000000000ULL, "5")                                                                      \
	X(10000000000ULL, "10")

struct mayfly_statistics {
	uint32_t version; /* MAYFLY_STATISTICS_VERSION */
	uint32_t tenants, models, series;
	uint64_t up_ns;		/* how long the worker has run */
	uint64_t memory;	/* bytes that resources and messages take, */
	uint64_t memory_limit;	/* and may take */
	uint64_t uncounted_ops; /* for which there was no room in the list */
};

/* One that is there now: a process of this user, or a listening socket of the configuration. */
struct mayfly_tenant_statistics {
	char name[MAYFLY_TENANT_NAME_SIZE]; /* of its policy */
	int64_t process;		    /* of the peer; 0 or negative: a socket */
	uint32_t weight;
	uint32_t connections, sessions, resources, sent_models;
	uint32_t ops_in_flight; /* messages that are served now, also those that wait */
	uint64_t memory;	/* bytes of resources and large messages */
	uint64_t model_memory;	/* bytes of the models that it has used within a minute */
};

/* The ops of one kind, of one tenant's name, with one model: "" where none was named, "(sent)" where
 * the client had sent it. */
struct mayfly_op_statistics {
	char tenant[MAYFLY_TENANT_NAME_SIZE];
	char model[MAYFLY_MODEL_NAME_SIZE];
	char op[MAYFLY_OP_NAME_SIZE];
	uint64_t count, errors; /* errors are counted in `count`, too */
	uint64_t sum_ns[MAYFLY_PHASES];
	uint64_t buckets[MAYFLY_PHASES][MAYFLY_BUCKETS]; /* ops, by what the phase took */
};

#endif

/* An asynchronous call on its way: taken from the store, run or told, and kept again. For the thread of the
 * event loop, but where a comment says otherwise. */
#ifndef MAYFLY_GATEWAY_ERRAND_H
#define MAYFLY_GATEWAY_ERRAND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "contracts/contract.h"
#include "courier/courier.h"
#include "functions/revision.h"
#include "store/store.h"
#include "supervisor/background.h"
#include "supervisor/supervisor.h"

/* How many are under way at once, and of one function. */
#define ERRANDS_MAX	 64
#define ERRANDS_EACH_MAX 16

/* Statuses 408, 429 and 5xx are tried again so often; so is a callback that does not take its answer. The n-th
 * pause is 2^n seconds, up to five minutes, less up to a half by chance. */
#define ATTEMPTS_MAX 6

struct errand {
	struct background_job job; /* first: it is found by it */
	struct calls *calls;
	struct errand_queue *queue; /* that it was taken from */
	bool refused;		    /* its status is none of the function's, which did not run */
	uint64_t next_ns;
	struct store_call call;
	struct invocation invocation;
	struct contract_request composed;
	enum contract_kind contract;
	/* What the program writes. */
	uint8_t *output;
	size_t output_length, output_room;
	int status; /* its exit status */
	/* What the courier said. */
	struct event_loop_post post;
	int result;
	unsigned code;
	char reason[ERROR_TEXT_MAX + 32];
	struct error error;
};

/* Those of a kind: that wait to be run, or to be told. */
struct errand_queue {
	enum store_call_state state;
	bool taking;	     /* from the store */
	uint64_t next_ns;    /* CLOCK_REALTIME: when there is one; 0: now */
	uint64_t changed_ns; /* the same, of those that came while one was being taken */
	size_t under_way;
	void (*begin)(struct errand *errand);
};

struct busy_function {
	struct busy_function *next;
	unsigned count;
	char *name_space, *name;
};

struct calls {
	struct supervisor *supervisor;
	struct courier *courier;
	struct errand_queue waiting, answered;
	uint64_t trimmed_ns;
	pthread_mutex_t lock; /* of `busy` */
	struct busy_function *busy;
};

/* Keeps what the call is now in the store, and frees the errand. */
void errand_keep(struct errand *errand);

/* Frees it without: it is as before after its lease. */
void errand_drop(struct errand *errand);

/* When it is tried again, after so many attempts; 0: never. */
uint64_t errand_retry_ns(unsigned attempts);

/* calls_run.c */
void errand_run(struct errand *errand);

/* calls_tell.c */
void errand_tell(struct errand *errand);

#endif

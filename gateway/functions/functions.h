/* The functions that are deployed, as the supervisor has them in memory: which revisions their requests go
 * to, and what was counted. For the thread of the event loop. */
#ifndef MAYFLY_GATEWAY_FUNCTIONS_H
#define MAYFLY_GATEWAY_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "functions/histogram.h"
#include "functions/revision.h"
#include "record/record.h"

/* Answers with one status. */
struct code_count {
	struct code_count *next;
	unsigned code;
	struct histogram seconds;
};

struct deployed {
	struct deployed *next; /* in its chain of the table */
	char *name_space, *name;
	struct record deployment, prepared; /* of the current revision */
	uint64_t created_s;
	struct revision *current; /* NULL: being prepared anew, or that failed */
	char *failure;		  /* why there is no current one; NULL: nothing is wrong */
	struct revision *other;	  /* NULL: none */
	struct revision *coming;  /* takes over from `current` when it is ready; NULL: none */
	unsigned percent;	  /* of the requests go to `other` */
	unsigned turn;		  /* counts to 100, so that they do so evenly */
	uint64_t replicas;	  /* as it was scaled; UINT64_MAX: never */
	unsigned alerted;	  /* more slots than the minimum, by alerts */
	uint64_t next_s;	  /* when it is called by its schedule; 0: not known yet */
	bool changing;		  /* a deployment of it is under way */
	bool scheduling;	  /* that is being looked for, or it is being called */
	uint64_t invocations, started;
	uint64_t reused; /* requests in machines that had served others */
	struct code_count *codes;
	struct histogram cold_start, clone, queue, op;
};

struct functions {
	struct deployed **chains;
	size_t chain_count, count;
};

int functions_open(struct functions *functions, struct error *error);

/* All revisions must have been retired, or are forgotten. */
void functions_close(struct functions *functions);

/* Says why it has no current revision; NULL: there is no reason. */
void deployed_note_failure(struct deployed *deployed, const char *failure);

struct deployed *functions_find(const struct functions *functions, const char *name_space,
				const char *name);

/* NULL: no memory. */
struct deployed *functions_add(struct functions *functions, const char *name_space,
			       const char *name);

/* Takes it out and frees it; its revisions are the caller's. */
void functions_remove(struct functions *functions, struct deployed *deployed);

/* Walks through all; begin with *chain 0 and NULL. NULL at the end. What is returned may be removed. */
struct deployed *functions_next(const struct functions *functions, size_t *chain,
				struct deployed **next);

/* The revision that the next request goes to. */
struct revision *deployed_choose(struct deployed *deployed);

/* Counts an answer. */
void deployed_count(struct deployed *deployed, unsigned code, uint64_t total_ns);

#endif

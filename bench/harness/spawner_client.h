/* The spawner as the bench sees it: a process that starts one program again and again.
 *
 * One spawner belongs to one program; see spawner.c for why it is a process of its own.
 */
#ifndef MAYFLY_BENCH_SPAWNER_CLIENT_H
#define MAYFLY_BENCH_SPAWNER_CLIENT_H

#include "spawner.h"
#include "util/error.h"
#include "util/spawn.h"

struct spawner {
	struct spawn_process process;
	int commands, answers;
};

#define SPAWNER_NONE ((struct spawner){.process = {.pidfd = -1}, .commands = -1, .answers = -1})

/* Starts it by `arguments`, ended by NULL: the spawner, or something that becomes one, then the
 * program to start and its arguments. `arguments[0]` is searched for in PATH. Standard input and
 * output of the programs are /dev/null, standard error is the bench's. */
int spawner_start(struct spawner *spawner, const char *const arguments[], struct error *error);

/* Starts the program once and waits for its end; *ns is how long that took. -EPROTO where the
 * program did not exit with status 0. */
int spawner_measure(struct spawner *spawner, enum spawner_method method, double *ns,
		    struct error *error);

/* Ends it; harmless where it was never started. */
void spawner_stop(struct spawner *spawner);

#endif

/* What the bench and its spawner say to each other over two pipes. */
#ifndef MAYFLY_BENCH_SPAWNER_H
#define MAYFLY_BENCH_SPAWNER_H

#include <stdint.h>

enum spawner_method {
	SPAWNER_FORK_EXEC,   /* fork, execve of the program, waitpid */
	SPAWNER_POSIX_SPAWN, /* posix_spawn of the program, waitpid */
	SPAWNER_FORK,	     /* fork, the answer of functions/hello, _exit, waitpid; no program */
	SPAWNER_VFORK_EXIT,  /* vfork and _exit in the child, waitpid; no program */
};

/* The descriptors on which the spawner reads commands (a byte: the method) and writes answers.
 * Descriptors 0 and 1 are the program's. */
#define SPAWNER_COMMAND_FD 3
#define SPAWNER_ANSWER_FD  4

struct spawner_answer {
	uint64_t ns;
	int32_t error;	/* positive errno of what failed, else 0 */
	int32_t status; /* the child's wait status */
};

#endif

/* What the programs processes_*.c share. Each starts processes and prints what these see, in an
 * order that is the same every time: a child prints while its parent waits for it. Nothing depends
 * on ids and times, nor on a niceness, limits or signals that the program inherited. */
#ifndef MAYFLY_TESTS_PROCESSES_H
#define MAYFLY_TESTS_PROCESSES_H

#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../programs/errors.h"

/* Lines are written as they are complete: no child has a part of one. */
static inline void begin(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
}

static inline pid_t fork_or_die(void)
{
	const pid_t child = fork();
	if (child < 0) {
		perror("fork");
		exit(1);
	}
	return child;
}

/* As wait4(2) tells it; -1 and a line where there is no such child. */
static inline int await(pid_t child)
{
	int status = -1;
	pid_t got;
	do
		got = waitpid(child, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		printf("waitpid: %s\n", strerror(errno));
	else if (child > 0 && got != child)
		printf("waitpid: another child\n");
	return got < 0 ? -1 : status;
}

static inline void print_status(const char *what, int status)
{
	if (status < 0)
		printf("%s: no status\n", what);
	else if (WIFEXITED(status))
		printf("%s: exited with %d\n", what, WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		printf("%s: ended by signal %d\n", what, WTERMSIG(status));
	else if (WIFSTOPPED(status))
		printf("%s: stopped by signal %d\n", what, WSTOPSIG(status));
	else if (WIFCONTINUED(status))
		printf("%s: continued\n", what);
	else
		printf("%s: status %#x\n", what, status);
}

/* Does this in a child, waits for that, and prints how it ended. */
#define IN_CHILD(what, ...)                                                                        \
	do {                                                                                       \
		const pid_t in_child = fork_or_die();                                              \
		if (!in_child) {                                                                   \
			__VA_ARGS__;                                                               \
			fflush(stdout);                                                            \
			_exit(0);                                                                  \
		}                                                                                  \
		print_status(what, await(in_child));                                               \
	} while (0)

/* Starts a child that does this, beside its parent. */
#define START(child, ...)                                                                          \
	do {                                                                                       \
		child = fork_or_die();                                                             \
		if (!child) {                                                                      \
			__VA_ARGS__;                                                               \
			_exit(0);                                                                  \
		}                                                                                  \
	} while (0)

/* A gate is a pipe: who waits there goes on when another process opened it. */
struct gate {
	int ends[2];
};

static inline struct gate gate_make(void)
{
	struct gate gate;
	if (pipe(gate.ends)) {
		perror("pipe");
		exit(1);
	}
	return gate;
}

static inline void gate_open(struct gate *gate)
{
	if (write(gate->ends[1], "g", 1) != 1)
		perror("gate");
}

static inline void gate_wait(struct gate *gate)
{
	char byte;
	ssize_t got;
	do
		got = read(gate->ends[0], &byte, 1);
	while (got < 0 && errno == EINTR);
	if (got != 1) {
		printf("a gate is broken: %zd\n", got);
		_exit(99);
	}
}

static inline void gate_close(struct gate *gate)
{
	close(gate->ends[0]);
	close(gate->ends[1]);
}

static inline void *map_memory(size_t length, int flags)
{
	void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return memory;
}

static inline void *map_shared(size_t length)
{
	return map_memory(length, MAP_SHARED);
}

static inline void *map_private(size_t length)
{
	return map_memory(length, MAP_PRIVATE);
}

#endif

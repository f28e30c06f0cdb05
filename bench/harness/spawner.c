/* spawner PROGRAM [ARGUMENT...]: starts PROGRAM in several ways on command, and answers how long
 * each took.
 *
 * It is a process of its own because fork() copies the page tables of who calls it: here that is a
 * small program with the C library only, the least that a process can cost. */
#include "spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/clock.h"

/* What `hello` writes, without starting it. */
static void answer_and_exit(void)
{
	static const char answer[] = "Hello, world!\n";
	_exit(write(STDOUT_FILENO, answer, sizeof(answer) - 1) != sizeof(answer) - 1);
}

static pid_t start_child(enum spawner_method method, char *arguments[])
{
	pid_t child = -1;
	switch (method) {
	case SPAWNER_FORK_EXEC:
		child = fork();
		if (!child) {
			execve(arguments[0], arguments, environ);
			_exit(127);
		}
		return child;
	case SPAWNER_POSIX_SPAWN:
		errno = posix_spawn(&child, arguments[0], NULL, NULL, arguments, environ);
		return errno ? -1 : child;
	case SPAWNER_FORK:
		child = fork();
		if (!child)
			answer_and_exit();
		return child;
	case SPAWNER_VFORK_EXIT:
		child = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork): measured */
		if (!child)
			_exit(0);
		return child;
	}
	errno = EINVAL;
	return -1;
}

static struct spawner_answer measure(enum spawner_method method, char *arguments[])
{
	struct spawner_answer answer = {0};
	uint64_t begin = clock_now_ns();
	pid_t child = start_child(method, arguments);
	if (child < 0 || waitpid(child, &answer.status, 0) < 0)
		answer.error = errno;
	answer.ns = clock_now_ns() - begin;
	return answer;
}

int main(int argc, char **argv)
{
	uint8_t method;
	if (argc < 2) {
		fprintf(stderr, "usage: spawner PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	/* The programs must not inherit the pipes. */
	if (fcntl(SPAWNER_COMMAND_FD, F_SETFD, FD_CLOEXEC) ||
	    fcntl(SPAWNER_ANSWER_FD, F_SETFD, FD_CLOEXEC)) {
		perror("spawner: no command pipe");
		return 1;
	}
	while (read(SPAWNER_COMMAND_FD, &method, 1) == 1) {
		struct spawner_answer answer = measure(method, argv + 1);
		if (write(SPAWNER_ANSWER_FD, &answer, sizeof(answer)) != sizeof(answer))
			return 1;
	}
	return 0;
}

/* processes WHAT COUNT: does that so often and prints the nanoseconds that one took, by its own
 * clock, so that the same program can be compared inside a machine and outside.
 *
 *     fork-PAGES  fork(), the child writes 10 of as many pages and ends, wait
 *     vfork       vfork(), the child ends, wait
 *     pipeline    two children and this process in a row of pipes, 64 KiB through them, wait
 *     byte        a byte to a child through a pipe, and one back
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

#define PAGE	4096L
#define WRITTEN 10

static volatile char *memory;
static int to_child[2], to_parent[2];

static int prepare_pages(long pages)
{
	memory = mmap(NULL, (size_t)(pages * PAGE), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return 1;
	for (long i = 0; i < pages; i++)
		memory[i * PAGE] = 1;
	return 0;
}

static int fork_once(void)
{
	const pid_t child = fork();
	if (!child) {
		for (long i = 0; i < WRITTEN; i++)
			memory[i * PAGE] = 2;
		_exit(0);
	}
	return child < 0 || waitpid(child, NULL, 0) != child;
}

static int vfork_once(void)
{
	const pid_t child = vfork();
	if (!child)
		_exit(0);
	return child < 0 || waitpid(child, NULL, 0) != child;
}

static void pass_on(int from, int to)
{
	static char block[4096];
	for (ssize_t got; (got = read(from, block, sizeof(block))) > 0;)
		if (write(to, block, (size_t)got) != got)
			_exit(1);
	_exit(0);
}

static int pipeline_once(void)
{
	static char block[4096];
	int first[2], second[2];
	size_t count = 0;
	if (pipe(first) || pipe(second))
		return 1;
	const pid_t writer = fork();
	if (!writer) {
		for (unsigned i = 0; i < 16; i++)
			if (write(first[1], block, sizeof(block)) != sizeof(block))
				_exit(1);
		_exit(0);
	}
	close(first[1]);
	const pid_t middle = fork();
	if (!middle)
		pass_on(first[0], second[1]);
	close(first[0]);
	close(second[1]);
	for (ssize_t got; (got = read(second[0], block, sizeof(block))) > 0;)
		count += (size_t)got;
	close(second[0]);
	return count != 16 * sizeof(block) || waitpid(writer, NULL, 0) != writer ||
	       waitpid(middle, NULL, 0) != middle;
}

static int start_echo(void)
{
	char byte;
	if (pipe(to_child) || pipe(to_parent))
		return 1;
	const pid_t child = fork();
	if (child)
		return child < 0;
	close(to_child[1]);
	while (read(to_child[0], &byte, 1) == 1)
		if (write(to_parent[1], &byte, 1) != 1)
			break;
	_exit(0);
}

static int byte_once(void)
{
	char byte = 'b';
	return write(to_child[1], &byte, 1) != 1 || read(to_parent[0], &byte, 1) != 1;
}

int main(int argc, char **argv)
{
	char request[64];
	const char *const what = argc == 3 ? argv[1] : "";
	const long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	int (*once)(void) = !strncmp(what, "fork-", 5)	? fork_once
			    : !strcmp(what, "vfork")	? vfork_once
			    : !strcmp(what, "pipeline") ? pipeline_once
			    : !strcmp(what, "byte")	? byte_once
							: NULL;
	if (!once || count <= 0) {
		fprintf(stderr, "usage: processes fork-PAGES|vfork|pipeline|byte COUNT\n");
		return 2;
	}
	if (read(STDIN_FILENO, request, sizeof(request)) < 0)
		return 1;
	if ((once == fork_once && prepare_pages(strtol(what + 5, NULL, 10))) ||
	    (once == byte_once && start_echo()) || once())
		return 1;
	const double begin = now_ns();
	int failed = 0;
	for (long i = 0; i < count && !failed; i++)
		failed = once();
	const double ns = (now_ns() - begin) / (double)count;
	return failed || printf("%.1f\n", ns) < 0 || fflush(stdout) ? 1 : 0;
}

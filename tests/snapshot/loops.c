/* A program that serves one request after another: each is a line, each answer says how many there
 * were so far. The argument says how it tells that it is ready for the next. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mayfly/mayfly.h>

/* Reads a line; 0 at the end. One read for each, as a pipe with a writer would have it. */
static size_t read_line(char *line, size_t size)
{
	ssize_t got = read(STDIN_FILENO, line, size);
	return got > 0 ? (size_t)got : 0;
}

int main(int argc, char **argv)
{
	bool says_ready = argc > 1 && !strcmp(argv[1], "ready");
	char line[256];
	printf("set up\n");
	fflush(stdout);
	for (int count = 1;; count++) {
		if (says_ready && mayfly_ready())
			return 1;
		size_t length = read_line(line, sizeof(line));
		if (!length)
			return 3;
		printf("%d %.*s", count, (int)length, line);
		fflush(stdout);
	}
}

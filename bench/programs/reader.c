/* reader FILE: reads a file through a buffer and prints the nanoseconds that it took from the first
 * byte to the last, by its own clock, so that the same program can be compared inside a machine and
 * outside. It opens the file when it has seen its request; the buffer is in memory before. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

#define BUFFER_SIZE (128 << 10) /* as cat and cp have it */

static char buffer[BUFFER_SIZE];

int main(int argc, char **argv)
{
	char request[64];
	if (argc != 2) {
		fprintf(stderr, "usage: reader FILE\n");
		return 2;
	}
	if (read(STDIN_FILENO, request, sizeof(request)) < 0)
		return 1;
	memset(buffer, 1, sizeof(buffer));
	int file = open(argv[1], O_RDONLY);
	double begin = now_ns();
	long total = 0;
	for (;;) {
		ssize_t got = read(file, buffer, sizeof(buffer));
		if (got < 0) {
			perror(argv[1]);
			return 1;
		}
		if (!got)
			break;
		total += got;
	}
	return printf("%.0f %ld\n", now_ns() - begin, total) < 0 || fflush(stdout) ? 1 : 0;
}

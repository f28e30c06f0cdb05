/* pages: a function that writes as many pages as its argument says, for the benchmark of resets.
 * Request: anything. Response: how many it wrote. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PAGE_SIZE 4096
#define PAGES_MAX 4096

static volatile uint8_t memory[PAGES_MAX][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

int main(int argc, char **argv)
{
	char request[64], line[32];
	long count = argc > 1 ? strtol(argv[1], NULL, 10) : -1;
	if (count < 0 || count > PAGES_MAX)
		return 2;
	if (read(STDIN_FILENO, request, sizeof(request)) < 0)
		return 1;
	for (long page = 0; page < count; page++)
		memory[page][0] = (uint8_t)(page + 1);
	int used = snprintf(line, sizeof(line), "%ld\n", count);
	return write(STDOUT_FILENO, line, (size_t)used) != used;
}

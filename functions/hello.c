/* hello: the smallest function. Request: a name, or nothing. Response: a greeting. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "request.h"

int main(int argc, char **argv)
{
	if (argc > 1)
		return request_misuse("hello", "takes no argument: the name is its request",
				      argv[1]);
	char name[64], line[128];
	ssize_t length = read(STDIN_FILENO, name, sizeof(name) - 1);
	name[length > 0 ? length : 0] = 0;
	name[strcspn(name, "\n")] = 0;
	int used = snprintf(line, sizeof(line), "Hello, %s!\n", *name ? name : "world");
	return write(STDOUT_FILENO, line, (size_t)used) != used;
}

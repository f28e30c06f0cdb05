/* Says hello and ends with the status that its first argument names: the least that a container does. */
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static const char hello[] = "hello from a container\n";
	if (write(STDOUT_FILENO, hello, sizeof(hello) - 1) != (ssize_t)sizeof(hello) - 1)
		return 99;
	return argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;
}

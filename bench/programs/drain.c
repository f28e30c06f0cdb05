/* drain: reads its request to the end, and answers how many bytes that were. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	static char buffer[65536];
	size_t whole = 0;
	ssize_t got;
	while ((got = read(STDIN_FILENO, buffer, sizeof(buffer))) > 0)
		whole += (size_t)got;
	printf("%zu\n", whole);
	return got < 0;
}

/* Ends by a signal that it sends itself, with output that was passed on before. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	puts("before the end");
	fflush(stdout);
	abort();
}

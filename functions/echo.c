/* echo: the response is the request. */
#include <stdio.h>
#include <unistd.h>

#include "request.h"

int main(int argc, char **argv)
{
	if (argc > 1)
		return request_misuse("echo", "takes no argument: it repeats its request", argv[1]);
	static char buffer[65536];
	ssize_t got;
	while ((got = read(STDIN_FILENO, buffer, sizeof(buffer))) > 0)
		for (ssize_t done = 0; done < got;) {
			ssize_t written = write(STDOUT_FILENO, buffer + done, (size_t)(got - done));
			if (written < 0) {
				perror("echo: cannot write");
				return 1;
			}
			done += written;
		}
	if (got < 0)
		perror("echo: cannot read");
	return got < 0;
}

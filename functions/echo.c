/* echo: the response is the request. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
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

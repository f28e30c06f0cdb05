/* The program of test_function and test_feed: does what the first word of its request says. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char request[8 << 20];

static void write_all(const char *data, size_t length)
{
	while (length) {
		ssize_t written = write(1, data, length);
		if (written <= 0)
			_exit(9);
		data += written;
		length -= (size_t)written;
	}
}

/* Reads all, however long, and answers with a sum of it and how often it had to wait. */
static int sum_up(size_t length)
{
	struct pollfd input = {.fd = 0, .events = POLLIN};
	unsigned long sum = 0, total = 0, waits = 0;
	ssize_t got = (ssize_t)length;
	char answer[80];
	while (got > 0) {
		for (ssize_t i = 0; i < got; i++)
			sum = sum * 31 + (unsigned char)request[i];
		total += (unsigned long)got;
		while (!poll(&input, 1, waits ? 1 : 0))
			waits++;
		got = read(0, request, sizeof(request));
	}
	write_all(answer, (size_t)snprintf(answer, sizeof(answer), "%lu %lu %s", total, sum,
					   waits ? "waited" : "at once"));
	return got < 0;
}

/* Answers each part of its request before it reads the next. */
static int answer_parts(size_t length)
{
	do
		write_all(request, length);
	while ((length = (size_t)read(0, request, sizeof(request))) && length <= sizeof(request));
	return length != 0;
}

int main(int argc, char **argv)
{
	size_t length = 0;
	ssize_t got;
	if (argc > 1 && !strcmp(argv[1], "ends"))
		return 3;
	if (argc > 1 && !strcmp(argv[1], "hangs"))
		for (;;)
			;
	if (argc > 1 && !strcmp(argv[1], "writes"))
		write_all("written before\n", 15);
	while ((got = read(0, request + length, sizeof(request) - length)) > 0) {
		length += (size_t)got;
		if (!strncmp(request, "early", 5))
			return 5;
		if (!strncmp(request, "parts", 5))
			return answer_parts(length);
		if (!strncmp(request, "sum", 3))
			return sum_up(length);
	}
	if (!strncmp(request, "spin", 4))
		for (;;)
			;
	if (!strncmp(request, "sleep", 5))
		sleep(60);
	if (!strncmp(request, "crash", 5))
		raise(SIGSEGV);
	if (!strncmp(request, "status", 6))
		return atoi(request + 6);
	write_all(request, length);
	return 0;
}

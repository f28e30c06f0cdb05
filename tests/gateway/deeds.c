/* A function for tests of the gateway: its request says what it does. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EVENTS 5

static const char *variable(const char *name)
{
	const char *value = getenv(name);
	return value ? value : "";
}

static int print_secret(void)
{
	char text[256];
	FILE *file = fopen("/var/openfaas/secrets/word", "r");
	if (!file)
		return 4;
	const size_t length = fread(text, 1, sizeof(text), file);
	fclose(file);
	fwrite(text, 1, length, stdout);
	return 0;
}

/* `deeds tell` reads no request. */
int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "tell"))
		return print_secret();
	char input[65536];
	const size_t length = fread(input, 1, sizeof(input) - 1, stdin);
	input[length] = 0;
	if (!strcmp(input, "crash"))
		__builtin_trap();
	if (!strcmp(input, "fail")) {
		puts("no");
		return 3;
	}
	if (!strcmp(input, "silent"))
		return 4;
	if (!strcmp(input, "log")) {
		fprintf(stderr, "to the log\n");
		puts("ok");
		return 0;
	}
	if (!strcmp(input, "secret"))
		return print_secret();
	if (!strcmp(input, "sleep")) {
		sleep(1);
		puts("slept");
		return 0;
	}
	if (!strcmp(input, "nap")) {
		usleep(20000);
		puts("rested");
		return 0;
	}
	if (!strncmp(input, "stream ", 7)) {
		for (int i = 0; i < EVENTS; i++) {
			printf("data: %s %d\n\n", input + 7, i);
			fflush(stdout);
			usleep(10000);
		}
		return 0;
	}
	while (!strcmp(input, "spin"))
		;
	printf("%s %s %s %s %s\n", variable("GREETING"), input, variable("Http_Method"),
	       variable("Http_Path"), variable("Http_Query"));
	return 0;
}

/* The program of test_variables: says what it sees of its environment. The first argument says what
 * it does before: "changes" its environment, or "unread": it does not wait for its request. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

static void print_file(const char *path)
{
	static char text[1 << 18];
	FILE *file = fopen(path, "r");
	size_t length = file ? fread(text, 1, sizeof(text), file) : 0;
	for (size_t i = 0; i < length; i++)
		putchar(text[i] ? text[i] : '\n');
	if (file)
		fclose(file);
}

int main(int argc, char **argv)
{
	char name[256];
	if (argc > 1 && !strcmp(argv[1], "changes")) {
		unsetenv("GONE");
		setenv("OWN", "mine", 1);
	}
	if (argc > 1 && !strcmp(argv[1], "removes"))
		unsetenv("GONE");
	if (argc > 1 && !strcmp(argv[1], "unread"))
		strcpy(name, "Http_Method");
	else if (!fgets(name, sizeof(name), stdin))
		return 3;
	name[strcspn(name, "\n")] = 0;
	const char *value = getenv(name);
	printf("value %s\n", value ? value : "(none)");
	for (char **next = environ; *next; next++)
		printf("has %s\n", *next);
	printf("page %lu, tick %lu\n", getauxval(AT_PAGESZ), getauxval(AT_CLKTCK));
	print_file("/proc/self/environ");
	/* A system call takes what lies there, too. */
	fflush(stdout);
	if (value && write(1, value, strlen(value)) < 0)
		return 4;
	return 0;
}

/* Standard streams by way of the C library: formats, lines, binary data, the end of the input. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char line[256];
	unsigned lines = 0, bytes = 0, sum = 0;
	printf("%d arguments:", argc - 1);
	for (int i = 1; i < argc; i++)
		printf(" [%s]", argv[i]);
	printf("\n%5d|%-5d|%05d|%x|%#o|%c|%s|%.3f|%e|%g|%%\n", 42, 42, 42, 255, 8, 'c', "text",
	       3.14159, 12345.678, 0.0001);
	while (fgets(line, sizeof(line), stdin)) {
		size_t length = strlen(line);
		lines += line[length - 1] == '\n';
		bytes += (unsigned)length;
		for (size_t i = 0; i < length; i++)
			sum = sum * 31 + (unsigned char)line[i];
	}
	printf("%u lines, %u bytes, sum %u, end %d, error %d\n", lines, bytes, sum,
	       feof(stdin) != 0, ferror(stdin) != 0);
	printf("again: %zd\n", read(STDIN_FILENO, line, sizeof(line)));
	printf("seek: %d\n", lseek(STDIN_FILENO, 0, SEEK_SET) < 0 && errno == ESPIPE);
	fprintf(stderr, "this goes to the log\n");
	char numbers[64];
	snprintf(numbers, sizeof(numbers), "%ld %lld", 1L << 40, -1LL);
	long first;
	long long second;
	printf("%d %d\n", sscanf(numbers, "%ld %lld", &first, &second),
	       first == 1L << 40 && second == -1);
	/* More than any buffer on the way holds. */
	for (int i = 0; i < 40000; i++)
		printf("%07d a line that is neither long nor short\n", i);
	return 17;
}

/* The program of test_files: says of each file that its request names, a line each, what it is. With
 * an argument it does not wait for a request: that is the file. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char contents[2 << 20];

static void tell(const char *path)
{
	struct stat status;
	unsigned long sum = 0;
	int file = open(path, O_RDONLY);
	if (file < 0 || fstat(file, &status)) {
		printf("%s is missing\n", path);
		return;
	}
	const ssize_t length = read(file, contents, sizeof(contents));
	for (ssize_t i = 0; i < length; i++)
		sum = sum * 31 + (unsigned char)contents[i];
	printf("%s %o %u %ld %lu %.20s\n", path, status.st_mode, status.st_uid, (long)length, sum,
	       length < 20 ? contents : "");
	close(file);
}

int main(int argc, char **argv)
{
	char path[4096];
	setvbuf(stdin, NULL, _IOFBF, 65536);
	if (argc > 1)
		tell(argv[1]);
	else
		while (fgets(path, sizeof(path), stdin)) {
			path[strcspn(path, "\n")] = 0;
			memset(contents, 0, 32);
			tell(path);
		}
	return 0;
}

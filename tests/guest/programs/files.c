/* Files and directories by way of the C library. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRY(call) printf("%s: %s\n", #call, (call) < 0 ? strerror(errno) : "ok")

static int compare(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static void list(const char *path)
{
	char *names[64];
	int count = 0;
	DIR *directory = opendir(path);
	if (!directory) {
		printf("opendir: %s\n", strerror(errno));
		return;
	}
	for (struct dirent *entry; count < 64 && (entry = readdir(directory));)
		names[count++] = strdup(entry->d_name);
	closedir(directory);
	qsort(names, (size_t)count, sizeof(names[0]), compare);
	for (int i = 0; i < count; i++) {
		printf(" %s", names[i]);
		free(names[i]);
	}
	printf("\n");
}

static void write_and_read(void)
{
	char text[64] = "";
	FILE *file = fopen("data", "w+");
	fprintf(file, "line one\nline two\n");
	for (int i = 0; i < 10000; i++)
		fprintf(file, "%d\n", i * i);
	fflush(file);
	printf("size %ld\n", ftell(file));
	fseek(file, 9, SEEK_SET);
	printf("%s", fgets(text, sizeof(text), file));
	fclose(file);
	file = fopen("data", "a");
	fprintf(file, "the end\n");
	fclose(file);
	file = fopen("data", "r");
	unsigned long sum = 0;
	for (int c; (c = getc(file)) != EOF;)
		sum = sum * 33 + (unsigned)c;
	printf("sum %lu\n", sum);
	struct stat status;
	fstat(fileno(file), &status);
	printf("size %ld mode %o links %ld\n", (long)status.st_size, status.st_mode,
	       (long)status.st_nlink);
	char *mapped = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fileno(file), 0);
	printf("mapped %.8s\n", mapped);
	munmap(mapped, (size_t)status.st_size);
	fclose(file);
}

int main(void)
{
	char directory[] = "/tmp/mayfly-files-XXXXXX", path[128], target[128] = "";
	umask(022);
	if (!mkdtemp(directory) || chdir(directory) < 0)
		return 1;
	write_and_read();
	TRY(mkdir("sub", 0755));
	TRY(mkdir("sub", 0755));
	TRY(symlink("../data", "sub/link"));
	TRY(readlink("sub/link", target, sizeof(target)));
	printf("%s\n", target);
	TRY(open("sub/link", O_RDONLY | O_NOFOLLOW));
	TRY(rename("data", "sub/data"));
	TRY(open("sub/link", O_RDONLY));
	TRY(rename("sub", "moved"));
	list("moved");
	TRY(rmdir("moved"));
	TRY(unlink("moved"));
	TRY(access("moved/data", X_OK));
	TRY(truncate("moved/data", 5));
	TRY(chdir("moved"));
	printf("%d\n", getcwd(path, sizeof(path)) && !strcmp(strrchr(path, '/'), "/moved"));
	TRY(unlink("data"));
	TRY(unlink("link"));
	TRY(chdir(".."));
	TRY(rmdir("moved"));
	list(".");
	TRY(chdir("/"));
	TRY(rmdir(directory));
	TRY(open("/tmp", O_WRONLY));
	TRY(open("/etc/passwd/x", O_RDONLY));
	TRY(close(77));
	int ends[2];
	TRY(pipe(ends));
	TRY(write(ends[1], "through a pipe", 14));
	printf("%zd\n", read(ends[0], path, sizeof(path)));
	return 0;
}

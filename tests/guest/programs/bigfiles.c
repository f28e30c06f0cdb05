/* Files that are larger than the memory, mostly holes: what is mapped of them comes when it is
 * touched, and goes where others want memory. Prints what must be the same on any system. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB	  (1L << 20)
#define SIZE	  (200 * MIB) /* the test gives the guest 64 MiB */
#define MARKS	  10
#define MARK_STEP (SIZE / MARKS)
#define MEMORY	  (30 * MIB)

static int file;

static void make_file(void)
{
	char name[] = "/tmp/mayfly-bigfile-XXXXXX";
	file = mkstemp(name);
	if (file < 0 || unlink(name) || ftruncate(file, SIZE))
		perror(name);
	for (long i = 0; i < MARKS; i++) {
		const char mark = (char)(i + 1);
		if (pwrite(file, &mark, 1, i * MARK_STEP + 17) != 1)
			perror("pwrite");
	}
}

static unsigned long sum(const char *bytes, long from, long to)
{
	unsigned long total = 0;
	for (long i = from + 17; i < to; i += 4096)
		total += (unsigned char)bytes[i];
	return total;
}

static void test_holes(void)
{
	struct stat status;
	fstat(file, &status);
	printf("size %ld, few blocks %d, some %d\n", (long)status.st_size,
	       status.st_blocks<1000, status.st_blocks> 0);
	printf("data at %ld\n", (long)lseek(file, 0, SEEK_DATA));
	printf("a hole behind it %d\n", lseek(file, 0, SEEK_HOLE) < MARK_STEP);
	const long data = lseek(file, MARK_STEP / 2, SEEK_DATA);
	printf("the next data %d\n", data > MARK_STEP / 2 && data <= MARK_STEP + 17);
	printf("a hole there %d\n", lseek(file, MARK_STEP / 2, SEEK_HOLE) == MARK_STEP / 2);
	long result = lseek(file, SIZE - MIB, SEEK_DATA);
	printf("none at the end: %ld %s\n", result, strerror(errno));
	result = lseek(file, SIZE, SEEK_HOLE);
	printf("behind it: %ld %s\n", result, strerror(errno));
	result = lseek(file, -1, SEEK_DATA);
	printf("before it: %ld %s\n", result, strerror(errno));
}

static void test_reading(const char *name, int flags)
{
	char *bytes = mmap(NULL, SIZE, PROT_READ, flags, file, 0);
	if (bytes == MAP_FAILED) {
		printf("%s: %s\n", name, strerror(errno));
		return;
	}
	printf("%s: %lu\n", name, sum(bytes, 0, SIZE));
	printf("  again: %lu\n", sum(bytes, 0, SIZE));
	/* Others need memory, of each kind, and it comes again. */
	char *memory =
	    mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		printf("no memory\n");
	memset(memory, 1, MEMORY);
	for (int i = 0; i < 100; i++) {
		char *small = malloc(100000);
		if (small)
			memset(small, 2, 100000);
		else
			printf("no small memory\n");
	}
	printf("  with less memory: %lu\n", sum(bytes, 0, SIZE));
	munmap(memory, MEMORY);
	/* The middle goes; what is behind it still is where it is in the file. */
	munmap(bytes + SIZE / 2, MARK_STEP);
	printf("  in parts: %lu %lu\n", sum(bytes, 0, SIZE / 2),
	       sum(bytes, SIZE / 2 + MARK_STEP, SIZE));
	/* As the buffer of a call. */
	int out = open("/dev/null", O_WRONLY), ends[2];
	printf("  written: %zd\n", write(out, bytes, SIZE / 2));
	char byte = 0;
	if (pipe(ends) || write(ends[1], bytes + MARK_STEP * 3 + 17, 1) != 1 ||
	    read(ends[0], &byte, 1) != 1)
		printf("no pipe\n");
	printf("  through a pipe: %d\n", byte);
	close(ends[0]);
	close(ends[1]);
	close(out);
	munmap(bytes, SIZE);
}

static void test_growing(void)
{
	char *bytes = mmap(NULL, SIZE / 2, PROT_READ, MAP_PRIVATE, file, 0);
	unsigned long before = sum(bytes, 0, SIZE / 2);
	char *grown = mremap(bytes, SIZE / 2, SIZE, MREMAP_MAYMOVE);
	if (grown == MAP_FAILED) {
		printf("mremap: %s\n", strerror(errno));
		return;
	}
	printf("grown: %lu %lu\n", before, sum(grown, 0, SIZE));
	munmap(grown, SIZE);
}

/* Mapped in two parts that go on in the file, and moved as one. */
static void test_moving(void)
{
	char *places[2];
	for (int i = 0; i < 2; i++)
		places[i] =
		    mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (int i = 0; i < 2; i++)
		if (mmap(places[0] + i * (SIZE / 2), SIZE / 2, PROT_READ, MAP_PRIVATE | MAP_FIXED,
			 file, i * (SIZE / 2)) == MAP_FAILED)
			perror("mmap");
	printf("in two parts: %lu\n", sum(places[0], 0, SIZE));
	char *moved = mremap(places[0], SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, places[1]);
	printf("moved: %lu\n", moved == MAP_FAILED ? 0 : sum(moved, 0, SIZE));
	munmap(places[1], SIZE);
}

static void test_writing(void)
{
	char *bytes =
	    mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file, 0);
	if (bytes == MAP_FAILED) {
		printf("mmap: %s\n", strerror(errno));
		return;
	}
	for (long i = 0; i < MARKS; i++)
		bytes[i * MARK_STEP + 17] += 100;
	unsigned long total = 0;
	for (long i = 0; i < MARKS; i++)
		total += (unsigned char)bytes[i * MARK_STEP + 17];
	/* What was written stays, though the right to write goes. */
	mprotect(bytes, SIZE, PROT_READ);
	char *other = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, file, 0);
	printf("written: %lu, the file %lu, still %d\n", total, sum(other, 0, SIZE),
	       bytes[17] + bytes[9 * MARK_STEP + 17]);
	munmap(bytes, SIZE);
	munmap(other, SIZE);
}

/* What is discarded of a mapping comes from its file again, whatever its size. */
static void test_discarding(long size, int protection)
{
	char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	bytes[17] = bytes[size - 1] = 99;
	mprotect(bytes, size, protection);
	printf("discarded, %ld: %d", size, madvise(bytes, size, MADV_DONTNEED));
	printf(" %d %d\n", bytes[17], bytes[size - 1]);
	munmap(bytes, size);
}

int main(void)
{
	make_file();
	test_holes();
	test_reading("private", MAP_PRIVATE);
	test_growing();
	test_moving();
	test_discarding(8192, PROT_READ);
	test_discarding(40960, PROT_READ | PROT_WRITE);
	test_discarding(MIB, PROT_READ);
	test_discarding(5 * MIB, PROT_READ | PROT_WRITE);
	test_writing();
	return 0;
}

/* Edges of memory: wild addresses and sizes, protections, growing and moving. */
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/mman.h>

#include "errors.h"

#define PAGE	   4096UL
#define KERNEL	   ((void *)0xffff800000000000UL)
#define LAST_PAGE  ((void *)(UINT64_MAX - PAGE + 1))
#define BEYOND	   ((void *)(1UL << 47))
#define ANONYMOUS  (MAP_PRIVATE | MAP_ANONYMOUS)
#define READ_WRITE (PROT_READ | PROT_WRITE)

static void test_mmap(int file, int write_only, int directory, int null)
{
	TRY_ANY(mmap(NULL, 0, READ_WRITE, ANONYMOUS, -1, 0));
	TRY_ANY(mmap(NULL, SIZE_MAX, READ_WRITE, ANONYMOUS, -1, 0));
	TRY_ANY(mmap(NULL, SIZE_MAX - PAGE, READ_WRITE, ANONYMOUS, -1, 0));
	TRY_ANY(mmap(NULL, 1UL << 47, READ_WRITE, ANONYMOUS, -1, 0));
	TRY_ANY(mmap(NULL, 1UL << 62, PROT_NONE, ANONYMOUS, -1, 0));
	TRY_ANY(mmap(NULL, PAGE, READ_WRITE, MAP_ANONYMOUS, -1, 0));
	TRY_ANY(mmap(NULL, PAGE, READ_WRITE, MAP_ANONYMOUS | MAP_PRIVATE | MAP_SHARED, -1, 0));
	TRY_ANY(mmap(NULL, PAGE, READ_WRITE, ANONYMOUS, -1, 1));
	TRY_ANY(mmap(NULL, PAGE, READ_WRITE, ANONYMOUS, 12345, 0));
	TRY_ANY(mmap(NULL, PAGE, READ_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	TRY_ANY(mmap((void *)1, PAGE, READ_WRITE, ANONYMOUS | MAP_FIXED, -1, 0));
	TRY_ANY(mmap(KERNEL, PAGE, READ_WRITE, ANONYMOUS | MAP_FIXED, -1, 0));
	TRY_ANY(mmap(LAST_PAGE, PAGE, READ_WRITE, ANONYMOUS | MAP_FIXED, -1, 0));
	TRY_ANY(mmap(LAST_PAGE, 2 * PAGE, READ_WRITE, ANONYMOUS | MAP_FIXED, -1, 0));
	TRY_ANY(mmap(BEYOND, PAGE, READ_WRITE, ANONYMOUS | MAP_FIXED, -1, 0));
	TRY_ANY(mmap(BEYOND, PAGE, READ_WRITE, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
	TRY_ANY(mmap(KERNEL, PAGE, READ_WRITE, ANONYMOUS, -1, 0));
	TRY_ANY(mmap((void *)3, PAGE, READ_WRITE, ANONYMOUS, -1, 0));
	TRY_ANY(mmap(NULL, PAGE, 0x100, ANONYMOUS, -1, 0));
	TRY_ANY(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0));
	TRY_ANY(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 0));
	TRY_ANY(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 100));
	TRY_ANY(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, -(long)PAGE));
	TRY_ANY(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0));
	TRY_ANY(mmap(NULL, PAGE, READ_WRITE, MAP_PRIVATE, file, 0));
	TRY_ANY(mmap(NULL, PAGE, READ_WRITE, MAP_SHARED, file, 0));
	TRY_ANY(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, write_only, 0));
	TRY_ANY(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, directory, 0));
	TRY_ANY(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, null, 0));
	char *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 0);
	printf("%.10s then %d\n", page, page[100]);
	TRY_ANY(mmap(page, PAGE, READ_WRITE, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
	TRY_ANY(mmap(page, PAGE, READ_WRITE, ANONYMOUS | MAP_FIXED, -1, 0));
	printf("zero %d\n", page[0]);
	munmap(page, PAGE);
}

static void test_munmap(void)
{
	char *block = mmap(NULL, 4 * PAGE, READ_WRITE, ANONYMOUS, -1, 0);
	TRY(munmap(block, 0));
	TRY(munmap(block + 1, PAGE));
	TRY(munmap(block, SIZE_MAX));
	TRY(munmap(NULL, PAGE));
	TRY(munmap(KERNEL, PAGE));
	TRY(munmap(LAST_PAGE, PAGE));
	TRY(munmap(LAST_PAGE, 2 * PAGE));
	TRY(munmap(BEYOND, PAGE));
	TRY(munmap((void *)(16 * PAGE), PAGE));
	TRY(munmap(block + PAGE, 1));
	TRY(munmap(block + PAGE, PAGE));
	TRY(mprotect(block, 4 * PAGE, PROT_READ));
	TRY(msync(block, 4 * PAGE, MS_SYNC));
	TRY(madvise(block, 4 * PAGE, MADV_DONTNEED));
	TRY(munmap(block, 4 * PAGE));
	TRY(msync(block, PAGE, MS_SYNC));
}

static void test_mprotect(void)
{
	char *block = mmap(NULL, 4 * PAGE, READ_WRITE, ANONYMOUS, -1, 0);
	TRY(mprotect(block + 1, PAGE, PROT_READ));
	TRY(mprotect(block, 0, PROT_READ));
	TRY(mprotect(block + 1, 0, PROT_READ));
	TRY(mprotect(block, SIZE_MAX, PROT_READ));
	TRY(mprotect(block, PAGE, 0x800));
	TRY(mprotect(block, PAGE, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP));
	TRY(mprotect(NULL, PAGE, PROT_READ));
	TRY(mprotect(KERNEL, PAGE, PROT_READ));
	TRY(mprotect(LAST_PAGE, PAGE, PROT_READ));
	TRY(mprotect(LAST_PAGE, 2 * PAGE, PROT_READ));
	TRY(mprotect(BEYOND, PAGE, PROT_READ));
	TRY(mprotect(block, 1, PROT_NONE));
	TRY(write(-1, block, 1));
	TRY(mprotect(block, 2 * PAGE, READ_WRITE | PROT_EXEC));
	TRY(mprotect(block, 2 * PAGE, PROT_READ | PROT_EXEC));
	munmap(block, 4 * PAGE);
}

static void test_mremap(void)
{
	char *block = mmap(NULL, 4 * PAGE, READ_WRITE, ANONYMOUS, -1, 0);
	memcpy(block, "kept", sizeof("kept"));
	munmap(block + 3 * PAGE, PAGE);
	TRY_ANY(mremap(block + 1, PAGE, PAGE, 0));
	TRY_ANY(mremap(block, PAGE, 0, 0));
	TRY_ANY(mremap(block, PAGE, 0, MREMAP_MAYMOVE));
	TRY_ANY(mremap(block, PAGE, PAGE, 64));
	TRY_ANY(mremap(block, PAGE, PAGE, MREMAP_FIXED, block + PAGE));
	TRY_ANY(mremap(block, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, block));
	TRY_ANY(mremap(block, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, block + 1));
	TRY_ANY(mremap(block, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, KERNEL));
	TRY_ANY(mremap(block, PAGE, SIZE_MAX, MREMAP_MAYMOVE));
	TRY_ANY(mremap(block, PAGE, 1UL << 47, MREMAP_MAYMOVE));
	TRY_ANY(mremap(block, SIZE_MAX, PAGE, MREMAP_MAYMOVE));
	TRY_ANY(mremap(NULL, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	TRY_ANY(mremap(KERNEL, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	TRY_ANY(mremap(LAST_PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	TRY_ANY(mremap(LAST_PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	TRY_ANY(mremap(block, 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE));
	TRY_ANY(mremap(block, 2 * PAGE, 3 * PAGE, 0));
	TRY(mremap(block, 3 * PAGE, 3 * PAGE, 0) == block);
	TRY(mremap(block, 3 * PAGE, 2 * PAGE, 0) == block);
	TRY(msync(block + 2 * PAGE, PAGE, MS_SYNC));
	char *moved = mremap(block, 2 * PAGE, 600 * PAGE, MREMAP_MAYMOVE);
	printf("%s, zero %d\n", moved, moved[599 * PAGE]);
	munmap(moved, 600 * PAGE);
}

/* What is not one mapping, of a size that the library OS keeps in one way or the other. */
static void test_mremap_parts(size_t pages, size_t target_pages)
{
	char *block = mmap(NULL, pages * PAGE, READ_WRITE, ANONYMOUS, -1, 0);
	TRY(mremap(block, 0, PAGE, MREMAP_MAYMOVE));
	TRY(mremap(block, 0, 0, MREMAP_MAYMOVE));
	munmap(block + 2 * PAGE, PAGE);
	mprotect(block + PAGE, PAGE, PROT_READ);
	TRY(mremap(block, 4 * PAGE, 4 * PAGE, 0) == block);
	TRY_ANY(mremap(block, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE));
	TRY(mremap(block, pages * PAGE, 3 * PAGE, 0) == block);
	TRY(mprotect(block + 3 * PAGE, PAGE, PROT_READ));
	TRY(mprotect(block, 2 * PAGE, READ_WRITE));
	munmap(block, 2 * PAGE);
	for (int protection = PROT_NONE; protection <= PROT_READ; protection++) {
		char *from = mmap(NULL, pages * PAGE, READ_WRITE, ANONYMOUS, -1, 0);
		char *to = mmap(NULL, target_pages * PAGE, READ_WRITE, ANONYMOUS, -1, 0);
		memset(from, 'f', 3 * PAGE);
		memset(to, 't', 3 * PAGE);
		mprotect(from, pages * PAGE, protection);
		TRY(mremap(from, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
		TRY(mprotect(from, PAGE, READ_WRITE));
		TRY(write(-1, to, 1));
		TRY(mprotect(to, 2 * PAGE, PROT_READ));
		printf("%c%c%c\n", to[0], to[2 * PAGE - 1], to[2 * PAGE]);
		munmap(to, target_pages * PAGE);
		munmap(from, pages * PAGE);
	}
}

static void test_advice(void)
{
	char *block = mmap(NULL, 2 * PAGE, READ_WRITE, ANONYMOUS, -1, 0);
	block[0] = 'x';
	TRY(madvise(block + 1, PAGE, MADV_DONTNEED));
	TRY(madvise(block, 0, MADV_DONTNEED));
	TRY(madvise(block, SIZE_MAX, MADV_DONTNEED));
	TRY(madvise(block, PAGE, 9999));
	TRY(madvise(block, 0, 9999));
	TRY(madvise(KERNEL, PAGE, MADV_NORMAL));
	TRY(madvise(NULL, PAGE, MADV_NORMAL));
	TRY(madvise(NULL, PAGE, MADV_DONTNEED));
	TRY(madvise(LAST_PAGE, 2 * PAGE, MADV_DONTNEED));
	TRY(madvise(block, 1, MADV_DONTNEED));
	printf("zero %d\n", block[0]);
	TRY(madvise(block, 2 * PAGE, MADV_WILLNEED));
	TRY(msync(block, PAGE, MS_SYNC | MS_ASYNC));
	TRY(msync(block, PAGE, 64));
	TRY(msync(block + 1, PAGE, MS_SYNC));
	TRY(msync(block, 0, MS_SYNC));
	TRY(msync(NULL, PAGE, MS_SYNC));
	TRY(msync(KERNEL, PAGE, MS_SYNC));
	TRY(msync(LAST_PAGE, 2 * PAGE, MS_SYNC));
	TRY(mlock(block, 10));
	TRY(mlock(NULL, PAGE));
	TRY(mlock(block, SIZE_MAX - 2 * PAGE));
	TRY(munlock(KERNEL, PAGE));
	TRY(munlock(block, 0));
	TRY(mlockall(0));
	TRY(mlockall(64));
	TRY(munlockall());
	munmap(block, 2 * PAGE);
}

static void test_brk(void)
{
	char *end = sbrk(0);
	TRY(syscall(SYS_brk, 0) == (long)end);
	TRY(syscall(SYS_brk, KERNEL) == (long)end);
	TRY(syscall(SYS_brk, 1) == (long)end);
	TRY(syscall(SYS_brk, end + 10000) == (long)end + 10000);
	end[9999] = 'x';
	TRY(syscall(SYS_brk, end) == (long)end);
	TRY(syscall(SYS_brk, end + 10000) == (long)end + 10000);
	printf("zero %d\n", end[9999]);
	TRY(syscall(SYS_brk, end + (1UL << 46)) == (long)end + 10000);
	TRY(syscall(SYS_brk, end) == (long)end);
}

int main(void)
{
	char scratch[64];
	enter_scratch(scratch);
	make_file("file", "0123456789");
	int file = open("file", O_RDONLY), write_only = open("file", O_WRONLY);
	int directory = open(".", O_RDONLY), null = open("/dev/null", O_RDWR);
	/* Nothing between the calls allocates. */
	setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
	test_mmap(file, write_only, directory, null);
	test_munmap();
	test_mprotect();
	test_mremap();
	test_mremap_parts(16, 16);
	test_mremap_parts(16, 4096);
	test_mremap_parts(4096, 16);
	test_mremap_parts(4096, 4096);
	test_advice();
	test_brk();
	close(directory);
	TRY(unlink("file"));
	TRY(rmdir(scratch));
	return 0;
}

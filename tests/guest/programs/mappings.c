/* Mappings as Linux has them: where they may be, how they split and merge, what is left of them.
 * What this prints tells nothing of where the kernel put things, and is the same on Linux. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE	 4096UL
#define TEBIBYTE (1UL << 40)
#define FAR	 ((char *)0xc000000000UL)
#define ANYWHERE (MAP_PRIVATE | MAP_ANONYMOUS)
#define ANON	 (ANYWHERE | MAP_FIXED)

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static sigjmp_buf at_fault;

static void caught(int signal, siginfo_t *information, void *context)
{
	(void)signal;
	(void)context;
	siglongjmp(at_fault, information->si_code);
}

/* 0: the byte can be read or written; else the code of the fault (1: nothing there, 2:
 * forbidden). */
static int try(volatile char *address, int write)
{
	int code = sigsetjmp(at_fault, 1);
	if (code)
		return code;
	if (write)
		*address = 1;
	else
		(void)*address;
	return 0;
}

static const char *error_name(int failed)
{
	if (!failed)
		return "done";
	switch (errno) {
	case EINVAL:
		return "EINVAL";
	case ENOMEM:
		return "ENOMEM";
	case EEXIST:
		return "EEXIST";
	case EFAULT:
		return "EFAULT";
	case EACCES:
		return "EACCES";
	default:
		return "another error";
	}
}

/* What /proc/self/maps has between two addresses. */
static void print_maps(const char *what, const char *from, uint64_t length)
{
	FILE *file = fopen("/proc/self/maps", "r");
	char line[512], rights[8];
	unsigned long start, end, low = (unsigned long)from;
	printf("%s:", what);
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%lx-%lx %4s", &start, &end, rights) == 3 && start >= low &&
		    start < low + length)
			printf(" %lu+%lu %s", (start - low) / PAGE, (end - start) / PAGE, rights);
	puts("");
	if (file)
		fclose(file);
}

static void test_reservation(void)
{
	char *memory = mmap(NULL, TEBIBYTE, PROT_NONE, ANYWHERE | MAP_NORESERVE, -1, 0);
	printf("reserve: %d\n", memory != MAP_FAILED);
	char *middle = memory + TEBIBYTE / 2;
	printf("untouchable: %d %d\n", try(middle, 0), try(middle, 1));
	printf("open: %d\n", mprotect(middle, 64 * PAGE, PROT_READ | PROT_WRITE));
	printf("touchable: %d %d %d %d\n", try(middle, 0), try(middle + 63 * PAGE, 1),
	       try(middle - 1, 0), try(middle + 64 * PAGE, 0));
	printf("kept: %d %d\n", middle[0], middle[63 * PAGE]);
	printf("unmap: %d\n", munmap(memory, TEBIBYTE));
	printf("gone: %d\n", try(middle, 0));
}

static void test_places(void)
{
	char *at = mmap(FAR, 64 << 20, PROT_NONE, ANYWHERE, -1, 0);
	printf("hint: %d\n", at == FAR);
	char *other = mmap(FAR, PAGE, PROT_READ, ANYWHERE, -1, 0);
	printf("taken hint: %d\n", other != FAR && other != MAP_FAILED);
	munmap(other, PAGE);
	int failed =
	    mmap(FAR, PAGE, PROT_READ, ANYWHERE | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED;
	printf("no replacement: %s\n", error_name(failed));
	failed = mmap(FAR + 1, PAGE, PROT_READ, ANON, -1, 0) == MAP_FAILED;
	printf("unaligned: %s\n", error_name(failed));
	at = mmap(FAR + PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
	printf("fixed: %d %d\n", at == FAR + PAGE, try(at, 1));
	print_maps("three", FAR, 64 << 20);
	printf("unmap: %d %d\n", munmap(FAR, 64 << 20), try(at, 0));
	print_maps("none", FAR, 64 << 20);
	printf("unmap nothing: %d\n", munmap(FAR, 64 << 20));
	failed = munmap(FAR, 0);
	printf("unmap no length: %s\n", error_name(failed));
	failed = munmap((char *)-PAGE, PAGE);
	printf("unmap the kernel: %s\n", error_name(failed));
}

static void test_pieces(void)
{
	char *at = mmap(FAR, 16 * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
	mprotect(at + 4 * PAGE, 4 * PAGE, PROT_READ);
	print_maps("split", FAR, 16 * PAGE);
	mprotect(at + 4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE);
	print_maps("merged", FAR, 16 * PAGE);
	munmap(at + 6 * PAGE, PAGE);
	print_maps("hole", FAR, 16 * PAGE);
	int failed = mprotect(at, 16 * PAGE, PROT_READ);
	printf("over the hole: %s\n", error_name(failed));
	print_maps("up to the hole", FAR, 16 * PAGE);
	failed = madvise(at, 16 * PAGE, MADV_DONTNEED);
	printf("drop over the hole: %s\n", error_name(failed));
	(void)mmap(at + 6 * PAGE, PAGE, PROT_READ, ANON, -1, 0);
	print_maps("filled", FAR, 16 * PAGE);
	printf("rights: %d %d %d\n", try(at, 0), try(at, 1), try(at + 7 * PAGE, 1));
	munmap(at, 16 * PAGE);
}

static void fill(char *from, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		from[i * PAGE] = (char)(i + 1);
}

/* How many pages from there on are as fill() left them. */
static unsigned count(const char *from, size_t pages)
{
	unsigned good = 0;
	for (size_t i = 0; i < pages; i++)
		good += from[i * PAGE] == (char)(i + 1);
	return good;
}

static void test_contents(void)
{
	const size_t pages = 2000;
	char *at = mmap(FAR, pages * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
	fill(at, pages);
	printf("filled: %u\n", count(at, pages));
	madvise(at + 100 * PAGE, 50 * PAGE, MADV_DONTNEED);
	printf("dropped: %u %d\n", count(at, pages), at[120 * PAGE]);
	mprotect(at + 10 * PAGE, 5 * PAGE, PROT_NONE);
	printf("hidden: %d\n", try(at + 12 * PAGE, 0));
	mprotect(at + 10 * PAGE, 5 * PAGE, PROT_READ | PROT_WRITE);
	printf("back: %u\n", count(at, pages));
	(void)mmap(at + 200 * PAGE, 10 * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
	printf("anew: %u %d\n", count(at, pages), at[205 * PAGE]);
	munmap(at, pages * PAGE);
	printf("after: %d\n", try(at, 0));
	at = mmap(FAR, pages * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
	printf("zero: %u\n", count(at, pages));
	munmap(at, pages * PAGE);
}

static void test_remap(void)
{
	const size_t pages = 1000;
	char *at = mmap(FAR, pages * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
	fill(at, pages);
	char *grown = mremap(at, pages * PAGE, 2 * pages * PAGE, 0);
	printf("in place: %d %u %d\n", grown == at, count(at, pages), at[pages * PAGE]);
	(void)mmap(at + 2 * pages * PAGE, PAGE, PROT_NONE, ANON, -1, 0);
	int failed = mremap(at, 2 * pages * PAGE, 3 * pages * PAGE, 0) == MAP_FAILED;
	printf("in the way: %s\n", error_name(failed));
	char *moved = mremap(at, 2 * pages * PAGE, 3 * pages * PAGE, MREMAP_MAYMOVE);
	printf("moved: %d %u %d %d\n", moved != at && moved != MAP_FAILED, count(moved, pages),
	       moved[3 * pages * PAGE - 1], try(at, 0));
	char *target = FAR + TEBIBYTE;
	at = mremap(moved, 3 * pages * PAGE, pages * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target);
	printf("to a place: %d %u %d\n", at == target, count(at, pages), try(moved, 0));
	mremap(at, pages * PAGE, 10 * PAGE, 0);
	printf("shrunk: %u %d\n", count(at, 10), try(at + 10 * PAGE, 0));
	mprotect(at, PAGE, PROT_READ);
	failed = mremap(at, 10 * PAGE, 20 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED;
	printf("two: %s\n", error_name(failed));
	failed = mremap(FAR + 2 * TEBIBYTE, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED;
	printf("nothing: %s\n", error_name(failed));
	munmap(at, 10 * PAGE);
	munmap(FAR, 3 * pages * PAGE);
}

/* The kernel touches pages first. */
static void test_calls(void)
{
	char *at = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, ANYWHERE, -1, 0);
	int ends[2];
	if (pipe(ends))
		return;
	printf("from untouched: %zd\n", write(ends[1], at + (1 << 20) + 4000, 200));
	printf("to untouched: %zd\n", read(ends[0], at + (3 << 20) - 100, 4096));
	printf("a path: %d\n", access(at, F_OK));
	mprotect(at + (2 << 20), PAGE, PROT_READ);
	printf("text: %zd\n", write(ends[1], "text", 4));
	ssize_t got = read(ends[0], at + (2 << 20), 4);
	printf("to a read-only page: %s\n", error_name(got < 0));
	munmap(at, 4 << 20);
	got = read(ends[0], at, 4);
	printf("to nothing: %s\n", error_name(got < 0));
	got = read(ends[0], ends, 4);
	printf("kept: %zd\n", got);
}

static void test_limits(void)
{
	int failed = mmap(NULL, 1UL << 46, PROT_READ | PROT_WRITE, ANYWHERE, -1, 0) == MAP_FAILED;
	printf("too much: %s\n", error_name(failed));
	char *at = mmap(NULL, 1UL << 42, PROT_READ | PROT_WRITE, ANYWHERE | MAP_NORESERVE, -1, 0);
	printf("unreserved: %d %d\n", at != MAP_FAILED, try(at + (1UL << 41), 1));
	munmap(at, 1UL << 42);
	failed = mmap(NULL, 0, PROT_READ, ANYWHERE, -1, 0) == MAP_FAILED;
	printf("no length: %s\n", error_name(failed));
	failed = mmap(NULL, -PAGE, PROT_NONE, ANYWHERE, -1, 0) == MAP_FAILED;
	printf("all: %s\n", error_name(failed));
	at = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	at[5] = 3;
	printf("shared: %d\n", at[5]);
	munmap(at, 2 << 20);
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	sigaction(SIGSEGV, &action, NULL);
	test_reservation();
	test_places();
	test_pieces();
	test_contents();
	test_remap();
	test_calls();
	test_limits();
	return 0;
}

/* Code that a program makes, changes and drops while it runs, as compilers at run time do it. What
 * this prints is the same on Linux. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE	   4096UL
#define GIBIBYTE   (1UL << 30)
#define ANYWHERE   (MAP_PRIVATE | MAP_ANONYMOUS)
#define READ_WRITE (PROT_READ | PROT_WRITE)
#define READ_EXEC  (PROT_READ | PROT_EXEC)
#define ALL	   (PROT_READ | PROT_WRITE | PROT_EXEC)

static sigjmp_buf at_fault;

static void caught(int signal, siginfo_t *information, void *context)
{
	(void)context;
	siglongjmp(at_fault, signal * 100 + information->si_code);
}

/* mov $value, %eax; ret */
static void make(uint8_t *code, uint8_t value)
{
	const uint8_t made[] = {0xb8, value, 0, 0, 0, 0xc3};
	memcpy(code, made, sizeof(made));
	__asm__ volatile("" : : "r"(code) : "memory"); /* it is called, not only written */
}

/* What the code returns; or the fault: 1102 is SIGSEGV, not allowed, 1101 nothing there. */
static long call(const void *code)
{
	int fault = sigsetjmp(at_fault, 1);
	return fault ? fault : ((long (*)(void))(uintptr_t)code)();
}

static int try_write(uint8_t *code)
{
	int fault = sigsetjmp(at_fault, 1);
	if (!fault)
		make(code, 99);
	return fault;
}

static void test_life(const char *what, uint64_t length)
{
	uint8_t *code = mmap(NULL, length, ALL, ANYWHERE, -1, 0);
	printf("%s: %d\n", what, code != MAP_FAILED);
	uint8_t *last = code + length - PAGE;
	long sum = 0;
	for (int i = 0; i < 200; i++) {
		make(code, (uint8_t)i);
		make(last, (uint8_t)(i + 1));
		sum += call(code) + call(last);
	}
	printf("changed: %ld\n", sum);
	printf("closed: %d", mprotect(code, length, READ_EXEC));
	printf(" %d %ld\n", try_write(code), call(code));
	printf("opened: %d", mprotect(code, length, READ_WRITE));
	make(code, 7);
	printf(" %ld\n", call(code));
	printf("both: %d", mprotect(code, length, ALL));
	printf(" %ld %d\n", call(code), try_write(code));
	printf("dropped: %d", madvise(code, length, MADV_DONTNEED));
	printf(" %d %d\n", code[0], last[0]);
	make(last, 8);
	printf("again: %ld\n", call(last));
	uint8_t *moved = mremap(code, length, 2 * length, MREMAP_MAYMOVE);
	printf("moved: %ld\n", call(moved + length - PAGE));
	printf("gone: %d", munmap(moved, 2 * length));
	printf(" %ld\n", call(moved));
}

/* A call of the operating system in code that was made stays as it was made. */
static void test_system_calls(int protection)
{
	static uint8_t shapes[][16] = {
	    {0xb8, SYS_getpid, 0, 0, 0, 0x0f, 0x05, 0xc3},
	    {0x6a, SYS_getpid, 0x58, 0x0f, 0x05, 0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff, 0xc3},
	    {0x48, 0xc7, 0xc0, SYS_getpid, 0, 0, 0, 0x0f, 0x05, 0xc3},
	    {0x31, 0xc0, 0xb0, SYS_getpid, 0x0f, 0x05, 0xc3},
	};
	const size_t count = sizeof(shapes) / sizeof(shapes[0]);
	uint8_t *code = mmap(NULL, PAGE, ALL, ANYWHERE, -1, 0);
	for (size_t i = 0; i < count; i++)
		memcpy(code + 64 * i, shapes[i], sizeof(shapes[i]));
	mprotect(code, PAGE, protection);
	for (size_t i = 0; i < count; i++)
		printf("call %zu: %d, unchanged %d\n", i, call(code + 64 * i) == getpid(),
		       !memcmp(code + 64 * i, shapes[i], sizeof(shapes[i])));
	munmap(code, PAGE);
}

/* Not in constants of this program's own code, which is rewritten. */
static uint8_t shape[] = {0xb8, SYS_getpid, 0, 0, 0, 0x0f, 0x05, 0xc3};

/* Code in a file, mapped to be changed: what is read back is what the file has. */
static void test_file(int protection, int later)
{
	const uint64_t length = 64 * PAGE;
	char path[] = "/tmp/mayfly-code-XXXXXX";
	int file = mkstemp(path);
	unlink(path);
	for (uint64_t i = 0; i < length; i += PAGE)
		if (pwrite(file, shape, sizeof(shape), (off_t)i) != sizeof(shape))
			perror("pwrite");
	if (ftruncate(file, (off_t)length))
		perror("ftruncate");
	uint8_t *code = mmap(NULL, length, protection, MAP_PRIVATE, file, 0);
	printf("file: %d %d\n", code != MAP_FAILED, mprotect(code, length, later));
	int good = 0, same = 0;
	for (uint64_t i = 0; i < length; i += PAGE) {
		good += call(code + i) == getpid();
		same += !memcmp(code + i, shape, sizeof(shape));
	}
	printf("good %d, same %d\n", good, same);
	munmap(code, length);
	close(file);
}

/* A cage: many gigabytes of addresses, of which little is ever used. */
static void test_cage(uint64_t size)
{
	uint8_t *cage = mmap(NULL, size, PROT_NONE, ANYWHERE | MAP_NORESERVE, -1, 0);
	printf("cage: %d\n", cage != MAP_FAILED);
	for (uint64_t i = 1; i <= 8; i++) {
		uint8_t *code = cage + size / 8 * i - 64 * PAGE;
		printf("commit: %d", mprotect(code, 64 * PAGE, ALL));
		make(code, (uint8_t)i);
		printf(" %ld", call(code));
		printf(" %ld", call(code - PAGE));
		if (i % 2)
			printf(" %d", mprotect(code, 64 * PAGE, PROT_NONE));
		else
			printf(" %d", mmap(code, 64 * PAGE, PROT_NONE,
					   ANYWHERE | MAP_NORESERVE | MAP_FIXED, -1, 0) == code);
		printf(" %ld\n", call(code));
	}
	printf("all: %d\n", mprotect(cage, size, PROT_NONE));
	printf("free: %d\n", munmap(cage, size));
}

static void test_own_memory(void)
{
	static uint8_t data[2 * PAGE] __attribute__((aligned(4096)));
	uint8_t stack[64];
	make(data, 11);
	printf("data: %ld", call(data));
	printf(" %d", mprotect(data, PAGE, ALL));
	printf(" %ld\n", call(data));
	make(stack, 12);
	printf("stack: %ld\n", call(stack));
	uint8_t *heap = aligned_alloc(PAGE, PAGE);
	printf("heap: %d", mprotect(heap, PAGE, ALL));
	make(heap, 13);
	printf(" %ld\n", call(heap));
	/* The program's own code, changed by itself. */
	uint8_t *page = (uint8_t *)((uintptr_t)test_own_memory & ~(PAGE - 1));
	printf("own code: %d", mprotect(page, 2 * PAGE, ALL));
	printf(" %d\n", mprotect(page, 2 * PAGE, READ_EXEC));
}

/* A library that needs code on the stack has the C library ask so. */
static void test_stack(void)
{
	uint8_t code[16], *page = (uint8_t *)((uintptr_t)code & ~(PAGE - 1));
	uint8_t *other = mmap(NULL, 2 * PAGE, READ_WRITE, ANYWHERE, -1, 0);
	printf("stack: %d", mprotect(page, PAGE, ALL | PROT_GROWSDOWN));
	make(code, 31);
	printf(" %ld", call(code));
	printf(" %d", mprotect(page, PAGE, READ_WRITE | PROT_GROWSUP));
	printf(" %d", mprotect(page, PAGE, READ_WRITE | PROT_GROWSUP | PROT_GROWSDOWN));
	printf(" %d\n", mprotect(other, PAGE, READ_WRITE | PROT_GROWSDOWN));
	munmap(other, 2 * PAGE);
}

int main(void)
{
	static uint8_t alternate[64 << 10];
	const stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	const struct sigaction action = {.sa_sigaction = caught,
					 .sa_flags = SA_SIGINFO | SA_ONSTACK};
	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &action, NULL);
	setvbuf(stdout, NULL, _IONBF, 0);
	test_life("small", 2 * PAGE);
	test_life("large", 16UL << 20);
	test_system_calls(ALL);
	test_system_calls(READ_EXEC);
	test_file(ALL, ALL);
	test_file(READ_WRITE, ALL);
	test_file(READ_WRITE, READ_EXEC);
	test_cage(4 * GIBIBYTE);
	test_cage(64 * GIBIBYTE);
	test_own_memory();
	test_stack();
	/* What was made before the request is there behind it, and can be changed. */
	uint8_t *code = mmap(NULL, 4 * PAGE, ALL, ANYWHERE, -1, 0);
	make(code, 21);
	make(code + PAGE, 22);
	char request[64];
	printf("request: %d\n", read(STDIN_FILENO, request, sizeof(request)) > 0);
	printf("kept: %ld %ld", call(code), call(code + PAGE));
	make(code, 23);
	printf(" %ld\n", call(code));
	return 0;
}

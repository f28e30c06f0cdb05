/* Memory that is mapped more than once, or shared with a file: what is written at one place is there
 * at the others. What this prints is the same on Linux. */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "errors.h"

#define PAGE	   4096UL
#define READ_WRITE (PROT_READ | PROT_WRITE)
#define READ_EXEC  (PROT_READ | PROT_EXEC)

static sigjmp_buf at_fault;

static void caught(int signal, siginfo_t *information, void *context)
{
	(void)context;
	siglongjmp(at_fault, signal * 100 + information->si_code);
}

/* 0, or the fault: 702 is SIGBUS behind the end of the file, 1102 SIGSEGV, not allowed. */
static int try(volatile char *address, int write)
{
	int fault = sigsetjmp(at_fault, 1);
	if (fault)
		return fault;
	if (write)
		*address = 1;
	else
		(void)*address;
	return 0;
}

/* The text without its end. */
static void put(char *place, const char *text)
{
	while (*text)
		*place++ = *text++;
}

static char *map(int file, uint64_t length, int protection, uint64_t offset)
{
	return mmap(NULL, length, protection, MAP_SHARED, file, (off_t)offset);
}

static int memory_file(const char *name, unsigned flags, uint64_t size)
{
	int file = memfd_create(name, flags);
	if (file < 0 || ftruncate(file, (off_t)size))
		perror(name);
	return file;
}

/* How /proc/self/maps has the mapping that begins there. */
static void print_rights(const void *address)
{
	FILE *file = fopen("/proc/self/maps", "r");
	char line[512], rights[8];
	unsigned long start, end;
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%lx-%lx %4s", &start, &end, rights) == 3 &&
		    start == (unsigned long)address)
			printf("rights %s\n", rights);
	if (file)
		fclose(file);
}

static void test_two_views(int file)
{
	char byte = 0;
	char *first = map(file, 4 * PAGE, READ_WRITE, 0);
	char *second = map(file, 2 * PAGE, PROT_READ, PAGE);
	char *private = mmap(NULL, 4 * PAGE, READ_WRITE, MAP_PRIVATE, file, 0);
	print_rights(first);
	print_rights(second);
	print_rights(private);
	first[PAGE] = 'a';
	first[2 * PAGE + 5] = 'b';
	printf("seen: %c %c\n", second[0], second[PAGE + 5]);
	TRY(pread(file, &byte, 1, PAGE));
	printf("read: %c\n", byte);
	TRY(pwrite(file, "xyz", 3, 2 * PAGE - 1));
	printf("written: %.3s %.2s\n", first + 2 * PAGE - 1, second + PAGE);
	private[3 * PAGE] = 'p';
	printf("private: %d\n", first[3 * PAGE]);
	printf("rights: %d %d\n", try(second, 0), try(second, 1));
	TRY(mprotect(second, 2 * PAGE, READ_WRITE));
	printf("rights: %d %c\n", try(second, 1), first[PAGE] + 'A' - 1);
	TRY(msync(first, 4 * PAGE, MS_SYNC));
	TRY(msync(first + 1, PAGE, MS_SYNC));
	TRY(madvise(first, 4 * PAGE, MADV_DONTNEED));
	printf("kept: %.3s\n", first + 2 * PAGE - 1);
	TRY(munmap(first + PAGE, PAGE));
	printf("part: %d %d\n", try(first, 1), try(first + PAGE, 0) / 100);
	printf("still: %c\n", second[PAGE]);
	munmap(first, 4 * PAGE);
	munmap(second, 2 * PAGE);
	munmap(private, 4 * PAGE);
}

static void test_end(int file)
{
	char *view = map(file, 8 * PAGE, READ_WRITE, 0);
	TRY(ftruncate(file, 2 * PAGE + 100));
	printf("end: %d %d %d\n", try(view + 2 * PAGE, 1), try(view + 3 * PAGE - 1, 1),
	       try(view + 3 * PAGE, 0));
	TRY(write(STDOUT_FILENO, view + 3 * PAGE, 10));
	TRY(read(file, view + 4 * PAGE, 10));
	TRY(ftruncate(file, 5 * PAGE));
	printf("grown: %d %d %d\n", try(view + 4 * PAGE, 1), try(view + 5 * PAGE - 1, 0),
	       try(view + 5 * PAGE, 1));
	view[PAGE] = 'q';
	view[4 * PAGE + 7] = 'r';
	TRY(ftruncate(file, PAGE + 1));
	printf("shrunk: %c %d %d\n", view[PAGE], try(view + 2 * PAGE, 0), try(view + 4 * PAGE, 1));
	TRY(ftruncate(file, 8 * PAGE));
	printf("zero: %c %d %d\n", view[PAGE], view[PAGE + 1], view[4 * PAGE + 7]);
	view[6 * PAGE] = 's';
	TRY(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 6 * PAGE, PAGE));
	printf("hole: %d\n", view[6 * PAGE]);
	view[6 * PAGE] = 't';
	char byte = 0;
	TRY(pread(file, &byte, 1, 6 * PAGE));
	printf("filled: %c\n", byte);
	munmap(view, 8 * PAGE);
	TRY(ftruncate(file, 4 * PAGE));
}

static void test_moves(int file)
{
	char *view = map(file, 2 * PAGE, READ_WRITE, PAGE);
	TRY(pwrite(file, "one", 3, PAGE));
	TRY(pwrite(file, "two", 3, 2 * PAGE));
	TRY(pwrite(file, "three", 5, 3 * PAGE));
	printf("before: %.3s\n", view);
	char *moved = mremap(view, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE);
	printf("grown: %.3s %.3s %.5s\n", moved, moved + PAGE, moved + 2 * PAGE);
	char *again = mremap(moved, 0, 2 * PAGE, MREMAP_MAYMOVE);
	put(again, "new");
	printf("again: %d %.3s\n", again != moved, moved);
	char *room = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *fixed = mremap(moved, 3 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room + PAGE);
	printf("fixed: %d %.3s\n", fixed == room + PAGE, fixed);
	put(fixed, "end");
	printf("same: %.3s\n", again);
	char *in_room = mmap(room + 2 * PAGE, PAGE, READ_WRITE, MAP_SHARED | MAP_FIXED, file, PAGE);
	printf("in its place: %d %.3s\n", in_room == room + 2 * PAGE, in_room);
	munmap(room, 4 * PAGE);
	munmap(again, 2 * PAGE);
}

/* As compilers at run time do it that keep their code read-only. */
static void test_code(int file)
{
	static uint8_t made[] = {0xb8,	     7, 0, 0, 0,    0xc3, 0xb8,
				 SYS_getpid, 0, 0, 0, 0x0f, 0x05, 0xc3};
	uint8_t *writable = (uint8_t *)map(file, PAGE, READ_WRITE, 0);
	uint8_t *code = (uint8_t *)map(file, PAGE, READ_EXEC, 0);
	int (*call)(void) = (int (*)(void))(uintptr_t)code;
	int (*call_system)(void) = (int (*)(void))(uintptr_t)(code + 6);
	memcpy(writable, made, sizeof(made));
	__asm__ volatile("" : : : "memory");
	printf("code: %d", call());
	writable[1] = 9;
	__asm__ volatile("" : : : "memory");
	printf(" %d, system call %d", call(), call_system() == getpid());
	printf(", unchanged %d, closed %d\n", !memcmp(code + 6, made + 6, sizeof(made) - 6),
	       try((char *)code, 1));
	uint8_t *both = (uint8_t *)map(file, PAGE, READ_WRITE | PROT_EXEC, 0);
	both[1] = 11;
	__asm__ volatile("" : : : "memory");
	printf("both: %d %d\n", ((int (*)(void))(uintptr_t)both)(), call());
	munmap(writable, PAGE);
	munmap(code, PAGE);
	munmap(both, PAGE);
}

static void test_seals(void)
{
	static char long_name[300];
	char *view;
	TRY(memfd_create("x", 0x4000));
	memset(long_name, 'n', 250);
	TRY(memfd_create(long_name, 0));
	TRY(memfd_create((const char *)1, 0));
	int plain = memory_file("plain", MFD_CLOEXEC, PAGE);
	TRY(fcntl(plain, F_GETFD));
	TRY(fcntl(plain, F_GET_SEALS));
	TRY(fcntl(plain, F_ADD_SEALS, F_SEAL_GROW));
	int file = memory_file("sealed", MFD_ALLOW_SEALING, 2 * PAGE);
	char link[64], name[64] = "";
	snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
	TRY(readlink(link, name, sizeof(name) - 1));
	puts(name);
	struct stat status;
	TRY(fstat(file, &status));
	printf("%o %ld %ld\n", status.st_mode, (long)status.st_nlink, (long)status.st_size);
	TRY(fcntl(file, F_GET_SEALS));
	TRY(fcntl(file, F_ADD_SEALS, 0x1000));
	TRY(fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK));
	TRY(ftruncate(file, PAGE));
	TRY(ftruncate(file, 3 * PAGE));
	TRY(fcntl(file, F_ADD_SEALS, F_SEAL_GROW));
	TRY(ftruncate(file, 4 * PAGE));
	TRY(pwrite(file, "abc", 3, 3 * PAGE));
	TRY(pwrite(file, "abc", 3, PAGE));
	view = map(file, PAGE, READ_WRITE, 0);
	TRY(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
	munmap(view, PAGE);
	TRY(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
	TRY(write(file, "abc", 3));
	TRY_ANY(map(file, PAGE, READ_WRITE, 0));
	TRY_ANY(map(file, PAGE, PROT_READ, 0));
	TRY_ANY(mmap(NULL, PAGE, READ_WRITE, MAP_PRIVATE, file, 0));
	TRY(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
	TRY(fcntl(file, F_ADD_SEALS, F_SEAL_SEAL));
	TRY(fcntl(file, F_ADD_SEALS, F_SEAL_SEAL));
	TRY(fcntl(file, F_GET_SEALS));
	int future = memory_file("future", MFD_ALLOW_SEALING, PAGE);
	view = map(future, PAGE, READ_WRITE, 0);
	TRY(fcntl(future, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	printf("before: %d\n", try(view, 1));
	TRY_ANY(map(future, PAGE, READ_WRITE, 0));
	TRY(pwrite(future, "abc", 3, 0));
	char *read_only = map(future, PAGE, PROT_READ, 0);
	printf("reads: %d\n", read_only[0]);
	TRY(mprotect(read_only, PAGE, READ_WRITE));
	close(plain);
	close(file);
	close(future);
}

/* Files with a name, in both places where programs put them. */
static void test_named(const char *path)
{
	int file = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	TRY(ftruncate(file, 3 * PAGE));
	char *view = map(file, 3 * PAGE, READ_WRITE, 0);
	int reader = open(path, O_RDONLY);
	TRY_ANY(map(reader, PAGE, READ_WRITE, 0));
	char *seen = map(reader, 3 * PAGE, PROT_READ, 0);
	close(file);
	TRY(unlink(path));
	put(view + PAGE, "named");
	printf("seen: %.5s\n", seen + PAGE);
	TRY(mprotect(seen, PAGE, READ_WRITE));
	TRY(mprotect(seen, PAGE, PROT_NONE));
	printf("none: %d\n", try(seen, 0));
	char text[8] = "";
	TRY(pread(reader, text, 5, PAGE));
	puts(text);
	close(reader);
	int writer = open(path, O_WRONLY | O_CREAT, 0600);
	TRY_ANY(map(writer, PAGE, PROT_WRITE, 0));
	TRY(unlink(path));
	close(writer);
	munmap(view, 3 * PAGE);
	munmap(seen, 3 * PAGE);
}

struct meeting {
	sem_t start, done;
	pthread_mutex_t lock;
	long count;
};

static void *count(void *argument)
{
	struct meeting *meeting = argument;
	sem_wait(&meeting->start);
	for (int i = 0; i < 10000; i++) {
		pthread_mutex_lock(&meeting->lock);
		meeting->count++;
		pthread_mutex_unlock(&meeting->lock);
	}
	sem_post(&meeting->done);
	return NULL;
}

/* Each thread at an address of its own. */
static void test_threads(int file)
{
	struct meeting *mine = (struct meeting *)map(file, PAGE, READ_WRITE, 0);
	struct meeting *other = (struct meeting *)map(file, PAGE, READ_WRITE, 0);
	pthread_mutexattr_t shared;
	pthread_t thread;
	memset(mine, 0, sizeof(*mine));
	pthread_mutexattr_init(&shared);
	pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&mine->lock, &shared);
	sem_init(&mine->start, 1, 0);
	sem_init(&mine->done, 1, 0);
	pthread_create(&thread, NULL, count, other);
	sem_post(&mine->start);
	sem_wait(&mine->done);
	pthread_join(thread, NULL);
	printf("counted: %ld\n", mine->count);
	munmap(mine, PAGE);
	munmap(other, PAGE);
}

/* A large file of which little is used. */
static void test_sparse(void)
{
	const uint64_t size = 8UL << 30;
	int file = memory_file("sparse", 0, size);
	char *view = map(file, size, READ_WRITE, 0);
	printf("sparse: %d\n", view != MAP_FAILED);
	for (uint64_t i = 0; i < 16; i++)
		view[size / 16 * i] = (char)(i + 1);
	int sum = 0;
	for (uint64_t i = 0; i < 16; i++) {
		char byte = 0;
		if (pread(file, &byte, 1, (off_t)(size / 16 * i)) == 1)
			sum += byte;
	}
	printf("sum: %d\n", sum);
	munmap(view, size);
	close(file);
}

int main(int argc, char **argv)
{
	const struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
	setvbuf(stdout, NULL, _IONBF, 0);
	int file = memory_file("views", 0, 4 * PAGE);
	char *kept = map(file, 2 * PAGE, READ_WRITE, 0), *other = map(file, PAGE, READ_EXEC, PAGE);
	if (argc > 1) { /* to be ended by the signal */
		TRY(ftruncate(file, 0));
		return *kept;
	}
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	test_two_views(file);
	test_end(file);
	test_moves(file);
	test_code(file);
	test_seals();
	test_named("/tmp/mayfly-shared-memory");
	test_named("/dev/shm/mayfly-shared-memory");
	test_threads(file);
	test_sparse();
	/* What was shared before the request is shared behind it. */
	put(kept + PAGE, "before");
	char request[64], text[8] = "";
	printf("request: %d\n", read(STDIN_FILENO, request, sizeof(request)) > 0);
	printf("kept: %.6s", other);
	put(kept + PAGE, "behind");
	printf(" %.6s", other);
	printf(" %ld", (long)pread(file, text, 6, PAGE));
	printf(" %s\n", text);
	return 0;
}

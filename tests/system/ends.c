/* A program that writes to standard output and then ends in the way that it is told.
 *
 * usage: ends BYTES TIMES HOW [late]
 * The response is TIMES blocks of BYTES bytes; with "late" the program asks for its request before
 * it writes. Standard error gets one line. */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "mayfly/guest_abi.h"

static void write_block(uint64_t length, char letter)
{
	char *block = malloc(length + 1);
	memset(block, letter, length);
	for (uint64_t done = 0; done < length;) {
		ssize_t written = write(STDOUT_FILENO, block + done, length - done);
		if (written < 0)
			_exit(99);
		done += (uint64_t)written;
	}
	free(block);
}

static void end_by_exit(void)
{
	exit(7);
}

static void end_by_last_thread(void)
{
	pthread_exit(NULL);
}

static void end_by_abort(void)
{
	abort();
}

static void end_by_sigkill(void)
{
	kill(getpid(), SIGKILL);
}

static void end_by_sigterm(void)
{
	raise(SIGTERM);
}

static void end_by_timer_signal(void)
{
	const struct itimerspec soon = {.it_value.tv_nsec = 1000000};
	timer_t timer;
	timer_create(CLOCK_MONOTONIC, NULL, &timer); /* SIGALRM */
	timer_settime(timer, 0, &soon, NULL);
	for (;;)
		;
}

static void end_by_null(void)
{
	static volatile int *volatile null; /* volatile: the compiler must not know its value */
	*null = 1;
}

static void end_by_stack(void)
{
	__asm__ volatile("xorl %%esp, %%esp; push %%rax" : : : "memory");
}

static void end_by_divide(void)
{
	__asm__ volatile("divl %0" : : "r"(0), "a"(1), "d"(0));
}

static void end_by_invalid(void)
{
	__asm__ volatile("ud2");
}

static void end_by_halt(void)
{
	__asm__ volatile("hlt");
}

static void end_by_port(void)
{
	__asm__ volatile("out %%al, $0x21" : : "a"(0));
}

static void end_by_trap(void)
{
	__asm__ volatile("int3");
}

/* A system call that is not the library OS's to see: under process isolation the filter kills. */
static void end_by_forbidden_call(void)
{
	__asm__ volatile("movl $20, %%eax; int $0x80" : : : "memory", "rax");
	end_by_null();
}

static void handle(int signal)
{
	end_by_null();
}

static void end_in_handler(void)
{
	signal(SIGUSR1, handle);
	raise(SIGUSR1);
}

static void end_by_frame(void)
{
	signal(SIGSEGV, handle);
	end_by_stack();
}

/* The library OS is the program's to overwrite. */
static void end_in_library_os(void)
{
	__asm__ volatile("jmp *%0" : : "r"(GUEST_LIBOS_BASE));
}

static void end_by_memory(void)
{
	const size_t size = 1UL << 32;
	char *block = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (size_t i = 0; i < size; i += 4096)
		block[i] = 1;
}

static void *lock_twice(void *context)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_mutex_lock(&mutex);
	pthread_mutex_lock(&mutex);
	return context;
}

static void end_by_deadlock(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, lock_twice, NULL);
	lock_twice(NULL);
}

static void end_by_spin(void)
{
	for (volatile int i = 0;; i++)
		;
}

/* Beside the deadline the monitor is busy with hypercalls. */
static void end_by_calls(void)
{
	for (;;)
		write(STDERR_FILENO, "", 1);
}

static void end_by_sleep(void)
{
	sleep(1000);
}

static void end_by_wait(void)
{
	char bytes[4096];
	while (read(STDIN_FILENO, bytes, sizeof(bytes)) > 0)
		;
	sleep(1000);
}

static void end_by_limit(void)
{
	for (;;)
		write_block(100000, 'l');
}

static const struct {
	const char *name;
	void (*end)(void);
} ends[] = {
    {"exit", end_by_exit},
    {"last-thread", end_by_last_thread},
    {"abort", end_by_abort},
    {"sigkill", end_by_sigkill},
    {"sigterm", end_by_sigterm},
    {"timer", end_by_timer_signal},
    {"null", end_by_null},
    {"stack", end_by_stack},
    {"divide", end_by_divide},
    {"invalid", end_by_invalid},
    {"halt", end_by_halt},
    {"port", end_by_port},
    {"trap", end_by_trap},
    {"forbidden-call", end_by_forbidden_call},
    {"handler", end_in_handler},
    {"frame", end_by_frame},
    {"library-os", end_in_library_os},
    {"memory", end_by_memory},
    {"deadlock", end_by_deadlock},
    {"spin", end_by_spin},
    {"calls", end_by_calls},
    {"sleep", end_by_sleep},
    {"wait", end_by_wait},
    {"limit", end_by_limit},
};

int main(int argc, char **argv)
{
	char byte;
	if (argc < 4)
		return 98;
	if (argc > 4 && read(STDIN_FILENO, &byte, 1) < 0)
		return 97;
	uint64_t times = strtoull(argv[2], NULL, 0);
	for (uint64_t i = 0; i < times; i++)
		write_block(strtoull(argv[1], NULL, 0), (char)('a' + i % 26));
	fputs("written\n", stderr);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (!strcmp(ends[i].name, argv[3]))
			ends[i].end();
	return 96;
}

/* Attacks on limited resources: time, memory, files, output. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "attacker.h"

static char block[64 << 10];

int attack_spin(uint64_t number)
{
	for (volatile int i = 0;; i++)
		;
}

int attack_sleep_for_ever(uint64_t number)
{
	for (;;)
		sleep(1000);
}

/* The depth never gets there, but the compiler cannot know. */
__attribute__((noinline)) static int descend(int depth)
{
	volatile char room[4096];
	room[0] = (char)depth;
	return depth < 0 ? 0 : descend(depth + 1) + room[0];
}

int attack_recurse(uint64_t number)
{
	return descend(0) + 1;
}

/* All memory there is, every page of it written. */
int attack_take_all_memory(uint64_t number)
{
	for (uint64_t taken = 0; taken < 1UL << 30; taken += 1 << 20) {
		char *memory = malloc(1 << 20);
		if (!memory)
			return 0;
		memset(memory, 'x', 1 << 20);
	}
	return 1;
}

int attack_map_a_petabyte(uint64_t number)
{
	return mmap(NULL, 1UL << 50, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
		   MAP_FAILED ||
	       mmap((void *)GUEST_WINDOW_BASE, 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED ||
	       mmap((void *)GUEST_LIBOS_BASE, 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
}

int attack_fill_the_disk(uint64_t number)
{
	int file = open("/tmp/large", O_CREAT | O_WRONLY, 0600);
	for (uint64_t written = 0; written < 1UL << 30; written += sizeof(block))
		if (write(file, block, sizeof(block)) < (ssize_t)sizeof(block))
			return 0;
	return 1;
}

int attack_write_a_sparse_exabyte(uint64_t number)
{
	int file = open("/tmp/sparse", O_CREAT | O_RDWR, 0600);
	return !ftruncate(file, 1L << 60) || pwrite(file, "x", 1, INT64_MAX - 1) > 0 ||
	       pwrite(file, "x", 1, 1L << 40) > 0;
}

int attack_make_files_without_end(uint64_t number)
{
	char name[32];
	for (unsigned i = 0; i < 10000000; i++) {
		snprintf(name, sizeof(name), "/tmp/file-%u", i);
		int file = open(name, O_CREAT | O_WRONLY, 0600);
		if (file < 0)
			return 0;
		close(file);
	}
	return 1;
}

int attack_open_descriptors_without_end(uint64_t number)
{
	for (unsigned i = 0; i < 10000000; i++)
		if (open("/dev/null", O_RDONLY) < 0 || eventfd(0, 0) < 0)
			return 0;
	return 1;
}

int attack_nest_directories_without_end(uint64_t number)
{
	for (unsigned i = 0; i < 10000000; i++)
		if (mkdir("d", 0700) || chdir("d"))
			return 0;
	return 1;
}

/* ── threads and timers ──────────────────────────────────────────────────────────────────────── */

static void *run_for_ever(void *context)
{
	for (volatile int i = 0;; i++)
		;
	return context;
}

int attack_start_threads_without_end(uint64_t number)
{
	pthread_t thread;
	for (unsigned i = 0; i < 1000000; i++)
		if (pthread_create(&thread, NULL, run_for_ever, NULL))
			return 0;
	return 1;
}

int attack_tick_without_end(uint64_t number)
{
	static const uint64_t times[] = {0, 1, UINT64_MAX, 1UL << 63};
	for (;;) {
		control()->alarm_ns = times[number];
		control()->tick_missed = 1;
		hypercall(HYPERCALL_TICK, times[number], 0, 0);
	}
}

static void ignore(int signal)
{
	(void)signal;
}

int attack_arm_fast_timer(uint64_t number)
{
	const struct itimerval often = {{0, 1}, {0, 1}};
	signal(SIGALRM, ignore);
	if (setitimer(ITIMER_REAL, &often, NULL))
		return 1;
	return attack_spin(0);
}

static void fault_again(int signal)
{
	raise(signal);
	*(volatile int *)(uintptr_t)8 = 0;
}

/* A handler for its own fault that faults. */
int attack_fault_in_handler(uint64_t number)
{
	const struct sigaction action = {.sa_handler = fault_again, .sa_flags = SA_NODEFER};
	sigaction(SIGSEGV, &action, NULL);
	fault_again(SIGSEGV);
	return 1;
}

/* ── input and output ────────────────────────────────────────────────────────────────────────── */

int attack_write_large_response(uint64_t number)
{
	for (uint64_t written = 0; written < 1UL << 30; written += sizeof(block))
		if (write(STDOUT_FILENO, block, sizeof(block)) < 0)
			return 0;
	return 1;
}

int attack_flood_the_log(uint64_t number)
{
	memset(block, 'x', sizeof(block));
	for (;;)
		write(STDERR_FILENO, block, sizeof(block));
}

/* What a terminal would obey, and what would look like Mayfly's own words. */
int attack_write_escapes_into_the_log(uint64_t number)
{
	static const char text[] = "\033]0;title\007\033[2J\nmayfly: all is well\n";
	write(STDERR_FILENO, text, sizeof(text) - 1);
	*(volatile int *)(uintptr_t)8 = 0;
	return 1;
}

int attack_read_without_end(uint64_t number)
{
	while (read(STDIN_FILENO, block, sizeof(block)) >= 0)
		;
	return 1;
}

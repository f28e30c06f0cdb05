/* What exec_state.c sees of itself when it begins: lists, descriptors, signals, times, registers and
 * memory. */
#ifndef MAYFLY_TESTS_EXEC_SEEN_H
#define MAYFLY_TESTS_EXEC_SEEN_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static char **own; /* its arguments */

static uint32_t hash(const char *text, uint32_t value)
{
	while (*text)
		value = (value ^ (unsigned char)*text++) * 16777619;
	return value;
}

/* Of long lists their number and a hash. */
static void show_list(const char *what, char **list)
{
	uint32_t value = 0;
	int count = 0;
	for (; list[count]; count++)
		value = hash(list[count], value);
	printf("%s: %d %x", what, count, value);
	for (int i = 0; i < count && count < 12; i++)
		printf(" [%.40s]", list[i]);
	printf("\n");
}

static void show_lists(void)
{
	show_list("arguments", own);
	show_list("variables", environ);
}

static void show_file(const char *path)
{
	char bytes[300];
	int file = open(path, O_RDONLY);
	ssize_t count = read(file, bytes, sizeof(bytes));
	printf("%s:", path);
	for (ssize_t i = 0; i < count; i++)
		putchar(bytes[i] ? bytes[i] : '|');
	printf("\n");
	close(file);
}

static void show_names(void)
{
	char path[4096] = "", name[16];
	if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
		perror("/proc/self/exe");
	prctl(PR_GET_NAME, name);
	printf("exe %s name %s execfn %s\n", path, name, (char *)getauxval(AT_EXECFN));
	show_file("/proc/self/cmdline");
	show_file("/proc/self/environ");
	show_file("/proc/self/comm");
}

static void show_descriptors(void)
{
	for (int i = 0; i < 30; i++)
		if (fcntl(i, F_GETFD) >= 0)
			printf("descriptor %d at %ld\n", i,
			       i > 2 ? (long)lseek(i, 0, SEEK_CUR) : 0);
}

static void show_signals(void)
{
	unsigned long action[4]; /* as the kernel has it: handler, flags, restorer, mask */
	sigset_t set;
	stack_t stack;
	for (int i = 1; i < 65; i++)
		if (!syscall(SYS_rt_sigaction, i, NULL, action, 8) && (action[0] || action[1]))
			printf("signal %d: handler %ld flags %lx\n", i, action[0], action[1]);
	sigprocmask(SIG_SETMASK, NULL, &set);
	printf("blocked %lx", *(long *)&set);
	sigpending(&set);
	sigaltstack(NULL, &stack);
	printf(" pending %lx stack %p %d %zu\n", *(long *)&set, stack.ss_sp, stack.ss_flags,
	       stack.ss_size);
}

static void show_times(void)
{
	struct itimerval interval;
	struct itimerspec timer;
	struct timespec used;
	for (int i = 0; i < 3; i++) {
		getitimer(i, &interval);
		printf("timer %d: %d\n", i, interval.it_value.tv_sec > 900);
	}
	printf("timer_gettime: %ld\n", syscall(SYS_timer_gettime, 0, &timer));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	printf("used %d\n", used.tv_sec || used.tv_nsec > 50000000);
}

static void show_process(void)
{
	char directory[4096] = "";
	mode_t mask = umask(022);
	getcwd(directory, sizeof(directory));
	printf("umask %o nice %d in %s main %d\n", mask, getpriority(PRIO_PROCESS, 0), directory,
	       syscall(SYS_gettid) == getpid());
	FILE *status = fopen("/proc/self/status", "r");
	for (char line[200]; fgets(line, sizeof(line), status);)
		if (!strncmp(line, "Threads", 7) || !strncmp(line, "Name", 4))
			fputs(line, stdout);
	fclose(status);
}

static void show_registers(void)
{
	uint32_t vectors = 0, flags = 0;
	uint16_t floats = 0;
	unsigned long base = 1;
	__asm__("stmxcsr %0" : "=m"(vectors));
	__asm__("fnstcw %0" : "=m"(floats));
	__asm__("pushfq; popq %0" : "=r"(base));
	flags = base & 0x40400; /* AC, DF */
	syscall(SYS_arch_prctl, 0x1004, &base);
	printf("mxcsr %x control %x flags %x gs %lx\n", vectors, floats, flags, base);
}

static void show_vector(void)
{
	printf("page %lu secure %lu platform %s entropy %d headers %d %lu entry %d flags %lu\n",
	       getauxval(AT_PAGESZ), getauxval(AT_SECURE), (char *)getauxval(AT_PLATFORM),
	       getauxval(AT_RANDOM) != 0, getauxval(AT_PHDR) != 0, getauxval(AT_PHENT),
	       getauxval(AT_ENTRY) != 0, getauxval(AT_FLAGS));
	printf("features %lx %lx frame %lu vdso %d base %lu uid %ld\n", getauxval(AT_HWCAP),
	       getauxval(AT_HWCAP2) & 2, getauxval(AT_MINSIGSTKSZ), getauxval(AT_SYSINFO_EHDR) != 0,
	       getauxval(AT_BASE), (long)(getauxval(AT_UID) - getuid()));
	if (!environ[0])
		return;
	const char *last = environ[0];
	for (char **variable = environ; *variable; variable++)
		last = *variable;
	printf("texts %d %d %d\n", own[1] == own[0] + strlen(own[0]) + 1,
	       environ[0] == own[2] + strlen(own[2]) + 1,
	       (char *)getauxval(AT_EXECFN) == last + strlen(last) + 1);
}

static void show_memory(void)
{
	const char *variable = getenv("ADDRESS");
	uint64_t address = strtoull(variable ? variable : "", NULL, 16);
	printf("write %ld %d\n", syscall(SYS_write, 99, address, 1) + 0L, errno == EBADF);
	printf("msync %d %d\n", msync((void *)address, 4096, MS_ASYNC), errno == ENOMEM);
	char *zeros = calloc(1, 1 << 20);
	for (int i = 0; i < 1 << 20; i++)
		if (zeros[i])
			printf("not zero\n");
	void *end = sbrk(0);
	printf("heap %d\n", sbrk(0) == end);
}

#endif

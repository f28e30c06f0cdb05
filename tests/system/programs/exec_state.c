/* What a program keeps when another one takes its place, and what that finds. Usage: exec_state
 * SCRATCH, an empty directory. Each case starts this program again, which looks around, prints what
 * it sees, and goes on with the next case. Its first argument is then "CASE REST". */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "exec_seen.h"

static const char *self; /* the path of this program */
static char step[16];	 /* the case, as text */

static int descriptor(const char *name)
{
	return open(name, O_CREAT | O_RDWR, 0644);
}

/* Starts this program by `path`, which is it. */
static void start(const char *path, char *const *variables)
{
	char *arguments[] = {"name", step, "last", NULL};
	execve(path, arguments, variables);
	perror(path);
}

static void start_self(void)
{
	char *none[] = {NULL};
	start(self, none);
}

static void start_by(const char *program, const char *first, const char *second)
{
	execl(program, program, first, second, self, step, "last", (char *)NULL);
	perror(program);
}

static void copy_self(const char *path, int mode)
{
	static char bytes[1 << 16];
	int from = open(self, O_RDONLY), to = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	for (ssize_t count; (count = read(from, bytes, sizeof(bytes))) > 0;)
		if (write(to, bytes, count) != count)
			exit(1);
	fchmod(to, mode);
	close(from);
	close(to);
}

static void write_script(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");
	fputs(text, file);
	fchmod(fileno(file), 0755);
	fclose(file);
}

/* ── cases ───────────────────────────────────────────────────────────────────────────────────── */

static void do_no_arguments(void)
{
	char *none[] = {NULL};
	setenv("STEP", step, 1);
	execve(self, none, environ);
}

static void do_no_lists(void)
{
	/* It cannot be told which case it is: the file of that name tells. */
	FILE *file = fopen("step", "w");
	fputs(step, file);
	fclose(file);
	syscall(SYS_execve, self, NULL, NULL);
}

static void do_arguments(void)
{
	char *arguments[] = {"", step, "", " a b ", "\xff\x01\n", "x=y", NULL};
	char *variables[] = {"", "novalue", "A=", "=B", "A=1", "A=2", NULL};
	execve(self, arguments, variables);
}

static void start_with(int count, size_t length)
{
	char **arguments = calloc(count + 3, sizeof(char *)), *text = malloc(length + 1);
	memset(text, 'x', length);
	text[length] = 0;
	arguments[0] = "name";
	arguments[1] = step;
	for (int i = 0; i < count; i++)
		arguments[i + 2] = text;
	execve(self, arguments, arguments + 2);
	printf("%d of %zu: %s\n", count, length, strerror(errno));
}

static void do_many_arguments(void)
{
	start_with(5000, 3);
}

static void do_long_arguments(void)
{
	start_with(1, 131071);
}

static void do_32_kib(void)
{
	start_with(16, 1000);
}

static void do_128_kib(void)
{
	start_with(64, 1000);
}

static void do_1_mib(void)
{
	start_with(500, 1000);
}

static void do_link(void)
{
	symlink(self, "linked");
	start("./linked", environ);
}

static void do_copy(void)
{
	copy_self("copied-with-a-long-name", 0755);
	start("copied-with-a-long-name", environ);
}

static void do_unreadable(void)
{
	copy_self("copy", 0111);
	if (getuid())
		chmod("copy", 0555);
	start("./copy", environ);
}

static void do_setuid(void)
{
	copy_self("trusted", 06755);
	start("./trusted", environ);
}

static void do_descriptors(void)
{
	int kept = descriptor("kept"), closed = descriptor("closed"), ends[2];
	write(kept, "12345", 5);
	fcntl(closed, F_SETFD, FD_CLOEXEC);
	dup2(kept, 20);
	dup3(kept, 21, O_CLOEXEC);
	close(0);
	open("kept", O_RDONLY);
	start_self();
}

static void do_pipe(void)
{
	int ends[2];
	pipe(ends);
	write(ends[1], "piped", 5);
	dup2(ends[0], 25);
	setenv("PIPE", "25", 1);
	start(self, environ);
}

static void handle(int signal)
{
	if (signal == SIGUSR2)
		start_self();
}

static void do_signals(void)
{
	static char stack[16384];
	const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART | SA_ONSTACK};
	sigset_t set;
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(40, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGCHLD, &action, NULL);
	sigaltstack(&alternate, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, 40);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	kill(getpid(), 40);
	start_self();
}

static void do_in_handler(void)
{
	struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
	static char stack[65536];
	const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	sigaltstack(&alternate, NULL);
	sigaddset(&action.sa_mask, SIGALRM);
	sigaction(SIGUSR2, &action, NULL);
	raise(SIGUSR2);
}

static void do_unblock(void)
{
	sigset_t set;
	signal(SIGUSR1, SIG_IGN);
	signal(SIGINT, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	signal(40, SIG_IGN);
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	start_self();
}

static void do_timers(void)
{
	const struct itimerval interval = {.it_value = {.tv_sec = 1000}};
	const struct itimerspec soon = {.it_value = {.tv_nsec = 1}};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
	timer_t timer;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	setitimer(ITIMER_REAL, &interval, NULL);
	setitimer(ITIMER_PROF, &interval, NULL);
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	timer_settime(timer, 0, &soon, NULL);
	do
		sigpending(&set);
	while (!sigismember(&set, SIGUSR2));
	struct timespec used;
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	while (!used.tv_sec && used.tv_nsec < 60000000);
	start_self();
}

static void do_process(void)
{
	umask(027);
	mkdir("below", 0700);
	chdir("below");
	setpriority(PRIO_PROCESS, 0, 5);
	prctl(PR_SET_NAME, "another");
	start_self();
}

static void do_back(void)
{
	chdir("..");
	umask(022);
	start_self();
}

static void *wait_for_ever(void *argument)
{
	if (argument)
		for (;;)
			sched_yield();
	pause();
	return NULL;
}

static void start_threads(void)
{
	pthread_t thread;
	for (long i = 0; i < 6; i++)
		pthread_create(&thread, NULL, wait_for_ever, (void *)(i % 2));
	usleep(1000);
}

static void do_threads(void)
{
	start_threads();
	start_self();
}

static void *start_in_thread(void *argument)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	start_self();
	return NULL;
}

static void do_in_thread(void)
{
	pthread_t thread;
	start_threads();
	pthread_create(&thread, NULL, start_in_thread, NULL);
	pthread_join(thread, NULL);
}

static void do_after_main(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, start_in_thread, NULL);
	syscall(SYS_exit, 0);
}

static void do_registers(void)
{
	const uint32_t vectors = 0x7f80;
	const uint16_t floats = 0x77f;
	syscall(SYS_arch_prctl, 0x1001, 0x1234000UL);
	__asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(vectors), "m"(floats));
	start_self();
}

static void do_memory(void)
{
	char text[32], *memory;
	memory = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(memory, 'x', 8 << 20);
	memset(sbrk(1 << 20), 'x', 1 << 20);
	mprotect(memory, 4096, PROT_READ);
	snprintf(text, sizeof(text), "%lx", (long)memory + 4096);
	setenv("ADDRESS", text, 1);
	start(self, environ);
}

static void do_file(void)
{
	unsetenv("ADDRESS");
	fexecve(open(self, O_RDONLY), (char *[]){"name", step, NULL}, environ);
}

static void do_path_only(void)
{
	int file = open(self, O_PATH | O_CLOEXEC);
	syscall(SYS_execveat, file, "", (char *[]){"name", step, NULL}, environ, AT_EMPTY_PATH);
}

static void do_relative(void)
{
	mkdir("folder", 0755);
	copy_self("folder/program", 0755);
	int folder = open("folder", O_RDONLY | O_DIRECTORY);
	syscall(SYS_execveat, folder, "program", (char *[]){"name", step, NULL}, environ, 0);
}

static void do_memfd(void)
{
	char path[64];
	int file = memfd_create("made", 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	copy_self(path, 0755);
	fexecve(file, (char *[]){"name", step, NULL}, environ);
	perror("memfd");
}

/* A script's argument is one; what the interpreter finds as its first is "CASE REST". */
static void start_script(const char *format)
{
	char text[8192];
	snprintf(text, sizeof(text), format, self, step);
	write_script("script", text);
	start("./script", environ);
}

static void do_script(void)
{
	start_script("#!%s %s\n");
}

static void do_script_with_blanks(void)
{
	start_script("#! \t %s \t %s and more  things \t \nrest\n");
}

static void do_script_without_end(void)
{
	start_script("#!%s %s");
}

static void do_script_by_descriptor(void)
{
	char text[8192];
	snprintf(text, sizeof(text), "#!%s %s\n", self, step);
	write_script("script", text);
	fexecve(dup2(open("script", O_RDONLY), 23), (char *[]){"name", "given", NULL}, environ);
	perror("script");
}

/* Scripts that are each other's interpreters, `depth` of them. */
static void start_nested(int depth)
{
	char name[64], text[8192];
	for (int i = 0; i < depth; i++) {
		snprintf(name, sizeof(name), "script%d", i);
		if (i)
			snprintf(text, sizeof(text), "#!script%d\n", i - 1);
		else
			snprintf(text, sizeof(text), "#!%s %s\n", self, step);
		write_script(name, text);
	}
	start(name, environ);
}

static void do_two_scripts(void)
{
	start_nested(2);
}

static void do_five_scripts(void)
{
	start_nested(5);
}

static void do_six_scripts(void)
{
	start_nested(6);
}

static void do_by_shell(void)
{
	start_by("/bin/sh", "-c", "exec \"$0\" \"$@\"");
}

static void do_by_env(void)
{
	start_by("/usr/bin/env", "-i", "A=b");
}

static void do_by_nice(void)
{
	start_by("/usr/bin/nice", "-n", "1");
}

static void do_by_linker(void)
{
	execl("/lib64/ld-linux-x86-64.so.2", "ld", "/usr/bin/env", "-i", self, step, "last",
	      (char *)NULL);
	perror("ld");
}

static const struct {
	const char *name;
	void (*act)(void);
	void (*look)(void);
} cases[] = {
    {"no arguments", do_no_arguments, show_lists},
    {"no lists", do_no_lists, show_lists},
    {"arguments", do_arguments, show_lists},
    {"many arguments", do_many_arguments, show_lists},
    {"long arguments", do_long_arguments, show_lists},
    {"32 KiB", do_32_kib, show_lists},
    {"128 KiB", do_128_kib, show_lists},
    {"1 MiB", do_1_mib, show_lists},
    {"a link", do_link, show_names},
    {"a copy", do_copy, show_names},
    {"an executable only", do_unreadable, show_names},
    {"set-user-ID", do_setuid, show_vector},
    {"descriptors", do_descriptors, show_descriptors},
    {"a pipe", do_pipe, show_descriptors},
    {"signals", do_signals, show_signals},
    {"ignored now", do_unblock, show_signals},
    {"in a handler", do_in_handler, show_signals},
    {"timers", do_timers, show_times},
    {"the same later", start_self, show_signals},
    {"process", do_process, show_process},
    {"back", do_back, show_process},
    {"threads", do_threads, show_process},
    {"in a thread", do_in_thread, show_process},
    {"its mask", start_self, show_signals},
    {"after main", do_after_main, show_process},
    {"registers", do_registers, show_registers},
    {"vector", start_self, show_vector},
    {"memory", do_memory, show_memory},
    {"a descriptor", do_file, show_descriptors},
    {"a path only", do_path_only, show_descriptors},
    {"relative", do_relative, show_names},
    {"memfd", do_memfd, show_lists},
    {"a script", do_script, show_names},
    {"its arguments", do_script, show_lists},
    {"blanks", do_script_with_blanks, show_lists},
    {"no end", do_script_without_end, show_lists},
    {"a script's descriptor", do_script_by_descriptor, show_lists},
    {"two scripts", do_two_scripts, show_lists},
    {"five scripts", do_five_scripts, show_lists},
    {"six scripts", do_six_scripts, NULL},
    {"a shell", do_by_shell, show_names},
    {"env", do_by_env, show_lists},
    {"nice", do_by_nice, show_process},
    {"the linker", do_by_linker, show_lists},
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

/* Which case is to be looked at; 0: none yet. */
static size_t find_step(int argc, char **argv)
{
	if (argc > 1)
		return *argv[1] == '/' ? 0 : strtoul(argv[1], NULL, 10);
	const char *variable = getenv("STEP");
	if (variable)
		return strtoul(variable, NULL, 10);
	FILE *file = fopen("step", "r");
	size_t found = 0;
	if (!file)
		return 0;
	if (fscanf(file, "%zu", &found) != 1)
		found = 0;
	fclose(file);
	return found;
}

int main(int argc, char **argv)
{
	static char path[4096];
	setvbuf(stdout, NULL, _IOLBF, 0);
	own = argv;
	size_t next = find_step(argc, argv);
	if (!next && (argc < 2 || chdir(argv[1]) || !realpath("/proc/self/exe", path) ||
		      symlink(path, "self")))
		return 2;
	const ssize_t length = readlink("self", path, sizeof(path) - 1);
	if (!next) {
		clearenv();
		setenv("PATH", "/usr/bin:/bin", 1);
	}
	if (length < 0 && readlink("../self", path, sizeof(path) - 1) < 0)
		return 3;
	self = path;
	if (next && cases[next - 1].look)
		cases[next - 1].look();
	for (; next < CASES; next++) {
		printf("── %s\n", cases[next].name);
		snprintf(step, sizeof(step), "%zu", next + 1);
		cases[next].act();
	}
	return 42;
}

/* Where a handler of a signal finds the program: instruction pointer, registers that a system call
 * overwrites, addresses of faults, for each shape of code that makes system calls
 * (lib/syscall_patch) and each way into a handler. Prints what must be the same on any system. */
#include <elf.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define STRING_(value) #value
#define STRING(value)  STRING_(value)

/* call_SHAPE_NAME(first, second, third): a system call; label_SHAPE_NAME is its SYSCALL. */
#define SHAPE(shape, name, before, after)                                                          \
	long call_##shape##_##name(long first, long second, long third);                           \
	extern const char label_##shape##_##name[];                                                \
	__asm__(".text\n.globl call_" #shape "_" #name ", label_" #shape "_" #name "\n"            \
		"call_" #shape "_" #name ":\n" before "label_" #shape "_" #name ":\n"              \
		"	syscall\n" after "	ret\n")

#define PLAIN(name)                                                                                \
	SHAPE(plain, name,                                                                         \
	      "	mov $" STRING(                                                                     \
		  SYS_##name) ", %r10d\n	mov %r10, %rax\n	xor %r10d, %r10d\n",       \
	      "")
#define NUMBERED(name)                                                                             \
	SHAPE(numbered, name, "	xor %r10d, %r10d\n	mov $" STRING(SYS_##name) ", %eax\n", "")
#define CHECKED(name)                                                                              \
	SHAPE(checked, name,                                                                       \
	      "	mov $" STRING(                                                                     \
		  SYS_##name) ", %r10d\n	mov %r10, %rax\n	xor %r10d, %r10d\n",       \
	      "	cmp $-4095, %rax\n	jae 1f\n1:\n")
#define ALL_SHAPES(name)                                                                           \
	PLAIN(name);                                                                               \
	NUMBERED(name);                                                                            \
	CHECKED(name)

ALL_SHAPES(read);
ALL_SHAPES(pause);
ALL_SHAPES(poll);
ALL_SHAPES(tkill);
ALL_SHAPES(getpid);

struct shape {
	const char *name, *label;
	long (*call)(long, long, long);
};
#define SHAPES(name)                                                                               \
	{                                                                                          \
		{"plain " #name, label_plain_##name, call_plain_##name},                           \
		    {"numbered " #name, label_numbered_##name, call_numbered_##name},              \
		    {"checked " #name, label_checked_##name, call_checked_##name},                 \
	}

extern const char __executable_start[], etext[];
static uintptr_t vdso, vdso_end;
static int pipe_ends[2];
static sigjmp_buf back;
static volatile uintptr_t expected; /* what addresses are compared with */
static volatile sig_atomic_t count, wrong;
static volatile sig_atomic_t last; /* the signal behind which the call is over */

static int in_program(uintptr_t address)
{
	return (address >= (uintptr_t)__executable_start && address < (uintptr_t)etext) ||
	       (address >= vdso && address < vdso_end);
}

static void find_vdso(void)
{
	vdso = getauxval(AT_SYSINFO_EHDR);
	const Elf64_Ehdr *header = (const void *)vdso;
	const Elf64_Phdr *part = (const void *)(vdso + header->e_phoff);
	for (int i = 0; i < header->e_phnum; i++)
		if (part[i].p_type == PT_LOAD)
			vdso_end = vdso + ((part[i].p_memsz + 4095) & ~4095UL);
}

/* What the library OS has to itself, in Mayfly. */
static int is_foreign(uintptr_t address)
{
	return address >= 0x6e0000000000 && address < 0x700000000000 &&
	       !(address >= vdso && address < vdso_end);
}

static int count_foreign(const ucontext_t *context)
{
	int found = 0;
	for (int i = 0; i < NGREG; i++)
		found += is_foreign((uintptr_t)context->uc_mcontext.gregs[i]);
	return found;
}

static void install(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
	sigemptyset(&action.sa_mask);
	if (sigaction(signal, &action, NULL))
		printf("sigaction failed\n");
}

/* ── during and behind calls ─────────────────────────────────────────────────────────────────── */

static void every(long microseconds)
{
	const struct itimerval timer = {{0, microseconds}, {0, microseconds}};
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* On a busy machine the timer may come before the call has begun: then it comes again. One that came
 * while the last one was handled is too much. */
static void show(int signal, siginfo_t *information, void *argument)
{
	const ucontext_t *context = argument;
	const greg_t *registers = context->uc_mcontext.gregs;
	if (count == last || (signal == SIGALRM && (uintptr_t)registers[REG_RIP] - expected > 2))
		return;
	printf("  signal %d at %+ld, rcx %+ld, r11 is flags %d, rax %ld, foreign %d\n", signal,
	       (long)((uintptr_t)registers[REG_RIP] - expected),
	       (long)((uintptr_t)registers[REG_RCX] - expected),
	       registers[REG_R11] == registers[REG_EFL], (long)registers[REG_RAX],
	       count_foreign(context));
	for (size_t i = 0; i < sizeof(*information) / sizeof(uintptr_t); i++)
		if (is_foreign(((const uintptr_t *)information)[i]))
			printf("  word %zu of siginfo_t is foreign\n", i);
	if (++count < last)
		return;
	every(0);
	if (last == 2 && write(pipe_ends[1], "x", 1) != 1)
		printf("write failed\n");
}

/* A signal in the middle of a call: made again from its SYSCALL, which the second one ends, or over
 * with the first. */
static void test_interrupted(const struct shape shapes[3], int flags, int signals, long first,
			     long second, long third)
{
	install(SIGALRM, show, flags);
	last = signals;
	for (int i = 0; i < 3; i++) {
		printf("%s%s\n", shapes[i].name, flags ? ", again" : "");
		expected = (uintptr_t)shapes[i].label;
		count = 0;
		every(20000);
		printf("  result %ld\n", shapes[i].call(first, second, third));
	}
}

static void test_calls(void)
{
	static char byte;
	static struct pollfd file;
	const struct shape reads[] = SHAPES(read), pauses[] = SHAPES(pause), polls[] = SHAPES(poll);
	const struct shape sends[] = SHAPES(tkill);
	file = (struct pollfd){.fd = pipe_ends[0], .events = POLLIN};
	test_interrupted(reads, SA_RESTART, 2, pipe_ends[0], (long)&byte, 1);
	test_interrupted(reads, 0, 1, pipe_ends[0], (long)&byte, 1);
	test_interrupted(pauses, SA_RESTART, 1, 0, 0, 0);
	test_interrupted(pauses, 0, 1, 0, 0, 0);
	test_interrupted(polls, SA_RESTART, 1, (long)&file, 1, -1);
	test_interrupted(polls, 0, 1, (long)&file, 1, 1000);
	install(SIGUSR1, show, SA_RESTART);
	last = 1;
	for (int i = 0; i < 3; i++) {
		printf("%s\n", sends[i].name);
		expected = (uintptr_t)sends[i].label;
		count = 0;
		printf("  result %ld\n", sends[i].call(syscall(SYS_gettid), SIGUSR1, 0));
	}
}

/* ── anywhere ────────────────────────────────────────────────────────────────────────────────── */

static void look(int signal, siginfo_t *information, void *argument)
{
	const ucontext_t *context = argument;
	(void)signal;
	(void)information;
	count++;
	wrong +=
	    !in_program((uintptr_t)context->uc_mcontext.gregs[REG_RIP]) || count_foreign(context);
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Timers that interrupt a program which makes calls all the time. */
static void test_timers(void)
{
	const struct shape shapes[] = SHAPES(getpid);
	install(SIGALRM, look, SA_RESTART);
	for (int i = 0; i < 3; i++) {
		count = wrong = 0;
		every(1000);
		for (double begin = now();
		     now() < begin + 0.3 || (count <= 2 && now() < begin + 30);)
			for (int turn = 0; turn < 1000; turn++)
				if (shapes[i].call(0, 0, 0) <= 0)
					wrong++;
		every(0);
		printf("%s, by a timer: some %d, wrong %d\n", shapes[i].name, count > 2, wrong);
	}
}

/* ── faults ──────────────────────────────────────────────────────────────────────────────────── */

static void jump_out(int signal, siginfo_t *information, void *argument)
{
	const ucontext_t *context = argument;
	uintptr_t rip = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
	printf("  signal %d, code %d, address %+ld, in the program %d, foreign %d\n", signal,
	       information->si_code, (long)((uintptr_t)information->si_addr - expected),
	       in_program(rip), count_foreign(context));
	siglongjmp(back, 1);
}

typedef int read_clock(clockid_t clock, struct timespec *time);

/* Of the vDSO itself: C libraries may not use it everywhere. */
static read_clock *find_read_clock(void)
{
	const Elf64_Ehdr *header = (const void *)vdso;
	const Elf64_Phdr *part = (const void *)(vdso + header->e_phoff);
	const Elf64_Dyn *entry = NULL;
	for (int i = 0; i < header->e_phnum; i++)
		if (part[i].p_type == PT_DYNAMIC)
			entry = (const void *)(vdso + part[i].p_vaddr);
	const char *names = NULL;
	const Elf64_Sym *symbols = NULL;
	for (; entry && entry->d_tag != DT_NULL; entry++) {
		if (entry->d_tag == DT_STRTAB)
			names = (const char *)(vdso + entry->d_un.d_ptr);
		if (entry->d_tag == DT_SYMTAB)
			symbols = (const void *)(vdso + entry->d_un.d_ptr);
	}
	for (int i = 1; names && symbols && i < 64; i++)
		if (!strcmp(names + symbols[i].st_name, "__vdso_clock_gettime"))
			return (read_clock *)(vdso + symbols[i].st_value);
	return NULL;
}

static void test_faults(void)
{
	read_clock *volatile read_time = find_read_clock();
	char *volatile page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	install(SIGSEGV, jump_out, 0);
	printf("in the vDSO, address 16\n");
	expected = 16;
	if (!sigsetjmp(back, 1))
		read_time(CLOCK_MONOTONIC, (struct timespec *)16);
	printf("in the vDSO, no access\n");
	expected = (uintptr_t)page;
	if (!sigsetjmp(back, 1) && !read_time(CLOCK_MONOTONIC, (struct timespec *)page))
		printf("no fault\n");
	/* The process's processor time by its id. */
	printf("by a call of the vDSO: %d\n", read_time(~0U << 3 | 2, (struct timespec *)page));
	printf("in the vDSO, never touched\n");
	struct timespec *fresh =
	    mmap(NULL, 16UL << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	read_time(CLOCK_MONOTONIC, fresh);
	printf("  %d\n", fresh->tv_sec || fresh->tv_nsec);
}

/* ── what C libraries do with it ─────────────────────────────────────────────────────────────── */

static sem_t semaphore;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t waits;

static void unlock(void *locked)
{
	pthread_mutex_unlock(locked);
}

static void *block(void *way)
{
	char byte;
	struct pollfd file = {.fd = pipe_ends[0], .events = POLLIN};
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_barrier_wait(&waits);
	switch ((int)(intptr_t)way) {
	case 0:
		sem_wait(&semaphore);
		break;
	case 1:
		(void)!read(pipe_ends[0], &byte, 1);
		break;
	case 2:
		pthread_mutex_lock(&mutex);
		pthread_cleanup_push(unlock, &mutex);
		for (;;)
			pthread_cond_wait(&condition, &mutex);
		pthread_cleanup_pop(1);
	case 3:
		sleep(100);
		break;
	case 4:
		pause();
		break;
	case 5:
		poll(&file, 1, -1);
		break;
	case 6:
		sigwaitinfo(&set, NULL);
		break;
	case 7:
		sigsuspend(&set);
		break;
	case 8:
		for (;;)
			pthread_testcancel();
	}
	return NULL;
}

static void test_cancellation(void)
{
	pthread_barrier_init(&waits, NULL, 2);
	sem_init(&semaphore, 0, 0);
	for (intptr_t way = 0; way <= 8; way++) {
		pthread_t thread;
		void *result = NULL;
		pthread_create(&thread, NULL, block, (void *)way);
		pthread_barrier_wait(&waits);
		usleep(20000);
		pthread_cancel(thread);
		pthread_join(thread, &result);
		printf("way %d: %s\n", (int)way,
		       result == PTHREAD_CANCELED ? "cancelled" : "not cancelled");
		fflush(stdout);
	}
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	find_vdso();
	if (pipe(pipe_ends))
		return 1;
	test_calls();
	test_timers();
	test_faults();
	test_cancellation();
	return 0;
}

/* Handlers of signals: faults that are jumped out of, alternate stacks, masks, nesting, contexts,
 * timers, threads. Prints what must be the same on any system. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static sigjmp_buf back;
static volatile sig_atomic_t count, depth, deepest;
static char *volatile wild = (char *)16;
static volatile int zero;

static void install(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
	sigemptyset(&action.sa_mask);
	if (sigaction(signal, &action, NULL))
		printf("sigaction failed\n");
}

static void jump_out(int signal, siginfo_t *information, void *context)
{
	(void)context;
	printf("signal %d, code %d, address %p\n", signal, information->si_code,
	       signal == SIGSEGV ? information->si_addr : NULL);
	siglongjmp(back, signal);
}

static void test_faults(void)
{
	install(SIGSEGV, jump_out, 0);
	install(SIGFPE, jump_out, 0);
	install(SIGILL, jump_out, 0);
	for (int i = 0; i < 3; i++)
		if (!sigsetjmp(back, 1))
			*wild = 1;
	if (!sigsetjmp(back, 1))
		printf("%d\n", 100 / zero);
	if (!sigsetjmp(back, 1))
		__asm__ volatile("ud2");
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	install(SIGSEGV, jump_out, SA_NODEFER);
	int result = sigsetjmp(back, 1);
	if (!result) {
		printf("reads %d\n", *page);
		fflush(stdout);
		signal(SIGSEGV, SIG_DFL);
		install(SIGSEGV, jump_out, 0);
		wild = page;
	}
	munmap(page, 4096);
	wild = (char *)16;
}

/* Makes the page that faulted writable, so that the instruction works when it is run again. */
static void mend(int signal, siginfo_t *information, void *context)
{
	(void)signal;
	(void)context;
	uintptr_t page = (uintptr_t)information->si_addr & ~4095UL;
	if (mprotect((void *)page, 4096, PROT_READ | PROT_WRITE))
		_exit(1);
	count++;
}

static void test_mending(void)
{
	install(SIGSEGV, mend, 0);
	volatile char *pages =
	    mmap(NULL, 4UL * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	count = 0;
	for (int i = 0; i < 4; i++)
		pages[i * 4096 + i] = (char)(i + 1);
	printf("mended %d: %d %d\n", (int)count, pages[0], pages[3 * 4096 + 3]);
}

static void skip_instruction(int signal, siginfo_t *information, void *context)
{
	(void)signal;
	(void)information;
	ucontext_t *state = context;
	state->uc_mcontext.gregs[REG_RIP] += 2; /* ud2 */
	state->uc_mcontext.gregs[REG_RBX] = 4711;
}

static void test_context(void)
{
	unsigned long value = 1;
	double before = 0.1, after;
	install(SIGILL, skip_instruction, 0);
	__asm__ volatile("movsd %2, %%xmm15\n\tud2\n\tmovsd %%xmm15, %1"
			 : "+b"(value), "=m"(after)
			 : "m"(before)
			 : "xmm15");
	printf("rbx %lu, vector state %s\n", value, before == after ? "kept" : "lost");
}

static volatile unsigned long flags_inside;

static void note_flags(int signal, siginfo_t *information, void *context)
{
	(void)signal;
	(void)information;
	ucontext_t *state = context;
	__asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags_inside));
	state->uc_mcontext.gregs[REG_RIP] += 2; /* ud2 */
	count++;
}

/* Direction: clear in a handler, as it was behind it. Nested task: any program can set it. */
static void test_flags(void)
{
	unsigned long flags;
	install(SIGILL, note_flags, 0);
	install(SIGTRAP, note_flags, 0);
	count = 0;
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
			 "std\n\tud2\n\tpushfq\n\tpopq %0\n\tcld\n\t"
			 "lea 128(%%rsp), %%rsp"
			 : "=r"(flags)
			 :
			 : "memory", "cc");
	printf("direction: %lu inside, %lu behind\n", flags_inside >> 10 & 1, flags >> 10 & 1);
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
			 "pushfq\n\torq $0x4000, (%%rsp)\n\tpopfq\n\t"
			 "mov $39, %%eax\n\tsyscall\n\t" /* getpid */
			 "mov %%eax, %%edi\n\tmov %%eax, %%esi\n\tmov %0, %%edx\n\t"
			 "mov $234, %%eax\n\tsyscall\n\tnop\n\tnop\n\t" /* tgkill */
			 "pushfq\n\tandq $~0x4000, (%%rsp)\n\tpopfq\n\t"
			 "lea 128(%%rsp), %%rsp"
			 :
			 : "i"(SIGTRAP)
			 : "rax", "rcx", "rdx", "rdi", "rsi", "r11", "memory", "cc");
	printf("nested task: %d handlers\n", (int)count);
}

static void nest(int signal, siginfo_t *information, void *context)
{
	(void)information;
	(void)context;
	depth++;
	if (depth > deepest)
		deepest = depth;
	count++;
	if (signal == SIGUSR1)
		raise(SIGUSR2);
	else if (depth < 6)
		raise(SIGUSR2);
	depth--;
}

static void test_masks(void)
{
	sigset_t set, old;
	count = depth = deepest = 0;
	install(SIGUSR1, nest, 0);
	install(SIGUSR2, nest, SA_NODEFER);
	raise(SIGUSR1);
	printf("nested %d, deepest %d\n", (int)count, (int)deepest);
	count = 0;
	install(SIGUSR2, nest, 0);
	depth = 10;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, &old);
	raise(SIGUSR2);
	raise(SIGUSR2);
	sigpending(&old);
	printf("blocked: %d, pending %d\n", (int)count, sigismember(&old, SIGUSR2));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	printf("unblocked: %d\n", (int)count);
}

static char *stack_low, *stack_high;

static void on_own_stack(int signal, siginfo_t *information, void *context)
{
	(void)signal;
	(void)information;
	(void)context;
	char here;
	stack_t now;
	sigaltstack(NULL, &now);
	printf("alternate stack: %s, %s\n", &here >= stack_low && &here < stack_high ? "yes" : "no",
	       now.ss_flags & SS_ONSTACK ? "in use" : "not in use");
}

static void test_alternate_stack(void)
{
	size_t size = 65536;
	stack_low = malloc(size);
	stack_high = stack_low + size;
	stack_t stack = {.ss_sp = stack_low, .ss_size = size};
	sigaltstack(&stack, NULL);
	install(SIGUSR1, on_own_stack, SA_ONSTACK);
	raise(SIGUSR1);
	stack_t now;
	sigaltstack(NULL, &now);
	printf("afterwards: %s\n", now.ss_flags & SS_ONSTACK ? "in use" : "not in use");
}

static void tick(int signal, siginfo_t *information, void *context)
{
	(void)signal;
	(void)information;
	(void)context;
	count++;
}

static void test_timers(void)
{
	struct itimerval every = {{0, 5000}, {0, 5000}}, never = {{0, 0}, {0, 0}};
	count = 0;
	install(SIGALRM, tick, SA_RESTART);
	setitimer(ITIMER_REAL, &every, NULL);
	while (count < 5)
		;
	printf("five alarms interrupt a loop\n");
	/* Again and again: the first may come before the pause. */
	count = 0;
	pause();
	printf("pause: %d, %s\n", count > 0, errno == EINTR ? "interrupted" : "wrong");
	setitimer(ITIMER_REAL, &never, NULL);
	count = 0;
	alarm(1);
	while (!count)
		;
	printf("alarm: %d\n", (int)count);
}

static pthread_t target;

static void tell_thread(int signal, siginfo_t *information, void *context)
{
	(void)signal;
	(void)information;
	(void)context;
	count = pthread_equal(pthread_self(), target) ? 100 : 1;
}

static void *spin(void *argument)
{
	while (!count)
		;
	return argument;
}

static volatile sig_atomic_t has_read;

static void *wait_in_read(void *end)
{
	char byte;
	ssize_t got = read(*(int *)end, &byte, 1);
	printf("read under a signal: %zd %s\n", got, got < 0 && errno == EINTR ? "EINTR" : "");
	has_read = 1;
	return NULL;
}

static void test_threads(void)
{
	int ends[2];
	count = 0;
	install(SIGUSR1, tell_thread, 0);
	pthread_create(&target, NULL, spin, NULL);
	pthread_kill(target, SIGUSR1);
	pthread_join(target, NULL);
	printf("a spinning thread's handler: %d\n", (int)count);
	if (pipe(ends))
		return;
	struct timespec moment = {.tv_nsec = 20000000};
	pthread_create(&target, NULL, wait_in_read, &ends[0]);
	/* Again and again: the first may come before the read. */
	while (!has_read) {
		nanosleep(&moment, NULL);
		pthread_kill(target, SIGUSR1);
	}
	pthread_join(target, NULL);
	install(SIGUSR1, tell_thread, SA_RESTART);
	pthread_create(&target, NULL, wait_in_read, &ends[0]);
	nanosleep(&moment, NULL);
	pthread_kill(target, SIGUSR1);
	nanosleep(&moment, NULL);
	if (write(ends[1], "x", 1) != 1)
		return;
	pthread_join(target, NULL);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	test_faults();
	test_mending();
	test_context();
	test_flags();
	test_masks();
	test_alternate_stack();
	test_timers();
	test_threads();
	return 5;
}

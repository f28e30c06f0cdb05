/* Edges of signals: numbers, masks, sending, waiting, stacks; of futexes and thread pointers. */
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>

#include "errors.h"

struct kernel_action {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static volatile sig_atomic_t handled;

static void count(int signal)
{
	handled++;
}

static void test_actions(void)
{
	static const int numbers[] = {0, -1, 65, 64, 33, SIGKILL, SIGSTOP, INT_MAX};
	struct kernel_action ignore = {.handler = SIG_IGN}, old;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		printf("signal %d ", numbers[i]);
		TRY(syscall(SYS_rt_sigaction, numbers[i], &ignore, NULL, 8));
		printf("signal %d ", numbers[i]);
		TRY(syscall(SYS_rt_sigaction, numbers[i], NULL, &old, 8));
	}
	TRY(syscall(SYS_rt_sigaction, SIGUSR1, &ignore, &old, 4));
	TRY(syscall(SYS_rt_sigaction, SIGUSR1, &ignore, &old, 16));
	ignore.mask = UINT64_MAX;
	TRY(syscall(SYS_rt_sigaction, SIGUSR1, &ignore, NULL, 8));
	TRY(syscall(SYS_rt_sigaction, SIGUSR1, NULL, &old, 8));
	printf("mask %lx handler %d\n", (unsigned long)old.mask, old.handler == SIG_IGN);
	signal(64, SIG_DFL);
	signal(33, SIG_DFL);
	signal(SIGUSR1, SIG_DFL);
}

static void test_masks(void)
{
	uint64_t set = UINT64_MAX, old = 0, usr1 = 1UL << (SIGUSR1 - 1);
	TRY(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 4));
	TRY(syscall(SYS_rt_sigprocmask, 77, &set, NULL, 8));
	TRY(syscall(SYS_rt_sigprocmask, 77, NULL, &old, 8));
	TRY(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, NULL, 8));
	TRY(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &old, 8));
	printf("mask %lx\n", (unsigned long)old);
	TRY(kill(getpid(), SIGUSR1));
	TRY(kill(getpid(), SIGUSR1));
	TRY(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR2));
	TRY(syscall(SYS_rt_sigpending, &old, 8));
	printf("pending %lx\n", (unsigned long)old);
	TRY(syscall(SYS_rt_sigpending, &old, 16));
	TRY(syscall(SYS_rt_sigpending, &old, 0));
	struct timespec zero = {0, 0}, bad = {0, -1}, soon = {0, 1000000};
	siginfo_t information;
	TRY(syscall(SYS_rt_sigtimedwait, &usr1, &information, &zero, 8));
	printf("signal %d code %d self %d\n", information.si_signo, information.si_code,
	       information.si_pid == getpid());
	TRY(syscall(SYS_rt_sigtimedwait, &usr1, &information, &zero, 8));
	TRY(syscall(SYS_rt_sigtimedwait, &usr1, NULL, &soon, 8));
	TRY(syscall(SYS_rt_sigtimedwait, &usr1, NULL, &bad, 8));
	TRY(syscall(SYS_rt_sigtimedwait, &usr1, NULL, &zero, 4));
	TRY(syscall(SYS_rt_sigtimedwait, &set, &information, NULL, 8));
	printf("code %d\n", information.si_code);
	set = 0;
	TRY(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, NULL, 8));
	TRY(syscall(SYS_rt_sigsuspend, &set, 4));
}

static void test_sending(void)
{
	signal(SIGUSR1, count);
	TRY(kill(getpid(), 0));
	TRY(kill(getpid(), 65));
	TRY(kill(getpid(), -1));
	TRY(kill(INT_MAX, 0));
	TRY(kill(INT_MAX, SIGKILL));
	TRY(kill(-INT_MAX, 0));
	TRY(kill(getpid(), SIGUSR1));
	TRY(syscall(SYS_tkill, syscall(SYS_gettid), SIGUSR1));
	TRY(syscall(SYS_tkill, 0, SIGUSR1));
	TRY(syscall(SYS_tkill, -1, SIGUSR1));
	TRY(syscall(SYS_tkill, INT_MAX, SIGUSR1));
	TRY(syscall(SYS_tgkill, getpid(), INT_MAX, SIGUSR1));
	TRY(syscall(SYS_tgkill, INT_MAX, syscall(SYS_gettid), SIGUSR1));
	TRY(syscall(SYS_tgkill, 0, syscall(SYS_gettid), SIGUSR1));
	TRY(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 65));
	TRY(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 0));
	TRY(raise(SIGUSR1));
	printf("handled %d\n", (int)handled);
	signal(SIGUSR1, SIG_IGN);
	TRY(raise(SIGUSR1));
	TRY(raise(SIGCHLD));
	TRY(raise(SIGURG));
	TRY(raise(SIGCONT));
}

static void test_stacks(void)
{
	static char memory[65536];
	stack_t stack = {.ss_sp = memory, .ss_size = sizeof(memory)}, old;
	TRY(sigaltstack(NULL, &old));
	printf("flags %d\n", old.ss_flags);
	TRY(sigaltstack(&stack, &old));
	TRY(sigaltstack(NULL, &old));
	printf("flags %d size %zu\n", old.ss_flags, old.ss_size);
	stack.ss_size = 100;
	TRY(sigaltstack(&stack, NULL));
	stack.ss_flags = 77;
	TRY(sigaltstack(&stack, NULL));
	stack.ss_flags = SS_DISABLE;
	TRY(sigaltstack(&stack, NULL));
	TRY(sigaltstack(NULL, &old));
	printf("flags %d\n", old.ss_flags);
}

static void test_interrupted(void)
{
	struct sigaction action = {.sa_handler = count};
	struct timespec long_time = {20, 0}, left = {0, 0};
	struct timeval tick = {0, 2000};
	int ends[2];
	char byte;
	sigaction(SIGALRM, &action, NULL);
	if (pipe(ends))
		exit(1);
	ualarm(3000, 0);
	TRY(nanosleep(&long_time, &left));
	printf("left %d\n", left.tv_sec >= 18);
	ualarm(3000, 0);
	TRY(pause());
	ualarm(3000, 3000);
	TRY(read(ends[0], &byte, 1));
	TRY(select(0, NULL, NULL, NULL, &(struct timeval){20, 0}));
	ualarm(0, 0);
	(void)tick;
	close(ends[0]);
	close(ends[1]);
}

static void test_futex(void)
{
	uint32_t word = 5, other = 6;
	char *odd = (char *)&word + 1;
	struct timespec zero = {0, 0}, bad = {0, -1}, soon = {0, 1000000};
	TRY(syscall(SYS_futex, &word, FUTEX_WAIT, 4, NULL));
	TRY(syscall(SYS_futex, &word, FUTEX_WAIT, 5, &zero));
	TRY(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 5, &soon));
	TRY(syscall(SYS_futex, &word, FUTEX_WAIT, 5, &bad));
	TRY(syscall(SYS_futex, odd, FUTEX_WAIT, 5, &zero));
	TRY(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 5, &zero, NULL, 0));
	TRY(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 5, &zero, NULL, 1));
	TRY(syscall(SYS_futex, &word, FUTEX_WAKE, 1));
	TRY(syscall(SYS_futex, odd, FUTEX_WAKE, 1));
	TRY(syscall(SYS_futex, &word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
	TRY(syscall(SYS_futex, &word, FUTEX_REQUEUE, 1, 1, &other));
	TRY(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, 1, 1, &other, 4));
	TRY(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, 1, 1, &other, 5));
	TRY(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, -1, 1, &other, 5));
	TRY(syscall(SYS_futex, &word, 99, 1));
	TRY(syscall(SYS_set_robust_list, odd, 1));
	TRY(syscall(SYS_get_robust_list, INT_MAX, &odd, &odd));
	TRY(sched_yield());
}

int main(void)
{
	test_actions();
	test_masks();
	test_sending();
	test_stacks();
	test_interrupted();
	test_futex();
	return 0;
}

/* Where frames of signals go, and what becomes of those that have no room: on the alternate stack,
 * on the normal one, in memory that may not be written, nested, on stacks that disarm themselves.
 *
 * usage: signal_stacks CASE [SIZE]    SIZE: bytes that an alternate stack has
 * What lies around the stacks is looked at, too. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

#define ROOM	  (1UL << 16)
#define UNTOUCHED 0x5a
#define SMALLEST  2048

static uint8_t *area; /* ROOM below the stack, the stack, ROOM above it */
static size_t stack_size;

static void *map(size_t size, int protection)
{
	void *place = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (place == MAP_FAILED)
		exit(90);
	return place;
}

static size_t smallest_frame(void)
{
	size_t size = getauxval(51 /* AT_MINSIGSTKSZ */);
	return size ? size : SMALLEST;
}

static const char *touched(void)
{
	for (size_t i = 0; i < ROOM; i++)
		if (area[i] != UNTOUCHED || area[ROOM + stack_size + i] != UNTOUCHED)
			return "around";
	for (size_t i = 0; i < stack_size; i++)
		if (area[ROOM + i] != UNTOUCHED)
			return "within";
	return "nowhere";
}

/* The kernel's call: the C library has checks of its own. */
static int set_stack(void *base, size_t size, int flags)
{
	const stack_t stack = {.ss_sp = base, .ss_size = size, .ss_flags = flags};
	return syscall(SYS_sigaltstack, &stack, NULL) ? errno : 0;
}

static void use_stack(size_t size, int flags)
{
	stack_size = size;
	area = map(2 * ROOM + size, PROT_READ | PROT_WRITE);
	memset(area, UNTOUCHED, 2 * ROOM + size);
	printf("stack of %s: %d\n", size == SMALLEST ? "2048 bytes" : "some bytes",
	       set_stack(area + ROOM, size, flags));
}

static int is_on_stack(const void *place)
{
	const uint8_t *byte = place;
	return byte >= area + ROOM && byte < area + ROOM + stack_size;
}

static void show_stack(const char *where)
{
	stack_t stack;
	syscall(SYS_sigaltstack, NULL, &stack);
	printf("%s: stack is %s, size %s, flags %#x\n", where,
	       stack.ss_sp == area + ROOM ? "ours"
	       : stack.ss_sp		  ? "another"
					  : "none",
	       stack.ss_size == stack_size ? "ours"
	       : stack.ss_size		   ? "another"
					   : "0",
	       (unsigned)stack.ss_flags);
}

static void on_signal(int signal, siginfo_t *information, void *context)
{
	const ucontext_t *interrupted = context;
	int here;
	printf("handler of %d: code %d, on the alternate stack %d, frame there %d, its flags %#x\n",
	       signal, information->si_code, is_on_stack(&here), is_on_stack(context),
	       (unsigned)interrupted->uc_stack.ss_flags & ~3U);
	show_stack("inside");
}

static void on_fault(int signal, siginfo_t *information, void *context)
{
	static const char said[] = "fault handler\n";
	if (write(STDOUT_FILENO, said, sizeof(said) - 1) < 0)
		_exit(91);
	printf("code %d, around: %s\n", information->si_code, area ? touched() : "no stack");
	_exit(40);
}

static void handle(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
	sigaction(signal, &action, NULL);
}

static void raise_here(void)
{
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
	printf("went on, touched: %s\n", touched());
	show_stack("after");
}

/* ── cases ───────────────────────────────────────────────────────────────────────────────────── */

/* The frame alone must fit; the handler is not run. */
static void small_stack(size_t size)
{
	handle(SIGUSR1, on_signal, SA_ONSTACK);
	use_stack(size, 0);
	raise_here();
}

static volatile int handled;

static void count(int signal, siginfo_t *information, void *context)
{
	handled++;
}

/* What programs are told is enough for the frame. */
static void exact_stack(size_t size)
{
	handle(SIGUSR1, count, SA_ONSTACK);
	use_stack(smallest_frame() + 128, 0);
	raise_here();
	printf("handled %d times\n", handled);
}

static void small_stack_with_fault_handler(size_t size)
{
	handle(SIGSEGV, on_fault, 0);
	small_stack(size);
}

static void small_stack_and_blocked_fault(size_t size)
{
	sigset_t faults;
	sigemptyset(&faults);
	sigaddset(&faults, SIGSEGV);
	handle(SIGSEGV, on_fault, 0);
	sigprocmask(SIG_BLOCK, &faults, NULL);
	small_stack(size);
}

static void small_stack_and_ignored_fault(size_t size)
{
	signal(SIGSEGV, SIG_IGN);
	small_stack(size);
}

static void small_stack_for_a_fault(size_t size)
{
	static volatile int *volatile null;
	handle(SIGSEGV, on_fault, SA_ONSTACK);
	use_stack(size, 0);
	*null = 1; /* NOLINT(clang-analyzer-core.NullDereference): that is the fault */
}

static void at_normal_stack(size_t size)
{
	handle(SIGUSR1, on_signal, 0);
	use_stack(size, 0);
	raise_here();
}

static int disarmed;

static void disarm(int signal, siginfo_t *information, void *context)
{
	on_signal(signal, information, context);
	/* The upper half is in use. */
	printf("set inside: %d\n", set_stack(area + ROOM, stack_size / 2, (int)SS_AUTODISARM));
	if (!disarmed++)
		raise_here();
}

static void disarming(size_t size)
{
	handle(SIGUSR1, disarm, SA_ONSTACK | SA_NODEFER);
	use_stack(size, (int)SS_AUTODISARM);
	show_stack("before");
	raise_here();
}

static int nested;

static void nest(int signal, siginfo_t *information, void *context)
{
	on_signal(signal, information, context);
	printf("set inside: %d\n", set_stack(area + ROOM, stack_size, 0));
	if (nested++ < 2)
		raise_here();
}

static void nesting(size_t size)
{
	handle(SIGUSR1, nest, SA_ONSTACK | SA_NODEFER);
	use_stack(size, 0);
	raise_here();
}

/* Until the alternate stack is full. */
static void nest_on(int signal, siginfo_t *information, void *context)
{
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
}

static void nesting_for_ever(size_t size)
{
	handle(SIGSEGV, on_fault, 0);
	handle(SIGUSR1, nest_on, SA_ONSTACK | SA_NODEFER);
	use_stack(size, 0);
	raise_here();
}

static void change_stack(int signal, siginfo_t *information, void *context)
{
	ucontext_t *interrupted = context;
	interrupted->uc_stack.ss_sp = area + ROOM + 4096;
	interrupted->uc_stack.ss_size = stack_size - 4096;
	interrupted->uc_stack.ss_flags = disarmed;
}

/* What the handler leaves in its frame is set, where sigaltstack() would take it. */
static void stack_of_the_frame(size_t size)
{
	static const int flags[] = {0, SS_ONSTACK, 4, SS_DISABLE, (int)SS_AUTODISARM};
	handle(SIGUSR1, change_stack, 0);
	for (int i = 0; i < 5; i++) {
		use_stack(size, 0);
		disarmed = flags[i];
		raise_here();
	}
}

static char *odd_stack;

/* Calls with the stack pointer there, which never is the C library's. */
static void raise_at(char *stack)
{
	odd_stack = stack;
	__asm__ volatile("mov %%rsp, %%rbx\n\t"
			 "mov %0, %%rsp\n\t"
			 "syscall\n\t"
			 "mov %%rbx, %%rsp"
			 :
			 : "r"(stack), "a"(SYS_tgkill), "D"(getpid()), "S"(syscall(SYS_gettid)),
			   "d"(SIGUSR1)
			 : "rcx", "r11", "rbx", "memory");
	printf("went on\n");
}

static void no_room(char *stack)
{
	static char own[1 << 16];
	const stack_t other = {.ss_sp = own, .ss_size = sizeof(own)};
	handle(SIGSEGV, on_fault, SA_ONSTACK);
	handle(SIGUSR1, on_signal, 0);
	sigaltstack(&other, NULL);
	raise_at(stack);
}

static void at_unmapped(size_t size)
{
	char *place = map(1 << 17, PROT_READ | PROT_WRITE);
	munmap(place, 1 << 16);
	no_room(place + (1 << 16) + 1024);
}

static void at_read_only(size_t size)
{
	char *place = map(1 << 17, PROT_READ | PROT_WRITE);
	mprotect(place, 1 << 16, PROT_READ);
	no_room(place + (1 << 16) + 1024);
}

static void at_inaccessible(size_t size)
{
	char *place = map(1 << 17, PROT_READ | PROT_WRITE);
	mprotect(place, 1 << 16, PROT_NONE);
	no_room(place + (1 << 16) + 1024);
}

/* The frame has a hole in it, above and below which there is memory. */
static void at_hole(size_t size)
{
	char *place = map(1 << 17, PROT_READ | PROT_WRITE);
	mprotect(place + (1 << 16), 4096, PROT_NONE);
	no_room(place + (1 << 16) + 4096 + 512);
}

static void at_null(size_t size)
{
	no_room(NULL);
}

static void at_top(size_t size)
{
	no_room((char *)-64L);
}

static void at_untouched(size_t size)
{
	char *place = map(1 << 20, PROT_READ | PROT_WRITE);
	handle(SIGUSR1, on_signal, 0);
	raise_at(place + (1 << 20) - 8);
}

__attribute__((noinline)) static int overflow(int depth)
{
	volatile char room[4096];
	room[0] = (char)depth;
	return depth == -1 ? 0 : overflow(depth + 1) + room[0];
}

static void overflow_without_stack(size_t size)
{
	handle(SIGSEGV, on_fault, 0);
	exit(overflow(0));
}

static void overflow_with_stack(size_t size)
{
	handle(SIGSEGV, on_fault, SA_ONSTACK);
	use_stack(ROOM, 0);
	exit(overflow(0));
}

static void return_to_nowhere(int signal, siginfo_t *information, void *context)
{
	__asm__ volatile("mov $64, %%rsp; mov %0, %%eax; syscall" : : "i"(SYS_rt_sigreturn));
}

static void bad_return(size_t size)
{
	static char own[1 << 16];
	const stack_t other = {.ss_sp = own, .ss_size = sizeof(own)};
	handle(SIGSEGV, on_fault, SA_ONSTACK);
	handle(SIGUSR1, return_to_nowhere, 0);
	sigaltstack(&other, NULL);
	raise(SIGUSR1);
}

static void once(size_t size)
{
	handle(SIGUSR1, on_signal, SA_ONSTACK | (int)SA_RESETHAND);
	use_stack(size, 0);
	raise_here();
	struct sigaction action;
	sigaction(SIGUSR1, NULL, &action);
	printf("handler is %s\n", action.sa_handler == SIG_DFL ? "the usual one" : "ours");
}

static void arguments(size_t size)
{
	static const int flags[] = {0,
				    SS_ONSTACK,
				    SS_DISABLE,
				    3,
				    4,
				    8,
				    (int)SS_AUTODISARM,
				    (int)SS_AUTODISARM | SS_ONSTACK,
				    (int)SS_AUTODISARM | SS_DISABLE,
				    (int)SS_AUTODISARM | 4,
				    0x40000000};
	static const size_t sizes[] = {0, 1, 2047, 2048, 2049, 8192, 1UL << 16};
	printf("smallest: %lu %ld\n", getauxval(51), sysconf(_SC_MINSIGSTKSZ));
	area = map(3 * ROOM, PROT_READ | PROT_WRITE);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
			stack_size = sizes[j];
			printf("flags %#x, size %zd: %d; ", (unsigned)flags[i], (ssize_t)sizes[j],
			       set_stack(area + ROOM, sizes[j], flags[i]));
			show_stack("then");
		}
	stack_size = 8192;
	const stack_t stack = {.ss_sp = area + ROOM, .ss_size = stack_size};
	printf("odd pointers: %ld, %ld, ", syscall(SYS_sigaltstack, 8, NULL),
	       syscall(SYS_sigaltstack, NULL, 8));
	printf("%ld: it is set\n", syscall(SYS_sigaltstack, &stack, 8));
	show_stack("then");
}

static const struct {
	const char *name;
	void (*run)(size_t size);
} cases[] = {
    {"arguments", arguments},
    {"small", small_stack},
    {"exact", exact_stack},
    {"small-with-handler", small_stack_with_fault_handler},
    {"small-blocked", small_stack_and_blocked_fault},
    {"small-ignored", small_stack_and_ignored_fault},
    {"small-fault", small_stack_for_a_fault},
    {"normal", at_normal_stack},
    {"disarming", disarming},
    {"nesting", nesting},
    {"nesting-for-ever", nesting_for_ever},
    {"frame", stack_of_the_frame},
    {"unmapped", at_unmapped},
    {"read-only", at_read_only},
    {"inaccessible", at_inaccessible},
    {"hole", at_hole},
    {"null", at_null},
    {"top", at_top},
    {"untouched", at_untouched},
    {"overflow", overflow_without_stack},
    {"overflow-with-stack", overflow_with_stack},
    {"bad-return", bad_return},
    {"once", once},
};

int main(int argc, char **argv)
{
	size_t size = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
	setvbuf(stdout, NULL, _IOLBF, 4096);
	for (size_t i = 0; argc > 1 && i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!strcmp(cases[i].name, argv[1])) {
			cases[i].run(size);
			return 0;
		}
	return 92;
}

/* Calls on memory, time, signals and the process itself: flags, sizes, numbers of what there is
 * not.
 */
#include <asm/prctl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "arguments.h"

#define PAGE 4096

static const struct exception own_exceptions[] = {
    /* What only some users or machines are given. */
    {"mmap", 3, "0x2|0x40000"},				     /* large pages */
    {"mmap", 3, "0x22|0x40000"},  {"mmap", 3, "0x2|0x2000"}, /* locked */
    {"mmap", 3, "0x22|0x2000"},	  {"mmap", 3, "0x22|0x10"},  /* at address zero */
    {"mmap", 3, "0x22|0x100000"}, {NULL, 0, NULL},
};

static char *block; /* eight pages */
static char buffer[PAGE];

#define SIZES                                                                                      \
	VALUES(VALUE(0), VALUE(1), VALUE(PAGE), VALUE(PAGE + 1), VALUE(-1), VALUE(-PAGE),          \
	       VALUE(0x8000000000000000UL), VALUE(1L << 47))
#define NUMBERS                                                                                    \
	VALUES(VALUE(0), VALUE(1), VALUE(2), VALUE(-1), VALUE(0x7fffffff), VALUE(0x80000000))

/* As new, where it was. */
static void make_block(void)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | (block ? MAP_FIXED : 0);
	char *made = mmap(block, 8UL * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (made == MAP_FAILED)
		exit(1);
	block = made;
}

/* At once, before anything else comes to lie there. */
static void restore_block(long result)
{
	(void)result;
	make_block();
}

static long mapped_length;
static void unmap(long result)
{
	munmap((void *)result, (size_t)mapped_length);
}

static void call_mapping(void)
{
	const struct value *const protections = VALUES(
	    VALUE(PROT_NONE), VALUE(PROT_READ), VALUE(PROT_WRITE), VALUE(PROT_READ | PROT_WRITE),
	    VALUE(PROT_EXEC), VALUE(PROT_READ | PROT_EXEC), VALUE(8), VALUE(0x10));
	const struct value *const anonymous =
	    VALUES(VALUE(MAP_PRIVATE | MAP_ANONYMOUS), VALUE(MAP_SHARED | MAP_ANONYMOUS),
		   VALUE(MAP_ANONYMOUS), VALUE(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE),
		   VALUE(MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK),
		   VALUE(MAP_SHARED_VALIDATE | MAP_ANONYMOUS));
	mapped_length = PAGE + 1;
	make_block(); /* its address stands in the tables: it stays the same */
	const struct table tables[] = {
	    TABLE(mmap, RESULT_ANY,
		  {ONLY(0), ONLY(PAGE + 1), protections, anonymous, ONLY(-1),
		   VALUES(VALUE(0), VALUE(PAGE), VALUE(1))},
		  NULL, unmap),
	    TABLE(mmap, RESULT_ANY,
		  {ONLY(0),
		   VALUES(VALUE(0), VALUE(-1), VALUE(-PAGE), VALUE(1L << 47),
			  VALUE(0x8000000000000000UL)),
		   ONLY(PROT_READ), ONLY(MAP_PRIVATE | MAP_ANONYMOUS), ONLY(-1), ONLY(0)}),
	    TABLE(mmap, RESULT_ANY,
		  {ONLY(0), ONLY(PAGE + 1), ONLY(PROT_READ), each_bit(MAP_PRIVATE | MAP_ANONYMOUS),
		   ONLY(-1), ONLY(0)},
		  NULL, unmap),
	    TABLE(mmap, RESULT_ANY,
		  {ONLY(0), ONLY(PAGE + 1), ONLY(PROT_READ),
		   VALUES(VALUE(MAP_PRIVATE), VALUE(MAP_SHARED), VALUE(0)), descriptors,
		   VALUES(VALUE(0), VALUE(PAGE), VALUE(1), VALUE(-PAGE))},
		  make_descriptors, unmap),
	    TABLE(mmap, RESULT_ANY,
		  {ONLY(0), ONLY(PAGE + 1), ONLY(PROT_READ | PROT_WRITE), ONLY(MAP_PRIVATE),
		   descriptors, ONLY(0)},
		  make_descriptors, unmap),
	    TABLE(munmap, RESULT_NUMBER,
		  {VALUES(VALUE(block), VALUE(block + 1), VALUE(0), VALUE(-PAGE)), SIZES},
		  make_block, restore_block),
	    TABLE(mprotect, RESULT_NUMBER,
		  {VALUES(VALUE(block), VALUE(block + 1), VALUE(0)),
		   VALUES(VALUE(0), VALUE(1), VALUE(PAGE), VALUE(PAGE + 1), VALUE(-1)),
		   VALUES(VALUE(0), VALUE(PROT_READ), VALUE(PROT_READ | PROT_WRITE))},
		  make_block, restore_block),
	    TABLE(mprotect, RESULT_NUMBER, {ONLY(block), ONLY(PAGE), each_bit(0)}, make_block,
		  restore_block),
	    TABLE(mremap, RESULT_ANY,
		  {VALUES(VALUE(block), VALUE(block + 1)),
		   VALUES(VALUE(0), VALUE(PAGE), VALUE(8 * PAGE)),
		   VALUES(VALUE(0), VALUE(1), VALUE(PAGE), VALUE(-1), VALUE(1L << 47)),
		   VALUES(VALUE(0), VALUE(2), VALUE(3), VALUE(8), VALUE(-1)),
		   VALUES(VALUE(1), VALUE(block))},
		  make_block, restore_block),
	    TABLE(madvise, RESULT_NUMBER,
		  {VALUES(VALUE(block), VALUE(block + 1)),
		   VALUES(VALUE(0), VALUE(1), VALUE(PAGE), VALUE(-1)),
		   VALUES(VALUE(MADV_NORMAL), VALUE(MADV_RANDOM), VALUE(MADV_SEQUENTIAL),
			  VALUE(MADV_WILLNEED), VALUE(MADV_DONTNEED), VALUE(5), VALUE(99),
			  VALUE(-1))},
		  make_block, restore_block),
	    TABLE(msync, RESULT_NUMBER,
		  {VALUES(VALUE(block), VALUE(block + 1), VALUE(0)),
		   VALUES(VALUE(0), VALUE(1), VALUE(PAGE), VALUE(-1), VALUE(-PAGE)),
		   VALUES(VALUE(0), VALUE(MS_ASYNC), VALUE(MS_SYNC), VALUE(MS_ASYNC | MS_SYNC),
			  VALUE(MS_INVALIDATE), VALUE(8), VALUE(-1))},
		  make_block),
	    TABLE(mlock, RESULT_NUMBER,
		  {VALUES(VALUE(block), VALUE(block + 1)), VALUES(VALUE(0), VALUE(1), VALUE(PAGE))},
		  make_block),
	    TABLE(munlock, RESULT_NUMBER,
		  {VALUES(VALUE(block), VALUE(block + 1), VALUE(0)),
		   VALUES(VALUE(0), VALUE(1), VALUE(PAGE), VALUE(-1))},
		  make_block),
	    TABLE(mlockall, RESULT_NUMBER, {VALUES(VALUE(0), VALUE(8), VALUE(4), VALUE(-1))}),
	};
	call_tables(tables, COUNT(tables));
}

static struct timespec times[] = {{0, 0},  {0, 1},	{0, -1}, {0, 1000000000},
				  {-1, 0}, {0, 999999}, {-1, -1}};
static struct timespec found;
static struct itimerspec timers[] = {{{0, 0}, {0, 0}},
				     {{0, 0}, {1000, 0}},
				     {{0, -1}, {1, 0}},
				     {{0, 0}, {-1, 0}},
				     {{0, 0}, {1, 1000000000}}};
static struct itimerval intervals[] = {{{0, 0}, {0, 0}},
				       {{0, 0}, {1000, 0}},
				       {{0, 0}, {0, -1}},
				       {{0, 1000000}, {0, 0}},
				       {{0, 0}, {-1, 0}}};
static struct sigevent events[] = {
    {.sigev_notify = SIGEV_NONE},
    {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1},
    {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 0},
    {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65},
    {.sigev_notify = 77},
    {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = -1},
};
static int timer;

static void make_timer(void)
{
	for (int i = 0; i < 64; i++)
		syscall(SYS_timer_delete, i);
	syscall(SYS_timer_create, CLOCK_MONOTONIC, &events[0], &timer);
}

/* Not those of processor time, and of devices that a machine may have or not. */
#define CLOCKS                                                                                     \
	VALUES(VALUE(CLOCK_REALTIME), VALUE(CLOCK_MONOTONIC), VALUE(CLOCK_MONOTONIC_RAW),          \
	       VALUE(CLOCK_REALTIME_COARSE), VALUE(CLOCK_MONOTONIC_COARSE), VALUE(CLOCK_BOOTTIME), \
	       VALUE(CLOCK_TAI), VALUE(10), VALUE(12), VALUE(15), VALUE(16), VALUE(0x7fffffff))
#define TIMES                                                                                      \
	VALUES(VALUE(&times[0]), VALUE(&times[1]), VALUE(&times[2]), VALUE(&times[3]),             \
	       VALUE(&times[4]), VALUE(&times[5]), VALUE(&times[6]))

static void call_time(void)
{
	const struct table tables[] = {
	    TABLE(clock_gettime, RESULT_NUMBER, {CLOCKS, ONLY(&found)}),
	    TABLE(clock_getres, RESULT_NUMBER, {CLOCKS, VALUES(VALUE(&found), VALUE(0))}),
	    TABLE(nanosleep, RESULT_NUMBER, {TIMES, VALUES(VALUE(0), VALUE(&found))}),
	    TABLE(clock_nanosleep, RESULT_NUMBER,
		  {CLOCKS, VALUES(VALUE(0), VALUE(TIMER_ABSTIME)), TIMES, ONLY(0)}),
	    TABLE(clock_nanosleep, RESULT_NUMBER,
		  {ONLY(CLOCK_MONOTONIC), each_bit(0), ONLY(&times[1]), ONLY(0)}),
	    TABLE(timer_create, RESULT_NUMBER,
		  {CLOCKS,
		   VALUES(VALUE(0), VALUE(&events[0]), VALUE(&events[1]), VALUE(&events[2]),
			  VALUE(&events[3]), VALUE(&events[4]), VALUE(&events[5])),
		   ONLY(&timer)},
		  make_timer),
	    TABLE(timer_settime, RESULT_NUMBER,
		  {VALUES(VALUE(1000), VALUE(-1)), VALUES(VALUE(0), VALUE(1), VALUE(2), VALUE(-1)),
		   VALUES(VALUE(&timers[0]), VALUE(&timers[1]), VALUE(&timers[2]),
			  VALUE(&timers[3]), VALUE(&timers[4]), VALUE(0)),
		   ONLY(0)},
		  make_timer),
	    TABLE(timer_gettime, RESULT_NUMBER, {VALUES(VALUE(1000), VALUE(-1)), ONLY(buffer)},
		  make_timer),
	    TABLE(timer_getoverrun, RESULT_NUMBER, {VALUES(VALUE(1000), VALUE(-1))}, make_timer),
	    TABLE(timer_delete, RESULT_NUMBER, {VALUES(VALUE(1000), VALUE(-1))}, make_timer),
	    TABLE(setitimer, RESULT_NUMBER,
		  {VALUES(VALUE(ITIMER_REAL), VALUE(3), VALUE(-1)),
		   VALUES(VALUE(&intervals[1]), VALUE(&intervals[2]), VALUE(&intervals[3]),
			  VALUE(&intervals[4]), VALUE(0), VALUE(&intervals[0])),
		   VALUES(VALUE(0), VALUE(buffer))}),
	    TABLE(getitimer, RESULT_NUMBER,
		  {VALUES(VALUE(ITIMER_REAL), VALUE(3), VALUE(-1)), ONLY(buffer)}),
	    TABLE(getrandom, RESULT_NUMBER,
		  {ONLY(buffer), VALUES(VALUE(0), VALUE(1), VALUE(256), VALUE(PAGE)), each_bit(0)}),
	    TABLE(
		getrandom, RESULT_NUMBER,
		{ONLY(buffer), ONLY(8),
		 VALUES(VALUE(GRND_NONBLOCK), VALUE(3), VALUE(5), VALUE(6), VALUE(7), VALUE(-1))}),
	    TABLE(gettimeofday, RESULT_NUMBER,
		  {VALUES(VALUE(0), VALUE(buffer)), VALUES(VALUE(0), VALUE(buffer))}),
	    TABLE(time, RESULT_ANY, {VALUES(VALUE(0), VALUE(buffer))}),
	};
	call_tables(tables, COUNT(tables));
	make_timer();
}

static uint64_t mask;
static const uint64_t no_mask;
static stack_t stacks[] = {
    {buffer, 0, PAGE}, {buffer, SS_DISABLE, 0}, {buffer, SS_ONSTACK, PAGE},
    {buffer, 4, PAGE}, {buffer, 0, 0},		{buffer, SS_DISABLE | 4, PAGE},
    {NULL, 0, 1 << 20}};
static struct {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
} actions[] = {{SIG_IGN, 0, NULL, 0},
	       {SIG_DFL, 0, NULL, 0},
	       {SIG_IGN, ~0UL, NULL, ~0UL},
	       {SIG_DFL, SA_RESTART, NULL, 0}};
static siginfo_t information;

static void make_information(void)
{
	information = (siginfo_t){.si_signo = 0, .si_code = SI_QUEUE};
}

static void call_signals(void)
{
	const struct value *const sizes =
	    VALUES(VALUE(8), VALUE(0), VALUE(4), VALUE(16), VALUE(-1));
	const struct value *const numbers =
	    VALUES(VALUE(-1), VALUE(0), VALUE(1), VALUE(9), VALUE(19), VALUE(32), VALUE(64),
		   VALUE(65), VALUE(0x7fffffff), VALUE(0x80000001));
	const struct value *const none = VALUES(VALUE(0), VALUE(-1), VALUE(65), VALUE(0x7fffffff));
	const long self = getpid(), thread = syscall(SYS_gettid);
	const struct table tables[] = {
	    TABLE(rt_sigaction, RESULT_NUMBER,
		  {numbers, ONLY(0), VALUES(VALUE(0), VALUE(buffer)), sizes}),
	    TABLE(rt_sigaction, RESULT_NUMBER,
		  {VALUES(VALUE(9), VALUE(19), VALUE(10), VALUE(33), VALUE(64), VALUE(65)),
		   VALUES(VALUE(&actions[0]), VALUE(&actions[2]), VALUE(&actions[3]),
			  VALUE(&actions[1])),
		   ONLY(0), VALUES(VALUE(8), VALUE(4))}),
	    TABLE(rt_sigprocmask, RESULT_NUMBER,
		  {VALUES(VALUE(SIG_BLOCK), VALUE(SIG_UNBLOCK), VALUE(SIG_SETMASK), VALUE(3),
			  VALUE(-1)),
		   VALUES(VALUE(0), VALUE(&no_mask)), VALUES(VALUE(0), VALUE(&mask)), sizes}),
	    TABLE(rt_sigpending, RESULT_NUMBER,
		  {ONLY(&mask),
		   VALUES(VALUE(0), VALUE(4), VALUE(8), VALUE(9), VALUE(16), VALUE(-1))}),
	    TABLE(rt_sigtimedwait, RESULT_NUMBER,
		  {ONLY(&no_mask), VALUES(VALUE(0), VALUE(buffer)),
		   VALUES(VALUE(&times[0]), VALUE(&times[2]), VALUE(&times[3]), VALUE(&times[4])),
		   sizes}),
	    TABLE(rt_sigsuspend, RESULT_NUMBER,
		  {ONLY(&no_mask), VALUES(VALUE(0), VALUE(4), VALUE(16), VALUE(-1))}),
	    TABLE(sigaltstack, RESULT_NUMBER,
		  {VALUES(VALUE(&stacks[0]), VALUE(&stacks[1]), VALUE(&stacks[2]),
			  VALUE(&stacks[3]), VALUE(&stacks[4]), VALUE(&stacks[5]),
			  VALUE(&stacks[6]), VALUE(&stacks[1]), VALUE(0)),
		   VALUES(VALUE(0), VALUE(buffer))}),
	    TABLE(kill, RESULT_NUMBER,
		  {VALUES(NAMED("self", self), NAMED("nobody", 0x7ffffff0), VALUE(0)), none}),
	    TABLE(tkill, RESULT_NUMBER,
		  {VALUES(NAMED("self", thread), NAMED("nobody", 0x7ffffff0), VALUE(0), VALUE(-1)),
		   none}),
	    TABLE(tgkill, RESULT_NUMBER,
		  {VALUES(NAMED("self", self), NAMED("nobody", 0x7ffffff0), VALUE(0), VALUE(-1)),
		   VALUES(NAMED("self", thread), NAMED("nobody", 0x7ffffff0), VALUE(0), VALUE(-1)),
		   none}),
	    TABLE(rt_sigqueueinfo, RESULT_NUMBER,
		  {VALUES(NAMED("self", self), NAMED("nobody", 0x7ffffff0)),
		   VALUES(VALUE(0), VALUE(-1), VALUE(65)), ONLY(&information)},
		  make_information),
	    TABLE(rt_tgsigqueueinfo, RESULT_NUMBER,
		  {VALUES(NAMED("self", self), VALUE(0), VALUE(-1)),
		   VALUES(NAMED("self", thread), VALUE(0), VALUE(-1)), VALUES(VALUE(0), VALUE(65)),
		   ONLY(&information)},
		  make_information),
	};
	signal(SIGUSR1, SIG_IGN);
	call_tables(tables, COUNT(tables));
}

static uint32_t word;
static struct rlimit limits[] = {{0, 0}, {5, 4}, {RLIM_INFINITY, RLIM_INFINITY}};

static void call_process(void)
{
	const struct value *const resources =
	    VALUES(VALUE(0), VALUE(1), VALUE(2), VALUE(3), VALUE(4), VALUE(5), VALUE(6), VALUE(7),
		   VALUE(8), VALUE(9), VALUE(10), VALUE(11), VALUE(12), VALUE(13), VALUE(14),
		   VALUE(15), VALUE(16), VALUE(-1), VALUE(0x7fffffff));
	const struct table tables[] = {
	    TABLE(prctl, RESULT_NUMBER,
		  {VALUES(VALUE(PR_GET_DUMPABLE)), NUMBERS, VALUES(VALUE(0), VALUE(1)), ONLY(0),
		   ONLY(0)}),
	    TABLE(prctl, RESULT_NUMBER,
		  {VALUES(VALUE(PR_SET_DUMPABLE)), VALUES(VALUE(2), VALUE(3), VALUE(-1), VALUE(1)),
		   ONLY(0), ONLY(0), ONLY(0)}),
	    TABLE(prctl, RESULT_NUMBER,
		  {VALUES(VALUE(PR_SET_PDEATHSIG)),
		   VALUES(VALUE(-1), VALUE(65), VALUE(0x7fffffff), VALUE(0)), ONLY(0), ONLY(0),
		   ONLY(0)}),
	    TABLE(prctl, RESULT_NUMBER,
		  {VALUES(VALUE(PR_SET_NO_NEW_PRIVS)), VALUES(VALUE(0), VALUE(2), VALUE(1)),
		   VALUES(VALUE(0), VALUE(1)), ONLY(0), ONLY(0)}),
	    TABLE(prctl, RESULT_NUMBER,
		  {VALUES(VALUE(PR_GET_NO_NEW_PRIVS)), VALUES(VALUE(0), VALUE(1)),
		   VALUES(VALUE(0), VALUE(1)), ONLY(0), ONLY(0)}),
	    TABLE(prctl, RESULT_NUMBER,
		  {VALUES(VALUE(-1), VALUE(999), VALUE(0x7fffffff), VALUE(0)), ONLY(0), ONLY(0),
		   ONLY(0), ONLY(0)}),
	    TABLE(
		arch_prctl, RESULT_NUMBER,
		{VALUES(VALUE(ARCH_GET_FS), VALUE(ARCH_GET_GS), VALUE(0), VALUE(-1), VALUE(0x1000)),
		 ONLY(buffer)}),
	    TABLE(arch_prctl, RESULT_NUMBER,
		  {ONLY(ARCH_SET_GS), VALUES(VALUE(1L << 47), VALUE(-1), VALUE(0))}),
	    TABLE(getrlimit, RESULT_NUMBER, {resources, ONLY(buffer)}),
	    TABLE(setrlimit, RESULT_NUMBER, {resources, VALUES(VALUE(&limits[1]))}),
	    TABLE(setrlimit, RESULT_NUMBER,
		  {VALUES(VALUE(16), VALUE(-1)), VALUES(VALUE(&limits[2]), VALUE(0))}),
	    TABLE(prlimit64, RESULT_NUMBER,
		  {VALUES(VALUE(0), VALUE(0x7ffffff0), VALUE(-1)),
		   VALUES(VALUE(3), VALUE(16), VALUE(-1)), VALUES(VALUE(0), VALUE(&limits[1])),
		   VALUES(VALUE(0), VALUE(buffer))}),
	    TABLE(getrusage, RESULT_NUMBER,
		  {VALUES(VALUE(-2), VALUE(-1), VALUE(0), VALUE(1), VALUE(2), VALUE(0x7fffffff)),
		   ONLY(buffer)}),
	    TABLE(wait4, RESULT_NUMBER,
		  {VALUES(VALUE(-1), VALUE(0), VALUE(1), VALUE(0x7fffffff), VALUE(0x80000000)),
		   ONLY(0), VALUES(VALUE(0), VALUE(WNOHANG)), ONLY(0)}),
	    TABLE(wait4, RESULT_NUMBER,
		  {ONLY(-1), ONLY(buffer), each_bit(WNOHANG), VALUES(VALUE(0), VALUE(buffer))}),
	    TABLE(waitid, RESULT_NUMBER,
		  {VALUES(VALUE(P_ALL), VALUE(P_PID), VALUE(P_PGID), VALUE(4), VALUE(-1)),
		   VALUES(VALUE(0), VALUE(1), VALUE(-1)), ONLY(0),
		   VALUES(VALUE(WEXITED | WNOHANG), VALUE(0), VALUE(WNOHANG),
			  VALUE(WEXITED | WSTOPPED | WNOHANG), VALUE(-1)),
		   ONLY(0)}),
	    TABLE(waitid, RESULT_NUMBER,
		  {ONLY(P_ALL), ONLY(0), ONLY(0), each_bit(WEXITED | WNOHANG), ONLY(0)}),
	    TABLE(set_robust_list, RESULT_NUMBER,
		  {ONLY(0), VALUES(VALUE(0), VALUE(23), VALUE(25), VALUE(-1), VALUE(24))}),
	    TABLE(get_robust_list, RESULT_NUMBER,
		  {VALUES(VALUE(0x7ffffff0), VALUE(-1)), ONLY(buffer), ONLY(buffer + 8)}),
	    TABLE(futex, RESULT_NUMBER,
		  {VALUES(VALUE(&word), VALUE((char *)&word + 1), VALUE(0)),
		   VALUES(VALUE(FUTEX_WAKE), VALUE(FUTEX_WAKE_PRIVATE), VALUE(FUTEX_WAKE_BITSET),
			  VALUE(FUTEX_REQUEUE), VALUE(FUTEX_CMP_REQUEUE), VALUE(FUTEX_WAKE_OP),
			  VALUE(2), VALUE(14), VALUE(127)),
		   VALUES(VALUE(0), VALUE(1), VALUE(-1)), VALUES(VALUE(0), VALUE(-1)), ONLY(&word),
		   VALUES(VALUE(0), VALUE(1))}),
	    TABLE(futex, RESULT_NUMBER,
		  {ONLY(&word),
		   VALUES(VALUE(FUTEX_WAIT), VALUE(FUTEX_WAIT_PRIVATE), VALUE(FUTEX_WAIT_BITSET),
			  VALUE(FUTEX_WAIT | FUTEX_CLOCK_REALTIME),
			  VALUE(FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME)),
		   VALUES(VALUE(0), VALUE(1)),
		   VALUES(VALUE(&times[1]), VALUE(&times[2]), VALUE(&times[3]), VALUE(&times[4])),
		   ONLY(0), VALUES(VALUE(0), VALUE(1))}),
	    TABLE(futex, RESULT_NUMBER,
		  {ONLY(&word), each_bit(FUTEX_WAKE), ONLY(1), ONLY(0), ONLY(&word), ONLY(0)}),
	    TABLE(getgroups, RESULT_ANY,
		  {VALUES(VALUE(-1), VALUE(0), VALUE(0x80000000)), ONLY(buffer)}),
	    TABLE(getpgid, RESULT_ANY, {VALUES(VALUE(0), VALUE(0x7ffffff0), VALUE(-1))}),
	    TABLE(getsid, RESULT_ANY, {VALUES(VALUE(0), VALUE(0x7ffffff0), VALUE(-1))}),
	    TABLE(setpgid, RESULT_NUMBER,
		  {VALUES(VALUE(0x7ffffff0), VALUE(-1)), VALUES(VALUE(0), VALUE(-1))}),
	    TABLE(setpgid, RESULT_NUMBER, {ONLY(0), VALUES(VALUE(-1), VALUE(0x80000000))}),
	    TABLE(setuid, RESULT_NUMBER, {ONLY(-1)}),
	    TABLE(setgid, RESULT_NUMBER, {ONLY(-1)}),
	    TABLE(getpriority, RESULT_ANY,
		  {VALUES(VALUE(0), VALUE(1), VALUE(2), VALUE(3), VALUE(-1)),
		   VALUES(VALUE(0), VALUE(0x7ffffff0), VALUE(-1))}),
	    TABLE(getcpu, RESULT_NUMBER,
		  {VALUES(VALUE(0), VALUE(buffer)), VALUES(VALUE(0), VALUE(buffer)),
		   VALUES(VALUE(0), VALUE(1))}),
	};
	call_tables(tables, COUNT(tables));
}

/* No descriptor here is a socket. */
static void call_sockets(void)
{
	const struct table tables[] = {
	    TABLE(bind, RESULT_NUMBER, {descriptors, ONLY(buffer), VALUES(VALUE(16), VALUE(-1))},
		  make_descriptors),
	    TABLE(listen, RESULT_NUMBER, {descriptors, ONLY(1)}, make_descriptors),
	    TABLE(connect, RESULT_NUMBER, {descriptors, ONLY(buffer), VALUES(VALUE(16), VALUE(-1))},
		  make_descriptors),
	    TABLE(accept4, RESULT_NUMBER,
		  {descriptors, ONLY(0), ONLY(0), VALUES(VALUE(0), VALUE(1))}, make_descriptors),
	    TABLE(getsockname, RESULT_NUMBER, {descriptors, ONLY(buffer), ONLY(buffer)},
		  make_descriptors),
	    TABLE(getpeername, RESULT_NUMBER, {descriptors, ONLY(buffer), ONLY(buffer)},
		  make_descriptors),
	    TABLE(shutdown, RESULT_NUMBER, {descriptors, VALUES(VALUE(0), VALUE(5))},
		  make_descriptors),
	    TABLE(getsockopt, RESULT_NUMBER,
		  {descriptors, ONLY(SOL_SOCKET), ONLY(SO_TYPE), ONLY(buffer), ONLY(buffer)},
		  make_descriptors),
	    TABLE(setsockopt, RESULT_NUMBER,
		  {descriptors, ONLY(SOL_SOCKET), ONLY(SO_TYPE), ONLY(buffer),
		   VALUES(VALUE(4), VALUE(-1))},
		  make_descriptors),
	    TABLE(sendto, RESULT_NUMBER,
		  {descriptors, ONLY(buffer), ONLY(1), ONLY(0), ONLY(0), ONLY(0)},
		  make_descriptors),
	    TABLE(recvfrom, RESULT_NUMBER,
		  {descriptors, ONLY(buffer), ONLY(1), ONLY(0), ONLY(0), ONLY(0)},
		  make_descriptors),
	};
	call_tables(tables, COUNT(tables));
}

int main(void)
{
	static char output[1 << 16];
	setvbuf(stdout, output, _IOFBF, sizeof(output));
	exceptions = own_exceptions;
	enter_folder();
	call_mapping();
	call_time();
	call_signals();
	call_process();
	call_sockets();
	syscall(SYS_close_range, FILE_BOTH, ~0U, 0);
	leave_folder();
	return 0;
}

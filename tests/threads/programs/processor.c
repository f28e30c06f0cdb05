/* Processor time: of the process and its threads, by every way to ask; waiting is not using.
 * Prints what must be the same on any system: comparisons, with bounds that a busy machine keeps.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND 1000000L
#define WAIT_NS	    (300 * MILLISECOND)
#define WORK_NS	    (60 * MILLISECOND)

static long read_clock(clockid_t clock)
{
	struct timespec time;
	if (clock_gettime(clock, &time))
		return -1;
	return time.tv_sec * 1000000000L + time.tv_nsec;
}

static long process_ns(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static long thread_ns(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

/* Uses that much. */
static void work(long nanoseconds)
{
	for (long end = thread_ns() + nanoseconds; thread_ns() < end;)
		;
}

/* ── waits ───────────────────────────────────────────────────────────────────────────────────── */

static const struct timespec wait_time = {0, WAIT_NS};
static sem_t semaphore;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

static struct timespec deadline(void)
{
	struct timespec time;
	clock_gettime(CLOCK_REALTIME, &time);
	time.tv_nsec += WAIT_NS;
	if (time.tv_nsec >= 1000000000) {
		time.tv_nsec -= 1000000000;
		time.tv_sec++;
	}
	return time;
}

static void wait_somehow(int way)
{
	const struct timespec until = deadline();
	switch (way) {
	case 0:
		nanosleep(&wait_time, NULL);
		break;
	case 1:
		poll(NULL, 0, WAIT_NS / MILLISECOND);
		break;
	case 2:
		sem_timedwait(&semaphore, &until);
		break;
	case 3:
		pthread_mutex_lock(&mutex);
		pthread_cond_timedwait(&condition, &mutex, &until);
		pthread_mutex_unlock(&mutex);
		break;
	case 4:
		clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL);
		break;
	}
}

/* What a guest's processor waits for one of the host's counts as used, so that nothing is said of how
 * much a busy host lets pass besides. */
static void test_waits(void)
{
	for (int way = 0; way < 5; way++) {
		long passed = read_clock(CLOCK_MONOTONIC);
		long process = process_ns(), thread = thread_ns();
		wait_somehow(way);
		thread = thread_ns() - thread;
		process = process_ns() - process;
		passed = read_clock(CLOCK_MONOTONIC) - passed;
		printf("waits %d: %d %d %d\n", way, passed >= WAIT_NS - MILLISECOND,
		       passed - process > WAIT_NS / 2, passed - thread > WAIT_NS / 2);
	}
}

/* ── every way to ask ────────────────────────────────────────────────────────────────────────── */

static long of_timeval(struct timeval time)
{
	return time.tv_sec * 1000000000L + time.tv_usec * 1000L;
}

static long of_usage(int who)
{
	struct rusage usage;
	getrusage(who, &usage);
	return of_timeval(usage.ru_utime) + of_timeval(usage.ru_stime);
}

static long of_times(void)
{
	struct tms used;
	times(&used);
	return (used.tms_utime + used.tms_stime) * (1000000000L / sysconf(_SC_CLK_TCK));
}

/* The 14th and 15th word; the second is in parentheses. */
static long of_proc(void)
{
	char text[1024];
	unsigned long user = 0, system = 0;
	FILE *file = fopen("/proc/self/stat", "r");
	size_t length = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[length] = 0;
	const char *next = strrchr(text, ')');
	for (int word = 2; next && word < 14; word++)
		next = strchr(next + 1, ' ');
	if (!next || sscanf(next, "%lu %lu", &user, &system) != 2)
		return -1;
	return (long)(user + system) * (1000000000L / sysconf(_SC_CLK_TCK));
}

static int is_near(long one, long other)
{
	const long difference = one > other ? one - other : other - one;
	return difference < 500 * MILLISECOND; /* less than what was waited */
}

static void test_ways(void)
{
	clockid_t process, own, thread;
	work(WORK_NS);
	printf("clock %d, times %d, getrusage %d %d, /proc %d\n",
	       is_near(process_ns(), clock() * (1000000000L / CLOCKS_PER_SEC)),
	       is_near(process_ns(), of_times()), is_near(process_ns(), of_usage(RUSAGE_SELF)),
	       is_near(thread_ns(), of_usage(RUSAGE_THREAD)), is_near(process_ns(), of_proc()));
	printf("ids %d %d %d\n", clock_getcpuclockid(0, &process),
	       clock_getcpuclockid(getpid(), &own), pthread_getcpuclockid(pthread_self(), &thread));
	printf("by ids %d %d %d\n", is_near(process_ns(), read_clock(process)),
	       is_near(process_ns(), read_clock(own)), is_near(thread_ns(), read_clock(thread)));
	printf("of nobody: %d\n", clock_getcpuclockid(12345678, &process) != 0);
}

static void test_ids(void)
{
	static const struct {
		unsigned id, low;
	} clocks[] = {{0, 0}, {0, 1}, {0, 2},	     {0, 3},	    {0, 4},	    {0, 5},
		      {0, 6}, {0, 7}, {12345678, 2}, {12345678, 6}, {0x1fffffff, 2}};
	struct timespec time;
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		const long clock = (int)(~clocks[i].id << 3 | clocks[i].low);
		errno = 0;
		long result = syscall(SYS_clock_gettime, clock, &time);
		printf("clock of %u, %u: %ld %s", clocks[i].id, clocks[i].low, result,
		       strerror(errno));
		errno = 0;
		result = syscall(SYS_clock_getres, clock, &time);
		printf(", %ld %s\n", result, strerror(errno));
		if (!result && (clocks[i].low & 3) == 2)
			printf("  %ld %ld\n", (long)time.tv_sec, time.tv_nsec);
	}
	for (clockid_t clock = 2; clock <= 3; clock++) {
		const int result = clock_getres(clock, &time);
		printf("resolution: %d %ld %ld\n", result, (long)time.tv_sec, time.tv_nsec);
	}
}

/* ── threads ─────────────────────────────────────────────────────────────────────────────────── */

static volatile int stop;
static volatile long seen[2];

static void *burn(void *place)
{
	long last = 0, process = 0, backwards = 0;
	while (!stop) {
		long now = thread_ns(), all = process_ns();
		backwards += now < last || all < process;
		last = now;
		process = all;
		*(volatile long *)place = now;
	}
	return (void *)backwards;
}

static void *work_once(void *unused)
{
	work(WORK_NS);
	return unused;
}

static void test_threads(void)
{
	pthread_t threads[2];
	clockid_t clocks[2];
	void *backwards[2];
	long process = process_ns(), own = thread_ns();
	pthread_create(&threads[0], NULL, work_once, NULL);
	pthread_join(threads[0], NULL);
	process = process_ns() - process;
	own = thread_ns() - own;
	printf("one works: %d %d\n", process >= WORK_NS, own < process);

	process = process_ns();
	for (int i = 0; i < 2; i++) {
		pthread_create(&threads[i], NULL, burn, (void *)&seen[i]);
		pthread_getcpuclockid(threads[i], &clocks[i]);
	}
	long passed = read_clock(CLOCK_MONOTONIC);
	own = thread_ns();
	while (seen[0] < WORK_NS || seen[1] < WORK_NS)
		usleep(10000);
	own = thread_ns() - own;
	passed = read_clock(CLOCK_MONOTONIC) - passed;
	const long first = seen[0], from_outside = read_clock(clocks[0]);
	stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], &backwards[i]);
	process = process_ns() - process;
	printf("two work: %d %d %d, from outside %d, backwards %ld %ld\n", process >= 2 * WORK_NS,
	       process >= seen[0] + seen[1], passed - own > WORK_NS / 2, from_outside >= first,
	       (long)backwards[0], (long)backwards[1]);
	printf("of one that ended: %ld\n", read_clock(clocks[0]));
}

/* ── sleeping by it ──────────────────────────────────────────────────────────────────────────── */

static void test_sleeps(void)
{
	pthread_t thread;
	clockid_t clock;
	struct timespec time = {0, WORK_NS};
	long process = process_ns();
	stop = 0;
	pthread_create(&thread, NULL, burn, (void *)&seen[0]);
	int result = clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &time, NULL);
	printf("by the process: %d %d\n", result, process_ns() - process >= WORK_NS);
	pthread_getcpuclockid(thread, &clock);
	const long until = read_clock(clock) + WORK_NS;
	time = (struct timespec){until / 1000000000, until % 1000000000};
	result = clock_nanosleep(clock, TIMER_ABSTIME, &time, NULL);
	printf("by a thread: %d %d\n", result, read_clock(clock) >= until);
	printf("in the past: %d\n", clock_nanosleep(clock, TIMER_ABSTIME, &time, NULL));
	printf("by its own: %ld",
	       syscall(SYS_clock_nanosleep, (int)(~0U << 3 | 6), 0, &time, NULL));
	printf(" %s\n", strerror(errno));
	stop = 1;
	pthread_join(thread, NULL);
}

int main(void)
{
	sem_init(&semaphore, 0, 0);
	test_waits();
	test_ways();
	test_ids();
	test_threads();
	test_sleeps();
	return 0;
}

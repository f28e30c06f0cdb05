/* Edges of clocks, sleeping and timers. */
#include <limits.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

#include "errors.h"

#define SECOND 1000000000L

static void test_clocks(void)
{
	struct timespec time;
	static const int clocks[] = {0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 16, 99, INT_MAX, -1};
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		printf("clock %d ", clocks[i]);
		TRY(syscall(SYS_clock_gettime, clocks[i], &time));
		printf("clock %d ", clocks[i]);
		TRY(syscall(SYS_clock_getres, clocks[i], &time));
	}
	TRY(syscall(SYS_clock_getres, CLOCK_REALTIME, NULL));
	TRY(gettimeofday(NULL, NULL));
	TRY_ANY(syscall(SYS_time, NULL));
	TRY_ANY(times(NULL));
}

static void test_sleep(void)
{
	struct timespec zero = {0, 0}, short_time = {0, 1000}, left = {7, 7};
	struct timespec negative = {-1, 0}, odd = {0, SECOND}, below = {0, -1};
	struct timespec now, past = {1, 0};
	TRY(nanosleep(&zero, NULL));
	TRY(nanosleep(&short_time, &left));
	printf("left %ld\n", (long)left.tv_sec);
	TRY(nanosleep(&negative, NULL));
	TRY(nanosleep(&odd, NULL));
	TRY(nanosleep(&below, NULL));
	TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &past, NULL));
	TRY(syscall(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &past, NULL));
	TRY(syscall(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &negative, NULL));
	TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &odd, NULL));
	TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &zero, NULL));
	TRY(syscall(SYS_clock_nanosleep, 99, 0, &zero, NULL));
	TRY(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &zero, NULL));
	TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, &zero, NULL));
	TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_COARSE, 0, &zero, NULL));
	TRY(syscall(SYS_clock_nanosleep, CLOCK_BOOTTIME, 0, &zero, NULL));
	TRY(clock_gettime(CLOCK_MONOTONIC, &now));
	now.tv_nsec += 2000000;
	if (now.tv_nsec >= SECOND) {
		now.tv_nsec -= SECOND;
		now.tv_sec++;
	}
	TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &now, NULL));
	struct timespec after;
	clock_gettime(CLOCK_MONOTONIC, &after);
	printf("late %d\n", after.tv_sec > now.tv_sec ||
				(after.tv_sec == now.tv_sec && after.tv_nsec >= now.tv_nsec));
}

static void test_interval_timers(void)
{
	struct itimerval value = {{0, 0}, {100, 0}}, old = {{9, 9}, {9, 9}};
	TRY(setitimer(ITIMER_REAL, &value, &old));
	printf("old %ld %ld\n", (long)old.it_value.tv_sec, (long)old.it_interval.tv_sec);
	TRY(getitimer(ITIMER_REAL, &old));
	printf("left %d\n", old.it_value.tv_sec >= 98);
	TRY(alarm(50) >= 99);
	TRY(alarm(0));
	TRY(alarm(0));
	TRY(getitimer(ITIMER_REAL, &old));
	printf("left %ld\n", (long)old.it_value.tv_sec);
	TRY(getitimer(7, &old));
	TRY(setitimer(7, &value, NULL));
	TRY(setitimer(-1, &value, NULL));
	value.it_value.tv_usec = 1000000;
	TRY(setitimer(ITIMER_REAL, &value, NULL));
	value.it_value.tv_usec = -1;
	TRY(setitimer(ITIMER_REAL, &value, NULL));
	value.it_value = (struct timeval){-1, 0};
	TRY(setitimer(ITIMER_REAL, &value, NULL));
	TRY(alarm(UINT_MAX));
	TRY(alarm(0) > 1000000);
}

static void test_timers(void)
{
	int timer = -1, second = -1;
	struct sigevent event = {.sigev_notify = SIGEV_NONE};
	struct itimerspec value = {{0, 0}, {100, 0}}, old;
	TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer));
	TRY(syscall(SYS_timer_create, CLOCK_REALTIME, NULL, &second));
	printf("numbers %d %d\n", timer, second);
	TRY(syscall(SYS_timer_create, 99, &event, &timer));
	TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC_RAW, &event, &timer));
	event.sigev_notify = 77;
	TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer));
	event = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65};
	TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer));
	event = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 0};
	TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer));
	event = (struct sigevent){.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM};
	event._sigev_un._tid = INT_MAX;
	TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer));
	TRY(syscall(SYS_timer_settime, timer, 0, &value, &old));
	printf("old %ld\n", (long)old.it_value.tv_sec);
	TRY(syscall(SYS_timer_gettime, timer, &old));
	printf("left %d\n", old.it_value.tv_sec >= 98);
	TRY(syscall(SYS_timer_settime, 77, 0, &value, NULL));
	TRY(syscall(SYS_timer_settime, -1, 0, &value, NULL));
	value.it_value.tv_nsec = SECOND;
	TRY(syscall(SYS_timer_settime, timer, 0, &value, NULL));
	value.it_value.tv_nsec = 0;
	value.it_interval.tv_nsec = -1;
	TRY(syscall(SYS_timer_settime, timer, 0, &value, NULL));
	TRY(syscall(SYS_timer_settime, timer, 64, &value, NULL));
	TRY(syscall(SYS_timer_getoverrun, timer));
	TRY(syscall(SYS_timer_getoverrun, 77));
	TRY(syscall(SYS_timer_gettime, 77, &old));
	TRY(syscall(SYS_timer_delete, timer));
	TRY(syscall(SYS_timer_delete, timer));
	TRY(syscall(SYS_timer_delete, second));
}

int main(void)
{
	test_clocks();
	test_sleep();
	test_interval_timers();
	test_timers();
	return 0;
}

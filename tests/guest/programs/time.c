/* The clocks: they go forward, agree with each other, and sleep as long as they are told. */
#include <stdio.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static double now(clockid_t clock)
{
	struct timespec time;
	return clock_gettime(clock, &time) ? -1 : (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(void)
{
	char text[64];
	unsigned backwards = 0;
	double last = now(CLOCK_MONOTONIC), begin = last;
	for (int i = 0; i < 1000; i++) {
		double next = now(CLOCK_MONOTONIC);
		backwards += next < last;
		last = next;
	}
	printf("backwards: %u\n", backwards);
	const struct timespec pause = {0, 20000000};
	printf("sleep: %d\n", nanosleep(&pause, NULL));
	double slept = now(CLOCK_MONOTONIC) - begin;
	printf("long enough: %d, not too long: %d\n", slept >= 0.02, slept < 10);
	struct timeval day;
	gettimeofday(&day, NULL);
	double difference = now(CLOCK_REALTIME) - (double)day.tv_sec;
	printf("agree: %d %d\n", difference >= 0 && difference < 10, time(NULL) - day.tv_sec < 10);
	printf("later than 2026: %d\n", time(NULL) > 1767225600);
	const time_t moment = 1000000000;
	struct tm parts;
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", gmtime_r(&moment, &parts));
	printf("%s\n", text);
	printf("processor: %d\n", now(CLOCK_PROCESS_CPUTIME_ID) >= 0);
	return 0;
}

/* A program whose clones must not be alike: test_clones.c compares what they tell. Everything that
 * could be remembered was used before the request. */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "clones.h"

static unsigned long nanoseconds(clockid_t clock)
{
	struct timespec time;
	clock_gettime(clock, &time);
	return (unsigned long)time.tv_sec * 1000000000UL + (unsigned long)time.tv_nsec;
}

/* The 22nd word of /proc/self/stat; the second is in parentheses. */
static unsigned long start_ticks(void)
{
	char text[1024];
	unsigned long ticks = 0;
	int file = open("/proc/self/stat", O_RDONLY);
	ssize_t length = read(file, text, sizeof(text) - 1);
	close(file);
	text[length > 0 ? length : 0] = 0;
	char *next = strrchr(text, ')');
	for (int word = 2; next && word < 22; word++)
		next = strchr(next + 1, ' ');
	if (next)
		sscanf(next, "%lu", &ticks);
	return ticks;
}

static int tell(struct clone_tale *tale, int urandom)
{
	if (getrandom(tale->random[0], CLONE_RANDOM_SIZE, 0) != CLONE_RANDOM_SIZE ||
	    read(urandom, tale->random[1], CLONE_RANDOM_SIZE) != CLONE_RANDOM_SIZE)
		return 1;
	memcpy(tale->random[2], (const void *)getauxval(AT_RANDOM), CLONE_RANDOM_SIZE);
	tale->realtime_ns = nanoseconds(CLOCK_REALTIME);
	tale->monotonic_ns = nanoseconds(CLOCK_MONOTONIC);
	tale->thread_used_ns = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
	tale->used_ns = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
	tale->start_ticks = start_ticks();
	return 0;
}

/* How much of what passes is not used. */
static unsigned long sleep_once(void)
{
	const unsigned long passed = nanoseconds(CLOCK_MONOTONIC);
	const unsigned long used = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
	usleep(CLONE_SLEEP_NS / 1000);
	const unsigned long used_then = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
	return nanoseconds(CLOCK_MONOTONIC) - passed - (used_then - used);
}

int main(void)
{
	struct clone_tale tale;
	char request[16];
	int urandom = open("/dev/urandom", O_RDONLY);
	tale.asleep_ns = sleep_once();
	if (tell(&tale, urandom))
		return 1;
	tale.used_before_ns = tale.used_ns;
	tale.thread_used_before_ns = tale.thread_used_ns;
	if (read(0, request, sizeof(request)) < 0 || tell(&tale, urandom))
		return 1;
	return write(1, &tale, sizeof(tale)) != sizeof(tale);
}

/* The deadline's timer: it sets its flag, no other system call fails by its signal, arming it for a
 * later time takes back that it passed, and a timer that is released leaves the flag alone. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "monitor/isolation/deadline.h"
#include "util/clock.h"

#define SOON_NS 2000000UL

/* ThreadSanitizer does so until a call that it intercepts ends. */
#ifdef __SANITIZE_THREAD__
#define HANDLERS_ARE_PUT_OFF true
#else
#define HANDLERS_ARE_PUT_OFF false
#endif

static volatile uint8_t *map_flag(void)
{
	void *page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return CHECK(page != MAP_FAILED) ? page : NULL;
}

/* Ends when the flag is set, after ten seconds at the latest. */
static pid_t start_watcher(const volatile uint8_t *flag)
{
	pid_t watcher = fork();
	if (watcher)
		return watcher;
	const struct timespec pause = {.tv_nsec = 1000000};
	for (int i = 0; i < 10000 && !*flag; i++)
		nanosleep(&pause, NULL);
	_exit(*flag ? 0 : 1);
}

static void test_passes(void)
{
	struct error error = {0};
	struct deadline deadline;
	int status = -1;
	volatile uint8_t *flag = HANDLERS_ARE_PUT_OFF ? NULL : map_flag();
	if (!flag)
		return;
	deadline_init(&deadline, flag);
	pid_t watcher = start_watcher(flag);
	CHECK(watcher > 0);
	CHECK_NUMBER(deadline_arm(&deadline, clock_now_ns() + SOON_NS, &error), 0);
	CHECK_NUMBER(waitpid(watcher, &status, 0), watcher);
	CHECK_NUMBER(status, 0);

	CHECK_NUMBER(deadline_arm(&deadline, clock_now_ns() + 60 * NANOSECONDS_PER_SECOND, &error),
		     0);
	CHECK_NUMBER(*flag, 0);
	deadline_release(&deadline);
}

/* By a call that ThreadSanitizer does not intercept. */
static void spin_until(uint64_t when_ns)
{
	struct timespec now = {0};
	while ((uint64_t)now.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)now.tv_nsec < when_ns)
		syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
}

/* The time has passed, and the handler may not have been called yet. */
static void test_release_is_final(void)
{
	struct error error = {0};
	struct deadline deadline;
	volatile uint8_t *flag = map_flag();
	if (!flag)
		return;
	deadline_init(&deadline, flag);
	const uint64_t when_ns = clock_now_ns() + SOON_NS;
	CHECK_NUMBER(deadline_arm(&deadline, when_ns, &error), 0);
	spin_until(when_ns + 20 * SOON_NS);
	deadline_release(&deadline);
	const uint8_t then = *flag;
	clock_now_ns();
	CHECK_NUMBER(*flag, then);
	CHECK_NUMBER(munmap((void *)flag, 1), 0);
}

int main(void)
{
	test_passes();
	test_release_is_final();
	return check_status();
}

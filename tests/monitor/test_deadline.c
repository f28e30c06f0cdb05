/* The deadline's timer: it sets its flag, no other system call fails by its signal, and arming it
 * for a later time takes back that it passed. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "deadline.h"
#include "util/clock.h"

#define SOON_NS 2000000UL

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
	volatile uint8_t *flag =
	    mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!CHECK(flag != MAP_FAILED))
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

int main(void)
{
#ifdef __SANITIZE_THREAD__
	puts("skipped: ThreadSanitizer puts off handlers while a system call waits");
	return 77;
#endif
	test_passes();
	return check_status();
}

/* A guest that does what the first letter of its request names, for test_monitor_calls.py: each
 * makes the monitor use other rights of its own. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "vaccel.h"

/* More than the window holds on to. */
#define LARGE (4UL << 20)

static volatile sig_atomic_t ticked;

static void tick(int signal)
{
	(void)signal;
	ticked = 1;
}

static int write_much(void)
{
	char *text = malloc(LARGE);
	if (!text)
		return 1;
	memset(text, 'x', LARGE);
	return fwrite(text, 1, LARGE, stdout) == LARGE ? 0 : 1;
}

/* The monitor interrupts it. */
static int spin_until_tick(void)
{
	struct sigaction action = {.sa_handler = tick};
	const struct itimerval soon = {.it_value.tv_usec = 20000};
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	while (!ticked)
		;
	return 0;
}

static int accelerate(void)
{
	struct vaccel_session session;
	int result = vaccel_session_init(&session, VACCEL_PLUGIN_DEBUG);
	if (!result)
		result = vaccel_noop(&session);
	return result;
}

int main(void)
{
	char what = 0;
	if (read(STDIN_FILENO, &what, 1) != 1)
		return 1;
	switch (what) {
	case 'a':
		return accelerate();
	case 'f':
		return access("/etc/hostname", R_OK);
	case 'l':
		return write_much();
	case 's':
		return nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	case 't':
		return spin_until_tick();
	case 'w':
		for (;;)
			;
	default:
		return 0;
	}
}

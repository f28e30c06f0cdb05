/* The program of test_signals: its request says where it is when a signal comes. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t caught;

static void note(int signal)
{
	caught = signal;
}

static void say(const char *text)
{
	if (write(STDOUT_FILENO, text, strlen(text)) < 0)
		_exit(9);
}

static void *idle(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return NULL;
}

static void wait_for_child(void)
{
	pid_t child = fork();
	int status;
	if (!child) {
		signal(SIGTERM, SIG_DFL);
		for (;;)
			pause();
	}
	/* The signal is this process', and not its child's. */
	while (waitpid(child, &status, 0) < 0 && !caught)
		;
	kill(child, SIGKILL);
}

static void wait_in_set(void)
{
	sigset_t set;
	int signal = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	say("ready\n");
	sigwait(&set, &signal);
	caught = signal;
}

static void catch_by(int flags)
{
	struct sigaction action = {.sa_handler = note, .sa_flags = flags};
	sigaction(SIGTERM, &action, NULL);
}

int main(void)
{
	char mode = 0, more;
	pthread_t thread;
	if (read(STDIN_FILENO, &mode, 1) != 1)
		return 3;
	if (mode != 'd')
		catch_by(mode == 'r' || mode == 'f' ? 0 : SA_RESTART);
	if (mode == 'w') {
		wait_in_set();
	} else {
		if (mode == 't' && pthread_create(&thread, NULL, idle, NULL))
			return 4;
		say("ready\n");
	}
	switch (mode) {
	case 'c': /* computes */
		while (!caught)
			;
		break;
	case 'p': /* waits for ever, alone */
	case 't': /* and beside another thread */
	case 'd': /* without a handler */
		while (!caught)
			pause();
		break;
	case 's': /* sleeps */
		while (!caught && !sleep(1000))
			;
		break;
	case 'r': /* reads what does not come */
		while (!caught && read(STDIN_FILENO, &more, 1) < 0 && errno == EINTR)
			;
		break;
	case 'f':
		wait_for_child();
		break;
	default:
		break;
	}
	printf("caught %d\n", caught);
	return caught ? 7 : 5;
}

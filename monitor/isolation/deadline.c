/* A deadline for a thread in KVM_RUN; see deadline.h. */
#include "deadline.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "util/clock.h"

#define DEADLINE_SIGNAL SIGRTMIN

/* ThreadSanitizer delays handlers of signals that arrive outside of calls that it knows to block.
 * KVM_RUN may then be entered before the flag is set, so the signal is sent again. */
#ifdef __SANITIZE_THREAD__
#define REPEAT_NS (10 * 1000000L)
#else
#define REPEAT_NS 0L
#endif

/* A signal that arrives before KVM_RUN is entered is not lost: the flag is kvm_run.immediate_exit,
 * which the kernel looks at on entry. */
static void deadline_passed(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	volatile uint8_t *flag = info->si_value.sival_ptr;
	*flag = 1;
}

void deadline_init(struct deadline *deadline, volatile uint8_t *flag)
{
	*deadline = (struct deadline){.flag = flag};
}

/* The kernel delivers a signal that the timer sent before at the end of timer_delete() at the
 * latest. ThreadSanitizer has then noted it, and calls the handler at the end of the next call that
 * it intercepts. That may be the munmap() of the flag, so it is this one, which does nothing. */
static void deadline_await_handler(void)
{
#ifdef __SANITIZE_THREAD__
	pthread_sigmask(SIG_BLOCK, NULL, NULL);
#endif
}

void deadline_release(struct deadline *deadline)
{
	if (!deadline->thread)
		return;
	timer_delete(deadline->timer);
	deadline_await_handler();
	deadline->thread = 0;
}

static int deadline_create_timer(struct deadline *deadline, pid_t thread, struct error *error)
{
	deadline_release(deadline);
	/* SA_RESTART: KVM_RUN is interrupted all the same, but other calls go on when the signal
	 * comes after the request. */
	struct sigaction action = {.sa_sigaction = deadline_passed,
				   .sa_flags = SA_SIGINFO | SA_RESTART};
	if (sigaction(DEADLINE_SIGNAL, &action, NULL))
		return error_set_errno(error, errno, "cannot handle the deadline's signal");
	struct sigevent event = {
	    .sigev_notify = SIGEV_THREAD_ID,
	    .sigev_signo = DEADLINE_SIGNAL,
	    .sigev_value.sival_ptr = (void *)deadline->flag,
	};
	event._sigev_un._tid = thread;
	if (timer_create(CLOCK_MONOTONIC, &event, &deadline->timer))
		return error_set_errno(error, errno, "cannot create the deadline's timer");
	deadline->thread = thread;
	deadline->armed_ns = 0;
	return 0;
}

int deadline_arm(struct deadline *deadline, uint64_t when_ns, struct error *error)
{
	pid_t thread = gettid();
	if (thread != deadline->thread) {
		int result = deadline_create_timer(deadline, thread, error);
		if (result)
			return result;
	}
	if (deadline->armed_ns <= when_ns && deadline->armed_ns > clock_now_ns())
		return 0;
	*deadline->flag = 0; /* an earlier time that has passed no longer counts */
	struct itimerspec when = {
	    .it_interval.tv_nsec = REPEAT_NS,
	    .it_value.tv_sec = (time_t)(when_ns / NANOSECONDS_PER_SECOND),
	    .it_value.tv_nsec = (long)(when_ns % NANOSECONDS_PER_SECOND),
	};
	if (timer_settime(deadline->timer, TIMER_ABSTIME, &when, NULL))
		return error_set_errno(error, errno, "cannot arm the deadline's timer");
	deadline->armed_ns = when_ns;
	return 0;
}

/* Policies and priorities, as Linux answers a user without rights: the system calls with good and
 * bad arguments, and what C libraries make of them. Prints what must be the same on any system. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NICE 15 /* to begin with: the test may have been started with any below */

struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t least, most;
	uint64_t later;
};

static const int policies[] = {0, 1, 2, 3, 5, 6, 4, 77, -1};
#define POLICIES (sizeof(policies) / sizeof(policies[0]))

static void show(const char *call, long result)
{
	if (result == -1)
		printf("%s: %s\n", call, strerror(errno));
	else
		printf("%s: %ld\n", call, result);
}
#define TRY(call) show(#call, (long)(call))

static long set_scheduler(int thread, int policy, int priority)
{
	const int parameter = priority;
	return syscall(SYS_sched_setscheduler, thread, policy, &parameter);
}

static long set_parameter(int thread, int priority)
{
	const int parameter = priority;
	return syscall(SYS_sched_setparam, thread, &parameter);
}

static long get_parameter(int thread)
{
	int parameter = -1;
	return syscall(SYS_sched_getparam, thread, &parameter) ? -1 : parameter;
}

/* Before anything else: no rights, and a nice value that is the same everywhere. */
static void drop_rights(void)
{
	const struct rlimit none = {0, 0};
	setrlimit(RLIMIT_NICE, &none);
	setrlimit(RLIMIT_RTPRIO, &none);
	setpgid(0, 0);
	setpriority(PRIO_PROCESS, 0, NICE);
	if (!geteuid() && setuid(12345))
		perror("setuid");
}

static void test_ranges(void)
{
	for (size_t i = 0; i < POLICIES; i++) {
		printf("policy %d\n", policies[i]);
		TRY(syscall(SYS_sched_get_priority_min, policies[i]));
		TRY(syscall(SYS_sched_get_priority_max, policies[i]));
	}
	struct rlimit limit;
	TRY(getrlimit(RLIMIT_NICE, &limit) ?: (long)limit.rlim_cur);
	TRY(getrlimit(RLIMIT_RTPRIO, &limit) ?: (long)limit.rlim_cur);
}

static void test_policies(void)
{
	static const int priorities[] = {0, 1, 50, 99, 100, -1};
	struct timespec interval = {0, -1};
	int other = 0x40000000; /* SCHED_RESET_ON_FORK */
	for (size_t i = 0; i < POLICIES; i++) {
		if (policies[i] == 5 || policies[i] < 0)
			continue;
		for (size_t j = 0; j < sizeof(priorities) / sizeof(priorities[0]); j++) {
			printf("policy %d, priority %d\n", policies[i], priorities[j]);
			TRY(set_scheduler(0, policies[i], priorities[j]));
			TRY(syscall(SYS_sched_getscheduler, 0));
		}
	}
	TRY(set_scheduler(0, -1, 0));
	TRY(set_scheduler(-1, 0, 0));
	TRY(set_scheduler(12345678, 0, 0));
	TRY(set_scheduler(getpid(), 0, 0));
	TRY(syscall(SYS_sched_setscheduler, 0, 0, NULL));
	TRY(syscall(SYS_sched_setscheduler, 0, 0, 16));
	TRY(set_parameter(0, 0));
	TRY(set_parameter(0, 1));
	TRY(set_parameter(0, 100));
	TRY(set_parameter(-1, 0));
	TRY(set_parameter(12345678, 0));
	TRY(syscall(SYS_sched_setparam, 0, NULL));
	TRY(get_parameter(0));
	TRY(get_parameter(getpid()));
	TRY(get_parameter(-1));
	TRY(get_parameter(12345678));
	TRY(syscall(SYS_sched_getparam, 0, NULL));
	TRY(syscall(SYS_sched_getparam, 0, 16));
	TRY(syscall(SYS_sched_getscheduler, -1));
	TRY(syscall(SYS_sched_getscheduler, 12345678));
	TRY(syscall(SYS_sched_rr_get_interval, 0, &interval));
	printf("an interval: %d\n", !interval.tv_sec && interval.tv_nsec >= 0);
	TRY(syscall(SYS_sched_rr_get_interval, -1, &interval));
	TRY(syscall(SYS_sched_rr_get_interval, 12345678, &interval));
	TRY(syscall(SYS_sched_rr_get_interval, 0, 16));
	TRY(set_scheduler(0, other | 3, 0));
	TRY(syscall(SYS_sched_getscheduler, 0));
	TRY(set_scheduler(0, 0, 0));
}

static long set_attributes(struct attributes wanted, unsigned flags)
{
	return syscall(SYS_sched_setattr, 0, &wanted, flags);
}

static void show_attributes(unsigned size)
{
	struct attributes found;
	memset(&found, 0, sizeof(found));
	TRY(syscall(SYS_sched_getattr, 0, &found, size, 0));
	printf("  size %u, policy %u, flags %lu, nice %d, priority %u\n",
	       found.size < 48 ? found.size : 48, found.policy, (unsigned long)found.flags,
	       found.nice, found.priority);
}

static void test_attributes(void)
{
	struct attributes found, odd = {.size = 47};
	TRY(set_attributes((struct attributes){.size = 48, .nice = NICE}, 0));
	TRY(set_attributes((struct attributes){.nice = NICE}, 0));
	TRY(set_attributes((struct attributes){.size = 48, .nice = NICE + 1}, 0));
	show_attributes(48);
	TRY(set_attributes((struct attributes){.size = 48, .nice = NICE}, 0));
	TRY(set_attributes((struct attributes){.size = 48, .nice = NICE + 1, .policy = 3}, 0));
	TRY(set_attributes((struct attributes){.size = 48, .policy = 1, .priority = 1}, 0));
	TRY(set_attributes((struct attributes){.size = 48, .policy = 1}, 0));
	TRY(set_attributes((struct attributes){.size = 48, .policy = 6}, 0));
	TRY(set_attributes((struct attributes){.size = 48,
					       .policy = 6,
					       .runtime = 10000000,
					       .deadline = 30000000,
					       .period = 30000000},
			   0));
	TRY(set_attributes((struct attributes){.size = 48, .policy = 77}, 0));
	TRY(set_attributes((struct attributes){.size = 48, .policy = -1U}, 0));
	TRY(set_attributes((struct attributes){.size = 48, .flags = 1UL << 40}, 0));
	TRY(set_attributes((struct attributes){.size = 48, .nice = NICE + 1}, 1));
	TRY(set_attributes((struct attributes){.size = 48, .flags = 0x20, .nice = NICE + 1}, 0));
	/* Keeping the policy; then the rest, too. */
	TRY(set_attributes((struct attributes){.size = 48, .flags = 8, .nice = NICE + 2}, 0));
	TRY(set_attributes((struct attributes){.size = 48, .flags = 0x18, .nice = -20}, 0));
	show_attributes(48);
	show_attributes(56);
	/* Sizes: too small, and with something behind that nobody knows. */
	TRY(syscall(SYS_sched_setattr, 0, &odd, 0));
	printf("  known %d\n", odd.size >= 48);
	TRY(set_attributes((struct attributes){.size = 64, .nice = 19, .later = 0}, 0));
	TRY(set_attributes((struct attributes){.size = 64, .nice = 19, .later = 1}, 0));
	TRY(set_attributes((struct attributes){.size = 5000}, 0));
	TRY(syscall(SYS_sched_setattr, 0, NULL, 0));
	TRY(syscall(SYS_sched_setattr, 0, 16, 0));
	TRY(syscall(SYS_sched_setattr, -1, &found, 0));
	TRY(syscall(SYS_sched_getattr, 0, &found, 47, 0));
	TRY(syscall(SYS_sched_getattr, 0, &found, 4097, 0));
	TRY(syscall(SYS_sched_getattr, 0, &found, 48, 1));
	TRY(syscall(SYS_sched_getattr, 0, NULL, 48, 0));
	TRY(syscall(SYS_sched_getattr, 0, 16, 48, 0));
	TRY(syscall(SYS_sched_getattr, -1, &found, 48, 0));
	TRY(syscall(SYS_sched_getattr, 12345678, &found, 48, 0));
}

static void test_input_output(void)
{
	for (int class = 0; class < 8; class ++)
		for (int level = 0; level < 8; level += 7) {
			printf("class %d, level %d\n", class, level);
			TRY(syscall(SYS_ioprio_set, 1, 0, class << 13 | level));
			if (class == 2 || class == 3)
				TRY(syscall(SYS_ioprio_get, 1, 0));
		}
	TRY(syscall(SYS_ioprio_set, 0, 0, 2 << 13));
	TRY(syscall(SYS_ioprio_set, 4, 0, 2 << 13));
	TRY(syscall(SYS_ioprio_set, 1, 12345678, 2 << 13));
	TRY(syscall(SYS_ioprio_get, 0, 0));
	TRY(syscall(SYS_ioprio_get, 1, 12345678));
	TRY(syscall(SYS_ioprio_set, 2, 0, 2 << 13 | 3));
	TRY(syscall(SYS_ioprio_get, 2, 0));
}

static long result_of(int error)
{
	errno = error;
	return error ? -1 : 0;
}

static volatile pid_t ended;

static void *of_thread(void *unused)
{
	ended = (pid_t)syscall(SYS_gettid);
	TRY(syscall(SYS_getpriority, PRIO_PROCESS, 0));
	TRY(syscall(SYS_sched_getscheduler, 0));
	TRY(setpriority(PRIO_PROCESS, 0, 18));
	TRY(syscall(SYS_getpriority, PRIO_PROCESS, 0));
	return unused;
}

static void test_nice_values(void)
{
	pthread_t thread;
	TRY(syscall(SYS_getpriority, PRIO_PROCESS, 0));
	TRY(setpriority(PRIO_PROCESS, 0, NICE + 1));
	TRY(setpriority(PRIO_PROCESS, 0, NICE + 1));
	TRY(setpriority(PRIO_PROCESS, 0, NICE));
	TRY(setpriority(PRIO_PROCESS, 0, -30));
	TRY(setpriority(PRIO_PROCESS, 12345678, 19));
	TRY(setpriority(PRIO_PROCESS, -1, 19));
	TRY(setpriority(77, 0, 19));
	TRY(syscall(SYS_getpriority, 77, 0));
	TRY(syscall(SYS_getpriority, PRIO_PROCESS, 12345678));
	TRY(syscall(SYS_getpriority, PRIO_PROCESS, getpid()));
	TRY(syscall(SYS_getpriority, PRIO_PGRP, 0));
	pthread_create(&thread, NULL, of_thread, NULL);
	pthread_join(thread, NULL);
	/* It may still be there for a moment, with a nice value that may not become less. */
	for (int i = 0; i < 1000 && !syscall(SYS_tgkill, getpid(), ended, 0); i++)
		usleep(1000);
	TRY(syscall(SYS_getpriority, PRIO_PROCESS, 0));
	TRY(setpriority(PRIO_PGRP, 0, NICE + 2));
	TRY(syscall(SYS_getpriority, PRIO_PGRP, 0));
}

static void *nothing(void *unused)
{
	return unused;
}

static void try_thread(const char *name, int policy, int priority)
{
	pthread_attr_t attributes;
	pthread_t thread;
	const struct sched_param parameter = {.sched_priority = priority};
	printf("%s\n", name);
	pthread_attr_init(&attributes);
	TRY(result_of(pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED)));
	TRY(result_of(pthread_attr_setschedpolicy(&attributes, policy)));
	TRY(result_of(pthread_attr_setschedparam(&attributes, &parameter)));
	int error = pthread_create(&thread, &attributes, nothing, NULL);
	TRY(result_of(error));
	if (!error)
		pthread_join(thread, NULL);
}

static void test_libraries(void)
{
	struct sched_param parameter = {.sched_priority = 0};
	int policy = -1;
	TRY(sched_get_priority_min(SCHED_OTHER));
	TRY(sched_get_priority_max(SCHED_OTHER));
	TRY(sched_getscheduler(0));
	TRY(result_of(pthread_getschedparam(pthread_self(), &policy, &parameter)));
	printf("policy %d, priority %d\n", policy, parameter.sched_priority);
	TRY(result_of(pthread_setschedparam(pthread_self(), SCHED_OTHER, &parameter)));
	TRY(result_of(pthread_setschedprio(pthread_self(), 0)));
	parameter.sched_priority = 10;
	TRY(result_of(pthread_setschedparam(pthread_self(), SCHED_RR, &parameter)));
	TRY(result_of(pthread_setschedparam(pthread_self(), SCHED_OTHER, &parameter)));
	try_thread("other", SCHED_OTHER, 0);
	try_thread("other, priority 1", SCHED_OTHER, 1);
	try_thread("first in, first out", SCHED_FIFO, 1);
	try_thread("round robin", SCHED_RR, 99);
}

/* For good: nobody without rights comes back. */
static void test_idle(void)
{
	TRY(set_scheduler(0, 5, 1));
	TRY(set_scheduler(0, 5, 0));
	TRY(syscall(SYS_sched_getscheduler, 0));
	TRY(set_scheduler(0, 5, 0));
	TRY(set_scheduler(0, 0, 0));
	TRY(set_scheduler(0, 3, 0));
	TRY(set_parameter(0, 0));
	TRY(set_scheduler(0, 0x40000000 | 5, 0));
	TRY(set_scheduler(0, 5, 0));
	TRY(syscall(SYS_sched_getscheduler, 0));
}

int main(void)
{
	drop_rights();
	test_ranges();
	test_nice_values();
	test_policies();
	test_libraries();
	test_input_output();
	test_attributes();
	test_idle();
	return 0;
}

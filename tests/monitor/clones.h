/* What a clone tells of itself: clones.c, test_clones.c. */
#ifndef MAYFLY_TESTS_MONITOR_CLONES_H
#define MAYFLY_TESTS_MONITOR_CLONES_H

#define CLONE_RANDOM_SIZE    16
#define CLONE_RANDOM_SOURCES 3 /* getrandom, /dev/urandom, AT_RANDOM */
#define CLONE_SLEEP_NS	     300000000UL

struct clone_tale {
	unsigned char random[CLONE_RANDOM_SOURCES][CLONE_RANDOM_SIZE];
	unsigned long realtime_ns, monotonic_ns;
	/* Processor time of the process and its thread; before the request:
	 * when it was looked for. */
	unsigned long used_ns, thread_used_ns, used_before_ns, thread_used_before_ns;
	unsigned long asleep_ns;   /* before the request, in a sleep of CLONE_SLEEP_NS: not used */
	unsigned long start_ticks; /* of the process, as /proc tells it: since boot, 100 a second */
};

#endif

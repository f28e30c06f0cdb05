/* What attacks must leave as it was at the host; see host_state.h. */
#include "host_state.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/clock.h"

/* A slot may keep what fits into 32 MiB of copied pages and 2 MiB of window; sanitizers keep what
 * was freed for a while; an accelerator host keeps caches of its engine. ThreadSanitizer
 * keeps some bytes for each that was ever written. */
#ifdef __SANITIZE_THREAD__
#define MEMORY_SLACK (1UL << 30)
#else
#define MEMORY_SLACK (96UL << 20)
#endif
#define ACCELD_MEMORY_SLACK (256UL << 20)

#define PAUSE_NS    (20 * 1000000L)
#define PATIENCE_NS (10 * NANOSECONDS_PER_SECOND)

static uint64_t resident_bytes(pid_t pid)
{
	char path[64];
	unsigned long pages = 0;
	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	cleanup_fclose FILE *file = fopen(path, "re");
	if (!file || fscanf(file, "%*u %lu", &pages) != 1)
		return 0;
	return pages * 4096;
}

static int count_entries(const char *path)
{
	int count = 0;
	cleanup_closedir DIR *directory = opendir(path);
	while (directory && readdir(directory))
		count++;
	return count;
}

static int count_descriptors(pid_t pid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	return count_entries(path);
}

/* Calls `visit` for each child of this process, whichever thread started it. */
static int visit_children(void (*visit)(pid_t child, void *context), void *context)
{
	int count = 0;
	cleanup_closedir DIR *tasks = opendir("/proc/self/task");
	for (struct dirent *task; tasks && (task = readdir(tasks));) {
		char path[300];
		int child;
		snprintf(path, sizeof(path), "/proc/self/task/%s/children", task->d_name);
		cleanup_fclose FILE *file = task->d_name[0] == '.' ? NULL : fopen(path, "re");
		while (file && fscanf(file, "%d", &child) == 1) {
			visit(child, context);
			count++;
		}
	}
	return count;
}

static void count_nothing(pid_t child, void *context)
{
	(void)child;
	(void)context;
}

static void add_cpu_time(pid_t pid, void *sum)
{
	clockid_t clock;
	struct timespec used;
	if (!clock_getcpuclockid(pid, &clock) && !clock_gettime(clock, &used))
		*(uint64_t *)sum +=
		    (uint64_t)used.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)used.tv_nsec;
}

uint64_t host_state_cpu_ns(pid_t acceld)
{
	uint64_t sum = 0;
	struct rusage ended;
	add_cpu_time(getpid(), &sum);
	visit_children(add_cpu_time, &sum);
	add_cpu_time(acceld, &sum);
	getrusage(RUSAGE_CHILDREN, &ended);
	return sum +
	       (uint64_t)(ended.ru_utime.tv_sec + ended.ru_stime.tv_sec) * NANOSECONDS_PER_SECOND +
	       (uint64_t)(ended.ru_utime.tv_usec + ended.ru_stime.tv_usec) * 1000;
}

void host_state_take(struct host_state *state, pid_t acceld)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR"), *home = getenv("HOME");
	*state = (struct host_state){
	    .memory = resident_bytes(getpid()),
	    .acceld_memory = resident_bytes(acceld),
	    .cpu_ns = host_state_cpu_ns(acceld),
	    .descriptors = count_descriptors(getpid()),
	    .acceld_descriptors = count_descriptors(acceld),
	    .children = visit_children(count_nothing, NULL),
	    .threads = count_entries("/proc/self/task"),
	    .files = count_entries(".") + (runtime ? count_entries(runtime) : 0) +
		     (home ? count_entries(home) : 0),
	};
}

static const char *compare(const struct host_state *before, const struct host_state *after,
			   pid_t acceld)
{
	uint64_t begin_ns = host_state_cpu_ns(acceld);
	nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	if (host_state_cpu_ns(acceld) - begin_ns > PAUSE_NS / 2)
		return "processor time: something still works";
	if (after->memory > before->memory + MEMORY_SLACK)
		return "memory";
	if (after->acceld_memory > before->acceld_memory + ACCELD_MEMORY_SLACK)
		return "memory of the accelerator host";
	if (after->descriptors > before->descriptors)
		return "descriptors";
	if (after->acceld_descriptors > before->acceld_descriptors)
		return "descriptors of the accelerator host";
	if (after->children > before->children)
		return "processes";
	if (after->threads > before->threads)
		return "threads";
	return after->files > before->files ? "files" : NULL;
}

const char *host_state_await(const struct host_state *before, pid_t acceld)
{
	const uint64_t end_ns = clock_now_ns() + PATIENCE_NS;
	const char *more;
	do {
		struct host_state after;
		host_state_take(&after, acceld);
		more = compare(before, &after, acceld);
	} while (more && clock_now_ns() < end_ns);
	return more;
}

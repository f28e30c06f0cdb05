/* Looks, in a clone, at what tells a careful library that it is in a copy of the process that it
 * knew: says in its log what is wrong, and then its process id. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE  4096
#define SMALL (2 * PAGE)
#define LARGE (64 << 20) /* more than the library OS takes from its pool at once */

static int handled;

static void handle(int signal)
{
	handled++;
}

static void expect(int holds, const char *what)
{
	if (!holds)
		fprintf(stderr, "wrong: %s\n", what);
}

static unsigned char *map(size_t size)
{
	unsigned char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		exit(1);
	memset(memory + size - SMALL, 1, SMALL);
	return memory + size - SMALL;
}

static void check_signals(pid_t before)
{
	const pid_t ids[] = {before, getpid()};
	for (int i = 0; i < 2; i++) {
		kill(ids[i], SIGUSR1);
		kill(-ids[i], SIGUSR1);
		syscall(SYS_tkill, ids[i], SIGUSR1);
		syscall(SYS_tgkill, ids[i], ids[1 - i], SIGUSR1);
		sigqueue(ids[i], SIGUSR1, (union sigval){0});
	}
	raise(SIGUSR1);
	pthread_kill(pthread_self(), SIGUSR1);
	expect(handled == 12, "a signal to one of the ids");
}

static void check_calls(pid_t before)
{
	const pid_t ids[] = {before, getpid()};
	struct rlimit limit;
	for (int i = 0; i < 2; i++) {
		errno = 0;
		expect(getsid(ids[i]) == getpid() && getpgid(ids[i]) == getpid(),
		       "session or group");
		expect(getpriority(PRIO_PROCESS, ids[i]) == 0 && !errno, "getpriority");
		struct sched_param parameters = {0};
		clockid_t clock;
		struct timespec time;
		cpu_set_t processors;
		expect(sched_getscheduler(ids[i]) == SCHED_OTHER &&
			   !sched_getparam(ids[i], &parameters) &&
			   !sched_setscheduler(ids[i], SCHED_OTHER, &parameters) &&
			   !sched_getaffinity(ids[i], sizeof(processors), &processors),
		       "sched_*");
		expect(!clock_getcpuclockid(ids[i], &clock) && !clock_gettime(clock, &time),
		       "processor time");
		expect(!prlimit(ids[i], RLIMIT_NOFILE, NULL, &limit), "prlimit");
		expect(waitpid(ids[i], NULL, WNOHANG) == -1 && errno == ECHILD, "waitpid");
	}
	expect(getsid(0) == getpid() && getpgrp() == getpid(), "own session or group");
	expect(gettid() == before, "the thread's id");
}

static int is_listed(const char *name)
{
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	while ((entry = readdir(proc)) && strcmp(entry->d_name, name))
		continue;
	closedir(proc);
	return entry != NULL;
}

static void check_proc(pid_t before)
{
	char id[32], path[64], link[64] = "", text[256] = "";
	snprintf(id, sizeof(id), "%d", getpid());
	expect(readlink("/proc/self", link, sizeof(link) - 1) > 0 && !strcmp(link, id),
	       "/proc/self");
	expect(is_listed(id), "the listing of /proc");
	const pid_t ids[] = {before, getpid()};
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/proc/%d/stat", ids[i]);
		FILE *file = fopen(path, "r");
		expect(file && fgets(text, sizeof(text), file) && atoi(text) == getpid(), path);
		if (file)
			fclose(file);
		snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", ids[i], ids[1 - i]);
		expect(!access(path, R_OK), path);
	}
}

/* Maps a file of that name, in which there is a function that calls getpid() of its own. */
static pid_t (*map_code(const char *path))(void)
{
	static const unsigned char code[] = {
	    0xe8, 0x01, 0x00, 0x00, 0x00, /* call 1f */
	    0xc3,			  /* ret */
	    0xb8, 0x27, 0x00, 0x00, 0x00, /* 1: mov $SYS_getpid, %eax */
	    0x0f, 0x05, 0xc3,		  /* syscall; ret */
	};
	const int file = open(path, O_RDWR | O_CREAT, 0700);
	if (write(file, code, sizeof(code)) != sizeof(code))
		exit(1);
	void *mapped = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
	close(file);
	if (mapped == MAP_FAILED)
		exit(1);
	return (pid_t(*)(void))mapped;
}

/* An argument is the name of a library that is to have the id from before. */
int main(int argc, char **argv)
{
	char request;
	pid_t (*const known)(void) = map_code(argc > 1 ? argv[1] : "/tmp/_asyncio.code.so");
	pid_t (*const other)(void) = map_code("/tmp/asyncio.code.so");
	unsigned char *small = map(SMALL), *large = map(LARGE);
	expect(!madvise(small, PAGE, MADV_WIPEONFORK), "MADV_WIPEONFORK");
	expect(!madvise(large, PAGE, MADV_WIPEONFORK), "MADV_WIPEONFORK");
	const pid_t before = getpid();
	signal(SIGUSR1, handle);
	expect(before == gettid(), "the first thread's id in the set-up");
	expect(known() == before && other() == before, "getpid of a library in the set-up");
	while (read(0, &request, 1) > 0)
		continue;
	expect(getpid() != before && syscall(SYS_getpid) == getpid(), "getpid");
	expect(known() == before && other() == getpid(), "getpid of a library");
	expect(!small[0] && !small[PAGE - 1] && !large[0] && !large[PAGE - 1], "what is marked");
	expect(small[PAGE] == 1 && large[PAGE] == 1, "what is not marked");
	small[0] = large[0] = 1; /* for the next request, which must not see it */
	check_signals(before);
	check_calls(before);
	check_proc(before);
	fprintf(stderr, "%d\n", getpid());
	return 0;
}

/* calls WHAT COUNT: makes a call so often and prints the nanoseconds that one took, by its own
 * clock, so that the same program can be compared inside a machine and outside.
 *
 *     getpid      a system call by the C library's function
 *     syscall     the same by syscall(2)
 *     instruction the same by a SYSCALL instruction in a shape that the monitor does not rewrite
 *                 (monitor/x86_64/syscall_patches.h): what the processor's own way into the library
 *                 OS costs
 *     noop        an accelerated op that does nothing (in a machine only)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "vaccel.h"

struct call {
	const char *name;
	int (*prepare)(void); /* may be NULL */
	int (*once)(void);    /* 0 for success */
};

static struct vaccel_session session;

static int get_pid(void)
{
	return getpid() <= 0;
}

static int system_call(void)
{
	return syscall(SYS_getpid) <= 0;
}

static int instruction(void)
{
	long result;
	__asm__ volatile("mov %1, %%eax\n\t"
			 "nop\n\t"
			 "syscall\n\t"
			 "nop"
			 : "=&a"(result)
			 : "i"(SYS_getpid)
			 : "rcx", "r11", "memory");
	return result <= 0;
}

static int open_session(void)
{
	return vaccel_session_init(&session, VACCEL_PLUGIN_DEBUG);
}

static int noop(void)
{
	return vaccel_noop(&session);
}

static const struct call calls[] = {
    {"getpid", NULL, get_pid},
    {"syscall", NULL, system_call},
    {"instruction", NULL, instruction},
    {"noop", open_session, noop},
};

int main(int argc, char **argv)
{
	char request[64];
	const struct call *call = NULL;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && argc == 3; i++)
		if (!strcmp(argv[1], calls[i].name))
			call = &calls[i];
	long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	if (!call || count <= 0) {
		fprintf(stderr, "usage: calls getpid|syscall|instruction|noop COUNT\n");
		return 2;
	}
	int failed = call->prepare ? call->prepare() : 0;
	if (failed) {
		fprintf(stderr, "calls: cannot prepare %s (error %d)\n", argv[1], failed);
		return 1;
	}
	if (read(STDIN_FILENO, request, sizeof(request)) < 0)
		return 1;
	double begin = now_ns();
	for (long i = 0; i < count && !failed; i++)
		failed = call->once();
	double ns = (now_ns() - begin) / (double)count;
	if (failed) {
		fprintf(stderr, "calls: %s failed (%d)\n", argv[1], failed);
		return 1;
	}
	return printf("%.1f\n", ns) < 0 || fflush(stdout) ? 1 : 0;
}

/* Functions for tests of the exec plugin, in two libraries: NEEDS_OTHER is the one that takes a
 * function out of the other. */
#include <stdlib.h>
#include <string.h>

#include "vaccel.h"

#ifndef NEEDS_OTHER
VACCEL_API int other_number(void);
int other_number(void)
{
	return 42;
}
#else
extern int other_number(void);
#endif

typedef int user_function(struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write,
			  size_t nr_write);
#define USER_FUNCTION(name) VACCEL_API user_function name;

USER_FUNCTION(add)
USER_FUNCTION(count_up)
USER_FUNCTION(fail)
USER_FUNCTION(crash)
USER_FUNCTION(leave)
USER_FUNCTION(hang)
USER_FUNCTION(tell_number)
USER_FUNCTION(count_calls)

/* write[0] = the sum of all INT32 in `read`. */
int add(struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write, size_t nr_write)
{
	int32_t sum = 0;
	for (size_t i = 0; i < nr_read; i++) {
		if (read[i].type != VACCEL_ARG_INT32 || read[i].size != sizeof(sum))
			return 1;
		sum += *(const int32_t *)read[i].buf;
	}
	if (nr_write != 1 || write[0].type != VACCEL_ARG_INT32 || write[0].size != sizeof(sum))
		return 2;
	*(int32_t *)write[0].buf = sum;
	return 0;
}

/* What lies in an output is input, too. */
int count_up(struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write, size_t nr_write)
{
	(void)read, (void)nr_read;
	for (size_t i = 0; i < nr_write; i++)
		for (size_t j = 0; j < write[i].size; j++)
			((uint8_t *)write[i].buf)[j]++;
	return 0;
}

int fail(struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write, size_t nr_write)
{
	(void)read, (void)nr_read, (void)write, (void)nr_write;
	return 7;
}

int crash(struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write, size_t nr_write)
{
	(void)read, (void)nr_read, (void)write, (void)nr_write;
	volatile uintptr_t nowhere = 8;
	*(volatile int *)nowhere = 1;
	return 0;
}

int leave(struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write, size_t nr_write)
{
	(void)read, (void)nr_read, (void)write, (void)nr_write;
	exit(3);
}

int hang(struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write, size_t nr_write)
{
	(void)read, (void)nr_read, (void)write, (void)nr_write;
	for (volatile int i = 0;; i++)
		;
}

int tell_number(struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write, size_t nr_write)
{
	(void)read, (void)nr_read;
	if (nr_write != 1 || write[0].size != sizeof(int32_t))
		return 1;
	*(int32_t *)write[0].buf = other_number();
	return 0;
}

/* How often it was called since the library was loaded. */
int count_calls(struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write, size_t nr_write)
{
	static int32_t calls;
	(void)read, (void)nr_read;
	if (nr_write != 1 || write[0].size != sizeof(int32_t))
		return 1;
	*(int32_t *)write[0].buf = ++calls;
	return 0;
}

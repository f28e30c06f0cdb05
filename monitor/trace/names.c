/* The names of what system calls take; see names.h. */
#include "names.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "mayfly/guest_abi.h"
#include "sizes/sizes.h"

#define NAME(value)                                                                                \
	{                                                                                          \
		(uint64_t)(value), #value                                                          \
	}

static const struct trace_name open_names[] = {
    NAME(O_RDONLY),
    NAME(O_WRONLY),
    NAME(O_RDWR),
    NAME(O_CREAT),
    NAME(O_EXCL),
    NAME(O_NOCTTY),
    NAME(O_TRUNC),
    NAME(O_APPEND),
    NAME(O_NONBLOCK),
    NAME(O_SYNC),
    NAME(O_DSYNC),
    NAME(O_DIRECT),
    {0100000, "O_LARGEFILE"},
    NAME(O_TMPFILE),
    NAME(O_DIRECTORY),
    NAME(O_NOFOLLOW),
    NAME(O_NOATIME),
    NAME(O_CLOEXEC),
    NAME(O_PATH),
};

static const struct trace_name protection_names[] = {
    NAME(PROT_READ),
    NAME(PROT_WRITE),
    NAME(PROT_EXEC),
};

static const struct trace_name map_names[] = {
    NAME(MAP_SHARED),	 NAME(MAP_PRIVATE),	    NAME(MAP_SHARED_VALIDATE), NAME(MAP_FIXED),
    NAME(MAP_ANONYMOUS), NAME(MAP_GROWSDOWN),	    NAME(MAP_DENYWRITE),       NAME(MAP_LOCKED),
    NAME(MAP_NORESERVE), NAME(MAP_POPULATE),	    NAME(MAP_NONBLOCK),	       NAME(MAP_STACK),
    NAME(MAP_HUGETLB),	 NAME(MAP_FIXED_NOREPLACE),
};

static const struct trace_name at_names[] = {
    NAME(AT_SYMLINK_NOFOLLOW), NAME(AT_REMOVEDIR),  NAME(AT_SYMLINK_FOLLOW),
    NAME(AT_NO_AUTOMOUNT),     NAME(AT_EMPTY_PATH),
};

static const struct trace_name clock_names[] = {
    NAME(CLOCK_REALTIME),	   NAME(CLOCK_MONOTONIC),     NAME(CLOCK_PROCESS_CPUTIME_ID),
    NAME(CLOCK_THREAD_CPUTIME_ID), NAME(CLOCK_MONOTONIC_RAW), NAME(CLOCK_REALTIME_COARSE),
    NAME(CLOCK_MONOTONIC_COARSE),  NAME(CLOCK_BOOTTIME),      NAME(CLOCK_TAI),
};

static const struct trace_name whence_names[] = {
    NAME(SEEK_SET), NAME(SEEK_CUR), NAME(SEEK_END), NAME(SEEK_DATA), NAME(SEEK_HOLE),
};

static const struct trace_name futex_names[] = {
    NAME(FUTEX_WAIT),	      NAME(FUTEX_WAKE),		  NAME(FUTEX_REQUEUE),
    NAME(FUTEX_CMP_REQUEUE),  NAME(FUTEX_WAKE_OP),	  NAME(FUTEX_LOCK_PI),
    NAME(FUTEX_UNLOCK_PI),    NAME(FUTEX_WAIT_BITSET),	  NAME(FUTEX_WAKE_BITSET),
    NAME(FUTEX_PRIVATE_FLAG), NAME(FUTEX_CLOCK_REALTIME),
};

static const struct trace_name fcntl_names[] = {
    NAME(F_DUPFD),     NAME(F_DUPFD_CLOEXEC), NAME(F_GETFD),	  NAME(F_SETFD),
    NAME(F_GETFL),     NAME(F_SETFL),	      NAME(F_GETLK),	  NAME(F_SETLK),
    NAME(F_SETLKW),    NAME(F_GETPIPE_SZ),    NAME(F_SETPIPE_SZ), NAME(F_ADD_SEALS),
    NAME(F_GET_SEALS),
};

static const struct trace_names kinds[] = {
    {'O', true, O_ACCMODE, open_names, ARRAY_SIZE(open_names), "0"},
    {'P', true, 0, protection_names, ARRAY_SIZE(protection_names), "PROT_NONE"},
    {'M', true, MAP_TYPE, map_names, ARRAY_SIZE(map_names), "0"},
    {'A', true, 0, at_names, ARRAY_SIZE(at_names), "0"},
    {'C', false, 0, clock_names, ARRAY_SIZE(clock_names), NULL},
    {'W', false, 0, whence_names, ARRAY_SIZE(whence_names), NULL},
    {'F', true, FUTEX_CMD_MASK, futex_names, ARRAY_SIZE(futex_names), "0"},
    {'K', false, 0, fcntl_names, ARRAY_SIZE(fcntl_names), NULL},
};

const struct trace_names *trace_names_of(char letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].letter == letter)
			return &kinds[i];
	return NULL;
}

struct traced_call {
	const char *name, *letters;
};

#define CALL(name, letters, support) [SYS_##name] = {#name, letters}

static const struct traced_call calls[] = {
#include "mayfly/calls.def"
};

const char *trace_call_letters(uint64_t number, const char **name)
{
	static const struct traced_call own[] = {
	    [MAYFLY_SYS_READY - MAYFLY_SYS_READY] = {"mayfly_ready", ""},
	    [MAYFLY_SYS_ARENA - MAYFLY_SYS_READY] = {"mayfly_arena", "p"},
	    [MAYFLY_SYS_CALL - MAYFLY_SYS_READY] = {"mayfly_call", "uu"},
	};
	const struct traced_call *call = NULL;
	if (number < ARRAY_SIZE(calls) && calls[number].name)
		call = &calls[number];
	else if (number >= MAYFLY_SYS_READY && number - MAYFLY_SYS_READY < ARRAY_SIZE(own))
		call = &own[number - MAYFLY_SYS_READY];
	if (!call)
		return NULL;
	*name = call->name;
	return call->letters;
}

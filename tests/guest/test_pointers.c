/* Bad pointers to every system call: an error for the program, never a fault of the library OS. */
#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "guest/kernel/calls.h"
#include "guest/lib/system_call.h"
#include "guest/machine/hypercall.h"
#include "guest/mm/user_memory.h"
#include "host_machine.h"
#include "sizes/sizes.h"
#include "tests/check.h"

#define POOL_PAGES 256
#define FILE_NAME  "/tmp/pointers"

struct named_call {
	const char *name;
	system_call_function *function;
};

static const struct named_call calls[] = {
#define CALL(name, ...)                                                                            \
	{                                                                                          \
#name, call_##name                                                                 \
	}
#include "mayfly/calls.def"
#undef CALL
    {"mayfly_ready", call_mayfly_ready},
    {"mayfly_arena", call_mayfly_arena},
    {"mayfly_call", call_mayfly_call},
};

/* Addresses that a program may not use: null page, nowhere, the pool where nothing is mapped, the
 * library OS's part of it, its window, the last byte there is, a kernel address. */
static uint64_t bad_addresses[8];
#define BAD_COUNT ARRAY_SIZE(bad_addresses)

/* Calls with one argument that must be a good pointer;
 * the `bad` argument takes each bad address. */
struct pointer_case {
	system_call_function *function;
	int bad;
	uint64_t arguments[6];
};

static uint64_t good; /* a page of the program's, zero */
static uint64_t path; /* of a file that exists */

#define HERE ((uint64_t)AT_FDCWD)

static void test_faults(uint64_t file)
{
	const struct pointer_case cases[] = {
	    {call_read, 1, {file, 0, 8}},
	    {call_write, 1, {file, 0, 8}},
	    {call_write, 1, {1, 0, 8}},
	    {call_write, 1, {2, 0, 8}},
	    {call_read, 1, {0, 0, 8}},
	    {call_pread64, 1, {file, 0, 8, 0}},
	    {call_pwrite64, 1, {file, 0, 8, 0}},
	    {call_readv, 1, {file, 0, 1}},
	    {call_writev, 1, {file, 0, 1}},
	    {call_preadv, 1, {file, 0, 1}},
	    {call_pwritev, 1, {file, 0, 1}},
	    {call_sendfile, 2, {1, file, 0, 8}},
	    {call_copy_file_range, 1, {file, 0, file, good, 8}},
	    {call_copy_file_range, 3, {file, good, file, 0, 8}},
	    {call_open, 0, {0, O_RDONLY}},
	    {call_openat, 1, {HERE, 0, O_RDONLY}},
	    {call_creat, 0, {0, 0600}},
	    {call_pipe, 0, {0}},
	    {call_socketpair, 3, {AF_UNIX, SOCK_STREAM, 0, 0}},
	    {call_socketpair, 3, {AF_UNIX, SOCK_DGRAM, 0, 0}},
	    {call_pipe2, 0, {0, 0}},
	    {call_poll, 0, {0, 1, 0}},
	    {call_ppoll, 0, {0, 1, good}},
	    {call_ppoll, 2, {good, 1, 0}},
	    {call_select, 1, {1, 0}},
	    {call_select, 2, {1, 0, 0}},
	    {call_select, 4, {1, good, 0, 0, 0}},
	    {call_pselect6, 3, {1, 0, 0, 0}},
	    {call_ioctl, 2, {file, FIONREAD, 0}},
	    {call_ioctl, 2, {file, FIONBIO, 0}},
	    {call_fcntl, 2, {file, F_GETLK, 0}},
	    {call_getdents64, 1, {file + 1, 0, 512}},
	    {call_mkdir, 0, {0}},
	    {call_rmdir, 0, {0}},
	    {call_unlink, 0, {0}},
	    {call_unlinkat, 1, {HERE, 0}},
	    {call_symlink, 0, {0, path}},
	    {call_symlink, 1, {path, 0}},
	    {call_link, 0, {0, path}},
	    {call_link, 1, {path, 0}},
	    {call_rename, 0, {0, path}},
	    {call_rename, 1, {path, 0}},
	    {call_readlink, 0, {0, good, 9}},
	    {call_readlink, 1, {0, 0, 9}},
	    {call_chdir, 0, {0}},
	    {call_getcwd, 0, {0, 99}},
	    {call_stat, 0, {0, good}},
	    {call_stat, 1, {path, 0}},
	    {call_lstat, 1, {path, 0}},
	    {call_fstat, 1, {file, 0}},
	    {call_newfstatat, 1, {HERE, 0, good, AT_EMPTY_PATH}},
	    {call_newfstatat, 2, {HERE, path, 0, 0}},
	    {call_statx, 4, {HERE, path, 0, 0, 0}},
	    {call_access, 0, {0}},
	    {call_truncate, 0, {0, 0}},
	    {call_chmod, 0, {0, 0600}},
	    {call_chown, 0, {0, 0, 0}},
	    {call_utimensat, 2, {HERE, path, 0, 0}},
	    {call_utime, 1, {path, 0}},
	    {call_statfs, 1, {path, 0}},
	    {call_fstatfs, 1, {file, 0}},
	    {call_clock_gettime, 1, {0, 0}},
	    {call_clock_getres, 1, {0, 0}},
	    {call_gettimeofday, 0, {0}},
	    {call_gettimeofday, 1, {0, 0}},
	    {call_time, 0, {0}},
	    {call_times, 0, {0}},
	    {call_nanosleep, 0, {0}},
	    {call_clock_nanosleep, 2, {0, 0, 0}},
	    {call_getrandom, 0, {0, 8}},
	    {call_arch_prctl, 1, {ARCH_GET_FS, 0}},
	    {call_prctl, 1, {15, 0}},
	    {call_prctl, 1, {16, 0}},
	    {call_futex, 0, {0, FUTEX_WAIT, 1}},
	    {call_futex, 3, {good, FUTEX_WAIT, 0, 0}},
	    {call_uname, 0, {0}},
	    {call_getresuid, 2, {good, good, 0}},
	    {call_getrlimit, 1, {3, 0}},
	    {call_setrlimit, 1, {3, 0}},
	    {call_prlimit64, 2, {0, 3, 0, 0}},
	    {call_prlimit64, 3, {0, 3, 0, 0}},
	    {call_getrusage, 1, {0, 0}},
	    {call_sysinfo, 0, {0}},
	    {call_sched_getaffinity, 2, {0, 8, 0}},
	    {call_sched_setaffinity, 2, {0, 8, 0}},
	    {call_getcpu, 0, {0}},
	    {call_rt_sigaction, 1, {10, 0, 0, 8}},
	    {call_rt_sigaction, 2, {10, 0, 0, 8}},
	    {call_rt_sigprocmask, 1, {0, 0, 0, 8}},
	    {call_rt_sigprocmask, 2, {0, 0, 0, 8}},
	    {call_rt_sigpending, 0, {0, 8}},
	    {call_rt_sigtimedwait, 0, {0, 0, good, 8}},
	    {call_rt_sigsuspend, 0, {0, 8}},
	    {call_sigaltstack, 0, {0, 0}},
	    {call_sigaltstack, 1, {0, 0}},
	    {call_mayfly_arena, 0, {0}},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t bad = 0; bad < BAD_COUNT; bad++) {
			uint64_t arguments[6];
			memcpy(arguments, cases[i].arguments, sizeof(arguments));
			arguments[cases[i].bad] = bad_addresses[bad];
			int64_t result = cases[i].function(arguments);
			/* Alignment is checked before the address is touched. */
			bool unaligned = cases[i].function == call_futex && bad_addresses[bad] % 4;
			if (!CHECK(result == -EFAULT || (unaligned && result == -EINVAL)))
				fprintf(stderr, "  case %zu with %#lx: %ld\n", i,
					(unsigned long)bad_addresses[bad], (long)result);
		}
	}
}

/* A string that runs into memory which is not there. */
static void test_string_at_the_edge(void)
{
	int64_t page = SYSTEM(mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			      (uint64_t)-1, 0);
	uint64_t next = (uint64_t)page + 4096;
	bool hole = !user_readable(next, 1);
	memcpy((char *)page + 4092, "/tmp", 4);
	CHECK(hole);
	CHECK_NUMBER(SYSTEM(access, next - 4, 0), -EFAULT);
	CHECK_NUMBER(SYSTEM(write, 1, next - 4, 5), -EFAULT);
	CHECK_NUMBER(SYSTEM(write, 1, next - 4, 4), 4);
	SYSTEM(munmap, (uint64_t)page, 4096);
}

static bool is_excluded(const struct named_call *call)
{
	/* They would end or derange this process, not the library OS; or they need the program's
	 * registers, of which this process has none. */
	return call->function == call_exit || call->function == call_exit_group ||
	       call->function == call_arch_prctl || call->function == call_clone ||
	       call->function == call_fork || call->function == call_vfork ||
	       call->function == call_rt_sigreturn;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Makes the call; false where it ended the program or came back without an error. */
static bool call_fails(system_call_function *function, const uint64_t arguments[6])
{
	if (setjmp(host.at_end))
		return false;
	int64_t result = function(arguments);
	return result < 0 && result > -4096;
}

/* Every call with many mixtures of good, bad and odd arguments: each comes back. */
static void test_mixtures(void)
{
	static const uint64_t odd[] = {0,    1,		 2,	     3,	    4,	      8,	 16,
				       4096, UINT64_MAX, UINT32_MAX, 1023,  8192,     1UL << 63, 7,
				       64,   0x40000,	 32768,	     12345, INT32_MAX};
	const struct guest_start start = libos_start_info;
	uint64_t state = 88172645463325252UL;
	unsigned long failed = 0;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		if (is_excluded(&calls[i]))
			continue;
		for (int round = 0; round < 400; round++) {
			uint64_t arguments[6];
			for (int k = 0; k < 6; k++) {
				uint64_t choice = next_random(&state);
				if (choice % 4 == 0)
					arguments[k] = bad_addresses[choice / 4 % BAD_COUNT];
				else if (choice % 4 == 1)
					arguments[k] = choice & 8 ? path : good;
				else
					arguments[k] = odd[choice / 4 % ARRAY_SIZE(odd)];
			}
			failed += call_fails(calls[i].function, arguments);
			/* What the call may have taken away or written over. */
			libos_start_info = start;
			CHECK(!mprotect((void *)start.regions[0].start,
					start.regions[0].end - start.regions[0].start,
					PROT_READ | PROT_WRITE));
			memset((void *)good, 0, 4096);
			memcpy((void *)path, FILE_NAME, sizeof(FILE_NAME));
		}
	}
	CHECK(failed > 10000);
}

int main(void)
{
	host_start(POOL_PAGES);
	good = (ADDRESS(host_memory(4 * GUEST_PAGE_SIZE)) + 4095) & ~4095UL;
	path = good + 4096;
	memcpy((void *)path, FILE_NAME, sizeof(FILE_NAME));
	const uint64_t bad[BAD_COUNT] = {
	    16,
	    0x400000,
	    GUEST_POOL_BASE + 64,
	    GUEST_POOL_BASE + (POOL_PAGES - 1) * GUEST_PAGE_SIZE,
	    GUEST_WINDOW_BASE,
	    GUEST_LIBOS_BASE + 64,
	    UINT64_MAX,
	    0xffff800000000000UL,
	};
	memcpy(bad_addresses, bad, sizeof(bad));
	int64_t file = SYSTEM(open, path, O_RDWR | O_CREAT, 0644);
	CHECK_NUMBER(SYSTEM(write, (uint64_t)file, good, 4096), 4096);
	CHECK_NUMBER(SYSTEM(open, host_text("/"), O_RDONLY), file + 1);
	test_faults((uint64_t)file);
	test_string_at_the_edge();
	test_mixtures();
	return check_status();
}

/* What mayfly-unpacker gives up before it looks at an image; see rights.h. */
#include "gateway/unpacker/rights.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/confine.h"
#include "sizes/sizes.h"

#define ADDRESSES_MAX	(4UL << 30) /* tables of names, and windows of compressions */
#define SECONDS_MAX	1800	    /* of a processor */
#define DESCRIPTORS_MAX 512	    /* layers of an archive are open at once */

const struct confine_call unpacker_calls[] = {
    CONFINE_CALL(openat, "archives, directories, the image"),
    CONFINE_CALL(read, "their contents"),
    CONFINE_CALL(pread64, "their contents"),
    CONFINE_CALL(readlinkat, "links in directories"),
    CONFINE_CALL_SELDOM(readlink, "links in directories"),
    CONFINE_CALL(getdents64, "names in directories"),
    CONFINE_CALL(newfstatat, "what is there"),
    CONFINE_CALL(fstat, "what is there"),
    CONFINE_CALL(fstatfs, "which file system it is"),
    CONFINE_CALL(access, "what is there"),
    CONFINE_CALL_SELDOM(faccessat2, "what is there"),
    CONFINE_CALL(lseek, "parts of archives that are passed over"),
    CONFINE_CALL(fadvise64, "archives are read once"),
    CONFINE_CALL(fcntl, "flags of what is open"),
    CONFINE_CALL(close, "what was opened"),
    CONFINE_CALL(write, "the image, answers"),
    CONFINE_CALL(pwrite64, "the image"),
    CONFINE_CALL_SELDOM(ftruncate, "the image"),
    CONFINE_CALL_SELDOM(fallocate, "the image"),
    CONFINE_CALL(fchmod, "the image"),
    CONFINE_CALL(linkat, "the image's name"),
    CONFINE_CALL(rename, "the image's name"),
    CONFINE_CALL_SELDOM(unlink, "an image that failed"),
    CONFINE_CALL(getrandom, "names of files"),
    CONFINE_CALL(brk, "memory"),
    CONFINE_CALL_WHERE(mmap, 3, 4 /* PROT_EXEC */, 0, "memory"),
    CONFINE_CALL(munmap, "memory"),
    CONFINE_CALL(mremap, "memory"),
    CONFINE_CALL(madvise, "memory"),
    CONFINE_CALL_WHERE(mprotect, 3, 4 /* PROT_EXEC */, 0, "memory"),
    CONFINE_CALL(futex, "locks of libraries"),
    CONFINE_CALL(clock_gettime, "times"),
    CONFINE_CALL(rt_sigprocmask, "signals"),
    CONFINE_CALL_SELDOM(rt_sigreturn, "signals"),
    CONFINE_CALL(getpid, "messages"),
    CONFINE_CALL(geteuid, "whose files these are"),
    CONFINE_CALL(getuid, "whose files these are"),
    CONFINE_CALL_SELDOM(umask, "the image's permissions"),
    CONFINE_CALL(exit_group, "the end"),
};

const size_t unpacker_call_count = ARRAY_SIZE(unpacker_calls);

int unpacker_follow(int starter)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return -errno;
	/* It may have ended before. */
	return getppid() == starter ? 0 : -ESRCH;
}

static void set_limit(int resource, rlim_t value)
{
	struct rlimit limit;
	if (!getrlimit(resource, &limit) && limit.rlim_max < value)
		value = limit.rlim_max;
	limit = (struct rlimit){value, value};
	setrlimit(resource, &limit);
}

void unpacker_limit(uint64_t size_limit)
{
	/* write(2) says EFBIG. */
	signal(SIGXFSZ, SIG_IGN);
	set_limit(RLIMIT_FSIZE, size_limit);
	set_limit(RLIMIT_CORE, 1);
	set_limit(RLIMIT_CPU, SECONDS_MAX);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

void unpacker_confine(const char *source, const char *folder)
{
	const struct confine_limit limits[] = {
	    {RLIMIT_AS, ADDRESSES_MAX},
	    {RLIMIT_NOFILE, DESCRIPTORS_MAX},
	    {RLIMIT_NPROC, 0},
	};
	/* Both, the first, or none. */
	const struct confine_path paths[] = {
	    {.path = source, .access = CONFINE_READ},
	    {.path = folder, .access = CONFINE_READ | CONFINE_WRITE},
	};
	const struct confine_policy policy = {
	    .limits = limits,
	    .limit_count = ARRAY_SIZE(limits),
	    .paths = paths,
	    .path_count = folder   ? 2
			  : source ? 1
				   : 0,
	    .calls = unpacker_calls,
	    .call_count = ARRAY_SIZE(unpacker_calls),
	    .refusal = CONFINE_REFUSE,
	};
	struct confine_report report = {0};
	confine_self(&policy, &report);
	confine_log(&report, "unpacker");
}

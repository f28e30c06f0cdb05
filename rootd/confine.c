/* What the server of a root directory gives up; see confine.h.
 *
 *     chroot       no name outside of the directory exists (where the user may do this)
 *     Landlock     nothing outside of it can be read, nothing at all written (where the kernel has
 * it) seccomp      no other system call than those that serve a request
 *
 * Besides, paths are resolved below the directory only (serve.c). There is no user namespace:
 * owners of files would not be those of the host. The right to read what others may not is kept
 * where it is there: the directory is served as its user sees it.
 */
#include "confine.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/sanitizers.h"
#include "sizes/sizes.h"

#define DESCRIPTORS_MAX 16

static const struct confine_limit limits[] = {
    /* 1 byte: with 0, a core_pattern that is a program would still get the core. */
    {RLIMIT_CORE, 1},
    {RLIMIT_NOFILE, DESCRIPTORS_MAX},
};

const struct confine_call rootd_calls[] = {
    CONFINE_CALL(recvfrom, "requests"),
    CONFINE_CALL(sendto, "answers"),
    CONFINE_CALL(openat2, "names in the directory"),
    CONFINE_CALL(newfstatat, "what they stand for"),
    CONFINE_CALL(fstatfs, "on which file system it lies"),
    CONFINE_CALL(faccessat2, "whether it may be read"),
    CONFINE_CALL(readlinkat, "where a link leads"),
    CONFINE_CALL(getdents64, "the names in a directory"),
    CONFINE_CALL_SELDOM(lseek, "the rest of a long list of names"),
    CONFINE_CALL(pread64, "contents of files"),
    CONFINE_CALL(close, "all that was opened"),
    CONFINE_CALL_SELDOM(fstat, "newfstatat, in other C libraries"),
    CONFINE_CALL_SELDOM(restart_syscall, "a wait that was interrupted"),
    CONFINE_CALL_SELDOM(exit_group, "the end"),
};

const size_t rootd_call_count = ARRAY_SIZE(rootd_calls);

/* Only root may. Without it, paths are still resolved below the directory only. */
static int leave_names(int directory, struct confine_report *report)
{
	if (CONFINE_SANITIZED) {
		confine_note_missing(report, CONFINE_EMPTY_ROOT, CONFINE_SANITIZED_TEXT);
		return 0;
	}
	if (fchdir(directory))
		return -errno;
	if (chroot(".")) {
		confine_note_missing(report, CONFINE_EMPTY_ROOT, "%s", strerrordesc_np(errno));
		return 0;
	}
	confine_note_in_force(report, CONFINE_EMPTY_ROOT);
	return chdir("/") ? -errno : 0;
}

int rootd_confine(int directory, struct confine_report *report)
{
	const struct confine_path below = {.fd = directory, .access = CONFINE_READ};
	const struct confine_policy policy = {
	    .capabilities = 1UL << CAP_DAC_READ_SEARCH,
	    .limits = limits,
	    .limit_count = ARRAY_SIZE(limits),
	    .paths = &below,
	    .path_count = 1,
	    .calls = rootd_calls,
	    .call_count = rootd_call_count,
	    .refusal = CONFINE_KILL,
	};
	int result = leave_names(directory, report);
	if (!result)
		confine_self(&policy, report);
	return result;
}

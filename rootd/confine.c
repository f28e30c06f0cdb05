/* What the server of a root directory gives up; see confine.h.
 *
 *     chroot       no name outside of the directory exists (where the user may do this)
 *     Landlock     nothing outside of it can be read, nothing written but below writable parts
 *                  (where the kernel has it)
 *     seccomp      no other system call than those that serve a request
 *
 * Besides, paths are resolved below the directory only (serve.c). There is no user namespace:
 * owners of files would not be those of the host. The right to read what others may not is kept
 * where it is there: the directory is served as its user sees it.
 */
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/sanitizers.h"
#include "sizes/sizes.h"

#define DESCRIPTORS_MAX 16

#define READING_CAPABILITIES (1UL << CAP_DAC_READ_SEARCH)
/* Where there are writable parts: what is below them is the guest's, as a container's root sees it. */
#define WRITING_CAPABILITIES (1UL << CAP_DAC_OVERRIDE | 1UL << CAP_CHOWN | 1UL << CAP_FOWNER)

#define READING_CALLS                                                                              \
	CONFINE_CALL(recvfrom, "requests"), CONFINE_CALL(sendto, "answers"),                       \
	    CONFINE_CALL(openat2, "names in the directory"),                                       \
	    CONFINE_CALL(newfstatat, "what they stand for"),                                       \
	    CONFINE_CALL(fstatfs, "on which file system it lies"),                                 \
	    CONFINE_CALL(faccessat2, "whether it may be read"),                                    \
	    CONFINE_CALL(readlinkat, "where a link leads"),                                        \
	    CONFINE_CALL(getdents64, "the names in a directory"),                                  \
	    CONFINE_CALL_SELDOM(lseek, "the rest of a long list of names"),                        \
	    CONFINE_CALL(pread64, "contents of files"),                                            \
	    CONFINE_CALL(close, "all that was opened"),                                            \
	    CONFINE_CALL_SELDOM(fstat, "newfstatat, in other C libraries"),                        \
	    CONFINE_CALL_SELDOM(restart_syscall, "a wait that was interrupted"),                   \
	    CONFINE_CALL_SELDOM(exit_group, "the end")

const struct confine_call rootd_calls[] = {READING_CALLS};

const size_t rootd_call_count = ARRAY_SIZE(rootd_calls);

/* No call that opens by a path alone, and none that makes a device. */
const struct confine_call rootd_writer_calls[] = {
    READING_CALLS,
    CONFINE_CALL(pwritev2, "contents of files"),
    CONFINE_CALL(ftruncate, "their size"),
    CONFINE_CALL(fallocate, "room for them, and holes"),
    CONFINE_CALL(fsync, "safety"),
    CONFINE_CALL(fdatasync, "the same"),
    CONFINE_CALL(fchmod, "permissions"),
    CONFINE_CALL(fchownat, "owners"),
    CONFINE_CALL(geteuid, "whether a new file has its owner"),
    CONFINE_CALL(getegid, "the same"),
    CONFINE_CALL(utimensat, "times"),
    CONFINE_CALL(mkdirat, "new directories"),
    CONFINE_CALL(symlinkat, "new links"),
    CONFINE_CALL(linkat, "new names"),
    CONFINE_CALL(renameat2, "other names"),
    CONFINE_CALL(unlinkat, "names that go"),
};

const size_t rootd_writer_call_count = ARRAY_SIZE(rootd_writer_calls);

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

/* Then the host decides what the guest's user may, as of any process of his. A file that is a part by
 * itself was opened by root to be written: it is none to be written where he may not. Capabilities go
 * with the user. */
static int become(const struct root_user *user, struct root_shares *shares)
{
	if (!user->user || geteuid())
		return 0;
	if (setgroups(user->group_count, user->groups) ||
	    setresgid(user->group, user->group, user->group) ||
	    setresuid(user->user, user->user, user->user))
		return -errno;
	for (size_t i = 0; i < shares->count; i++) {
		struct root_share *share = &shares->entries[i];
		if (!share->read_only && !share->is_directory &&
		    faccessat(share->fd, "", R_OK | W_OK, AT_EACCESS | AT_EMPTY_PATH)) {
			close(share->fd);
			share->fd = -1;
			share->read_only = true;
		}
	}
	return 0;
}

int rootd_confine(int directory, struct root_shares *shares, const struct root_user *user,
		  struct confine_report *report)
{
	struct confine_path paths[1 + ROOT_SHARES_MAX] = {
	    {.fd = directory, .access = CONFINE_READ}};
	int result = leave_names(directory, report);
	if (!result)
		result = become(user, shares);
	if (result)
		return result;
	const bool writes = root_shares_writable(shares);
	size_t path_count = 1;
	for (size_t i = 0; i < shares->count; i++)
		if (!shares->entries[i].read_only)
			paths[path_count++] = (struct confine_path){
			    .fd = shares->entries[i].fd, .access = CONFINE_READ | CONFINE_KEEP};
	const struct confine_limit limits[] = {
	    /* 1 byte: with 0, a core_pattern that is a program would still get the core. */
	    {RLIMIT_CORE, 1},
	    {RLIMIT_NOFILE, DESCRIPTORS_MAX + path_count - 1},
	};
	const struct confine_policy policy = {
	    .capabilities = READING_CAPABILITIES | (writes ? WRITING_CAPABILITIES : 0),
	    .limits = limits,
	    .limit_count = ARRAY_SIZE(limits),
	    .paths = paths,
	    .path_count = path_count,
	    .calls = writes ? rootd_writer_calls : rootd_calls,
	    .call_count = writes ? rootd_writer_call_count : rootd_call_count,
	    .refusal = CONFINE_KILL,
	};
	confine_self(&policy, report);
	return 0;
}

/* Allow-lists of system calls; see filter.h. */
#include "confine/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"

static void release_context(scmp_filter_ctx *context)
{
	if (*context)
		seccomp_release(*context);
}

static int add_call(scmp_filter_ctx context, const struct confine_call *call)
{
	uint32_t action = call->absent ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_ALLOW;
	if (!call->argument)
		return seccomp_rule_add(context, action, call->number, 0);
	struct scmp_arg_cmp compare = {
	    .arg = call->argument - 1U,
	    .op = SCMP_CMP_MASKED_EQ,
	    .datum_a = call->mask,
	    .datum_b = call->value,
	};
	return seccomp_rule_add_array(context, action, call->number, 1, &compare);
}

static int fill_context(scmp_filter_ctx context, const struct confine_call *calls, size_t count)
{
	/* A binary tree instead of one comparison after the other. */
	int result = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; i < count && !result; i++)
		result = add_call(context, &calls[i]);
	return result;
}

int confine_filter_build(const struct confine_call *calls, size_t count,
			 enum confine_refusal refusal, struct sock_filter *filter,
			 struct error *error)
{
	cleanup(release_context) scmp_filter_ctx context =
	    seccomp_init(refusal == CONFINE_KILL ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));
	if (!context)
		return error_set(error, ENOMEM, "no memory for a system call filter");
	int result = fill_context(context, calls, count);
	if (result)
		return error_set_errno(error, -result, "cannot make a system call filter");
	/* The library exports to a descriptor only. */
	cleanup_close int memfd = memfd_create("mayfly-filter", MFD_CLOEXEC);
	if (memfd < 0)
		return error_set_errno(error, errno, "cannot make a system call filter");
	result = seccomp_export_bpf(context, memfd);
	if (result)
		return error_set_errno(error, -result, "cannot make a system call filter");
	off_t size = lseek(memfd, 0, SEEK_END);
	if (size <= 0 || (size_t)size > CONFINE_FILTER_MAX * sizeof(*filter) ||
	    pread(memfd, filter, (size_t)size, 0) != size)
		return error_set(error, EOVERFLOW, "the system call filter is too long");
	return (int)((size_t)size / sizeof(*filter));
}

int confine_filter_install(const struct sock_filter *filter, size_t length)
{
	const struct sock_fprog program = {
	    .len = (unsigned short)length,
	    .filter = (struct sock_filter *)filter,
	};
	/* Also for threads that there are already. */
	long result =
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
	if (result > 0)
		return -EBUSY; /* a thread that has a filter of its own */
	return result ? -errno : 0;
}

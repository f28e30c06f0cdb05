/* Allow-lists of system calls; see filter.h. */
#include "confine/filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/filter_export.h"

static int add_call(scmp_filter_ctx context, const struct confine_call *call)
{
	uint32_t action = call->absent	  ? SCMP_ACT_ERRNO(ENOSYS)
			  : call->trapped ? SCMP_ACT_TRAP
					  : SCMP_ACT_ALLOW;
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
	cleanup_filter scmp_filter_ctx context =
	    seccomp_init(refusal == CONFINE_KILL ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));
	if (!context)
		return error_set(error, ENOMEM, "no memory for a system call filter");
	int result = fill_context(context, calls, count);
	if (result)
		return error_set_errno(error, -result, "cannot make a system call filter");
	return confine_filter_export(context, filter, CONFINE_FILTER_MAX, error);
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

/* The seccomp filter of process isolation; see process_filter.h.
 *
 * It names what process_guest needs for hypercalls. Guest code can make the same calls by jumping
 * into the hypercall page with registers of its choice, so each must be harmless with any arguments
 * that pass:
 *
 *     read(commands, anywhere, one command)	what the monitor sent, into the guest's own memory
 *     write(events, anywhere, 1)		a hypercall that the monitor serves like any other
 *     exit_group(any)				the end of the guest
 *     mprotect(below the window, …)		never writable and executable at once, never the
 *						library OS, the window, or the hypercall page
 *     mremap(below, below), munmap(below)	its own pages, and no more than it had: source and
 *						target have one length, of a few that are allowed,
 *						and neither lies in or reaches the window
 *     mmap(below, …, the root image)		what it may read anyway, never writable
 *
 * mprotect stops at the first gap, and there is one between the pool and the window, so that a
 * start below the window keeps all of it below. A guest whose control flow was taken over can so
 * make program pages writable and then executable without asking, or unmap and mix up its pages;
 * under kvm the monitor decides each change. It gains nothing towards the host by that.
 */
#include "process_filter.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include "process_guest.h"
#include "util/cleanup.h"

static void release_context(scmp_filter_ctx *context)
{
	if (*context)
		seccomp_release(*context);
}

/* No filter can compare two arguments: there is a rule for each length. */
static int add_move_rules(scmp_filter_ctx context)
{
	const uint64_t limit = GUEST_WINDOW_BASE - PROCESS_MOVE_MAX;
	int result = 0;
	for (uint64_t size = GUEST_PAGE_SIZE; size <= PROCESS_MOVE_MAX && !result; size *= 2)
		result = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(mremap), 5,
					  SCMP_A0(SCMP_CMP_LT, limit), SCMP_A1(SCMP_CMP_EQ, size),
					  SCMP_A2(SCMP_CMP_EQ, size),
					  SCMP_A3(SCMP_CMP_EQ, MREMAP_MAYMOVE | MREMAP_FIXED),
					  SCMP_A4(SCMP_CMP_LT, limit));
	return result;
}

static int add_mapping_rules(scmp_filter_ctx context)
{
	const uint64_t limit = GUEST_WINDOW_BASE - GUEST_MAP_MAX;
	const uint64_t protections[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_EXEC};
	int result =
	    seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(munmap), 2,
			     SCMP_A0(SCMP_CMP_LT, limit), SCMP_A1(SCMP_CMP_LE, GUEST_MAP_MAX));
	for (size_t i = 0; i < sizeof(protections) / sizeof(protections[0]) && !result; i++)
		result = seccomp_rule_add(
		    context, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 5, SCMP_A0(SCMP_CMP_LT, limit),
		    SCMP_A1(SCMP_CMP_LE, GUEST_MAP_MAX), SCMP_A2(SCMP_CMP_EQ, protections[i]),
		    SCMP_A3(SCMP_CMP_EQ, MAP_SHARED | MAP_FIXED),
		    SCMP_A4(SCMP_CMP_EQ, PROCESS_ROOT));
	return result;
}

static int add_rules(scmp_filter_ctx context)
{
	int result = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(read), 2,
				      SCMP_A0(SCMP_CMP_EQ, PROCESS_COMMANDS),
				      SCMP_A2(SCMP_CMP_EQ, sizeof(struct process_command)));
	if (!result)
		result =
		    seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(write), 2,
				     SCMP_A0(SCMP_CMP_EQ, PROCESS_EVENTS), SCMP_A2(SCMP_CMP_EQ, 1));
	if (!result)
		result = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(exit_group), 0);
	const uint64_t allowed[] = {PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC};
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && !result; i++)
		result = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 2,
					  SCMP_A0(SCMP_CMP_LT, GUEST_WINDOW_BASE),
					  SCMP_A2(SCMP_CMP_MASKED_EQ, ~allowed[i], 0));
	if (!result)
		result = add_move_rules(context);
	return result ? result : add_mapping_rules(context);
}

int process_filter_build(struct sock_filter *filter, size_t room, uint16_t *length,
			 struct error *error)
{
	cleanup(release_context) scmp_filter_ctx context = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!context)
		return error_set(error, ENOMEM, "no memory for a system call filter");
	int result = add_rules(context);
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
	if (size > (off_t)(room * sizeof(*filter)))
		return error_set(error, EOVERFLOW, "the system call filter is too long");
	if (size <= 0 || pread(memfd, filter, (size_t)size, 0) != size)
		return error_set_errno(error, errno, "cannot read the system call filter");
	*length = (uint16_t)((size_t)size / sizeof(*filter));
	return 0;
}

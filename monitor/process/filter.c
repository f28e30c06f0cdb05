/* The seccomp filter of process isolation; see filter.h.
 *
 * It names what process_guest needs for hypercalls. Guest code can make the same calls by jumping
 * into the hypercall page with registers of its choice, so each must be harmless with any arguments
 * that pass:
 *
 *     read(commands, anywhere, one command)	what the monitor sent, into the guest's own memory
 *     write(events, anywhere, 1)		a hypercall that the monitor serves like any other
 *     exit_group(any)				the end of the guest
 *     mprotect(below the window, …)		its own pages, never the library OS, the window, or
 *						the hypercall page
 *     mremap(below, below), munmap(below)	its own pages, and no more than it had: source and
 *						target have one length, of a few that are allowed,
 *						and neither lies in or reaches the window
 *     mmap(below, …, the root image)		what it may read anyway, never writable
 *     mmap(below, …, the shared pages)		a file of this process alone, as large as its pool
 *
 * mprotect stops at the first gap, and there is one between the pool and the window, so that a
 * start below the window keeps all of it below. A guest whose control flow was taken over can so
 * change the permissions of its pages without asking, or unmap and mix them up; under kvm the
 * monitor decides each change. It gains nothing towards the host by that.
 */
#include "filter.h"

#include <errno.h>
#include <sys/mman.h>

#include "confine/filter_export.h"
#include "guest.h"
#include "sizes/sizes.h"

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
	for (size_t i = 0; i < ARRAY_SIZE(protections) && !result; i++)
		result = seccomp_rule_add(
		    context, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 5, SCMP_A0(SCMP_CMP_LT, limit),
		    SCMP_A1(SCMP_CMP_LE, GUEST_MAP_MAX), SCMP_A2(SCMP_CMP_EQ, protections[i]),
		    SCMP_A3(SCMP_CMP_EQ, MAP_SHARED | MAP_FIXED),
		    SCMP_A4(SCMP_CMP_EQ, PROCESS_ROOT));
	if (!result)
		result = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 5,
					  SCMP_A0(SCMP_CMP_LT, limit),
					  SCMP_A1(SCMP_CMP_LE, GUEST_MAP_MAX),
					  SCMP_A2(SCMP_CMP_EQ, PROT_READ | PROT_WRITE),
					  SCMP_A3(SCMP_CMP_EQ, MAP_SHARED | MAP_FIXED),
					  SCMP_A4(SCMP_CMP_EQ, PROCESS_SHARED));
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
	const uint64_t allowed = PROT_READ | PROT_WRITE | PROT_EXEC;
	if (!result)
		result = seccomp_rule_add(context, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 2,
					  SCMP_A0(SCMP_CMP_LT, GUEST_WINDOW_BASE),
					  SCMP_A2(SCMP_CMP_MASKED_EQ, ~allowed, 0));
	if (!result)
		result = add_move_rules(context);
	return result ? result : add_mapping_rules(context);
}

int process_filter_build(struct sock_filter *filter, size_t room, uint16_t *length,
			 struct error *error)
{
	cleanup_filter scmp_filter_ctx context = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!context)
		return error_set(error, ENOMEM, "no memory for a system call filter");
	int result = add_rules(context);
	if (result)
		return error_set_errno(error, -result, "cannot make a system call filter");
	result = confine_filter_export(context, filter, room, error);
	if (result < 0)
		return result;
	*length = (uint16_t)result;
	return 0;
}

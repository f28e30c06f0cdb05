/* The seccomp filter of process isolation; see filter.h.
 *
 * It names what process_guest needs for hypercalls. Guest code can make the same calls by jumping
 * into the hypercall page with registers of its choice, so each must be harmless with any arguments
 * that pass:
 *
 *     read(commands, anywhere, a batch)	what the monitor sent, into the guest's own memory
 *     write(events, anywhere, 1)		a hypercall that the monitor serves like any other
 *     exit_group(any)				the end of the guest
 *     mprotect(below the window, …)		its own pages, never the library OS, the window, or
 *						the hypercall page
 *     mremap(below, below), munmap(below)	its own pages, and no more than it had: source and
 *						target have one length, and neither lies in or
 *						reaches the window
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
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>

#include "confine/filter_export.h"
#include "guest.h"
#include "sizes/sizes.h"

/* Room for what goes before the filter of libseccomp, which cannot compare two arguments. */
#define MOVE_FILTER_LENGTH 22

#define LOW(argument)  (offsetof(struct seccomp_data, args) + 8UL * (argument))
#define HIGH(argument) (LOW(argument) + 4)

struct move_filter {
	struct sock_filter *at;
	size_t length, used;
};

/* Goes on where the word at `offset` of struct seccomp_data compares so, else to the end. */
static void require(struct move_filter *filter, size_t offset, uint16_t comparison, bool wanted,
		    uint32_t value)
{
	const uint8_t left = (uint8_t)(filter->length - filter->used - 2);
	filter->at[filter->used++] =
	    (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
	filter->at[filter->used++] = (struct sock_filter)BPF_JUMP(
	    BPF_JMP | comparison, value, wanted ? 0 : left, wanted ? left : 0);
}

/* Goes on where the address is below `limit`, a multiple of 4 GiB. */
static void require_below(struct move_filter *filter, unsigned argument, uint64_t limit)
{
	require(filter, HIGH(argument), BPF_JGE | BPF_K, false, (uint32_t)(limit >> 32));
}

/* Allows mremap() of pages below the window to others there, with one length. */
static size_t build_move_filter(struct sock_filter at[MOVE_FILTER_LENGTH])
{
	const uint64_t limit = (GUEST_WINDOW_BASE - PROCESS_MOVE_MAX) & ~(uint64_t)UINT32_MAX;
	struct move_filter filter = {at, MOVE_FILTER_LENGTH, 0};
	require(&filter, offsetof(struct seccomp_data, arch), BPF_JEQ | BPF_K, true,
		seccomp_arch_native());
	require(&filter, offsetof(struct seccomp_data, nr), BPF_JEQ | BPF_K, true,
		(uint32_t)SCMP_SYS(mremap));
	require_below(&filter, 0, limit);
	require_below(&filter, 4, limit);
	require(&filter, HIGH(3), BPF_JEQ | BPF_K, true, 0);
	require(&filter, LOW(3), BPF_JEQ | BPF_K, true, MREMAP_MAYMOVE | MREMAP_FIXED);
	require(&filter, HIGH(1), BPF_JEQ | BPF_K, true, 0);
	require(&filter, HIGH(2), BPF_JEQ | BPF_K, true, 0);
	require(&filter, LOW(1), BPF_JGT | BPF_K, false, PROCESS_MOVE_MAX);
	at[filter.used++] = (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0);
	require(&filter, LOW(2), BPF_JEQ | BPF_X, true, 0);
	at[filter.used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return filter.used;
}

static int add_mapping_rules(scmp_filter_ctx context)
{
	const uint64_t limit = GUEST_WINDOW_BASE - GUEST_MAP_MAX;
	const uint64_t all = PROT_READ | PROT_WRITE | PROT_EXEC;
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
		result = seccomp_rule_add(
		    context, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 5, SCMP_A0(SCMP_CMP_LT, limit),
		    SCMP_A1(SCMP_CMP_LE, GUEST_MAP_MAX), SCMP_A2(SCMP_CMP_MASKED_EQ, ~all, 0),
		    SCMP_A3(SCMP_CMP_EQ, MAP_SHARED | MAP_FIXED),
		    SCMP_A4(SCMP_CMP_EQ, PROCESS_SHARED));
	return result;
}

static int add_rules(scmp_filter_ctx context)
{
	int result = seccomp_rule_add(
	    context, SCMP_ACT_ALLOW, SCMP_SYS(read), 2, SCMP_A0(SCMP_CMP_EQ, PROCESS_COMMANDS),
	    SCMP_A2(SCMP_CMP_EQ, PROCESS_BATCH_MAX * sizeof(struct process_command)));
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
	if (room < MOVE_FILTER_LENGTH)
		return error_set(error, EOVERFLOW, "the system call filter is too long");
	const size_t used = build_move_filter(filter);
	result = confine_filter_export(context, filter + used, room - used, error);
	if (result < 0)
		return result;
	*length = (uint16_t)(used + (size_t)result);
	return 0;
}

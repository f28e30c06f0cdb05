/* The seccomp filter of a guest with direct calls; see direct_filter.h. */
#include "direct_filter.h"

#include <errno.h>

#include <linux/seccomp.h>
#include <stddef.h>

#include "confine/filter_export.h"

static int add_call(scmp_filter_ctx context, const struct direct_call *call)
{
	struct scmp_arg_cmp compare[DIRECT_CONDITIONS_MAX];
	for (size_t i = 0; i < call->condition_count; i++) {
		const struct direct_condition *condition = &call->conditions[i];
		compare[i] = (struct scmp_arg_cmp){
		    .arg = condition->argument - 1U,
		    .op = condition->comparison == DIRECT_EQUAL ? SCMP_CMP_EQ : SCMP_CMP_LE,
		    .datum_a = condition->value,
		};
	}
	return seccomp_rule_add_array(context, SCMP_ACT_ALLOW, call->number,
				      (unsigned)call->condition_count, compare);
}

int process_direct_filter_build(const struct direct_start *start, struct sock_filter *filter,
				size_t room, uint16_t *length, struct error *error)
{
	cleanup_filter scmp_filter_ctx context = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!context)
		return error_set(error, ENOMEM, "no memory for a system call filter");
	int result = 0;
	for (size_t i = 0; i < start->call_count && !result; i++)
		if (!start->calls[i].rings)
			result = add_call(context, &start->calls[i]);
	if (result)
		return error_set_errno(error, -result, "cannot make a system call filter");
	result = confine_filter_export(context, filter, room, error);
	if (result < 0)
		return result;
	*length = (uint16_t)result;
	return 0;
}

/* Goes on where the word at `offset` of struct seccomp_data is `value`, else to the end, which is `left`
 * instructions behind the two that this takes. */
static void compare(struct sock_filter *at, size_t offset, uint32_t value, size_t left)
{
	at[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
	at[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, (uint8_t)left);
}

uint16_t process_ring_filter_build(const struct direct_start *start,
				   struct sock_filter filter[PROCESS_RING_FILTER_MAX])
{
	const struct direct_call *call = start->calls;
	const struct direct_call *const end = call + start->call_count;
	while (call < end && !call->rings)
		call++;
	if (call == end)
		return 0;
	/* Numbers of other ABIs do not matter: the other filter kills whoever uses them. */
	const size_t length = 2 + 4 * call->condition_count + 2;
	size_t used = 0;
	compare(filter, offsetof(struct seccomp_data, nr), (uint32_t)call->number,
		length - 3 - used);
	used += 2;
	for (size_t i = 0; i < call->condition_count; i++) {
		const struct direct_condition *condition = &call->conditions[i];
		const size_t argument = offsetof(struct seccomp_data, args) +
					(condition->argument - 1U) * sizeof(uint64_t);
		compare(filter + used, argument, (uint32_t)condition->value, length - 3 - used);
		compare(filter + used + 2, argument + sizeof(uint32_t),
			(uint32_t)(condition->value >> 32), length - 5 - used);
		used += 4;
	}
	filter[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	filter[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return (uint16_t)used;
}

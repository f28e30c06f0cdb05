/* System calls that ask who and where the program is. It is root on a machine named mayfly, unless its
 * image or its front says otherwise: what is checked is checked outside of the guest. */
#include "identity.h"

#include <errno.h>
#include <linux/limits.h>
#include <sys/utsname.h>

#include "arch/linux.h"
#include "arch/registers.h"
#include "guest/lib/system_call.h"
#include "guest/lib/text.h"
#include "guest/machine/hypercall.h"
#include "guest/mm/heap.h"
#include "guest/mm/user_memory.h"
#include "process.h"

/* C libraries have a function of these few instructions, so that the stack begins with the address
 * behind the call of it. */
SYSTEM_CALL(getpid)
{
	uint64_t caller;
	if (!process_current()->knowing_end ||
	    user_copy_in(&caller, frame_stack_pointer(thread_frame()), sizeof(caller)))
		return process_id();
	return process_id_for(caller);
}

static struct process_ids all_of(uint32_t id)
{
	return (struct process_ids){.real = id, .effective = id, .saved = id, .files = id};
}

static struct utsname names = {
    .sysname = "Linux",
    .nodename = "mayfly",
    .release = "6.1.0-mayfly",
    .version = "#1 Mayfly library OS",
    .machine = LINUX_MACHINE,
    .domainname = "(none)",
};

void identity_init(void)
{
	if (*libos_start_info.host_name)
		memcpy(names.nodename, libos_start_info.host_name, GUEST_HOST_NAME_MAX);
	process_first.users = all_of(libos_start_info.user);
	process_first.groups = all_of(libos_start_info.group);
}

void identity_start_program(void)
{
	struct process *process = process_current();
	process->users.saved = process->users.effective;
	process->groups.saved = process->groups.effective;
}

uint32_t identity_user(void)
{
	return process_current()->users.effective;
}

uint32_t identity_group(void)
{
	return process_current()->groups.effective;
}

SYSTEM_CALL(getuid)
{
	return process_current()->users.real;
}

SYSTEM_CALL(geteuid)
{
	return identity_user();
}

SYSTEM_CALL(getgid)
{
	return process_current()->groups.real;
}

SYSTEM_CALL(getegid)
{
	return identity_group();
}

/* ── becoming another ────────────────────────────────────────────────────────────────────────── */

/* An argument that leaves the id as it is. */
#define UNCHANGED UINT32_MAX

/* Who is root may take any id, of a group as well. */
static bool is_root(void)
{
	return !identity_user();
}

static bool is_one_of(const struct process_ids *ids, uint32_t id)
{
	return id == ids->real || id == ids->effective || id == ids->saved;
}

static int64_t set_one(struct process_ids *ids, uint32_t id)
{
	if (id == UNCHANGED)
		return -EINVAL;
	if (is_root())
		ids->real = ids->saved = id;
	else if (id != ids->real && id != ids->saved)
		return -EPERM;
	ids->effective = ids->files = id;
	return 0;
}

static int64_t set_two(struct process_ids *ids, uint32_t real, uint32_t effective)
{
	const struct process_ids before = *ids;
	if (!is_root() && ((real != UNCHANGED && real != before.real && real != before.effective) ||
			   (effective != UNCHANGED && !is_one_of(&before, effective))))
		return -EPERM;
	if (real != UNCHANGED)
		ids->real = real;
	if (effective != UNCHANGED)
		ids->effective = effective;
	if (real != UNCHANGED || (effective != UNCHANGED && effective != before.real))
		ids->saved = ids->effective;
	ids->files = ids->effective;
	return 0;
}

static bool is_kept(uint32_t wanted, uint32_t id)
{
	return wanted == UNCHANGED || wanted == id;
}

static bool may_take(const struct process_ids *ids, uint32_t id)
{
	return id == UNCHANGED || is_root() || is_one_of(ids, id);
}

static int64_t set_three(struct process_ids *ids, uint32_t real, uint32_t effective, uint32_t saved)
{
	/* As on Linux, who stays the same keeps the id for files, too. */
	if (is_kept(real, ids->real) && is_kept(saved, ids->saved) &&
	    (effective == UNCHANGED || (effective == ids->effective && effective == ids->files)))
		return 0;
	if (!may_take(ids, real) || !may_take(ids, effective) || !may_take(ids, saved))
		return -EPERM;
	if (real != UNCHANGED)
		ids->real = real;
	if (effective != UNCHANGED)
		ids->effective = effective;
	if (saved != UNCHANGED)
		ids->saved = saved;
	ids->files = ids->effective;
	return 0;
}

/* Answers the one before, also where it is refused. */
static int64_t set_files(struct process_ids *ids, uint32_t id)
{
	const uint32_t before = ids->files;
	if (id != UNCHANGED && (id == before || may_take(ids, id)))
		ids->files = id;
	return before;
}

SYSTEM_CALL(setuid)
{
	return set_one(&process_current()->users, (uint32_t)arguments[0]);
}

SYSTEM_CALL(setgid)
{
	return set_one(&process_current()->groups, (uint32_t)arguments[0]);
}

SYSTEM_CALL(setreuid)
{
	return set_two(&process_current()->users, (uint32_t)arguments[0], (uint32_t)arguments[1]);
}

SYSTEM_CALL(setregid)
{
	return set_two(&process_current()->groups, (uint32_t)arguments[0], (uint32_t)arguments[1]);
}

SYSTEM_CALL(setresuid)
{
	return set_three(&process_current()->users, (uint32_t)arguments[0], (uint32_t)arguments[1],
			 (uint32_t)arguments[2]);
}

SYSTEM_CALL(setresgid)
{
	return set_three(&process_current()->groups, (uint32_t)arguments[0], (uint32_t)arguments[1],
			 (uint32_t)arguments[2]);
}

SYSTEM_CALL(setfsuid)
{
	return set_files(&process_current()->users, (uint32_t)arguments[0]);
}

SYSTEM_CALL(setfsgid)
{
	return set_files(&process_current()->groups, (uint32_t)arguments[0]);
}

static int64_t report_three(const uint64_t arguments[6], const struct process_ids *ids)
{
	const uint32_t values[] = {ids->real, ids->effective, ids->saved};
	int error = 0;
	for (int i = 0; i < 3 && !error; i++)
		error = user_copy_out(arguments[i], &values[i], sizeof(values[i]));
	return error;
}

SYSTEM_CALL(getresuid)
{
	return report_three(arguments, &process_current()->users);
}

SYSTEM_CALL(getresgid)
{
	return report_three(arguments, &process_current()->groups);
}

/* ── groups besides ──────────────────────────────────────────────────────────────────────────── */

static uint64_t list_size(uint32_t count)
{
	return sizeof(struct group_list) + (uint64_t)count * sizeof(uint32_t);
}

void identity_release(struct process *process)
{
	struct group_list *list = process->more_groups;
	if (list)
		heap_free(list, list_size(list->count));
	process->more_groups = NULL;
}

int identity_copy(struct process *child)
{
	const struct group_list *list = process_current()->more_groups;
	if (!list)
		return 0;
	child->more_groups = heap_allocate(list_size(list->count));
	if (!child->more_groups)
		return -ENOMEM;
	memcpy(child->more_groups, list, list_size(list->count));
	return 0;
}

static void sort(struct group_list *list)
{
	for (uint32_t gap = list->count / 2; gap; gap /= 2) {
		for (uint32_t i = gap; i < list->count; i++) {
			const uint32_t id = list->ids[i];
			uint32_t place = i;
			for (; place >= gap && list->ids[place - gap] > id; place -= gap)
				list->ids[place] = list->ids[place - gap];
			list->ids[place] = id;
		}
	}
}

static int read_list(struct group_list **read, uint64_t address, uint32_t count)
{
	struct group_list *list = heap_allocate(list_size(count));
	if (!list)
		return -ENOMEM;
	list->count = count;
	int error = user_copy_in(list->ids, address, count * sizeof(uint32_t));
	for (uint32_t i = 0; i < count && !error; i++)
		if (list->ids[i] == UNCHANGED)
			error = -EINVAL;
	if (error)
		heap_free(list, list_size(count));
	else
		*read = list;
	return error;
}

SYSTEM_CALL(setgroups)
{
	const uint32_t count = (uint32_t)arguments[0];
	struct process *process = process_current();
	struct group_list *list = NULL;
	if (!is_root())
		return -EPERM;
	if (count > NGROUPS_MAX)
		return -EINVAL;
	int error = count ? read_list(&list, arguments[1], count) : 0;
	if (error)
		return error;
	if (list)
		sort(list);
	identity_release(process);
	process->more_groups = list;
	return 0;
}

SYSTEM_CALL(getgroups)
{
	const struct group_list *list = process_current()->more_groups;
	const uint32_t count = list ? list->count : 0, room = (uint32_t)arguments[0];
	if ((int32_t)room < 0 || (room && count > room))
		return -EINVAL;
	int error =
	    room && list ? user_copy_out(arguments[1], list->ids, count * sizeof(uint32_t)) : 0;
	return error ? error : (int64_t)count;
}

const struct utsname *identity_names(void)
{
	return &names;
}

SYSTEM_CALL(uname)
{
	return user_copy_out(arguments[0], identity_names(), sizeof(struct utsname));
}

/* System calls on process groups and sessions. */
#include <errno.h>

#include "guest/lib/system_call.h"
#include "process.h"

/* The process that a call names, which may have ended; 0: the current one. */
static struct process *find(uint64_t number)
{
	struct process *process = (uint32_t)number ? process_find(number) : process_current();
	return process && process->phase != PROCESS_GONE ? process : NULL;
}

SYSTEM_CALL(getppid)
{
	const struct process *parent = process_current()->parent;
	return parent ? process_id_of(parent) : PROCESS_INIT_ID;
}

SYSTEM_CALL(getpgrp)
{
	return process_group_id(process_current()->group);
}

SYSTEM_CALL(getpgid)
{
	const struct process *process = find(arguments[0]);
	return process ? (int64_t)process_group_id(process->group) : -ESRCH;
}

SYSTEM_CALL(getsid)
{
	const struct process *process = find(arguments[0]);
	return process ? (int64_t)process_group_id(process->session) : -ESRCH;
}

static bool group_exists(uint32_t group, uint32_t session)
{
	for (const struct process *one = &process_first; one; one = one->next)
		if (one->group == group && one->session == session)
			return true;
	return false;
}

SYSTEM_CALL(setpgid)
{
	const struct process *self = process_current();
	const uint64_t wanted = (uint32_t)arguments[1] ? arguments[1] : arguments[0];
	if ((int32_t)wanted < 0)
		return -EINVAL;
	struct process *process = find(arguments[0]);
	if (!process || (process != self && process->parent != self))
		return -ESRCH;
	if (process != self && process->session != self->session)
		return -EPERM;
	if (process != self && process->program_count)
		return -EACCES;
	if (process->session == process->id)
		return -EPERM;
	const struct process *leader = (uint32_t)wanted ? process_find(wanted) : process;
	const uint32_t group = leader ? leader->id : (uint32_t)wanted;
	if (group != process->id && !group_exists(group, self->session))
		return -EPERM;
	process->group = group;
	return 0;
}

SYSTEM_CALL(setsid)
{
	struct process *self = process_current();
	for (const struct process *one = &process_first; one; one = one->next)
		if (one->group == self->id)
			return -EPERM;
	self->group = self->session = self->id;
	return process_id();
}

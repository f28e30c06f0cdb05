/* System calls that ask who and where the program is. It is root, unless its image says otherwise,
 * on a machine named mayfly: what is checked is checked outside of the guest. */
#include "identity.h"

#include <errno.h>
#include <sys/utsname.h>

#include "arch/linux.h"
#include "arch/registers.h"
#include "guest/lib/system_call.h"
#include "guest/machine/hypercall.h"
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

void identity_init(void)
{
	process_first.user = libos_start_info.user;
	process_first.user_group = libos_start_info.group;
}

uint32_t identity_user(void)
{
	return process_current()->user;
}

uint32_t identity_group(void)
{
	return process_current()->user_group;
}

SYSTEM_CALL(getuid)
{
	return identity_user();
}

SYSTEM_CALL(geteuid)
{
	return identity_user();
}

SYSTEM_CALL(getgid)
{
	return identity_group();
}

SYSTEM_CALL(getegid)
{
	return identity_group();
}

/* Real, effective and saved ids are always the same: root may become any user, and cannot come
 * back. */
static int64_t become(uint32_t *id, uint64_t wanted)
{
	if (wanted > UINT32_MAX - 1)
		return -EINVAL;
	if (identity_user() && *id != (uint32_t)wanted)
		return -EPERM;
	*id = (uint32_t)wanted;
	return 0;
}

SYSTEM_CALL(setuid)
{
	return become(&process_current()->user, (uint32_t)arguments[0]);
}

SYSTEM_CALL(setgid)
{
	return become(&process_current()->user_group, (uint32_t)arguments[0]);
}

static int64_t report_three(const uint64_t arguments[6], uint32_t id)
{
	int error = 0;
	for (int i = 0; i < 3 && !error; i++)
		error = user_copy_out(arguments[i], &id, sizeof(id));
	return error;
}

SYSTEM_CALL(getresuid)
{
	return report_three(arguments, identity_user());
}

SYSTEM_CALL(getresgid)
{
	return report_three(arguments, identity_group());
}

SYSTEM_CALL(getgroups)
{
	return (int32_t)arguments[0] < 0 ? -EINVAL : 0;
}

const struct utsname *identity_names(void)
{
	static const struct utsname names = {
	    .sysname = "Linux",
	    .nodename = "mayfly",
	    .release = "6.1.0-mayfly",
	    .version = "#1 Mayfly library OS",
	    .machine = LINUX_MACHINE,
	    .domainname = "(none)",
	};
	return &names;
}

SYSTEM_CALL(uname)
{
	return user_copy_out(arguments[0], identity_names(), sizeof(struct utsname));
}

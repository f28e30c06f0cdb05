/* System calls that ask who and where the program is. It is root, alone, on a machine named
 * mayfly: what is checked is checked outside of the guest. */
#include <errno.h>
#include <sys/utsname.h>

#include "calls.h"
#include "libos.h"
#include "text.h"

#define PARENT_ID 1

int64_t call_getpid(const uint64_t arguments[6])
{
	return PROCESS_ID;
}

int64_t call_getppid(const uint64_t arguments[6])
{
	return PARENT_ID;
}

int64_t call_getpgrp(const uint64_t arguments[6])
{
	return PROCESS_ID;
}

/* The program leads its process group and its session. */
static int64_t own_group(uint64_t process)
{
	return !(uint32_t)process || (uint32_t)process == PROCESS_ID ? PROCESS_ID : -ESRCH;
}

int64_t call_getpgid(const uint64_t arguments[6])
{
	return own_group(arguments[0]);
}

int64_t call_getsid(const uint64_t arguments[6])
{
	return own_group(arguments[0]);
}

int64_t call_setpgid(const uint64_t arguments[6])
{
	/* A session's leader stays in its group. */
	if ((int32_t)arguments[0] < 0 || (int32_t)arguments[1] < 0)
		return -EINVAL;
	return own_group(arguments[0]) < 0 ? -ESRCH : -EPERM;
}

int64_t call_setsid(const uint64_t arguments[6])
{
	return -EPERM;
}

static struct {
	uint32_t user, group;
} identity;

int64_t call_getuid(const uint64_t arguments[6])
{
	return identity.user;
}

int64_t call_geteuid(const uint64_t arguments[6])
{
	return identity.user;
}

int64_t call_getgid(const uint64_t arguments[6])
{
	return identity.group;
}

int64_t call_getegid(const uint64_t arguments[6])
{
	return identity.group;
}

/* Real, effective and saved ids are one; root may become anybody, and nobody comes back. */
static int64_t become(uint32_t *id, uint64_t wanted)
{
	if (wanted > UINT32_MAX - 1)
		return -EINVAL;
	if (identity.user && *id != (uint32_t)wanted)
		return -EPERM;
	*id = (uint32_t)wanted;
	return 0;
}

int64_t call_setuid(const uint64_t arguments[6])
{
	return become(&identity.user, (uint32_t)arguments[0]);
}

int64_t call_setgid(const uint64_t arguments[6])
{
	return become(&identity.group, (uint32_t)arguments[0]);
}

static int64_t report_three(const uint64_t arguments[6], uint32_t id)
{
	int error = 0;
	for (int i = 0; i < 3 && !error; i++)
		error = user_copy_out(arguments[i], &id, sizeof(id));
	return error;
}

int64_t call_getresuid(const uint64_t arguments[6])
{
	return report_three(arguments, identity.user);
}

int64_t call_getresgid(const uint64_t arguments[6])
{
	return report_three(arguments, identity.group);
}

int64_t call_getgroups(const uint64_t arguments[6])
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
	    .machine = "x86_64",
	    .domainname = "(none)",
	};
	return &names;
}

int64_t call_uname(const uint64_t arguments[6])
{
	return user_copy_out(arguments[0], identity_names(), sizeof(struct utsname));
}

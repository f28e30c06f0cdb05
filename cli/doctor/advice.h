/* Advice of the doctor: what to do here about something that is missing. What cannot be done here
 * is not proposed. Each writes into `out` of DOCTOR_TEXT_MAX bytes, "" where there is nothing to
 * do. */
#ifndef MAYFLY_CLI_ADVICE_H
#define MAYFLY_CLI_ADVICE_H

#include <stdbool.h>

#include "cli/doctor/surroundings.h"

/* There is no /dev/kvm. `module`: the one that this processor needs, NULL where it has no
 * virtualisation; `loadable`: as surroundings_can_load() says; `guest`: this is a virtual machine.
 */
void advice_kvm_absent(const struct surroundings *here, const char *module, bool loadable,
		       bool guest, char *out);

/* /dev/kvm may not be opened. `group`: the one that may, NULL for none; `group_id`: its number. */
void advice_kvm_refused(const struct surroundings *here, const char *group, unsigned group_id,
			char *out);

/* There are devices, and no driver's library. */
void advice_gpu(const struct surroundings *here, char *out);

/* Kernel features: ioctl PAGEMAP_SCAN, Syscall User Dispatch, Landlock. */
void advice_pagemap_scan(const struct surroundings *here, char *out);
void advice_syscall_dispatch(const struct surroundings *here, char *out);
void advice_landlock(const struct surroundings *here, char *out);

/* What keeps user namespaces away. */
struct namespace_limits {
	bool none_allowed; /* user.max_user_namespaces is 0 */
	bool privileged;   /* kernel.unprivileged_userns_clone is there and 0 */
	bool apparmor;	   /* kernel.apparmor_restrict_unprivileged_userns is there and 1 */
};
void namespace_limits_read(struct namespace_limits *limits);
void advice_user_namespace(const struct surroundings *here, const struct namespace_limits *limits,
			   char *out);

void advice_control_group(const struct surroundings *here, char *out);

/* `what` of "mayfly models fetch" is missing; "" for all. */
void advice_fetch(const struct surroundings *here, const char *what, char *out);

#endif

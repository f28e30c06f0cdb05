/* What a monitor keeps when it gives up its rights: the system calls, files and limits of its role.
 * The role depends on what holds its guests in: to make virtual machines takes ioctls of KVM, to
 * make guest processes takes fork and exec of one program.
 *
 * docs/security.md has the tables, made from these; a test compares a monitor at work with them.
 */
#ifndef MAYFLY_MONITOR_RIGHTS_H
#define MAYFLY_MONITOR_RIGHTS_H

#include <stddef.h>

#include "confine/confine.h"
#include "isolation.h"

struct rights {
	const char *role;
	/* What each monitor needs, and what its isolation needs. */
	const struct confine_call *common, *own;
	size_t common_count, own_count;
};

extern const struct rights rights_kvm;
extern const struct rights rights_process;

/* The rights of a monitor with that isolation. */
const struct rights *rights_of(const struct isolation *isolation);

/* The whole list, in fresh memory that the caller frees; NULL where there is none left. */
struct confine_call *rights_calls(const struct rights *rights, size_t *count);

/* Gives up, for good, all that is not in the list. `host` is what machines are made with. */
void rights_give_up(const struct isolation *isolation, const struct isolation_host *host,
		    struct confine_report *report);

/* Gives up in a child what monitor_confine() gives up, and tells how that went. */
int rights_try(const struct isolation *isolation, struct confine_report *report,
	       struct error *error);

#endif
